package io.github.tallywire;

/** The call was cancelled, as by closing the client; the outcome of events is unknown. */
public final class CancelledException extends TallywireException {
  private static final long serialVersionUID = 1L;

  CancelledException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
