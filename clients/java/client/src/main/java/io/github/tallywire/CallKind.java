package io.github.tallywire;

import java.time.Duration;

/** The kinds of calls, which differ in when they are tried again. */
enum CallKind {
  /** One event: its id makes it safe to send it again. */
  EVENT(Duration.ofSeconds(10)),
  /** Several events. */
  EVENTS(Duration.ofSeconds(30)),
  /** Events that nobody waits for. */
  TRACKER(Duration.ofSeconds(30)),
  /** A call that changes nothing. */
  QUESTION(Duration.ofSeconds(30)),
  /** A call that changes something, and would do so twice. */
  CHANGE(Duration.ofSeconds(30));

  private final long attemptNanos;

  CallKind(Duration attempt) {
    this.attemptNanos = attempt.toNanos();
  }

  /** Returns how long one attempt may take at most. */
  long attemptNanos() {
    return attemptNanos;
  }

  boolean sendsEvents() {
    return this == EVENT || this == EVENTS || this == TRACKER;
  }
}
