package io.github.tallywire;

import com.google.protobuf.Timestamp;
import io.github.tallywire.v1.Event;
import io.github.tallywire.v1.StreamBatch;
import io.github.tallywire.v1.TrackEventRequest;
import io.github.tallywire.v1.TrackEventsRequest;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.function.Supplier;

/** What requests with events say of the clock of this machine, read anew for each attempt. */
final class ClientClock {
  private final boolean stamps;
  private final boolean corrects;

  ClientClock(boolean stamps, boolean corrects) {
    if (corrects && !stamps) {
      throw new IllegalArgumentException(
          "correctClock needs the time of sending: the server compares it with its own clock");
    }
    this.stamps = stamps;
    this.corrects = corrects;
  }

  TrackEventRequest track(Event event) {
    return stamped(TrackEventRequest.newBuilder().setEvent(event).build());
  }

  TrackEventsRequest track(Iterable<Event> events) {
    return stamped(TrackEventsRequest.newBuilder().addAllEvents(events).build());
  }

  /**
   * Returns what makes the request of each attempt; requests without events are always the same.
   */
  @SuppressWarnings("unchecked") // What is stamped has the type of what was given.
  <Q> Supplier<Q> requests(Q request) {
    if (request instanceof TrackEventRequest) {
      return () -> (Q) stamped((TrackEventRequest) request);
    }
    if (request instanceof TrackEventsRequest) {
      return () -> (Q) stamped((TrackEventsRequest) request);
    }
    return () -> request;
  }

  private TrackEventRequest stamped(TrackEventRequest request) {
    TrackEventRequest.Builder stamped = request.toBuilder();
    if (stamps) {
      stamped.setSentAt(now());
    }
    return stamped.setCorrectClock(corrects || request.getCorrectClock()).build();
  }

  private TrackEventsRequest stamped(TrackEventsRequest request) {
    TrackEventsRequest.Builder stamped = request.toBuilder();
    if (stamps) {
      stamped.setSentAt(now());
    }
    return stamped.setCorrectClock(corrects || request.getCorrectClock()).build();
  }

  /** Returns a batch of a stream as it is sent now. */
  StreamBatch stamped(StreamBatch batch) {
    StreamBatch.Builder stamped = batch.toBuilder();
    if (stamps) {
      stamped.setSentAt(now());
    }
    return stamped.setCorrectClock(corrects).build();
  }

  private static Timestamp now() {
    Instant now = Instant.now().truncatedTo(ChronoUnit.MICROS);
    return Timestamp.newBuilder().setSeconds(now.getEpochSecond()).setNanos(now.getNano()).build();
  }
}
