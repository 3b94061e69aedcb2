package io.github.tallywire;

import java.util.function.Consumer;

/** Requests that a function of the caller fills in. */
final class Requests {
  private Requests() {}

  static <B> B filled(B builder, Consumer<? super B> function) {
    function.accept(builder);
    return builder;
  }
}
