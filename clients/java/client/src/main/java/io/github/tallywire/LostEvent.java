package io.github.tallywire;

import io.github.tallywire.v1.Event;
import java.util.Optional;

/** An event that is not stored, or whose outcome stays unknown, and why. */
public final class LostEvent {
  /** Lost events of one kind are counted together in the log. */
  final String kind;

  private final Event event;
  private final String reason;

  LostEvent(Event event, String kind, String reason) {
    this.event = event;
    this.kind = kind;
    this.reason = reason;
  }

  /**
   * Returns the event.
   *
   * @return the event, or nothing if none could be built
   */
  public Optional<Event> event() {
    return Optional.ofNullable(event);
  }

  /**
   * Returns why the event is lost.
   *
   * @return a text for people
   */
  public String reason() {
    return reason;
  }

  @Override
  public String toString() {
    return "LostEvent{" + reason + "}";
  }
}
