package io.github.tallywire.answer;

import com.google.protobuf.Struct;
import com.google.protobuf.Timestamp;
import com.google.protobuf.Value;
import java.time.Duration;
import java.time.Instant;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.RandomAccess;
import java.util.function.Function;

/** Values of messages as those of the language. */
final class Values {
  private Values() {}

  static Instant instant(Timestamp timestamp) {
    return Instant.ofEpochSecond(timestamp.getSeconds(), timestamp.getNanos());
  }

  static Duration duration(com.google.protobuf.Duration duration) {
    return Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
  }

  /** Returns a view of a list: a row is wrapped when it is taken. */
  static <P, V> List<V> list(List<P> messages, Function<P, V> answer) {
    return new Wrapping<>(messages, answer);
  }

  static <P, V> Map<String, V> map(Map<String, P> messages, Function<P, V> answer) {
    Map<String, V> map = new LinkedHashMap<>();
    messages.forEach((name, message) -> map.put(name, answer.apply(message)));
    return Collections.unmodifiableMap(map);
  }

  /** Returns texts, doubles, booleans, nulls, lists and maps of them. */
  static Map<String, Object> struct(Struct struct) {
    Map<String, Object> map = new LinkedHashMap<>();
    struct.getFieldsMap().forEach((name, value) -> map.put(name, value(value)));
    return Collections.unmodifiableMap(map);
  }

  private static Object value(Value value) {
    switch (value.getKindCase()) {
      case STRING_VALUE:
        return value.getStringValue();
      case NUMBER_VALUE:
        return value.getNumberValue();
      case BOOL_VALUE:
        return value.getBoolValue();
      case STRUCT_VALUE:
        return struct(value.getStructValue());
      case LIST_VALUE:
        List<Object> list = new ArrayList<>();
        value.getListValue().getValuesList().forEach(item -> list.add(value(item)));
        return Collections.unmodifiableList(list);
      default:
        return null;
    }
  }

  private static final class Wrapping<P, V> extends AbstractList<V> implements RandomAccess {
    private final List<P> messages;
    private final Function<P, V> answer;

    Wrapping(List<P> messages, Function<P, V> answer) {
      this.messages = messages;
      this.answer = answer;
    }

    @Override
    public V get(int index) {
      return answer.apply(messages.get(index));
    }

    @Override
    public int size() {
      return messages.size();
    }
  }
}
