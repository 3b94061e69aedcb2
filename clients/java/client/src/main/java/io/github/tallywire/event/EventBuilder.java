package io.github.tallywire.event;

import com.google.protobuf.Struct;
import com.google.protobuf.Timestamp;
import io.github.tallywire.v1.Event;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Builds an event. Setters never throw: what is wrong is told by {@link #build()}, and counted by a
 * tracker that is given the builder. A null leaves a field as it is.
 *
 * @param <B> the type of the builder itself
 */
public abstract class EventBuilder<B extends EventBuilder<B>> {
  private final Event.Builder event = Event.newBuilder();
  private final Struct.Builder properties = Struct.newBuilder();

  /** What was given, so that a context leaves it alone, also an empty text. */
  private final Set<Integer> given = new HashSet<>();

  private Instant occurredAt;
  private IllegalArgumentException refused;

  EventBuilder(String eventType) {
    event.setEventType(eventType == null ? "" : eventType);
  }

  /**
   * Builds the event. It has an id of its own, a new UUIDv7 unless one was given, so that it may be
   * sent as often as needed and counts once; and the time of now unless one was given, cut to
   * microseconds.
   *
   * @return the event
   * @throws IllegalArgumentException if a value is one that its field does not take; the text names
   *     the field, the value and what would be right
   */
  public final Event build() {
    return build(EventContext.empty());
  }

  /** Builds the event, with what it is not given itself taken from a context. */
  final Event build(EventContext context) {
    if (refused != null) {
      throw new IllegalArgumentException(refused.getMessage(), refused);
    }
    Event.Builder built = event.clone();
    context.addTo(built, given);
    if (built.getEventId().isEmpty()) {
      built.setEventId(EventIds.next());
    }
    Instant at = occurredAt == null ? Instant.now() : occurredAt;
    built.setOccurredAt(timestamp(at));
    if (properties.getFieldsCount() > 0) {
      built.setProperties(properties);
    }
    addDetail(built);
    return built.build();
  }

  /** Adds the detail, if there is one. */
  abstract void addDetail(Event.Builder event);

  /**
   * Sets the id, under which the event counts once, for ever. Without it the event gets a UUIDv7.
   *
   * @param value 1 to 128 visible ASCII characters
   * @return this
   */
  public final B eventId(String value) {
    if (value != null) {
      event.setEventId(value);
    }
    return self();
  }

  /**
   * Sets when the event happened. Without it, that is when it is built.
   *
   * @param value the instant, which is cut to microseconds
   * @return this
   */
  public final B occurredAt(Instant value) {
    if (value != null) {
      occurredAt = value;
    }
    return self();
  }

  /**
   * Sets who did the work: an AI agent, a bot or a human agent.
   *
   * @param value the id of the agent
   * @return this
   */
  public final B agentId(String value) {
    if (value != null) {
      event.setAgentId(value);
      given.add(Event.AGENT_ID_FIELD_NUMBER);
    }
    return self();
  }

  /**
   * Sets who was served.
   *
   * @param value the id of the user
   * @return this
   */
  public final B userId(String value) {
    if (value != null) {
      event.setUserId(value);
      given.add(Event.USER_ID_FIELD_NUMBER);
    }
    return self();
  }

  /**
   * Sets the conversation that the event belongs to.
   *
   * @param value the id of the conversation
   * @return this
   */
  public final B conversationId(String value) {
    if (value != null) {
      event.setConversationId(value);
      given.add(Event.CONVERSATION_ID_FIELD_NUMBER);
    }
    return self();
  }

  /**
   * Sets where the event happened.
   *
   * @param value the channel, such as web
   * @return this
   */
  public final B channel(String value) {
    if (value != null) {
      event.setChannel(value);
      given.add(Event.CHANNEL_FIELD_NUMBER);
    }
    return self();
  }

  /**
   * Sets the team that the agent worked for.
   *
   * @param value the id of the team
   * @return this
   */
  public final B teamId(String value) {
    if (value != null) {
      event.setTeamId(value);
      given.add(Event.TEAM_ID_FIELD_NUMBER);
    }
    return self();
  }

  /**
   * Sets the campaign that the event belongs to.
   *
   * @param value the id of the campaign
   * @return this
   */
  public final B campaignId(String value) {
    if (value != null) {
      event.setCampaignId(value);
      given.add(Event.CAMPAIGN_ID_FIELD_NUMBER);
    }
    return self();
  }

  /**
   * Sets the kind of thing that the event is about.
   *
   * @param value the kind, such as document
   * @return this
   */
  public final B resourceType(String value) {
    if (value != null) {
      event.setResourceType(value);
    }
    return self();
  }

  /**
   * Sets which thing of its kind the event is about.
   *
   * @param value the id of the thing
   * @return this
   */
  public final B resourceId(String value) {
    if (value != null) {
      event.setResourceId(value);
    }
    return self();
  }

  /**
   * Sets a property.
   *
   * @param name its name
   * @param value a text, a finite number, a boolean, null, or a list or map of such values; whole
   *     numbers beyond 2^53 − 1 are refused, because JSON would change them: send them as text
   * @return this
   */
  public final B property(String name, Object value) {
    try {
      Properties.put(properties, name, value, "properties");
    } catch (IllegalArgumentException error) {
      refuse(error);
    }
    return self();
  }

  /**
   * Sets properties, in addition to those that were set before.
   *
   * @param values the values by their names, as {@link #property} takes them
   * @return this
   */
  public final B properties(Map<String, ?> values) {
    if (values != null) {
      values.forEach(this::property);
    }
    return self();
  }

  /** Keeps what is wrong with a value until the event is built. */
  final void refuse(IllegalArgumentException error) {
    if (refused == null) {
      refused = error;
    }
  }

  private static Timestamp timestamp(Instant instant) {
    Instant cut = instant.truncatedTo(ChronoUnit.MICROS);
    return Timestamp.newBuilder().setSeconds(cut.getEpochSecond()).setNanos(cut.getNano()).build();
  }

  @SuppressWarnings("unchecked") // B is the type of this object, as its declaration says.
  private B self() {
    return (B) this;
  }
}
