package io.github.tallywire.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tallywire.v1.AgentStatus;
import io.github.tallywire.v1.Event;
import io.github.tallywire.v1.MessageDetail;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

final class EventBuilderTest {
  private static void refused(String path, Object value) {
    EventBuilder<?> builder = Events.custom("a.b").property("p", value);
    IllegalArgumentException error = assertThrows(IllegalArgumentException.class, builder::build);
    assertTrue(error.getMessage().startsWith(path + " "), error.getMessage());
  }

  @Test
  void anEventHasAnIdAndATime() {
    Event event = Events.messageSent().build();
    UUID id = UUID.fromString(event.getEventId());
    assertEquals(7, id.version());
    assertEquals(2, id.variant());
    assertEquals(id.toString(), event.getEventId());
    long millis = id.getMostSignificantBits() >>> 16;
    assertTrue(Math.abs(millis - event.getOccurredAt().getSeconds() * 1_000) < 60_000);
    assertEquals(0, event.getOccurredAt().getNanos() % 1_000);
    assertNotEquals(event.getEventId(), Events.messageSent().build().getEventId());
  }

  @Test
  void timesAreCutToMicroseconds() {
    Instant given = Instant.parse("2026-01-31T12:00:00.123456789Z");
    Event event = Events.messageSent().occurredAt(given).build();
    assertEquals(123_456_000, event.getOccurredAt().getNanos());
    assertEquals(given.getEpochSecond(), event.getOccurredAt().getSeconds());
  }

  @Test
  void theDetailIsThatOfTheType() {
    Event event =
        Events.messageSent()
            .responseTime(Duration.ofNanos(12_500_000))
            .cost(new BigDecimal("0.0000035"))
            .model("small-2")
            .failed(false)
            .build();
    assertEquals(
        MessageDetail.newBuilder()
            .setResponseTimeMs(12) // Halves to the even one.
            .setCostMicros(4)
            .setModel("small-2")
            .setFailed(false)
            .build(),
        event.getMessage());
    assertEquals(
        AgentStatus.AGENT_STATUS_BUSY,
        Events.agentStatusChanged()
            .status(AgentStatus.AGENT_STATUS_BUSY)
            .build()
            .getAgent()
            .getStatus());
  }

  @Test
  void withoutFieldsThereIsNoDetailAndNullsAreLeftOut() {
    Event event =
        Events.messageSent().model(null).agentId(null).responseTime(null).properties(null).build();
    assertFalse(event.hasMessage());
    assertFalse(event.hasProperties());
    assertEquals("", event.getAgentId());
  }

  @Test
  void customTypesCarryAnyDetail() {
    MessageDetail detail = MessageDetail.newBuilder().setPromptTokens(5).build();
    Event event = Events.custom("order.placed").detail(detail).build();
    assertEquals("order.placed", event.getEventType());
    assertEquals(detail, event.getMessage());
  }

  @Test
  void buildersByName() {
    assertTrue(Events.of("call.ended") instanceof CallEvent);
    assertTrue(Events.of("order.placed") instanceof CustomEvent);
    assertEquals("call.ended", Events.of("call.ended").build().getEventType());
  }

  @Test
  void aBuilderMayBeUsedAgain() {
    MessageEvent builder = Events.messageSent().agentId("a");
    Event first = builder.build();
    Event second = builder.agentId("b").build();
    assertEquals("a", first.getAgentId());
    assertEquals("b", second.getAgentId());
    assertNotEquals(first.getEventId(), second.getEventId());
  }

  @Test
  void propertiesOfAllKinds() {
    Event event =
        Events.custom("a.b")
            .property("text", "x")
            .property("number", 1.5)
            .property("whole", 9_007_199_254_740_991L)
            .property("truth", true)
            .property("nothing", null)
            .properties(Map.of("list", Arrays.asList(1, null, Map.of("a", "b"))))
            .build();
    assertEquals(6, event.getProperties().getFieldsCount());
    assertEquals(
        9_007_199_254_740_991.0, event.getProperties().getFieldsOrThrow("whole").getNumberValue());
  }

  @Test
  void whatJsonWouldChangeIsRefusedWithItsPath() {
    refused("properties.p", Double.NaN);
    refused("properties.p", Float.POSITIVE_INFINITY);
    refused("properties.p", 9_007_199_254_740_992L);
    refused("properties.p", BigInteger.TWO.pow(53));
    refused("properties.p", new BigDecimal("9007199254740993"));
    refused("properties.p", new Object());
    refused("properties.p[1]", List.of(1, Long.MAX_VALUE));
    refused("properties.p.q", Map.of("q", Long.MIN_VALUE));
    refused("properties.p", Map.of(" ", 1));
  }

  @Test
  void amountsThatDoNotFitAreRefused() {
    EventBuilder<?> builder = Events.messageSent().cost(new BigDecimal("1e30"));
    assertThrows(IllegalArgumentException.class, builder::build);
  }
}
