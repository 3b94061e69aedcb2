package io.github.tallywire;

/** The API key is missing, unknown, expired or revoked. */
public final class UnauthenticatedException extends TallywireException {
  private static final long serialVersionUID = 1L;

  UnauthenticatedException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
