package io.github.tallywire.event;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;

/** Times and money as the whole numbers that events carry: the nearest, halves to the even one. */
final class Rounding {
  private Rounding() {}

  static long milliseconds(String field, Duration value, EventBuilder<?> builder) {
    BigDecimal seconds = BigDecimal.valueOf(value.getSeconds());
    BigDecimal exact = seconds.add(BigDecimal.valueOf(value.getNano(), 9)).movePointRight(3);
    return whole(field, exact, value, builder);
  }

  static long millionths(String field, BigDecimal value, EventBuilder<?> builder) {
    return whole(field, value.movePointRight(6), value, builder);
  }

  private static long whole(String field, BigDecimal exact, Object value, EventBuilder<?> builder) {
    try {
      return exact.setScale(0, RoundingMode.HALF_EVEN).longValueExact();
    } catch (ArithmeticException error) {
      builder.refuse(
          new IllegalArgumentException(
              field + " is a whole number of 64 bits, and " + value + " does not fit", error));
      return 0;
    }
  }
}
