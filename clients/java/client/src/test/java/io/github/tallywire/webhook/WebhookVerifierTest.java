package io.github.tallywire.webhook;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The cases that receivers of all languages are held to. */
final class WebhookVerifierTest {
  private static final String SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

  static Stream<Arguments> cases() throws Exception {
    Path file = Path.of("..", "..", "conformance", "webhooks.json");
    JsonObject all = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    return StreamSupport.stream(all.getAsJsonArray("cases").spliterator(), false)
        .map(JsonElement::getAsJsonObject)
        .map(one -> Arguments.of(one.get("name").getAsString(), one));
  }

  private static WebhookEvent verified(JsonObject one) throws Exception {
    List<String> secrets = new ArrayList<>();
    one.getAsJsonArray("secrets").forEach(secret -> secrets.add(secret.getAsString()));
    Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    one.getAsJsonObject("headers")
        .entrySet()
        .forEach(header -> headers.put(header.getKey(), header.getValue().getAsString()));
    byte[] body =
        one.has("body_base64")
            ? Base64.getDecoder().decode(one.get("body_base64").getAsString())
            : one.get("body").getAsString().getBytes(UTF_8);
    Clock clock = Clock.fixed(Instant.ofEpochSecond(one.get("now").getAsLong()), ZoneOffset.UTC);
    return WebhookVerifier.of(secrets).withClock(clock).verify(headers::get, body);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void believesWhatEveryClientBelieves(String name, JsonObject one) throws Exception {
    if (!one.has("error")) {
      WebhookEvent event = verified(one);
      JsonObject wanted = one.getAsJsonObject("event");
      assertEquals(wanted.get("message_id").getAsString(), event.messageId());
      assertEquals(wanted.get("type").getAsString(), event.type());
      assertEquals(Instant.parse(wanted.get("timestamp").getAsString()), event.timestamp());
      Gson gson = new Gson().newBuilder().serializeNulls().create();
      assertEquals(wanted.get("data"), gson.toJsonTree(event.data()));
      assertEquals(one.get("body").getAsString(), event.json());
    } else if (one.get("error").getAsString().equals("bad_secret")) {
      assertThrows(IllegalArgumentException.class, () -> verified(one));
    } else {
      InvalidWebhookException error =
          assertThrows(InvalidWebhookException.class, () -> verified(one));
      assertEquals(one.get("error").getAsString().toUpperCase(), error.reason().name());
    }
  }

  @Test
  void toleranceIsTheCallers() {
    Map<String, String> headers =
        Map.of("webhook-id", "1", "webhook-timestamp", "1000", "webhook-signature", "v1,none");
    WebhookVerifier verifier =
        WebhookVerifier.of(SECRET)
            .withClock(Clock.fixed(Instant.ofEpochMilli(1_010_500), ZoneOffset.UTC));
    Map.of(10, "TOO_OLD", 11, "NO_MATCH")
        .forEach(
            (seconds, reason) -> {
              WebhookVerifier strict = verifier.withTolerance(Duration.ofSeconds(seconds));
              InvalidWebhookException error =
                  assertThrows(
                      InvalidWebhookException.class,
                      () -> strict.verify(headers::get, new byte[0]));
              assertEquals(reason, error.reason().name());
            });
  }

  @Test
  void noTextShowsSecrets() {
    IllegalArgumentException error =
        assertThrows(
            IllegalArgumentException.class, () -> WebhookVerifier.of(SECRET, "whsec_geheim!"));
    assertFalse(error.getMessage().contains("geheim"));
  }
}
