package io.github.tallywire.event;

import io.github.tallywire.v1.Event;

/**
 * What many events have in common: the conversation, the agent, the user, the channel and the like.
 * Immutable; each method returns a copy with one more.
 *
 * <pre>{@code
 * EventContext here = EventContext.conversation("c1").agentId("support-bot").userId("u1");
 * tracker.track(here.stamp(Events.messageSent().responseTimeMs(820)));
 * }</pre>
 */
public final class EventContext {
  private static final EventContext EMPTY = new EventContext(Event.getDefaultInstance());

  private final Event event;

  private EventContext(Event event) {
    this.event = event;
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
    return with(event.toBuilder().setConversationId(value));
  }

  /**
   * Adds who does the work.
   *
   * @param value the id of the agent
   * @return a copy
   */
  public EventContext agentId(String value) {
    return with(event.toBuilder().setAgentId(value));
  }

  /**
   * Adds who is served.
   *
   * @param value the id of the user
   * @return a copy
   */
  public EventContext userId(String value) {
    return with(event.toBuilder().setUserId(value));
  }

  /**
   * Adds where events happen.
   *
   * @param value the channel
   * @return a copy
   */
  public EventContext channel(String value) {
    return with(event.toBuilder().setChannel(value));
  }

  /**
   * Adds the team of the agent.
   *
   * @param value the id of the team
   * @return a copy
   */
  public EventContext teamId(String value) {
    return with(event.toBuilder().setTeamId(value));
  }

  /**
   * Adds the campaign.
   *
   * @param value the id of the campaign
   * @return a copy
   */
  public EventContext campaignId(String value) {
    return with(event.toBuilder().setCampaignId(value));
  }

  /**
   * Builds an event and fills in what it does not say itself.
   *
   * @param builder what is special about the event
   * @return the event
   * @throws IllegalArgumentException as {@link EventBuilder#build()} does
   */
  public Event stamp(EventBuilder<?> builder) {
    return stamp(builder.build());
  }

  /**
   * Fills in what an event does not say itself.
   *
   * @param special the event
   * @return a copy with all of it
   */
  public Event stamp(Event special) {
    // Fields of the event that are set replace those of the context.
    return event.toBuilder().mergeFrom(special).build();
  }

  @Override
  public String toString() {
    return "EventContext{" + event.toString().replace('\n', ' ').trim() + "}";
  }

  private static EventContext with(Event.Builder event) {
    return new EventContext(event.build());
  }
}
