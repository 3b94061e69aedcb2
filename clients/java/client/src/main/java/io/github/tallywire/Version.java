package io.github.tallywire;

/** The version of this library, which a test compares with that of the artifact. */
final class Version {
  static final String VERSION = "0.1.0";

  private Version() {}
}
