package io.github.tallywire.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import io.github.tallywire.answer.Answer;
import io.github.tallywire.v1.Event;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Messages of the contract and arguments of commands in JSON. */
final class Json {
  private static final JsonFormat.Parser PARSER = JsonFormat.parser();
  private static final JsonFormat.Printer PRINTER =
      JsonFormat.printer().preservingProtoFieldNames().omittingInsignificantWhitespace();

  private Json() {}

  static <B extends Message.Builder> B fill(B builder, JsonElement json) {
    if (json != null) {
      try {
        PARSER.merge(json.toString(), builder);
      } catch (InvalidProtocolBufferException error) {
        throw new IllegalArgumentException(error.getMessage(), error);
      }
    }
    return builder;
  }

  static JsonElement print(Message message) throws InvalidProtocolBufferException {
    return JsonParser.parseString(PRINTER.print(message));
  }

  static JsonElement print(Answer<?> answer) throws InvalidProtocolBufferException {
    return print(answer.toProto());
  }

  static JsonArray printAll(Iterable<? extends Answer<?>> answers)
      throws InvalidProtocolBufferException {
    JsonArray array = new JsonArray();
    for (Answer<?> answer : answers) {
      array.add(print(answer));
    }
    return array;
  }

  static List<Event> events(JsonObject command) {
    List<Event> events = new ArrayList<>();
    for (JsonElement event : command.getAsJsonArray("events")) {
      events.add(fill(Event.newBuilder(), event).build());
    }
    return events;
  }

  static boolean has(JsonObject command, String name) {
    return command.has(name) && !command.get(name).isJsonNull();
  }

  static boolean isTrue(JsonObject command, String name) {
    return has(command, name) && command.get(name).getAsBoolean();
  }

  static String text(JsonObject command, String name) {
    return has(command, name) ? command.get(name).getAsString() : null;
  }

  static Duration duration(JsonObject command, String name, Duration otherwise) {
    return has(command, name) ? Duration.ofMillis(command.get(name).getAsLong()) : otherwise;
  }

  static JsonObject of(String name, JsonElement value) {
    JsonObject reply = new JsonObject();
    reply.add(name, value);
    return reply;
  }

  static JsonObject of(String name, boolean value) {
    JsonObject reply = new JsonObject();
    reply.addProperty(name, value);
    return reply;
  }
}
