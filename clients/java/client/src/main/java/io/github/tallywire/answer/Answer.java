package io.github.tallywire.answer;

import com.google.protobuf.Message;

/**
 * What the service answered. Its methods keep the difference between an absent value and 0: what
 * may be absent is an {@code Optional}.
 *
 * @param <M> the message of the contract that the answer wraps
 */
public abstract class Answer<M extends Message> {
  final M message;

  Answer(M message) {
    this.message = message;
  }

  /**
   * Returns the message as it came. Its getters give 0 for an absent figure: ask its {@code has}
   * methods first.
   *
   * @return the message of the contract
   */
  public final M toProto() {
    return message;
  }

  @Override
  public final boolean equals(Object other) {
    return other != null
        && getClass() == other.getClass()
        && message.equals(((Answer<?>) other).message);
  }

  @Override
  public final int hashCode() {
    return message.hashCode();
  }

  @Override
  public final String toString() {
    return message.toString();
  }
}
