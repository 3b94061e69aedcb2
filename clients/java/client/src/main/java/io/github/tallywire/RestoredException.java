package io.github.tallywire;

/**
 * The service was restored to an earlier point: revisions from before do not go on. Read the
 * figures anew, and subscribe without a token.
 */
public final class RestoredException extends OutOfRangeException {
  private static final long serialVersionUID = 1L;

  RestoredException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
