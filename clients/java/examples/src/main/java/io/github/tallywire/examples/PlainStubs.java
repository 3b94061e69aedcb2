package io.github.tallywire.examples;

import com.google.gson.Gson;
import io.github.tallywire.v1.Event;
import io.github.tallywire.v1.EventServiceGrpc;
import io.github.tallywire.v1.GetQuotaRequest;
import io.github.tallywire.v1.MetricsServiceGrpc;
import io.github.tallywire.v1.TrackEventRequest;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/**
 * Calls with generated stubs alone, with timeouts and retries from the published service config.
 */
public final class PlainStubs {
  private PlainStubs() {}

  /**
   * Needs a server, and a key with the scopes ingest and read in TALLYWIRE_API_KEY.
   *
   * @param arguments the address of the server
   * @throws Exception if a call fails
   */
  public static void main(String[] arguments) throws Exception {
    ManagedChannel channel =
        Grpc.newChannelBuilder(arguments[0], InsecureChannelCredentials.create())
            .proxyDetector(server -> null) // In plaintext a proxy would see the key.
            .defaultServiceConfig(serviceConfig())
            .enableRetry()
            .keepAliveTime(10, TimeUnit.SECONDS)
            .build();
    try {
      Metadata headers = new Metadata();
      headers.put(
          Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
          "Bearer " + System.getenv("TALLYWIRE_API_KEY"));
      var key = MetadataUtils.newAttachHeadersInterceptor(headers);
      var events = EventServiceGrpc.newBlockingStub(channel).withInterceptors(key);
      var metrics = MetricsServiceGrpc.newBlockingStub(channel).withInterceptors(key);

      // To send it again after UNAVAILABLE, keep the id: it counts once, for ever.
      Event event =
          Event.newBuilder()
              .setEventId(UUID.randomUUID().toString())
              .setEventType("message.sent")
              .setAgentId("example-bot")
              .build();
      var stored = events.trackEvent(TrackEventRequest.newBuilder().setEvent(event).build());
      System.out.println("stored: " + stored.getResult().getStatus());
      var quota = metrics.getQuota(GetQuotaRequest.getDefaultInstance()).getQuota();
      // A getter gives 0 for what is absent: ask its has method first.
      System.out.println(
          "remaining: " + (quota.hasRemaining() ? quota.getRemaining() : "no limit"));
    } finally {
      channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
  }

  /**
   * Reads the service config. gRPC's own retries of events are left out: they repeat old bytes, and
   * wait inside a call for as long as a refusal says.
   */
  private static Map<String, ?> serviceConfig() throws IOException {
    try (Reader file =
        new InputStreamReader(
            EventServiceGrpc.class.getResourceAsStream("service_config.json"),
            StandardCharsets.UTF_8)) {
      Map<?, ?> config = new Gson().fromJson(file, Map.class);
      for (Object method : (List<?>) config.get("methodConfig")) {
        if (((Map<?, ?>) method).get("name").toString().contains("EventService")) {
          ((Map<?, ?>) method).remove("retryPolicy");
        }
      }
      return typed(config);
    }
  }

  @SuppressWarnings("unchecked") // The keys of JSON are texts.
  private static Map<String, ?> typed(Map<?, ?> config) {
    return (Map<String, ?>) config;
  }
}
