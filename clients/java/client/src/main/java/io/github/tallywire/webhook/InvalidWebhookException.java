package io.github.tallywire.webhook;

/** A message of a webhook cannot be believed. Answer 400. */
public final class InvalidWebhookException extends Exception {
  private static final long serialVersionUID = 1L;

  /** What is wrong with a message. */
  public enum Reason {
    /** One of webhook-id, webhook-timestamp and webhook-signature is missing or empty. */
    MISSING_HEADER,
    /** webhook-timestamp is no number of seconds. */
    BAD_TIMESTAMP,
    /** The message was sent longer ago than the tolerance: somebody may be sending it again. */
    TOO_OLD,
    /** The message is dated further ahead than the tolerance: one of the two clocks is wrong. */
    TOO_NEW,
    /**
     * No signature is by one of the secrets: the body was changed, or the secret is another one.
     */
    NO_MATCH,
    /** The signature is right and the body is no message of tallywire. */
    BAD_BODY
  }

  /** What is wrong. */
  private final Reason reason;

  InvalidWebhookException(Reason reason, String text) {
    super(text);
    this.reason = reason;
  }

  /**
   * Returns what is wrong with the message.
   *
   * @return the reason, for programs
   */
  public Reason reason() {
    return reason;
  }
}
