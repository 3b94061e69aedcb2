package io.github.tallywire;

import java.math.BigDecimal;

/** Amounts of money, which the service counts in millionths of a currency. */
public final class Money {
  private Money() {}

  /**
   * Returns an amount in units of its currency, exact.
   *
   * @param micros the amount in millionths, such as {@code costMicros()}
   * @return the amount with six decimals
   */
  public static BigDecimal ofMicros(long micros) {
    return BigDecimal.valueOf(micros, 6);
  }
}
