package io.github.tallywire;

/** Something else of this id or name is stored already; the first one stands. */
public final class AlreadyExistsException extends TallywireException {
  private static final long serialVersionUID = 1L;

  AlreadyExistsException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
