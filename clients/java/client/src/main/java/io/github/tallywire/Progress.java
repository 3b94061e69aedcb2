package io.github.tallywire;

import io.grpc.Status;
import java.util.Map;
import java.util.Optional;

/**
 * What a subscription has got so far, which decides what may come next.
 *
 * @param <Q> the request of a connection
 * @param <R> a message of the server
 */
interface Progress<Q, R> {
  /** Returns the request of the next connection. */
  Q request();

  /** Enters a message, and returns what there is to yield. Throws OutOfSequenceException. */
  Optional<R> take(R message);

  /** Returns the token to go on after, or an empty text. */
  String resumeToken();

  /** Returns the error of a revision that cannot follow the last one. */
  static OutOfSequenceException outOfSequence(String what, Long expected, long revision) {
    Map<String, String> facts =
        expected == null
            ? Map.of("revision", Long.toString(revision))
            : Map.of("revision", Long.toString(revision), "expected", Long.toString(expected));
    return new OutOfSequenceException(
        ErrorDetails.of(Status.Code.DATA_LOSS, "the server sent " + what).metadata(facts).build(),
        null);
  }
}
