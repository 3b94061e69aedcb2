package io.github.tallywire.conformance;

import io.github.tallywire.TallywireClient;
import io.github.tallywire.TallywireException;
import io.github.tallywire.event.Events;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import java.io.IOException;
import java.time.Duration;

/**
 * One refused call to a server of this process. The first call of a virtual machine loads a few
 * thousand classes, which takes longer than some cases give a call.
 */
final class WarmUp {
  private WarmUp() {}

  static void run() throws IOException {
    Server server =
        Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create()).build().start();
    try (TallywireClient client =
        TallywireClient.builder()
            .address("127.0.0.1:" + server.getPort())
            .apiKey("none")
            .timeout(Duration.ofSeconds(30))
            .build()) {
      client.track(Events.custom("warm.up"));
    } catch (TallywireException refused) {
      // The server knows no method.
    } finally {
      server.shutdownNow();
    }
  }
}
