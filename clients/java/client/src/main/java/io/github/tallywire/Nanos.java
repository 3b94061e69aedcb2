package io.github.tallywire;

import java.time.Duration;

/** Durations as nanoseconds that can be added to a clock. */
final class Nanos {
  /** More than any clock of a process counts, and far from an overflow. */
  private static final long ENDLESS = Long.MAX_VALUE / 4;

  private Nanos() {}

  /** Returns the nanoseconds of a duration; of a very long one, a century. */
  static long of(Duration duration) {
    return duration.getSeconds() >= ENDLESS / 1_000_000_000L ? ENDLESS : duration.toNanos();
  }
}
