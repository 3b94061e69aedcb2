package io.github.tallywire;

import io.github.tallywire.event.EventIds;
import io.github.tallywire.v1.ErrorReason;
import io.github.tallywire.v1.Event;
import io.github.tallywire.v1.EventResult;
import io.github.tallywire.v1.EventStatus;
import io.github.tallywire.v1.Rejection;
import java.util.ArrayList;
import java.util.List;

/** Events as requests carry them, and the limits of a request. */
final class Batches {
  static final int MAX_EVENTS = 1_000;

  /** 3.5 MiB: the server takes 4 MiB, headers and framing included. */
  static final int MAX_BYTES = 3_670_016;

  private static final int INVALID_ARGUMENT = 3;

  private Batches() {}

  /** Returns the bytes that an event takes up in a batch: its own, a tag and a length. */
  static int size(Event event) {
    return event.getSerializedSize() + 6;
  }

  /** Returns the event itself if it has an id, else a copy with a new one. */
  static Event withId(Event event) {
    return event.getEventId().isEmpty()
        ? event.toBuilder().setEventId(EventIds.next()).build()
        : event;
  }

  /** Splits events into parts that each fit in a request, in order. */
  static List<Part> parts(Iterable<Event> events) {
    List<Part> parts = new ArrayList<>();
    List<Event> gathered = new ArrayList<>();
    int total = 0;
    for (Event given : events) {
      Event event = withId(given);
      int size = size(event);
      if (!gathered.isEmpty() && (gathered.size() == MAX_EVENTS || total + size > MAX_BYTES)) {
        parts.add(new Part(gathered, null));
        gathered = new ArrayList<>();
        total = 0;
      }
      if (size > MAX_BYTES) {
        parts.add(new Part(List.of(event), tooLarge(event)));
        continue;
      }
      gathered.add(event);
      total += size;
    }
    if (!gathered.isEmpty()) {
      parts.add(new Part(gathered, null));
    }
    return parts;
  }

  /** Returns the result that the server would give, had the event fitted in a request. */
  private static EventResult tooLarge(Event event) {
    Rejection rejection =
        Rejection.newBuilder()
            .setReason(ErrorReason.ERROR_REASON_EVENT_TOO_LARGE)
            .setMessage("The event does not fit in a request.")
            .setCode(INVALID_ARGUMENT)
            .build();
    return EventResult.newBuilder()
        .setEventId(event.getEventId())
        .setStatus(EventStatus.EVENT_STATUS_REJECTED)
        .setRejection(rejection)
        .build();
  }

  /** Consecutive events that go together, or one that no request can carry, with its result. */
  static final class Part {
    final List<Event> events;
    final EventResult refused;

    Part(List<Event> events, EventResult refused) {
      this.events = events;
      this.refused = refused;
    }
  }
}
