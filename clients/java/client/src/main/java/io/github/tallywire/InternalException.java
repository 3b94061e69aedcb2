package io.github.tallywire;

/** The server has a fault; metadata "request_id" finds it in the log of the server. */
public final class InternalException extends TallywireException {
  private static final long serialVersionUID = 1L;

  InternalException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
