package io.github.tallywire;

import io.grpc.Status;
import java.time.Duration;
import java.util.Set;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;

/** Whether a subscription goes on after an error, and when. */
final class Reconnecting {
  /** Connections end by their age every few minutes. */
  private static final String ROUTINE = "STREAM_AGE";

  private static final Set<String> GO_ON = Set.of("SLOW_CONSUMER", "DEADLINE");

  private final SubscriptionOptions options;
  private final LongSupplier clock;
  private final DoubleSupplier random;
  private int failures;
  private long failingSince;
  private boolean hasHeard;

  Reconnecting(SubscriptionOptions options, LongSupplier clock, DoubleSupplier random) {
    this.options = options;
    this.clock = clock;
    this.random = random;
  }

  /** Notes that a message has come. */
  void heard() {
    hasHeard = true;
    failures = 0;
  }

  /** Returns the nanoseconds before the next connection; throws the error if it is final. */
  long waitAfter(TallywireException error) {
    long now = clock.getAsLong();
    if (failures == 0) {
      failingSince = now;
    }
    if (!mayGoOn(error.details())) {
      throw error;
    }
    long wait = Attempts.wait(error.details(), failures, random);
    failures++;
    if (options.retryFor != null && now + wait - failingSince > Nanos.of(options.retryFor)) {
      throw error;
    }
    if (!error.reason().equals(ROUTINE)) {
      options.onRetry.accept(error, Duration.ofNanos(wait));
    }
    return wait;
  }

  private boolean mayGoOn(ErrorDetails error) {
    if (error.isRetryForbidden) {
      return false;
    }
    if (GO_ON.contains(error.reason) || error.code == Status.Code.UNAVAILABLE) {
      return true;
    }
    return error.code == Status.Code.RESOURCE_EXHAUSTED && error.hasRetryInfo && hasHeard;
  }
}
