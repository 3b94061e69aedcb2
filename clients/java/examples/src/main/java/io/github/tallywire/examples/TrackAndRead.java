package io.github.tallywire.examples;

import io.github.tallywire.OutOfRangeException;
import io.github.tallywire.Period;
import io.github.tallywire.TallywireClient;
import io.github.tallywire.Tracker;
import io.github.tallywire.answer.Overview;
import io.github.tallywire.event.EventContext;
import io.github.tallywire.event.EventIds;
import io.github.tallywire.event.Events;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;

/** Tracks one conversation of an AI agent and reads the figures back. */
public final class TrackAndRead {
  private TrackAndRead() {}

  /**
   * Needs a server, and a key with the scopes ingest and read in TALLYWIRE_API_KEY.
   *
   * @param arguments the address of the server, 127.0.0.1:50051 without
   */
  public static void main(String[] arguments) {
    String address = arguments.length > 0 ? arguments[0] : "127.0.0.1:50051";
    String key = System.getenv("TALLYWIRE_API_KEY");
    EventContext here =
        EventContext.conversation(EventIds.next())
            .agentId("example-bot")
            .userId("example-user")
            .channel("web");

    // In the path of a request: never waits, never throws, sends in the background.
    Tracker tracker = Tracker.builder().address(address).apiKey(key).build();
    Tracker.Bound conversation = tracker.within(here);
    conversation.track(Events.conversationStarted());
    conversation.track(Events.messageReceived());
    conversation.track(
        Events.messageSent()
            .responseTime(Duration.ofMillis(420))
            .promptTokens(250)
            .completionTokens(80));
    tracker.close();
    System.out.println("sent in the background: " + tracker.stats());

    try (TallywireClient client = TallywireClient.builder().address(address).apiKey(key).build()) {
      // Where the outcome matters: returns when the event is durable and counted.
      String id = client.track(here.stamp(Events.feedbackSubmitted().rating(5))).eventId();
      System.out.println("rating: " + id);
      try {
        client.track(here.stamp(Events.feedbackSubmitted().rating(9)));
      } catch (OutOfRangeException error) {
        System.out.println("refused: " + error.field() + " " + error.metadata());
      }

      Instant now = Instant.now();
      Period day =
          Period.between(now.minus(Duration.ofDays(1)), now.plus(Duration.ofMinutes(1)))
              .in(ZoneId.of("Europe/Paris"));
      Overview figures =
          client.getOverview(r -> r.setTimeRange(day.toProto())).overview().orElseThrow();
      System.out.println("messages: " + figures.totalMessages().getAsLong());
      // What cannot be computed is absent, not 0.
      figures
          .satisfactionScore()
          .ifPresentOrElse(
              score -> System.out.println("satisfaction: " + score),
              () -> System.out.println("satisfaction: nobody rated"));
    }
  }
}
