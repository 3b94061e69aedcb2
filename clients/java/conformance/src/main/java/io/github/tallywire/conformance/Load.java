package io.github.tallywire.conformance;

import com.google.gson.JsonObject;
import io.github.tallywire.TallywireClient;
import io.github.tallywire.event.Events;
import io.github.tallywire.v1.Event;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** Sends events as fast as it goes, for a while. */
final class Load {
  private Load() {}

  static JsonObject run(TallywireClient client, JsonObject command) throws InterruptedException {
    int batch = command.get("batch").getAsInt();
    int most = command.get("under_way").getAsInt();
    double seconds = command.get("seconds").getAsDouble();
    Semaphore places = new Semaphore(most);
    AtomicLong calls = new AtomicLong();
    AtomicLong failed = new AtomicLong();
    long end = System.nanoTime() + (long) (seconds * 1e9);
    while (System.nanoTime() < end) {
      if (places.tryAcquire(100, TimeUnit.MILLISECONDS)) {
        call(client, batch)
            .whenComplete(
                (answer, error) -> {
                  (error == null ? calls : failed).incrementAndGet();
                  places.release();
                });
      }
    }
    places.acquire(most);
    JsonObject reply = new JsonObject();
    reply.addProperty("calls", calls.get());
    reply.addProperty("events", calls.get() * batch);
    reply.addProperty("failed", failed.get());
    return reply;
  }

  private static CompletableFuture<?> call(TallywireClient client, int batch) {
    if (batch == 1) {
      return client.async().track(Events.custom("load.sent"));
    }
    List<Event> events = new ArrayList<>(batch);
    for (int i = 0; i < batch; i++) {
      events.add(Events.custom("load.sent").build());
    }
    return client.async().trackBatch(events);
  }
}
