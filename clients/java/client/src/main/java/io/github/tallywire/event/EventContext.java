package io.github.tallywire.event;

import io.github.tallywire.v1.Event;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What many events have in common: the conversation, the agent, the user, the channel and the like.
 * Immutable, so it may be handed on to other threads; each method returns a copy with one more, and
 * leaves a null out. An event that is built already goes as it is: sent again, it must say the
 * same.
 *
 * <pre>{@code
 * EventContext here = EventContext.conversation("c1").agentId("support-bot").userId("u1");
 * tracker.track(here.stamp(Events.messageSent().responseTimeMs(820)));
 * }</pre>
 */
public final class EventContext {
  private static final EventContext EMPTY = new EventContext(Map.of());

  /** Values by the numbers of the fields of Event. */
  private final Map<Integer, String> fields;

  private EventContext(Map<Integer, String> fields) {
    this.fields = fields;
  }

  /**
   * Returns a context that stamps nothing yet.
   *
   * @return the context
   */
  public static EventContext empty() {
    return EMPTY;
  }

  /**
   * Returns the context of a conversation.
   *
   * @param conversationId the id of the conversation
   * @return the context
   */
  public static EventContext conversation(String conversationId) {
    return EMPTY.conversationId(conversationId);
  }

  /**
   * Adds the conversation.
   *
   * @param value the id of the conversation
   * @return a copy
   */
  public EventContext conversationId(String value) {
    return with(Event.CONVERSATION_ID_FIELD_NUMBER, value);
  }

  /**
   * Adds who does the work.
   *
   * @param value the id of the agent
   * @return a copy
   */
  public EventContext agentId(String value) {
    return with(Event.AGENT_ID_FIELD_NUMBER, value);
  }

  /**
   * Adds who is served.
   *
   * @param value the id of the user
   * @return a copy
   */
  public EventContext userId(String value) {
    return with(Event.USER_ID_FIELD_NUMBER, value);
  }

  /**
   * Adds where events happen.
   *
   * @param value the channel
   * @return a copy
   */
  public EventContext channel(String value) {
    return with(Event.CHANNEL_FIELD_NUMBER, value);
  }

  /**
   * Adds the team of the agent.
   *
   * @param value the id of the team
   * @return a copy
   */
  public EventContext teamId(String value) {
    return with(Event.TEAM_ID_FIELD_NUMBER, value);
  }

  /**
   * Adds the campaign.
   *
   * @param value the id of the campaign
   * @return a copy
   */
  public EventContext campaignId(String value) {
    return with(Event.CAMPAIGN_ID_FIELD_NUMBER, value);
  }

  /**
   * Returns a context within this one.
   *
   * @param inner its fields win, also empty ones
   * @return a context with the fields of both
   */
  public EventContext with(EventContext inner) {
    Map<Integer, String> both = new TreeMap<>(fields);
    both.putAll(inner.fields);
    return new EventContext(both);
  }

  /**
   * Builds an event, with each field that it is not given itself taken from this context; a field
   * that is given as an empty text stays empty. The builder stays as it is.
   *
   * @param event the builder
   * @return the event
   * @throws IllegalArgumentException as {@link EventBuilder#build()} does
   */
  public Event stamp(EventBuilder<?> event) {
    return event.build(this);
  }

  /** Sets the fields that were not given. */
  void addTo(Event.Builder event, Set<Integer> given) {
    fields.forEach(
        (field, value) -> {
          if (!given.contains(field)) {
            event.setField(Event.getDescriptor().findFieldByNumber(field), value);
          }
        });
  }

  @Override
  public String toString() {
    Map<String, String> named = new TreeMap<>();
    fields.forEach(
        (field, value) ->
            named.put(Event.getDescriptor().findFieldByNumber(field).getName(), value));
    return "EventContext" + named;
  }

  private EventContext with(int field, String value) {
    if (value == null) {
      return this;
    }
    Map<Integer, String> more = new TreeMap<>(fields);
    more.put(field, value);
    return new EventContext(more);
  }
}
