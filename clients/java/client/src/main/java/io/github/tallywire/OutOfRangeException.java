package io.github.tallywire;

/** A number or a time lies outside its limits, which the metadata names. */
public class OutOfRangeException extends TallywireException {
  private static final long serialVersionUID = 1L;

  OutOfRangeException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
