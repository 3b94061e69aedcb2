package io.github.tallywire;

/** What was asked for has never been seen. */
public final class NotFoundException extends TallywireException {
  private static final long serialVersionUID = 1L;

  NotFoundException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
