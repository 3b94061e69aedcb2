package io.github.tallywire.conformance;

import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import io.github.tallywire.TallywireException;

/** Errors as replies tell them. */
final class Errors {
  private Errors() {}

  static JsonObject of(TallywireException error) {
    JsonObject reply = reply(error.code().name(), error.getMessage(), false);
    reply.addProperty("reason", error.reason());
    reply.addProperty("field", error.field());
    JsonObject metadata = new JsonObject();
    error.metadata().forEach(metadata::addProperty);
    reply.add("metadata", metadata);
    if (error.isRetryForbidden()) {
      reply.addProperty("retry_after_ms", -1);
    } else if (error.retryAfter().isPresent()) {
      reply.addProperty("retry_after_ms", error.retryAfter().get().toMillis());
    }
    reply.addProperty("outcome_unknown", error.isOutcomeUnknown());
    return reply;
  }

  /** Returns the error of arguments that the client refused. */
  static JsonObject local(IllegalArgumentException error) {
    return reply("INVALID_ARGUMENT", error.getMessage(), true);
  }

  private static JsonObject reply(String code, String message, boolean isLocal) {
    JsonObject reply = new JsonObject();
    reply.addProperty("code", code);
    reply.addProperty("reason", "");
    reply.addProperty("field", "");
    reply.add("metadata", new JsonObject());
    reply.addProperty("message", String.valueOf(message));
    reply.add("retry_after_ms", JsonNull.INSTANCE);
    reply.addProperty("outcome_unknown", false);
    reply.addProperty("local", isLocal);
    return reply;
  }
}
