package io.github.tallywire;

import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import io.github.tallywire.v1.Agent;
import io.github.tallywire.v1.DirectoryServiceGrpc;
import io.github.tallywire.v1.EventResult;
import io.github.tallywire.v1.EventServiceGrpc;
import io.github.tallywire.v1.EventStatus;
import io.github.tallywire.v1.ExportUserRequest;
import io.github.tallywire.v1.ExportUserResponse;
import io.github.tallywire.v1.GetOverviewRequest;
import io.github.tallywire.v1.GetOverviewResponse;
import io.github.tallywire.v1.ListAgentsRequest;
import io.github.tallywire.v1.ListAgentsResponse;
import io.github.tallywire.v1.MetricsServiceGrpc;
import io.github.tallywire.v1.Overview;
import io.github.tallywire.v1.PrivacyServiceGrpc;
import io.github.tallywire.v1.RealtimeServiceGrpc;
import io.github.tallywire.v1.TrackEventRequest;
import io.github.tallywire.v1.TrackEventResponse;
import io.github.tallywire.v1.TrackEventsRequest;
import io.github.tallywire.v1.TrackEventsResponse;
import io.github.tallywire.v1.WatchUpdatesRequest;
import io.github.tallywire.v1.WatchUpdatesResponse;
import io.grpc.BindableService;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.ServerBuilder;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** A server that says yes, on a port of its own, and keeps what it was sent. */
final class FakeService implements AutoCloseable {
  final ConcurrentLinkedQueue<TrackEventRequest> events = new ConcurrentLinkedQueue<>();
  final ConcurrentLinkedQueue<TrackEventsRequest> batches = new ConcurrentLinkedQueue<>();
  final ConcurrentLinkedQueue<String> pageTokens = new ConcurrentLinkedQueue<>();
  final AtomicInteger underWay = new AtomicInteger();
  final AtomicInteger mostUnderWay = new AtomicInteger();
  final CompletableFuture<Boolean> overviewCancelled = new CompletableFuture<>();
  final CompletableFuture<Boolean> updatesCancelled = new CompletableFuture<>();
  final CountDownLatch overviewAsked = new CountDownLatch(1);

  /** What answers to single events wait for. */
  volatile CompletableFuture<?> gate = CompletableFuture.completedFuture(null);

  volatile boolean answersOverview = true;
  volatile List<String> exported = List.of();
  private final Server server;

  FakeService() throws IOException {
    ServerBuilder<?> builder = Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create());
    for (BindableService one :
        List.of(new Events(), new Metrics(), new Directory(), new Realtime(), new Privacy())) {
      builder.addService(one);
    }
    server = builder.build().start();
  }

  String address() {
    return "127.0.0.1:" + server.getPort();
  }

  TallywireClient client() {
    return TallywireClient.builder().address(address()).apiKey("tw_secret").build();
  }

  Tracker.Builder tracker() {
    return Tracker.builder().address(address()).apiKey("tw_secret");
  }

  @Override
  public void close() {
    server.shutdownNow();
  }

  static StatusRuntimeException refusal(Status.Code code, String reason) {
    ErrorInfo info = ErrorInfo.newBuilder().setDomain("tallywire").setReason(reason).build();
    return StatusProto.toStatusRuntimeException(
        com.google.rpc.Status.newBuilder()
            .setCode(code.value())
            .setMessage("refused")
            .addDetails(Any.pack(info))
            .build());
  }

  private static EventResult accepted(String id) {
    return EventResult.newBuilder()
        .setEventId(id)
        .setStatus(EventStatus.EVENT_STATUS_ACCEPTED)
        .build();
  }

  private static <R> void answer(StreamObserver<R> observer, R response) {
    observer.onNext(response);
    observer.onCompleted();
  }

  private final class Events extends EventServiceGrpc.EventServiceImplBase {
    @Override
    public void trackEvent(TrackEventRequest request, StreamObserver<TrackEventResponse> observer) {
      events.add(request);
      int now = underWay.incrementAndGet();
      mostUnderWay.accumulateAndGet(now, Math::max);
      gate.whenComplete(
          (value, error) -> {
            underWay.decrementAndGet();
            String id = request.getEvent().getEventId();
            answer(observer, TrackEventResponse.newBuilder().setResult(accepted(id)).build());
          });
    }

    @Override
    public void trackEvents(
        TrackEventsRequest request, StreamObserver<TrackEventsResponse> observer) {
      batches.add(request);
      if (request.getEvents(0).getEventType().equals("refuse.batch")) {
        observer.onError(refusal(Status.Code.PERMISSION_DENIED, "SCOPE_MISSING"));
        return;
      }
      TrackEventsResponse.Builder response = TrackEventsResponse.newBuilder();
      request.getEventsList().forEach(event -> response.addResults(accepted(event.getEventId())));
      answer(observer, response.build());
    }
  }

  private final class Metrics extends MetricsServiceGrpc.MetricsServiceImplBase {
    @Override
    public void getOverview(
        GetOverviewRequest request, StreamObserver<GetOverviewResponse> observer) {
      if (!answersOverview) {
        ((ServerCallStreamObserver<GetOverviewResponse>) observer)
            .setOnCancelHandler(() -> overviewCancelled.complete(true));
        overviewAsked.countDown();
        return;
      }
      Overview figures = Overview.newBuilder().setEvents(0).setErrorRate(0.25).build();
      answer(observer, GetOverviewResponse.newBuilder().setOverview(figures).build());
    }
  }

  private final class Directory extends DirectoryServiceGrpc.DirectoryServiceImplBase {
    @Override
    public void listAgents(ListAgentsRequest request, StreamObserver<ListAgentsResponse> observer) {
      pageTokens.add(request.getPageToken());
      int page = request.getPageToken().isEmpty() ? 0 : Integer.parseInt(request.getPageToken());
      ListAgentsResponse.Builder response = ListAgentsResponse.newBuilder();
      if (page != 1) { // A page may be empty and not the last.
        response.addAgents(Agent.newBuilder().setAgentId("a" + page));
      }
      answer(observer, response.setNextPageToken(page < 2 ? "" + (page + 1) : "").build());
    }
  }

  private final class Realtime extends RealtimeServiceGrpc.RealtimeServiceImplBase {
    @Override
    public void watchUpdates(
        WatchUpdatesRequest request, StreamObserver<WatchUpdatesResponse> observer) {
      ((ServerCallStreamObserver<WatchUpdatesResponse>) observer)
          .setOnCancelHandler(() -> updatesCancelled.complete(true));
      for (int revision = 1; revision <= 3; revision++) {
        observer.onNext(
            WatchUpdatesResponse.newBuilder()
                .setRevision(revision)
                .setResumeToken("after " + revision)
                .build());
      }
    }
  }

  private final class Privacy extends PrivacyServiceGrpc.PrivacyServiceImplBase {
    @Override
    public void exportUser(ExportUserRequest request, StreamObserver<ExportUserResponse> observer) {
      exported.forEach(
          line -> observer.onNext(ExportUserResponse.newBuilder().addLines(line).build()));
      observer.onCompleted();
    }
  }
}
