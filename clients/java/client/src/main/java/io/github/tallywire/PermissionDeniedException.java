package io.github.tallywire;

/** The API key lacks the scope that the call needs; metadata "scope" names it. */
public final class PermissionDeniedException extends TallywireException {
  private static final long serialVersionUID = 1L;

  PermissionDeniedException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
