package io.github.tallywire;

/**
 * A subscription got a revision that cannot follow the last one, which metadata "revision" has.
 * Never seen from a sound server: read the figures anew, and subscribe from there.
 */
public final class OutOfSequenceException extends TallywireException {
  private static final long serialVersionUID = 1L;

  OutOfSequenceException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
