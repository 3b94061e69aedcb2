package io.github.tallywire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import java.time.Duration;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

final class AttemptsTest {
  private long now;

  private Attempts attempts(CallKind kind) {
    return new Attempts(kind, Duration.ofSeconds(30), () -> now, () -> 1.0);
  }

  private static TallywireException error(ErrorDetails.Builder details) {
    return TallywireException.of(details, null);
  }

  private static TallywireException unavailable() {
    return error(ErrorDetails.of(Status.Code.UNAVAILABLE, "away"));
  }

  private static OptionalLong millis(long value) {
    return OptionalLong.of(Duration.ofMillis(value).toNanos());
  }

  @Test
  void theBackoffDoublesUpToFiveSeconds() {
    Attempts attempts = attempts(CallKind.EVENTS);
    for (long expected : new long[] {100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000}) {
      assertEquals(millis(expected), attempts.nextWait(unavailable()));
    }
  }

  @Test
  void theServersTimeIsTheLeastWait() {
    TallywireException told =
        error(
            ErrorDetails.of(Status.Code.RESOURCE_EXHAUSTED, "").retryInfo(Duration.ofMillis(500)));
    assertEquals(millis(600), attempts(CallKind.EVENT).nextWait(told));
    assertEquals(millis(600), attempts(CallKind.CHANGE).nextWait(told));
    assertEquals(millis(600), attempts(CallKind.QUESTION).nextWait(told));
  }

  @Test
  void aQuestionHasThreeAttempts() {
    Attempts attempts = attempts(CallKind.QUESTION);
    assertTrue(attempts.nextWait(unavailable()).isPresent());
    assertTrue(attempts.nextWait(unavailable()).isPresent());
    assertTrue(attempts.nextWait(unavailable()).isEmpty());
  }

  @Test
  void aChangeIsNotRepeatedUnlessNothingWasDone() {
    assertTrue(attempts(CallKind.CHANGE).nextWait(unavailable()).isEmpty());
    TallywireException refused =
        error(ErrorDetails.of(Status.Code.UNAVAILABLE, "").reason("OVERLOADED"));
    assertTrue(attempts(CallKind.CHANGE).nextWait(refused).isPresent());
  }

  @Test
  void neverIsNever() {
    TallywireException never = error(ErrorDetails.of(Status.Code.UNAVAILABLE, "").retryForbidden());
    for (CallKind kind : CallKind.values()) {
      assertTrue(attempts(kind).nextWait(never).isEmpty(), kind::name);
    }
  }

  @Test
  void noWaitGoesBeyondTheDeadline() {
    Attempts attempts = attempts(CallKind.EVENTS);
    now = Duration.ofMillis(29_950).toNanos();
    assertTrue(attempts.nextWait(unavailable()).isEmpty());
    assertEquals(Duration.ofMillis(50).toNanos(), attempts.attemptNanos());
  }

  @Test
  void anAnswerIsRaisedRatherThanThatTimeRanOutAfterIt() {
    Attempts attempts = attempts(CallKind.EVENTS);
    TallywireException first = unavailable();
    attempts.nextWait(first);
    TallywireException late = error(ErrorDetails.of(Status.Code.DEADLINE_EXCEEDED, ""));
    assertSame(first, attempts.verdict(late));
    assertSame(late, attempts(CallKind.EVENTS).verdict(late));
  }
}
