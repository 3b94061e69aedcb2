package io.github.tallywire.event;

import com.google.protobuf.ListValue;
import com.google.protobuf.NullValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Map;

/** Properties of events as messages; what JSON would change is refused with its path. */
final class Properties {
  /** Beyond this a double may hold a neighbour of the number. */
  private static final BigInteger MOST = BigInteger.valueOf((1L << 53) - 1);

  private Properties() {}

  static void put(Struct.Builder struct, Object name, Object value, String path) {
    if (!(name instanceof String)) {
      throw new IllegalArgumentException(path + " has a key that is no text: " + name);
    }
    if (((String) name).isBlank()) {
      throw new IllegalArgumentException(path + " has a key that is blank: '" + name + "'");
    }
    struct.putFields((String) name, value(value, path + "." + name));
  }

  private static Value value(Object value, String path) {
    Value.Builder built = Value.newBuilder();
    if (value == null) {
      return built.setNullValue(NullValue.NULL_VALUE).build();
    }
    if (value instanceof Boolean) {
      return built.setBoolValue((Boolean) value).build();
    }
    if (value instanceof CharSequence) {
      return built.setStringValue(value.toString()).build();
    }
    if (value instanceof Number) {
      return built.setNumberValue(number((Number) value, path)).build();
    }
    if (value instanceof Map<?, ?>) {
      Struct.Builder struct = Struct.newBuilder();
      ((Map<?, ?>) value).forEach((name, item) -> put(struct, name, item, path));
      return built.setStructValue(struct).build();
    }
    if (value instanceof Iterable<?>) {
      ListValue.Builder list = ListValue.newBuilder();
      for (Object item : (Iterable<?>) value) {
        list.addValues(value(item, path + "[" + list.getValuesCount() + "]"));
      }
      return built.setListValue(list).build();
    }
    throw new IllegalArgumentException(
        path + " is of type " + value.getClass().getName() + ", which is not JSON");
  }

  private static double number(Number value, String path) {
    if (value instanceof Double || value instanceof Float) {
      double number = value.doubleValue();
      if (Double.isFinite(number)) {
        return number;
      }
    } else if (value instanceof BigDecimal) {
      double number = value.doubleValue();
      if (Double.isFinite(number) && isExact(((BigDecimal) value))) {
        return number;
      }
    } else if (new BigInteger(value.toString()).abs().compareTo(MOST) <= 0) {
      return value.doubleValue();
    }
    throw new IllegalArgumentException(
        path + " is not a number that JSON keeps exactly: " + value + "; send it as text");
  }

  /**
   * Tells whether a number is a fraction, which is rounded as every double is, or whole and safe.
   */
  private static boolean isExact(BigDecimal value) {
    return value.stripTrailingZeros().scale() > 0
        || value.toBigInteger().abs().compareTo(MOST) <= 0;
  }
}
