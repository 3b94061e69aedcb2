package io.github.tallywire.webhook;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.tallywire.webhook.InvalidWebhookException.Reason;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Makes sure that what a webhook gets is from tallywire, is new, and was not changed on its way.
 * Signatures are those of <a href="https://www.standardwebhooks.com">Standard Webhooks</a>. It can
 * be used by several threads.
 */
public final class WebhookVerifier {
  /** How old a message may be, or how far ahead of this machine's clock. */
  public static final Duration DEFAULT_TOLERANCE = Duration.ofMinutes(5);

  private static final String ALGORITHM = "HmacSHA256";
  private static final String PREFIX = "whsec_";
  private static final String VERSION = "v1,";
  private static final Pattern SECONDS = Pattern.compile("[0-9]{1,14}");
  private static final Pattern BLANKS = Pattern.compile("\\s+");

  private final List<SecretKeySpec> keys;
  private final Duration tolerance;
  private final Clock clock;

  private WebhookVerifier(List<SecretKeySpec> keys, Duration tolerance, Clock clock) {
    this.keys = keys;
    this.tolerance = tolerance;
    this.clock = clock;
  }

  /**
   * Returns a verifier.
   *
   * @param secrets what {@code CreateDestination} or {@code RotateSecret} has shown: one, or
   *     several of which any may have signed
   * @return the verifier
   * @throws IllegalArgumentException for no secret, and for one that is none: it begins with whsec_
   *     and goes on in base64
   */
  public static WebhookVerifier of(String... secrets) {
    return of(List.of(secrets));
  }

  /**
   * Returns a verifier.
   *
   * @param secrets as for {@link #of(String...)}
   * @return the verifier
   * @throws IllegalArgumentException as {@link #of(String...)} does
   */
  public static WebhookVerifier of(Collection<String> secrets) {
    List<SecretKeySpec> keys = new ArrayList<>();
    for (String secret : secrets) {
      keys.add(key(secret.strip()));
    }
    if (keys.isEmpty()) {
      throw new IllegalArgumentException("no secret is given, so nothing can be believed");
    }
    return new WebhookVerifier(List.copyOf(keys), DEFAULT_TOLERANCE, Clock.systemUTC());
  }

  /**
   * Returns a verifier with the same secrets and another tolerance.
   *
   * @param value how old a message may be, or how far ahead of this machine's clock
   * @return another verifier
   */
  public WebhookVerifier withTolerance(Duration value) {
    return new WebhookVerifier(keys, Objects.requireNonNull(value), clock);
  }

  /**
   * Returns a verifier with the same secrets and another clock, for tests.
   *
   * @param value what says the time
   * @return another verifier
   */
  public WebhookVerifier withClock(Clock value) {
    return new WebhookVerifier(keys, tolerance, Objects.requireNonNull(value));
  }

  /**
   * Returns what a webhook was told.
   *
   * @param headers what gives a header by its name in lower case, or null, such as {@code
   *     request::getHeader} of a servlet and {@code exchange.getRequestHeaders()::getFirst}
   * @param body what came, byte by byte: a parsed and printed copy has another signature
   * @return the event
   * @throws InvalidWebhookException if it cannot be believed
   */
  public WebhookEvent verify(UnaryOperator<String> headers, byte[] body)
      throws InvalidWebhookException {
    String id = present(headers, "webhook-id");
    String timestamp = present(headers, "webhook-timestamp");
    String signatures = present(headers, "webhook-signature");
    checkTime(timestamp);
    byte[] head = (id + '.' + timestamp + '.').getBytes(UTF_8);
    if (!isSigned(head, body, BLANKS.split(signatures))) {
      throw new InvalidWebhookException(
          Reason.NO_MATCH,
          "no signature is by the secret: the body was changed, or the secret is another one");
    }
    return MessageBody.parse(id, body);
  }

  private static SecretKeySpec key(String secret) {
    String text = secret.startsWith(PREFIX) ? secret.substring(PREFIX.length()) : secret;
    byte[] bytes = new byte[0];
    try {
      bytes = Base64.getDecoder().decode(text);
    } catch (IllegalArgumentException notBase64) {
      // Its text may have a part of the secret.
    }
    if (bytes.length == 0) {
      throw new IllegalArgumentException(
          "the secret is none: it begins with whsec_, and goes on in base64");
    }
    return new SecretKeySpec(bytes, ALGORITHM);
  }

  private static String present(UnaryOperator<String> headers, String name)
      throws InvalidWebhookException {
    String value = headers.apply(name);
    if (value == null || value.isEmpty()) {
      throw new InvalidWebhookException(
          Reason.MISSING_HEADER, "the header " + name + " is missing");
    }
    return value;
  }

  private void checkTime(String timestamp) throws InvalidWebhookException {
    if (!SECONDS.matcher(timestamp).matches()) {
      throw new InvalidWebhookException(
          Reason.BAD_TIMESTAMP, "webhook-timestamp is no number of seconds");
    }
    Duration age =
        Duration.between(Instant.ofEpochSecond(Long.parseLong(timestamp)), clock.instant());
    if (age.compareTo(tolerance) > 0) {
      throw new InvalidWebhookException(
          Reason.TOO_OLD, "the message was sent more than " + tolerance.toSeconds() + " s ago");
    }
    if (age.negated().compareTo(tolerance) > 0) {
      throw new InvalidWebhookException(
          Reason.TOO_NEW,
          "the message is dated more than "
              + tolerance.toSeconds()
              + " s ahead: one of the two clocks is wrong");
    }
  }

  /** Tells whether one of the signatures is by one of the keys; each compares in the same time. */
  private boolean isSigned(byte[] head, byte[] body, String[] signatures) {
    for (SecretKeySpec key : keys) {
      byte[] expected = Base64.getEncoder().encode(digest(key, head, body));
      for (String signature : signatures) {
        if (signature.startsWith(VERSION)) {
          byte[] value = signature.substring(VERSION.length()).getBytes(UTF_8);
          if (MessageDigest.isEqual(expected, value)) {
            return true;
          }
        }
      }
    }
    return false;
  }

  private static byte[] digest(SecretKeySpec key, byte[] head, byte[] body) {
    try {
      Mac mac = Mac.getInstance(ALGORITHM);
      mac.init(key);
      mac.update(head);
      return mac.doFinal(body);
    } catch (GeneralSecurityException impossible) { // every Java platform has this algorithm
      throw new IllegalStateException(impossible);
    }
  }
}
