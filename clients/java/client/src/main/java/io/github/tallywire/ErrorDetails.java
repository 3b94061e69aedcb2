package io.github.tallywire;

import io.grpc.Status;
import java.io.Serializable;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** What is known of a failed call. */
final class ErrorDetails implements Serializable {
  private static final long serialVersionUID = 1L;

  /** With these a server says that nothing was stored. */
  private static final Set<Status.Code> NOTHING_STORED =
      EnumSet.of(
          Status.Code.INVALID_ARGUMENT,
          Status.Code.OUT_OF_RANGE,
          Status.Code.ALREADY_EXISTS,
          Status.Code.NOT_FOUND,
          Status.Code.UNAUTHENTICATED,
          Status.Code.PERMISSION_DENIED,
          Status.Code.FAILED_PRECONDITION,
          Status.Code.RESOURCE_EXHAUSTED,
          Status.Code.UNIMPLEMENTED);

  final Status.Code code;
  final String message;
  final String reason;
  final String field;
  final TreeMap<String, String> metadata;

  /** When to try again, null if the server named no time. */
  final Duration retryAfter;

  /** Whether the time comes from a RetryInfo, and not from gRPC's own trailer. */
  final boolean hasRetryInfo;

  /** Whether the server asked for no further attempt. */
  final boolean isRetryForbidden;

  /** Whether it is the limit of an attempt that has passed, and not that of the call. */
  final boolean isOfAttempt;

  private ErrorDetails(Builder builder) {
    this.code = builder.code;
    this.message = builder.message;
    this.reason = builder.reason;
    this.field = builder.field;
    this.metadata = new TreeMap<>(builder.metadata);
    this.retryAfter = builder.retryAfter;
    this.hasRetryInfo = builder.hasRetryInfo;
    this.isRetryForbidden = builder.isRetryForbidden;
    this.isOfAttempt = builder.isOfAttempt;
  }

  /** Tells whether events may or may not be stored. */
  boolean isOutcomeUnknown() {
    return !NOTHING_STORED.contains(code);
  }

  static Builder of(Status.Code code, String message) {
    return new Builder(code, message);
  }

  static final class Builder {
    private final Status.Code code;
    private final String message;
    private String reason = "";
    private String field = "";
    private Map<String, String> metadata = Map.of();
    private Duration retryAfter;
    private boolean hasRetryInfo;
    private boolean isRetryForbidden;
    private boolean isOfAttempt;

    private Builder(Status.Code code, String message) {
      this.code = code;
      this.message = message == null || message.isEmpty() ? "no details" : message;
    }

    Builder reason(String value) {
      this.reason = value;
      return this;
    }

    Builder field(String value) {
      this.field = value;
      return this;
    }

    Builder metadata(Map<String, String> value) {
      this.metadata = value;
      return this;
    }

    Builder retryInfo(Duration value) {
      this.retryAfter = value;
      this.hasRetryInfo = true;
      return this;
    }

    Builder pushback(Duration value) {
      this.retryAfter = value;
      return this;
    }

    Builder retryForbidden() {
      this.isRetryForbidden = true;
      return this;
    }

    Builder ofAttempt(boolean value) {
      this.isOfAttempt = value;
      return this;
    }

    ErrorDetails build() {
      return new ErrorDetails(this);
    }
  }
}
