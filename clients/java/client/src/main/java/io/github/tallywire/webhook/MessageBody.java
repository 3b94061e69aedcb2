package io.github.tallywire.webhook;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import com.google.gson.ToNumberPolicy;
import io.github.tallywire.webhook.InvalidWebhookException.Reason;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the body of a message says. */
final class MessageBody {
  private static final Gson GSON =
      new GsonBuilder()
          .setStrictness(Strictness.STRICT)
          .setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE)
          .create();

  private MessageBody() {}

  static WebhookEvent parse(String messageId, byte[] body) throws InvalidWebhookException {
    try {
      String json = UTF_8.newDecoder().decode(ByteBuffer.wrap(body)).toString();
      Message told = GSON.fromJson(json, Message.class);
      if (told != null && told.type != null && told.timestamp != null && told.data != null) {
        Instant at = OffsetDateTime.parse(told.timestamp).toInstant();
        return new WebhookEvent(messageId, told.type, at, fixed(told.data), json);
      }
    } catch (CharacterCodingException | JsonParseException | DateTimeException notOurs) {
      // Said below.
    }
    throw new InvalidWebhookException(
        Reason.BAD_BODY, "the body is signed and no JSON with type, timestamp and data");
  }

  /** The fields of a message that every type has. */
  private static final class Message {
    String type;
    String timestamp;
    Map<String, Object> data;
  }

  private static Map<String, Object> fixed(Map<String, Object> object) {
    Map<String, Object> copy = new LinkedHashMap<>();
    object.forEach((name, item) -> copy.put(name, fixedValue(item)));
    return Collections.unmodifiableMap(copy);
  }

  /** Returns a value of JSON that cannot be changed. */
  @SuppressWarnings("unchecked") // Gson makes maps with texts as keys
  private static Object fixedValue(Object value) {
    if (value instanceof Map<?, ?>) {
      return fixed((Map<String, Object>) value);
    }
    if (value instanceof List<?>) {
      List<Object> copy = new ArrayList<>();
      ((List<?>) value).forEach(item -> copy.add(fixedValue(item)));
      return Collections.unmodifiableList(copy);
    }
    return value;
  }
}
