package io.github.tallywire;

/** The server cannot be reached or cannot work now; the outcome of events is unknown. */
public final class UnavailableException extends TallywireException {
  private static final long serialVersionUID = 1L;

  UnavailableException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
