package io.github.tallywire;

/** The time for the call has run out; the outcome of events is unknown. */
public final class DeadlineExceededException extends TallywireException {
  private static final long serialVersionUID = 1L;

  DeadlineExceededException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
