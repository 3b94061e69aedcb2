package io.github.tallywire;

import io.grpc.Status;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;

/** The attempts of one call against one deadline: when to try again, without any waiting. */
final class Attempts {
  private static final double FIRST_BACKOFF = 0.1e9;
  private static final double MAX_BACKOFF = 5e9;
  private static final int ATTEMPTS_OF_QUESTIONS = 3;

  private final CallKind kind;
  private final LongSupplier clock;
  private final DoubleSupplier random;
  private final long deadline;
  private int failures;
  private TallywireException last;
  private TallywireException unknown;

  /**
   * Starts the clock.
   *
   * @param kind what is tried again
   * @param timeout the time for all attempts
   * @param clock the time in nanoseconds
   * @param random a number from 0 to 1
   */
  Attempts(CallKind kind, Duration timeout, LongSupplier clock, DoubleSupplier random) {
    this.kind = kind;
    this.clock = clock;
    this.random = random;
    this.deadline = clock.getAsLong() + Nanos.of(timeout);
  }

  /** Returns the nanoseconds that are left for the call; 0 if there are none. */
  long left() {
    return Math.max(0, deadline - clock.getAsLong());
  }

  /** Returns the nanoseconds that the next attempt may take. */
  long attemptNanos() {
    return Math.min(kind.attemptNanos(), left());
  }

  /** Returns the nanoseconds to wait before the next attempt, or nothing if there is to be none. */
  OptionalLong nextWait(TallywireException error) {
    failures++;
    if (!mayRetry(error.details())) {
      return OptionalLong.empty();
    }
    if (error.code() != Status.Code.DEADLINE_EXCEEDED) {
      last = error;
    }
    if (error.isOutcomeUnknown()) {
      unknown = error;
    }
    long wait = wait(error.details(), failures - 1, random);
    return wait < left() ? OptionalLong.of(wait) : OptionalLong.empty();
  }

  /**
   * Returns the error of the call: an answer of the server rather than that time ran out after it.
   */
  TallywireException verdict(TallywireException error) {
    return error.code() == Status.Code.DEADLINE_EXCEEDED && last != null ? last : error;
  }

  /** Returns the error of a call that gave up waiting to be let in. */
  TallywireException givenUp(TallywireException refusal) {
    return unknown == null ? refusal : unknown;
  }

  /** Returns the nanoseconds to wait after a failure that has so many before it in a row. */
  static long wait(ErrorDetails error, int before, DoubleSupplier random) {
    if (error.retryAfter != null) {
      // A fifth on top, so that those who were refused together do not come back together.
      return (long) (Nanos.of(error.retryAfter) * (1.0 + 0.2 * random.getAsDouble()));
    }
    double backoff = Math.min(MAX_BACKOFF, FIRST_BACKOFF * Math.pow(2, Math.min(before, 16)));
    return (long) (backoff * (0.5 + 0.5 * random.getAsDouble()));
  }

  private boolean mayRetry(ErrorDetails error) {
    if (error.isRetryForbidden) {
      return false;
    }
    boolean exhaustedForNow = error.code == Status.Code.RESOURCE_EXHAUSTED && error.hasRetryInfo;
    switch (kind) {
      case QUESTION:
        return error.hasRetryInfo
            || (error.code == Status.Code.UNAVAILABLE && failures < ATTEMPTS_OF_QUESTIONS);
      case CHANGE:
        return exhaustedForNow || error.reason.equals("OVERLOADED");
      case TRACKER:
        return exhaustedForNow || error.isOutcomeUnknown();
      default:
        return exhaustedForNow
            || error.code == Status.Code.UNAVAILABLE
            || error.code == Status.Code.DEADLINE_EXCEEDED;
    }
  }
}
