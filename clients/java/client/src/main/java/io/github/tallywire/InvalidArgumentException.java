package io.github.tallywire;

/** The request makes no sense: sending it again unchanged fails again. */
public final class InvalidArgumentException extends TallywireException {
  private static final long serialVersionUID = 1L;

  InvalidArgumentException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
