package io.github.tallywire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tallywire.answer.Agent;
import io.github.tallywire.answer.EventResult;
import io.github.tallywire.answer.GetOverviewResponse;
import io.github.tallywire.answer.Overview;
import io.github.tallywire.answer.WatchUpdatesResponse;
import io.github.tallywire.event.Events;
import io.github.tallywire.v1.Event;
import io.github.tallywire.v1.EventStatus;
import io.github.tallywire.v1.GetOverviewRequest;
import io.github.tallywire.v1.ListAgentsRequest;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class TallywireClientTest {
  private FakeService service;
  private TallywireClient client;

  @BeforeEach
  void start() throws Exception {
    service = new FakeService();
    client = service.client();
  }

  @AfterEach
  void stop() {
    client.close();
    service.close();
  }

  @Test
  void absentFiguresAreEmptyAndZerosAreZero() {
    Overview overview =
        client
            .getOverview(request -> request.setTimeRange(Period.lastDays(1).toProto()))
            .overview()
            .orElseThrow();
    assertEquals(OptionalLong.of(0), overview.events());
    assertEquals(OptionalDouble.of(0.25), overview.errorRate());
    assertEquals(OptionalDouble.empty(), overview.satisfactionScore());
    assertTrue(overview.messagesChange().isEmpty());
    assertTrue(overview.storageByKind().isEmpty());
  }

  @Test
  void manyCallsAtOnceKeepToNinetyOnAConnection() {
    CompletableFuture<Void> gate = new CompletableFuture<>();
    service.gate = gate;
    List<CompletableFuture<EventResult>> calls =
        IntStream.range(0, 300)
            .mapToObj(i -> client.async().track(Events.custom("a.b")))
            .collect(Collectors.toList());
    Waiting.until(() -> service.underWay.get() == ConnectionPool.CALLS_PER_CONNECTION);
    gate.complete(null);
    for (CompletableFuture<EventResult> call : calls) {
      assertEquals(EventStatus.EVENT_STATUS_ACCEPTED, call.join().status());
    }
    assertEquals(ConnectionPool.CALLS_PER_CONNECTION, service.mostUnderWay.get());
    assertEquals(
        300, service.events.stream().map(e -> e.getEvent().getEventId()).distinct().count());
  }

  @Test
  void batchesOfAnySizeAreSplitAndAnswered() {
    List<Event> events =
        IntStream.range(0, 2_500)
            .mapToObj(i -> Events.custom("a.b").build())
            .collect(Collectors.toList());
    List<EventResult> results = client.trackBatch(events);
    assertEquals(
        List.of(1_000, 1_000, 500),
        service.batches.stream().map(b -> b.getEventsCount()).collect(Collectors.toList()));
    assertEquals(
        events.stream().map(Event::getEventId).collect(Collectors.toList()),
        results.stream().map(EventResult::eventId).collect(Collectors.toList()));
    assertEquals(List.of(), client.trackBatch(List.of()));
  }

  @Test
  void theErrorOfABatchHasTheResultsBeforeIt() {
    List<Event> events = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      events.add(Events.custom("a.b").build());
    }
    events.add(Events.custom("refuse.batch").build());
    PermissionDeniedException error =
        assertThrows(PermissionDeniedException.class, () -> client.trackBatch(events));
    assertEquals("SCOPE_MISSING", error.reason());
    assertEquals(1_000, error.results().size());
    assertFalse(error.isOutcomeUnknown());
  }

  @Test
  void rowsOfAllPagesIncludingEmptyOnes() {
    Rows<Agent> agents = client.listAgentsPaginator(ListAgentsRequest.getDefaultInstance());
    assertEquals(
        List.of("a0", "a2"), agents.stream().map(Agent::agentId).collect(Collectors.toList()));
    assertEquals(List.of("", "1", "2"), List.copyOf(service.pageTokens));
    assertEquals(2, agents.stream().count()); // Every iterator begins anew.
  }

  @Test
  void cancellingAFutureCancelsTheCallAtTheServer() throws Exception {
    service.answersOverview = false;
    CompletableFuture<GetOverviewResponse> call =
        client.async().getOverview(GetOverviewRequest.getDefaultInstance());
    assertTrue(service.overviewAsked.await(20, TimeUnit.SECONDS));
    assertTrue(call.cancel(true));
    assertTrue(service.overviewCancelled.get(20, TimeUnit.SECONDS));
  }

  @Test
  void anInterruptCancelsTheCallAndStaysSet() throws Exception {
    service.answersOverview = false;
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    AtomicReference<Boolean> isInterrupted = new AtomicReference<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                client.getOverview(GetOverviewRequest.getDefaultInstance());
              } catch (RuntimeException error) {
                thrown.set(error);
                isInterrupted.set(Thread.currentThread().isInterrupted());
              }
            });
    thread.start();
    assertTrue(service.overviewAsked.await(20, TimeUnit.SECONDS));
    thread.interrupt();
    thread.join(20_000);
    assertTrue(thrown.get() instanceof CancelledException);
    assertTrue(isInterrupted.get());
    assertTrue(service.overviewCancelled.get(20, TimeUnit.SECONDS));
  }

  @Test
  void aTimeoutOfItsOwn() {
    service.answersOverview = false;
    TallywireClient hasty = client.withTimeout(Duration.ofMillis(300));
    TallywireException error =
        assertThrows(
            DeadlineExceededException.class,
            () -> hasty.getOverview(GetOverviewRequest.getDefaultInstance()));
    assertTrue(error.isOutcomeUnknown());
    assertEquals(Status.Code.DEADLINE_EXCEEDED, error.code());
    assertThrows(IllegalArgumentException.class, () -> client.withTimeout(Duration.ZERO));
  }

  @Test
  void closingEndsCallsUnderWayAndLaterOnes() throws Exception {
    service.answersOverview = false;
    CompletableFuture<GetOverviewResponse> call =
        client.async().getOverview(GetOverviewRequest.getDefaultInstance());
    assertTrue(service.overviewAsked.await(20, TimeUnit.SECONDS));
    client.close();
    client.close();
    CompletionException error = assertThrows(CompletionException.class, call::join);
    assertTrue(error.getCause() instanceof CancelledException);
    assertThrows(CancelledException.class, () -> client.track(Events.custom("a.b")));
  }

  @Test
  void noTextHasTheKey() {
    Tracker tracker = service.tracker().build();
    String texts =
        client
            + " "
            + client.async()
            + " "
            + tracker
            + " "
            + service.tracker()
            + " "
            + TallywireClient.builder().address(service.address()).apiKey("tw_secret");
    tracker.close();
    assertFalse(texts.contains("tw_secret"), texts);
    assertTrue(client.toString().contains(service.address()));
  }

  @Test
  void updatesAreAnIteratorAndAPublisher() throws Exception {
    try (Subscription<WatchUpdatesResponse> updates = client.updates(request -> {})) {
      long expected = 1;
      for (WatchUpdatesResponse update : updates) {
        assertEquals(expected, update.revision());
        assertEquals("after " + expected, updates.resumeToken());
        if (expected++ == 3) {
          break;
        }
      }
    }
    assertTrue(service.updatesCancelled.get(20, TimeUnit.SECONDS));

    List<Long> seen = new ArrayList<>();
    CountDownLatch done = new CountDownLatch(1);
    client.updates(request -> {}).publisher().subscribe(new TakingTwo(seen, done));
    assertTrue(done.await(20, TimeUnit.SECONDS));
    assertEquals(List.of(1L, 2L), seen);
  }

  private static final class TakingTwo implements Flow.Subscriber<WatchUpdatesResponse> {
    private final List<Long> seen;
    private final CountDownLatch done;
    private Flow.Subscription subscription;

    TakingTwo(List<Long> seen, CountDownLatch done) {
      this.seen = seen;
      this.done = done;
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
      subscription = given;
      given.request(1);
    }

    @Override
    public void onNext(WatchUpdatesResponse update) {
      seen.add(update.revision());
      if (seen.size() == 2) {
        subscription.cancel();
        done.countDown();
      } else {
        subscription.request(1);
      }
    }

    @Override
    public void onError(Throwable error) {
      throw new AssertionError(error);
    }

    @Override
    public void onComplete() {
      throw new AssertionError("it was cancelled");
    }
  }

  @Test
  void anExportIsCheckedAgainstItsLastLine() {
    service.exported =
        List.of(
            "{\"kind\":\"activity\",\"a\":1}", "{\"kind\":\"counts\",\"activity\":1,\"lead\":0}");
    try (ServerStream<String> lines = client.exportUserLines("ann")) {
      assertEquals(service.exported, lines.stream().collect(Collectors.toList()));
    }
    service.exported = List.of("{\"kind\":\"counts\",\"activity\":1}");
    try (ServerStream<String> lines = client.exportUserLines("ann")) {
      assertTrue(lines.hasNext());
      lines.next();
      assertThrows(InternalException.class, lines::hasNext);
    }
  }

  @Test
  void timesOfSendingAreStampedUnlessLeftOut() {
    client.track(Events.custom("a.b"));
    assertTrue(service.events.remove().hasSentAt());
    try (TallywireClient importing =
        TallywireClient.builder().address(service.address()).apiKey("k").withoutSentAt().build()) {
      importing.track(Events.custom("a.b"));
    }
    assertFalse(service.events.remove().hasSentAt());
  }
}
