package io.github.tallywire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tallywire.event.EventContext;
import io.github.tallywire.event.Events;
import io.github.tallywire.v1.Event;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class TrackerTest {
  private static final Duration GENEROUS = Duration.ofSeconds(30);
  private FakeService service;

  @BeforeEach
  void start() throws Exception {
    service = new FakeService();
  }

  @AfterEach
  void stop() {
    service.close();
  }

  private List<Event> received() {
    return service.batches.stream()
        .flatMap(batch -> batch.getEventsList().stream())
        .collect(Collectors.toList());
  }

  @Test
  void eventsAreSentAndCounted() {
    try (Tracker tracker = service.tracker().flushInterval(GENEROUS).build()) {
      assertTrue(tracker.track(Events.messageSent().agentId("bot").responseTimeMs(820)));
      assertTrue(tracker.track(Event.newBuilder().setEventType("a.b").build()));
      assertTrue(tracker.flush(GENEROUS));
      assertEquals(2, tracker.stats().sent());
      assertEquals(0, tracker.stats().pending());
    }
    assertEquals(820, received().get(0).getMessage().getResponseTimeMs());
    assertFalse(received().get(1).getEventId().isEmpty());
  }

  @Test
  void aContextFillsInWhatEventsDoNotSay() {
    try (Tracker tracker = service.tracker().build()) {
      Tracker.Bound here =
          tracker.within(
              EventContext.conversation("c1").agentId("bot").userId("u1").channel("web"));
      assertTrue(here.track(Events.messageSent()));
      assertTrue(here.track(Events.messageReceived().agentId("other").channel("")));
      assertTrue(tracker.flush(GENEROUS));
    }
    Event first = received().get(0);
    assertEquals(
        List.of("c1", "bot", "u1", "web"),
        List.of(
            first.getConversationId(), first.getAgentId(), first.getUserId(), first.getChannel()));
    assertEquals("other", received().get(1).getAgentId());
    assertEquals("", received().get(1).getChannel());
  }

  @Test
  void whatCannotBeBuiltIsCountedAndTold() {
    ConcurrentLinkedQueue<LostEvent> lost = new ConcurrentLinkedQueue<>();
    try (Tracker tracker = service.tracker().onDrop(lost::add).build()) {
      assertFalse(tracker.track(Events.custom("a.b").property("price", Double.NaN)));
      assertFalse(tracker.track((Event) null));
      assertEquals(2, tracker.stats().invalid());
    }
    assertEquals(2, lost.size());
    assertTrue(lost.peek().reason().contains("properties.price"), lost.peek().reason());
  }

  @Test
  void aCallbackThatFailsHarmsNothing() {
    try (Tracker tracker =
        service
            .tracker()
            .onDrop(
                lost -> {
                  throw new IllegalStateException("of the application");
                })
            .build()) {
      assertFalse(tracker.track((Event) null));
      assertTrue(tracker.track(Events.custom("a.b")));
      assertTrue(tracker.flush(GENEROUS));
      assertEquals(1, tracker.stats().sent());
    }
  }

  @Test
  void closingSendsTheRestOnceAndDropsWhatComesLater() {
    Tracker tracker = service.tracker().flushInterval(GENEROUS).build();
    tracker.track(Events.custom("a.b"));
    assertTrue(tracker.close(GENEROUS));
    assertTrue(tracker.close(GENEROUS));
    assertFalse(tracker.track(Events.custom("a.b")));
    assertEquals(1, tracker.stats().sent());
    assertEquals(1, tracker.stats().dropped());
    assertEquals(1, received().size());
  }

  @Test
  void theNewestIsDroppedWhenTheBufferIsFull() {
    Tracker tracker = service.tracker().maxEvents(2).flushInterval(GENEROUS).build();
    service.close();
    assertTrue(tracker.track(Events.custom("a.b")));
    assertTrue(tracker.track(Events.custom("a.b")));
    assertFalse(tracker.track(Events.custom("a.b")));
    assertEquals(1, tracker.stats().dropped());
    assertFalse(tracker.close(Duration.ofMillis(50)));
    TrackerStats end = tracker.stats();
    assertEquals(3, end.dropped() + end.failed(), end::toString);
    assertEquals(0, end.pending());
  }

  @Test
  void wrongArgumentsAreRefusedAtOnce() {
    assertThrows(IllegalArgumentException.class, () -> service.tracker().batchSize(1_001).build());
    assertThrows(IllegalArgumentException.class, () -> service.tracker().maxEvents(0).build());
  }

  @Test
  void theEndOfTheProcessSendsTheRest() throws Exception {
    Process child =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "-cp",
                System.getProperty("java.class.path"),
                Child.class.getName(),
                service.address())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertTrue(child.waitFor(50, TimeUnit.SECONDS));
    assertEquals(7, child.exitValue());
    assertEquals(1, received().size());
  }

  /** A program that tracks and ends. */
  static final class Child {
    private Child() {}

    public static void main(String[] arguments) {
      Tracker tracker =
          Tracker.builder()
              .address(arguments[0])
              .apiKey("k")
              .flushInterval(GENEROUS)
              .shutdownTimeout(GENEROUS)
              .build();
      tracker.track(Events.custom("a.b"));
      System.exit(7);
    }
  }
}
