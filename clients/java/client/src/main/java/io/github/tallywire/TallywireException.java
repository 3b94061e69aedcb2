package io.github.tallywire;

import io.github.tallywire.answer.EventResult;
import io.grpc.Status;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A call failed. The subclass says how; a status without a class of its own is this one. */
public class TallywireException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What is known of the failure. */
  private final ErrorDetails details;

  private transient List<EventResult> results = List.of();

  TallywireException(ErrorDetails details, Throwable cause) {
    super(text(details), cause);
    this.details = details;
  }

  static TallywireException of(ErrorDetails.Builder details, Throwable cause) {
    return of(details.build(), cause);
  }

  private static TallywireException of(ErrorDetails details, Throwable cause) {
    switch (details.code) {
      case INVALID_ARGUMENT:
        return new InvalidArgumentException(details, cause);
      case OUT_OF_RANGE:
        return "RESTORED".equals(details.reason)
            ? new RestoredException(details, cause)
            : new OutOfRangeException(details, cause);
      case ALREADY_EXISTS:
        return new AlreadyExistsException(details, cause);
      case NOT_FOUND:
        return new NotFoundException(details, cause);
      case UNAUTHENTICATED:
        return new UnauthenticatedException(details, cause);
      case PERMISSION_DENIED:
        return new PermissionDeniedException(details, cause);
      case FAILED_PRECONDITION:
        return new FailedPreconditionException(details, cause);
      case RESOURCE_EXHAUSTED:
        return new ResourceExhaustedException(details, cause);
      case UNAVAILABLE:
        return new UnavailableException(details, cause);
      case DEADLINE_EXCEEDED:
        return new DeadlineExceededException(details, cause);
      case CANCELLED:
        return new CancelledException(details, cause);
      case INTERNAL:
        return new InternalException(details, cause);
      default:
        return new TallywireException(details, cause);
    }
  }

  static TallywireException closed(String what) {
    return of(ErrorDetails.of(Status.Code.CANCELLED, what + " is closed"), null);
  }

  static TallywireException cancelled(Throwable cause) {
    return of(ErrorDetails.of(Status.Code.CANCELLED, "the call was cancelled"), cause);
  }

  /** Returns a copy with the stack of the caller: an error may have been made in another thread. */
  TallywireException here() {
    TallywireException copy = of(details, this);
    copy.results = results;
    return copy;
  }

  /**
   * Returns the status.
   *
   * @return the gRPC status of the error
   */
  public Status.Code code() {
    return details.code;
  }

  /**
   * Returns the cause, for programs.
   *
   * @return the name of a value of {@code ErrorReason} without its prefix, which may be one that
   *     this client does not know; empty if the server gave none
   */
  public String reason() {
    return details.reason;
  }

  /**
   * Returns the field of the request at fault.
   *
   * @return its path, or an empty text
   */
  public String field() {
    return details.field;
  }

  /**
   * Returns further facts, as documented beside each reason.
   *
   * @return texts by their names
   */
  public Map<String, String> metadata() {
    return Collections.unmodifiableMap(details.metadata);
  }

  /**
   * Returns after how long the server asks to be called again.
   *
   * @return the time, empty if the server named none
   */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(details.retryAfter);
  }

  /**
   * Tells whether the server asked not to be called again.
   *
   * @return true if it did
   */
  public boolean isRetryForbidden() {
    return details.isRetryForbidden;
  }

  /**
   * Tells whether events may or may not be stored. To send the same events again, with the same
   * ids, is always safe.
   *
   * @return false if nothing of the call is stored
   */
  public boolean isOutcomeUnknown() {
    return details.isOutcomeUnknown();
  }

  /**
   * Returns, for a batch that was sent in parts, the results of the events before the part that
   * failed.
   *
   * @return the results, in the order of the events
   */
  public List<EventResult> results() {
    return results == null ? List.of() : results;
  }

  final ErrorDetails details() {
    return details;
  }

  final void setResults(List<EventResult> value) {
    results = List.copyOf(value);
  }

  private static String text(ErrorDetails details) {
    StringBuilder text = new StringBuilder(details.code.name());
    if (!details.reason.isEmpty()) {
      text.append(" (").append(details.reason).append(')');
    }
    text.append(": ");
    if (!details.field.isEmpty() && !details.message.startsWith(details.field)) {
      text.append(details.field).append(": ");
    }
    return text.append(details.message).toString();
  }
}
