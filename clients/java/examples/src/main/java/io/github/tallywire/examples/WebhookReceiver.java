package io.github.tallywire.examples;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.github.tallywire.webhook.InvalidWebhookException;
import io.github.tallywire.webhook.WebhookEvent;
import io.github.tallywire.webhook.WebhookVerifier;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/** Prints what the webhooks of tallywire say. It listens on a free port of the loopback address. */
public final class WebhookReceiver {
  private static final int MOST_BYTES = 1 << 20;

  private WebhookReceiver() {}

  /**
   * Needs the secret that the service has shown in WEBHOOK_SECRETS; while it is rotated, both with
   * a blank between.
   *
   * @param arguments none
   * @throws IOException if no port is free
   */
  public static void main(String[] arguments) throws IOException {
    WebhookVerifier verifier = WebhookVerifier.of(System.getenv("WEBHOOK_SECRETS").split(" "));
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/hooks", exchange -> receive(verifier, exchange));
    server.start();
    System.out.println("listening on 127.0.0.1:" + server.getAddress().getPort());
  }

  private static void receive(WebhookVerifier verifier, HttpExchange exchange) throws IOException {
    try (exchange) {
      byte[] body = exchange.getRequestBody().readNBytes(MOST_BYTES);
      try {
        WebhookEvent event = verifier.verify(exchange.getRequestHeaders()::getFirst, body);
        // A real one drops ids that it has had.
        System.out.println(event.messageId() + " " + event.type() + " " + event.data());
        exchange.sendResponseHeaders(204, -1);
      } catch (InvalidWebhookException error) {
        byte[] why = error.getMessage().getBytes(UTF_8);
        exchange.sendResponseHeaders(400, why.length);
        exchange.getResponseBody().write(why);
      }
    }
  }
}
