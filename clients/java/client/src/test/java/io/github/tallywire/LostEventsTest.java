package io.github.tallywire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class LostEventsTest {
  private final List<String> lines = new ArrayList<>();
  private long now;
  private final LostEvents lost = new LostEvents(null, () -> now, lines::add);

  private static LostEvent of(String kind) {
    return new LostEvent(null, kind, kind);
  }

  @Test
  void theFirstIsLoggedAtOnceAndOthersOnceAMinute() {
    lost.add(List.of(of("full")));
    lost.add(List.of(of("full"), of("full")));
    lost.add(List.of(of("other")));
    assertEquals(List.of("1 event is lost: 1 × full"), lines);
    now = Duration.ofMinutes(1).toNanos();
    lost.logIfDue();
    assertEquals("3 events are lost: 2 × full; 1 × other", lines.get(1));
  }

  @Test
  void kindsAreBounded() {
    lost.add(List.of(of("first")));
    for (int i = 0; i < 250; i++) {
      lost.add(List.of(of("kind " + i)));
    }
    now = Duration.ofMinutes(1).toNanos();
    lost.logIfDue();
    assertTrue(lines.get(1).startsWith("250 events are lost: 150 × other reasons; "), lines.get(1));
    assertTrue(lines.get(1).endsWith("× others"), lines.get(1));
  }
}
