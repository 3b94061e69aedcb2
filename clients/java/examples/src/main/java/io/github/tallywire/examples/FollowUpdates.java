package io.github.tallywire.examples;

import io.github.tallywire.Subscription;
import io.github.tallywire.SubscriptionOptions;
import io.github.tallywire.TallywireClient;
import io.github.tallywire.answer.WatchUpdatesResponse;
import io.github.tallywire.v1.WatchUpdatesRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Prints every revision once, and goes on where it was when it is started again. */
public final class FollowUpdates {
  private FollowUpdates() {}

  /**
   * Needs a server, and a key with the scope read in TALLYWIRE_API_KEY.
   *
   * @param arguments the address of the server; the file that keeps the position; after how many
   *     revisions to end
   * @throws IOException if the file cannot be read or written
   */
  public static void main(String[] arguments) throws IOException {
    Path position = Path.of(arguments[1]);
    long left = Long.parseLong(arguments[2]);
    String token = Files.exists(position) ? Files.readString(position) : "";
    WatchUpdatesRequest request = WatchUpdatesRequest.newBuilder().setResumeAfter(token).build();
    SubscriptionOptions options =
        SubscriptionOptions.defaults()
            .withHeartbeats() // The first bookmark says that nothing is missed from then on.
            .onRetry(
                (error, wait) -> System.err.println(error.getMessage() + ", again in " + wait));
    try (TallywireClient client =
            TallywireClient.builder()
                .address(arguments[0])
                .apiKey(System.getenv("TALLYWIRE_API_KEY"))
                .build();
        Subscription<WatchUpdatesResponse> updates = client.updates(request, options)) {
      for (WatchUpdatesResponse update : updates) {
        if (update.bookmark()) {
          System.out.println("listening");
        } else {
          System.out.println(update.revision() + " " + update.changes().size() + " changes");
          left--;
        }
        Files.writeString(position, updates.resumeToken());
        if (left == 0) {
          return;
        }
      }
    }
  }
}
