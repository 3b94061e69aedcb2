package io.github.tallywire.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.tallywire.ConnectionBuilder;
import io.github.tallywire.ServerStream;
import io.github.tallywire.Subscription;
import io.github.tallywire.SubscriptionOptions;
import io.github.tallywire.TallywireClient;
import io.github.tallywire.Tracker;
import io.github.tallywire.TrackerStats;
import io.github.tallywire.answer.Answer;
import io.github.tallywire.answer.EventResult;
import io.github.tallywire.v1.Event;
import io.github.tallywire.v1.WatchMetricsRequest;
import io.github.tallywire.v1.WatchUpdatesRequest;
import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** What the commands of the driver do with the client. */
final class Commands {
  /** These make, or end, what later commands name: they are done before the next line is read. */
  private static final Set<String> ORDERED =
      Set.of("info", "open", "describe", "tracker_open", "tracker_track", "tracker_stats");

  private static final Duration FOREVER = Duration.ofDays(1);

  private final Map<String, TallywireClient> clients = new ConcurrentHashMap<>();
  private final Map<String, Tracker> trackers = new ConcurrentHashMap<>();
  private final Map<String, Subscription<? extends Answer<?>>> streams = new ConcurrentHashMap<>();

  private final Map<String, EventStreams> eventStreams = new ConcurrentHashMap<>();

  static boolean isOrdered(JsonObject command) {
    String what = command.get("do").getAsString();
    return ORDERED.contains(what) || what.equals("stream_open");
  }

  JsonObject run(JsonObject command) throws Exception {
    switch (command.get("do").getAsString()) {
      case "info":
        return info();
      case "open":
        TallywireClient opened = connection(TallywireClient.builder(), command).build();
        clients.put(Json.text(command, "client"), opened);
        return new JsonObject();
      case "close":
        client(command).close();
        return new JsonObject();
      case "describe":
        JsonObject described = new JsonObject();
        described.addProperty("text", client(command).toString() + client(command).async());
        return described;
      case "call":
        return call(command);
      case "pages":
        return Json.of("rows", Json.printAll(Calls.pages(client(command), command)));
      case "build":
        return Json.of("event", Json.print(Builders.build(command)));
      case "track":
        return track(command);
      case "load":
        return Load.run(client(command), command);
      default:
        return runTrackerOrStream(command);
    }
  }

  private JsonObject runTrackerOrStream(JsonObject command) throws Exception {
    switch (command.get("do").getAsString()) {
      case "tracker_open":
        trackers.put(Json.text(command, "tracker"), tracker(command));
        return new JsonObject();
      case "tracker_track":
        JsonArray taken = new JsonArray();
        Json.events(command).forEach(event -> taken.add(ofCommand(command).track(event)));
        return Json.of("taken", taken);
      case "tracker_flush":
        return Json.of(
            "settled", ofCommand(command).flush(Json.duration(command, "timeout_ms", FOREVER)));
      case "tracker_close":
        Duration timeout = Json.duration(command, "timeout_ms", Duration.ofSeconds(5));
        return Json.of("settled", ofCommand(command).close(timeout));
      case "tracker_stats":
        return stats(ofCommand(command).stats());
      case "stream_open":
        if (Json.text(command, "kind").equals("events")) {
          eventStreams.put(
              Json.text(command, "stream"), new EventStreams(client(command), command));
        } else {
          streams.put(Json.text(command, "stream"), stream(command));
        }
        return new JsonObject();
      case "stream_send":
        eventStreams.get(Json.text(command, "stream")).send(Json.events(command));
        return new JsonObject();
      case "stream_end":
        eventStreams.get(Json.text(command, "stream")).end();
        return new JsonObject();
      case "stream_next":
        return next(command);
      case "stream_close":
        String name = Json.text(command, "stream");
        if (eventStreams.containsKey(name)) {
          eventStreams.get(name).close();
        } else {
          streams.get(name).close();
        }
        return new JsonObject();
      default:
        throw new UnsupportedOperationException("no command " + command.get("do"));
    }
  }

  void closeAll() {
    streams.values().forEach(Subscription::close);
    eventStreams.values().forEach(EventStreams::close);
    trackers.values().forEach(tracker -> tracker.close(Duration.ofMillis(1)));
    clients.values().forEach(TallywireClient::close);
  }

  private static JsonObject info() throws Exception {
    java.util.Properties built = new java.util.Properties();
    try (InputStream file = Commands.class.getResourceAsStream("version.properties")) {
      built.load(file);
    }
    JsonObject reply = new JsonObject();
    reply.addProperty("language", "java");
    reply.addProperty("version", built.getProperty("version"));
    reply.addProperty("user_agent", "tallywire-java/" + built.getProperty("version"));
    return reply;
  }

  private static <B extends ConnectionBuilder<B>> B connection(B builder, JsonObject command) {
    List<String> addresses = new ArrayList<>();
    for (JsonElement address : command.getAsJsonArray("addresses")) {
      addresses.add(address.getAsString());
    }
    builder.addresses(addresses).apiKey(Json.text(command, "key"));
    if (Json.isTrue(command, "insecure")) {
      builder.insecure();
    }
    if (Json.has(command, "root_certificates")) {
      builder.rootCertificates(Json.text(command, "root_certificates"));
    }
    if (Json.has(command, "certificate_chain") || Json.has(command, "private_key")) {
      builder.certificate(
          Json.text(command, "certificate_chain"), Json.text(command, "private_key"));
    }
    if (Json.has(command, "connections")) {
      builder.connections(command.get("connections").getAsInt());
    }
    return builder;
  }

  private TallywireClient client(JsonObject command) {
    TallywireClient client = clients.get(Json.text(command, "client"));
    return Json.has(command, "timeout_ms")
        ? client.withTimeout(Json.duration(command, "timeout_ms", FOREVER))
        : client;
  }

  private JsonObject call(JsonObject command) throws Exception {
    Object answer = Calls.call(client(command), command);
    if (answer instanceof ServerStream<?> stream) {
      try (stream) {
        JsonArray responses = new JsonArray();
        while (stream.hasNext()) {
          responses.add(Json.print((Answer<?>) stream.next()));
        }
        return Json.of("responses", responses);
      }
    }
    return Json.of("response", Json.print((Answer<?>) answer));
  }

  private JsonObject track(JsonObject command) throws Exception {
    List<Event> events = Json.events(command);
    List<EventResult> results =
        Json.isTrue(command, "single")
            ? List.of(client(command).track(events.get(0)))
            : client(command).trackBatch(events);
    return Json.of("results", Json.printAll(results));
  }

  private static Tracker tracker(JsonObject command) {
    Tracker.Builder builder = connection(Tracker.builder(), command);
    if (Json.has(command, "max_events")) {
      builder.maxEvents(command.get("max_events").getAsInt());
    }
    if (Json.has(command, "max_bytes")) {
      builder.maxBytes(command.get("max_bytes").getAsLong());
    }
    if (Json.has(command, "batch_size")) {
      builder.batchSize(command.get("batch_size").getAsInt());
    }
    return builder
        .flushInterval(Json.duration(command, "flush_interval_ms", Duration.ofSeconds(1)))
        .retryFor(Json.duration(command, "retry_for_ms", Duration.ofSeconds(300)))
        .build();
  }

  private Tracker ofCommand(JsonObject command) {
    return trackers.get(Json.text(command, "tracker"));
  }

  private static JsonObject stats(TrackerStats stats) {
    JsonObject reply = new JsonObject();
    reply.addProperty("sent", stats.sent());
    reply.addProperty("duplicates", stats.duplicates());
    reply.addProperty("rejected", stats.rejected());
    reply.addProperty("invalid", stats.invalid());
    reply.addProperty("dropped", stats.dropped());
    reply.addProperty("failed", stats.failed());
    reply.addProperty("pending", stats.pending());
    return reply;
  }

  private Subscription<? extends Answer<?>> stream(JsonObject command) {
    SubscriptionOptions options = SubscriptionOptions.defaults();
    if (Json.has(command, "silence_ms")) {
      options = options.silence(Json.duration(command, "silence_ms", FOREVER));
    }
    if (Json.isTrue(command, "heartbeats") || Json.isTrue(command, "bookmarks")) {
      options = options.withHeartbeats();
    }
    JsonElement request = command.get("request");
    if (Json.text(command, "kind").equals("watch")) {
      return client(command)
          .watch(Json.fill(WatchMetricsRequest.newBuilder(), request).build(), options);
    }
    return client(command)
        .updates(Json.fill(WatchUpdatesRequest.newBuilder(), request).build(), options);
  }

  private JsonObject next(JsonObject command) throws Exception {
    EventStreams events = eventStreams.get(Json.text(command, "stream"));
    if (events != null) {
      return events.next(Json.duration(command, "timeout_ms", FOREVER));
    }
    Subscription<? extends Answer<?>> stream = streams.get(Json.text(command, "stream"));
    Optional<? extends Answer<?>> update =
        stream.poll(Json.duration(command, "timeout_ms", FOREVER));
    if (update.isPresent()) {
      return Json.of("update", Json.print(update.get()));
    }
    return Json.of(stream.isClosed() ? "end" : "timeout", true);
  }
}
