package io.github.tallywire.middleware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.tallywire.Tracker;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** The cases that middleware of all languages is held to. */
final class CallRecorderTest {
  private static final Tracker TRACKER =
      Tracker.builder().address("127.0.0.1:1").apiKey("k").build();
  private static final Map<String, List<String>> DEFAULTS =
      Map.of(
          "http", List.of("/health", "/healthz", "/livez", "/readyz", "/ping"),
          "grpc", List.of("/grpc.health.v1.Health/*", "/grpc.reflection.*", "/tallywire.v1.*"));

  @AfterAll
  static void stop() {
    TRACKER.close(Duration.ofMillis(1));
  }

  private static JsonObject cases() throws Exception {
    Path file = Path.of("..", "..", "conformance", "middleware.json");
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
  }

  private static CallRecorder<Object> recorder(List<String> excluded) {
    return new CallRecorder<>(TRACKER, request -> null, excluded, 1);
  }

  @Test
  void saysWhatIsLeftOut() throws Exception {
    for (JsonElement element : cases().getAsJsonArray("left_out")) {
      JsonObject one = element.getAsJsonObject();
      List<String> excluded = DEFAULTS.get(one.get("protocol").getAsString());
      if (!one.get("exclude").isJsonNull()) {
        excluded = new ArrayList<>();
        for (JsonElement pattern : one.getAsJsonArray("exclude")) {
          excluded.add(pattern.getAsString());
        }
      }
      boolean wants = recorder(excluded).wants(one.get("path").getAsString());
      assertEquals(!one.get("left_out").getAsBoolean(), wants, one.toString());
    }
  }

  @Test
  void saysMethods() throws Exception {
    for (Map.Entry<String, JsonElement> one : cases().getAsJsonObject("methods").entrySet()) {
      String method =
          recorder(List.of()).event("/x", one.getKey(), 200, 1).build().getApi().getMethod();
      assertEquals(one.getValue().getAsString(), method);
    }
  }

  @Test
  void cutsEndpointsBetweenCharacters() throws Exception {
    for (JsonElement element : cases().getAsJsonArray("endpoints")) {
      JsonObject one = element.getAsJsonObject();
      String whole = one.get("template").getAsString().repeat(one.get("repeated").getAsInt());
      String endpoint =
          recorder(List.of()).event(whole, "GET", 200, 1).build().getApi().getEndpoint();
      assertEquals(
          one.get("endpoint_bytes").getAsInt(), endpoint.getBytes(StandardCharsets.UTF_8).length);
      assertTrue(whole.startsWith(endpoint));
    }
  }
}
