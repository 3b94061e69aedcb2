package io.github.tallywire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class PacerTest {
  private static final long PATIENCE = Duration.ofMinutes(1).toNanos();
  private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
  private final List<String> happened = new ArrayList<>();
  private final List<Long> begun = new ArrayList<>();
  private TallywireException givenUpWith;
  private long now;
  private final Pacer pacer = new Pacer(timer, () -> now);

  @AfterEach
  void stop() {
    timer.shutdownNow();
  }

  private void enter(String name, long patience) {
    pacer.enter(
        patience,
        new Pacer.Waiting() {
          @Override
          public void begin(long at) {
            happened.add(name);
            begun.add(at);
          }

          @Override
          public void giveUp(TallywireException refusal) {
            happened.add(name + " gave up");
            givenUpWith = refusal;
          }
        });
  }

  private static TallywireException refusal(Duration wait) {
    return TallywireException.of(
        ErrorDetails.of(Status.Code.UNAVAILABLE, "").reason("OVERLOADED").retryInfo(wait), null);
  }

  @Test
  void aRefusalHalvesWhatMayBeUnderWayAndTheNewestGoesFirst() {
    for (int i = 0; i < 4; i++) {
      enter("early", PATIENCE);
    }
    now = 1;
    pacer.end(begun.get(0), refusal(Duration.ZERO)); // Half of four: two may be under way.
    pacer.end(begun.get(1), refusal(Duration.ZERO)); // It had begun before: no second cut.
    enter("old", PATIENCE);
    enter("new", PATIENCE);
    assertEquals(2, pacer.waitingCalls());
    pacer.end(begun.get(2), null);
    assertEquals("new", happened.get(happened.size() - 1));
    pacer.end(begun.get(3), null);
    assertEquals("old", happened.get(happened.size() - 1));
  }

  @Test
  void whoWouldWaitTooLongGivesUpWithTheRefusal() {
    enter("first", PATIENCE);
    TallywireException refusal = refusal(Duration.ofSeconds(60));
    pacer.end(begun.get(0), refusal);
    enter("hasty", Duration.ofSeconds(5).toNanos()); // A hold is five seconds at most.
    assertEquals(List.of("first", "hasty gave up"), happened);
    assertSame(refusal, givenUpWith);
    now = Duration.ofSeconds(5).toNanos();
    enter("later", PATIENCE);
    assertEquals("later", happened.get(2));
  }

  @Test
  void otherErrorsHoldNobodyBack() {
    enter("first", PATIENCE);
    pacer.end(
        begun.get(0), TallywireException.of(ErrorDetails.of(Status.Code.UNAVAILABLE, ""), null));
    for (int i = 0; i < 500; i++) {
      enter("next", PATIENCE);
    }
    assertEquals(501, begun.size());
  }
}
