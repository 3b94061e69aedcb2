package io.github.tallywire;

import java.time.Duration;
import java.util.function.BiConsumer;

/** How a subscription goes on, and what of it is yielded. Immutable; each method gives a copy. */
public final class SubscriptionOptions {
  private static final SubscriptionOptions DEFAULTS =
      new SubscriptionOptions(false, null, Duration.ofSeconds(45), (error, wait) -> {});

  final boolean yieldsIdle;
  final Duration retryFor;
  final Duration silence;
  final BiConsumer<TallywireException, Duration> onRetry;

  private SubscriptionOptions(
      boolean yieldsIdle,
      Duration retryFor,
      Duration silence,
      BiConsumer<TallywireException, Duration> onRetry) {
    this.yieldsIdle = yieldsIdle;
    this.retryFor = retryFor;
    this.silence = silence;
    this.onRetry = onRetry;
  }

  /**
   * Returns the options of a subscription that goes on for as long as it takes.
   *
   * @return the options
   */
  public static SubscriptionOptions defaults() {
    return DEFAULTS;
  }

  /**
   * Yields also what comes while nothing happens: heartbeats of states, which have a revision and
   * no state, and bookmarks of updates, which move the token; the first bookmark says that nothing
   * is missed from then on.
   *
   * @return a copy
   */
  public SubscriptionOptions withHeartbeats() {
    return new SubscriptionOptions(true, retryFor, silence, onRetry);
  }

  /**
   * Ends the subscription with the error, once it had no connection for so long.
   *
   * @param value the time; without it, the subscription goes on for ever
   * @return a copy
   */
  public SubscriptionOptions retryFor(Duration value) {
    return new SubscriptionOptions(yieldsIdle, value, silence, onRetry);
  }

  /**
   * Replaces a connection on which nothing has come for so long. The server sends something every
   * 15 seconds at least.
   *
   * @param value the time; without it, 45 seconds
   * @return a copy
   */
  public SubscriptionOptions silence(Duration value) {
    return new SubscriptionOptions(yieldsIdle, retryFor, value, onRetry);
  }

  /**
   * Tells of each connection that is lost, and of the wait before the next. Connections that end by
   * their age, every few minutes, are not told.
   *
   * @param value is called in the thread that reads the subscription
   * @return a copy
   */
  public SubscriptionOptions onRetry(BiConsumer<TallywireException, Duration> value) {
    return new SubscriptionOptions(yieldsIdle, retryFor, silence, value);
  }
}
