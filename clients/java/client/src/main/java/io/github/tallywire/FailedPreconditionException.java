package io.github.tallywire;

/** The organization is in a state that does not allow the call. */
public final class FailedPreconditionException extends TallywireException {
  private static final long serialVersionUID = 1L;

  FailedPreconditionException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
