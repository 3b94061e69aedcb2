package io.github.tallywire.servlet;

import io.github.tallywire.Tracker;
import io.github.tallywire.v1.Event;
import io.github.tallywire.v1.EventResult;
import io.github.tallywire.v1.EventServiceGrpc;
import io.github.tallywire.v1.EventStatus;
import io.github.tallywire.v1.TrackEventsRequest;
import io.github.tallywire.v1.TrackEventsResponse;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A metrics server that keeps the events that it gets, and a tracker that sends them to it. */
final class EventSink extends EventServiceGrpc.EventServiceImplBase implements AutoCloseable {
  final Tracker tracker;
  private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
  private final Server server;

  EventSink() throws IOException {
    server =
        Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
            .addService(this)
            .build()
            .start();
    tracker =
        Tracker.builder()
            .address("127.0.0.1:" + server.getPort())
            .apiKey("k")
            .flushInterval(Duration.ofMillis(1))
            .build();
  }

  /** Returns the next event; there must be one. */
  Event next() throws InterruptedException {
    Event event = events.poll(30, TimeUnit.SECONDS);
    if (event == null) {
      throw new AssertionError("no event has come");
    }
    return event;
  }

  @Override
  public void trackEvents(
      TrackEventsRequest request, StreamObserver<TrackEventsResponse> observer) {
    TrackEventsResponse.Builder response = TrackEventsResponse.newBuilder();
    for (Event event : request.getEventsList()) {
      events.add(event);
      response.addResults(EventResult.newBuilder().setStatus(EventStatus.EVENT_STATUS_ACCEPTED));
    }
    observer.onNext(response.build());
    observer.onCompleted();
  }

  @Override
  public void close() {
    tracker.close();
    server.shutdownNow();
  }
}
