package io.github.tallywire.conformance;

import com.google.gson.JsonObject;
import io.github.tallywire.EventStream;
import io.github.tallywire.EventStreamOptions;
import io.github.tallywire.TallywireClient;
import io.github.tallywire.answer.StreamAck;
import io.github.tallywire.v1.Event;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** A stream of events, of which the driver gives the batches one by one. */
final class EventStreams {
  private static final Duration FOREVER = Duration.ofDays(1);

  private final BlockingQueue<Optional<List<Event>>> batches = new LinkedBlockingQueue<>();
  private final EventStream acks;

  EventStreams(TallywireClient client, JsonObject command) {
    EventStreamOptions options = EventStreamOptions.defaults();
    if (Json.has(command, "max_unacked")) {
      options = options.maxUnacked(command.get("max_unacked").getAsInt());
    }
    if (Json.has(command, "retry_for_ms")) {
      options = options.retryFor(Json.duration(command, "retry_for_ms", FOREVER));
    }
    acks = client.streamEvents(() -> new Given(), options);
  }

  void send(List<Event> batch) {
    batches.add(Optional.of(batch));
  }

  void end() {
    batches.add(Optional.empty());
  }

  JsonObject next(Duration timeout) throws Exception {
    Optional<StreamAck> ack = acks.poll(timeout);
    if (ack.isPresent()) {
      return Json.of("update", Json.print(ack.get()));
    }
    return Json.of(acks.isClosed() ? "end" : "timeout", true);
  }

  void close() {
    acks.close();
    end();
  }

  private final class Given implements Iterator<Iterable<Event>> {
    private Optional<List<Event>> ahead;

    @Override
    public boolean hasNext() {
      try {
        if (ahead == null) {
          ahead = batches.take();
        }
        return ahead.isPresent();
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        return false;
      }
    }

    @Override
    public Iterable<Event> next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      List<Event> batch = ahead.orElseThrow();
      ahead = null;
      return batch;
    }
  }
}
