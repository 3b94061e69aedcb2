package io.github.tallywire.conformance;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.tallywire.event.EventBuilder;
import io.github.tallywire.event.Events;
import io.github.tallywire.v1.Event;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.math.BigDecimal;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Events as the client's builders make them, by the names of the contract. */
final class Builders {
  private Builders() {}

  static Event build(JsonObject command) throws Exception {
    EventBuilder<?> builder = Events.of(Json.text(command, "event_type"));
    if (Json.has(command, "fields")) {
      for (Map.Entry<String, JsonElement> field : command.getAsJsonObject("fields").entrySet()) {
        set(builder, field.getKey(), field.getValue());
      }
    }
    if (Json.has(command, "properties")) {
      for (Map.Entry<String, JsonElement> one : command.getAsJsonObject("properties").entrySet()) {
        builder.property(one.getKey(), plain(one.getValue()));
      }
    }
    return builder.build();
  }

  private static void set(EventBuilder<?> builder, String field, JsonElement value)
      throws Exception {
    String name = camel(field);
    for (Method setter : builder.getClass().getMethods()) {
      if (setter.getName().equals(name)
          && setter.getParameterCount() == 1
          && !setter.isBridge()
          && EventBuilder.class.isAssignableFrom(setter.getReturnType())) {
        try {
          setter.invoke(builder, argument(setter.getParameterTypes()[0], field, value));
          return;
        } catch (InvocationTargetException error) {
          throw error.getCause() instanceof Exception cause ? cause : error;
        }
      }
    }
    // The compiler refuses it, where a program names it.
    throw new IllegalArgumentException(
        builder.getClass().getSimpleName() + " has no method " + name + " for " + field);
  }

  /** Returns a value as a caller would have to pass it; the compiler would refuse others. */
  private static Object argument(Class<?> type, String field, JsonElement value) {
    JsonPrimitive given = value.isJsonPrimitive() ? value.getAsJsonPrimitive() : null;
    try {
      if (type == String.class && given != null && given.isString()) {
        return given.getAsString();
      }
      if (type == boolean.class && given != null && given.isBoolean()) {
        return given.getAsBoolean();
      }
      if (type == long.class && given != null && given.isNumber()) {
        return given.getAsBigDecimal().longValueExact();
      }
      if (type == int.class && given != null && given.isNumber()) {
        return given.getAsBigDecimal().intValueExact();
      }
      if (type == Instant.class && given != null && given.isString()) {
        return Instant.parse(given.getAsString());
      }
      if (type.isEnum() && given != null && given.isString()) {
        return constant(type, given.getAsString());
      }
    } catch (ArithmeticException | DateTimeParseException error) {
      throw new IllegalArgumentException(field + ": " + error.getMessage(), error);
    }
    throw new IllegalArgumentException(field + " is of type " + type.getName() + ", not " + value);
  }

  private static Object constant(Class<?> type, String name) {
    for (Object constant : type.getEnumConstants()) {
      String known = ((Enum<?>) constant).name();
      if (known.equalsIgnoreCase(name) || known.endsWith("_" + name.toUpperCase())) {
        return constant;
      }
    }
    throw new IllegalArgumentException(type.getSimpleName() + " has no constant " + name);
  }

  /** Returns JSON as objects of the language; whole numbers stay whole, and exact. */
  private static Object plain(JsonElement value) {
    if (value.isJsonNull()) {
      return null;
    }
    if (value.isJsonObject()) {
      Map<String, Object> map = new LinkedHashMap<>();
      value.getAsJsonObject().entrySet().forEach(e -> map.put(e.getKey(), plain(e.getValue())));
      return map;
    }
    if (value.isJsonArray()) {
      List<Object> list = new ArrayList<>();
      value.getAsJsonArray().forEach(item -> list.add(plain(item)));
      return list;
    }
    JsonPrimitive primitive = value.getAsJsonPrimitive();
    if (!primitive.isNumber()) {
      return new Gson().fromJson(primitive, Object.class);
    }
    BigDecimal number = primitive.getAsBigDecimal();
    return number.scale() <= 0 ? number.toBigInteger() : (Object) number.doubleValue();
  }

  private static String camel(String name) {
    StringBuilder camel = new StringBuilder();
    for (String part : name.split("_")) {
      camel.append(
          camel.length() == 0
              ? part
              : part.isEmpty() ? "" : part.substring(0, 1).toUpperCase() + part.substring(1));
    }
    return camel.toString();
  }
}
