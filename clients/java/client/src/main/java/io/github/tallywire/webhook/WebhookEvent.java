package io.github.tallywire.webhook;

import java.time.Instant;
import java.util.Map;

/** What a webhook was told. */
public final class WebhookEvent {
  private final String messageId;
  private final String type;
  private final Instant timestamp;
  private final Map<String, Object> data;
  private final String json;

  WebhookEvent(
      String messageId, String type, Instant timestamp, Map<String, Object> data, String json) {
    this.messageId = messageId;
    this.type = type;
    this.timestamp = timestamp;
    this.data = data;
    this.json = json;
  }

  /**
   * Returns the header webhook-id. Keep it for two days, and drop a message whose id you have had:
   * after the death of a worker of the service a message can come twice.
   *
   * @return the id of the message, the same in every attempt to send it
   */
  public String messageId() {
    return messageId;
  }

  /**
   * Returns the type of the message.
   *
   * @return a text such as {@code report.finished}
   */
  public String type() {
    return type;
  }

  /**
   * Returns when the message was made.
   *
   * @return the instant
   */
  public Instant timestamp() {
    return timestamp;
  }

  /**
   * Returns the content, which depends on the type.
   *
   * @return what JSON has: maps, lists, texts, booleans, {@code Long}, {@code Double} and null; it
   *     cannot be changed
   */
  public Map<String, Object> data() {
    return data;
  }

  /**
   * Returns the whole message, for a JSON library of your own.
   *
   * @return the body as it came
   */
  public String json() {
    return json;
  }

  @Override
  public String toString() {
    return "WebhookEvent{messageId=" + messageId + ", type=" + type + '}';
  }
}
