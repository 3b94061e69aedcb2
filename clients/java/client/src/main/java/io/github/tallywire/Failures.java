package io.github.tallywire;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/**
 * What a failed attempt means. The service is believed first; then the clock of this client; then
 * statuses of others that are final. Everything else is a connection that has failed, whatever the
 * status.
 */
final class Failures {
  private static final String DOMAIN = "tallywire";
  private static final Metadata.Key<byte[]> DETAILS =
      Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);
  private static final Metadata.Key<String> PUSHBACK =
      Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER);
  private static final Set<Status.Code> FINAL =
      EnumSet.of(
          Status.Code.RESOURCE_EXHAUSTED,
          Status.Code.UNIMPLEMENTED,
          Status.Code.INVALID_ARGUMENT,
          Status.Code.UNAUTHENTICATED,
          Status.Code.PERMISSION_DENIED,
          Status.Code.NOT_FOUND);

  /** What the clock of this client says of an attempt that has failed. */
  enum Clock {
    RUNNING,
    ATTEMPT_IS_OVER,
    CALL_IS_OVER
  }

  private Failures() {}

  /** Returns the error of an attempt that has ended with a status other than OK. */
  static TallywireException of(Status status, Metadata trailers, Clock clock) {
    Throwable cause = status.asRuntimeException(trailers);
    Optional<ErrorDetails.Builder> told = fromService(status, trailers);
    if (told.isPresent()) {
      return TallywireException.of(told.get(), cause);
    }
    if (clock != Clock.RUNNING) {
      ErrorDetails.Builder late =
          ErrorDetails.of(Status.Code.DEADLINE_EXCEEDED, "the time for the call has run out");
      return TallywireException.of(late.ofAttempt(clock == Clock.ATTEMPT_IS_OVER), cause);
    }
    if (FINAL.contains(status.getCode())) {
      return TallywireException.of(
          ErrorDetails.of(status.getCode(), status.getDescription()), cause);
    }
    ErrorDetails.Builder lost = ErrorDetails.of(Status.Code.UNAVAILABLE, text(status));
    if (status.getCode() == Status.Code.UNAVAILABLE) {
      pushback(trailers, lost);
    }
    return TallywireException.of(lost, cause);
  }

  /** Returns the error of a stream that has ended with OK, or on which nothing arrives any more. */
  static TallywireException lost(String message) {
    return TallywireException.of(ErrorDetails.of(Status.Code.UNAVAILABLE, message), null);
  }

  private static Optional<ErrorDetails.Builder> fromService(Status status, Metadata trailers) {
    byte[] bytes = trailers == null ? null : trailers.get(DETAILS);
    if (bytes == null) {
      return Optional.empty();
    }
    try {
      com.google.rpc.Status told = com.google.rpc.Status.parseFrom(bytes);
      ErrorInfo info = first(told, ErrorInfo.class, ErrorInfo.getDefaultInstance());
      if (!info.getDomain().equals(DOMAIN)) {
        return Optional.empty();
      }
      String message = told.getMessage().isEmpty() ? status.getDescription() : told.getMessage();
      ErrorDetails.Builder details =
          ErrorDetails.of(status.getCode(), message)
              .reason(info.getReason())
              .metadata(info.getMetadataMap())
              .field(field(told, info));
      if (has(told, RetryInfo.class)) {
        RetryInfo retry = first(told, RetryInfo.class, RetryInfo.getDefaultInstance());
        Duration delay =
            Duration.ofSeconds(
                retry.getRetryDelay().getSeconds(), retry.getRetryDelay().getNanos());
        details.retryInfo(delay.isNegative() ? Duration.ZERO : delay);
      } else if (status.getCode() == Status.Code.UNAVAILABLE) {
        pushback(trailers, details);
      }
      return Optional.of(details);
    } catch (InvalidProtocolBufferException damaged) {
      return Optional.empty();
    }
  }

  private static String field(com.google.rpc.Status told, ErrorInfo info)
      throws InvalidProtocolBufferException {
    BadRequest bad = first(told, BadRequest.class, BadRequest.getDefaultInstance());
    return bad.getFieldViolationsCount() > 0
        ? bad.getFieldViolations(0).getField()
        : info.getMetadataOrDefault("field", "");
  }

  private static boolean has(com.google.rpc.Status told, Class<? extends Message> kind) {
    return told.getDetailsList().stream().anyMatch(detail -> detail.is(kind));
  }

  private static <M extends Message> M first(com.google.rpc.Status told, Class<M> kind, M absent)
      throws InvalidProtocolBufferException {
    for (Any detail : told.getDetailsList()) {
      if (detail.is(kind)) {
        return detail.unpack(kind);
      }
    }
    return absent;
  }

  /** Reads gRPC's own trailer: what is no number of milliseconds asks for no retry (gRFC A6). */
  private static void pushback(Metadata trailers, ErrorDetails.Builder details) {
    String text = trailers == null ? null : trailers.get(PUSHBACK);
    if (text == null) {
      return;
    }
    if (text.matches("[0-9]{1,15}")) {
      details.pushback(Duration.ofMillis(Long.parseLong(text)));
    } else {
      details.retryForbidden();
    }
  }

  private static String text(Status status) {
    StringBuilder text = new StringBuilder();
    text.append(
        status.getDescription() == null ? "the connection failed" : status.getDescription());
    if (status.getCode() != Status.Code.UNAVAILABLE) {
      text.append(" (").append(status.getCode()).append(')');
    }
    if (status.getCause() != null && status.getCause().getMessage() != null) {
      text.append(": ").append(status.getCause().getMessage());
    }
    return text.toString();
  }
}
