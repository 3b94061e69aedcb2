package io.github.tallywire;

/** A limit is reached: calling again helps only if the error says when. */
public final class ResourceExhaustedException extends TallywireException {
  private static final long serialVersionUID = 1L;

  ResourceExhaustedException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
