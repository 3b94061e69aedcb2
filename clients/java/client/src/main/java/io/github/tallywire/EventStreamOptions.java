package io.github.tallywire;

import java.time.Duration;

/** How a stream of events goes on. Each method returns changed options. */
public final class EventStreamOptions {
  /** The server stops reading beyond. */
  private static final int MOST_UNACKED = 32;

  private static final EventStreamOptions DEFAULTS =
      new EventStreamOptions(16, Duration.ofSeconds(60));

  final int maxUnacked;
  final Duration retryFor;

  private EventStreamOptions(int maxUnacked, Duration retryFor) {
    this.maxUnacked = maxUnacked;
    this.retryFor = retryFor;
  }

  /**
   * Returns the defaults: 16 batches under way, and 60 seconds.
   *
   * @return the options
   */
  public static EventStreamOptions defaults() {
    return DEFAULTS;
  }

  /**
   * Says how many batches may be sent and not acknowledged.
   *
   * @param value from 1 to 32
   * @return the options with that
   * @throws IllegalArgumentException for another number
   */
  public EventStreamOptions maxUnacked(int value) {
    if (value < 1 || value > MOST_UNACKED) {
      throw new IllegalArgumentException(
          "maxUnacked is from 1 to " + MOST_UNACKED + ", not " + value);
    }
    return new EventStreamOptions(value, retryFor);
  }

  /**
   * Says how long to try in a row without a new acknowledgement.
   *
   * @param value the time after which the error is thrown
   * @return the options with that
   */
  public EventStreamOptions retryFor(Duration value) {
    return new EventStreamOptions(maxUnacked, value);
  }
}
