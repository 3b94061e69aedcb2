package io.github.tallywire.event;

import java.security.SecureRandom;
import java.time.Instant;
import java.util.UUID;

/** Identities of events. */
public final class EventIds {
  private static final SecureRandom RANDOM = new SecureRandom();

  private EventIds() {}

  /**
   * Returns a new UUIDv7 (RFC 9562, section 5.7), lower case with dashes. The 12 bits after its
   * milliseconds are their fraction.
   *
   * @return the id
   */
  public static String next() {
    Instant now = Instant.now();
    long milliseconds = now.toEpochMilli();
    long fraction = (now.getNano() % 1_000_000) * 4096L / 1_000_000;
    long high = milliseconds << 16 | 0x7000L | fraction;
    long low = RANDOM.nextLong() & 0x3fffffffffffffffL | 0x8000000000000000L;
    return new UUID(high, low).toString();
  }
}
