package io.github.tallywire.conformance;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.tallywire.TallywireException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Reads commands from stdin, a JSON object a line, and writes replies to stdout. */
public final class Testee {
  private final PrintStream out;
  private final Commands commands = new Commands();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Map<String, Future<?>> underWay = new ConcurrentHashMap<>();

  private Testee(PrintStream out) {
    this.out = out;
  }

  /**
   * Runs until the end of stdin.
   *
   * @param arguments none
   * @throws Exception if stdin cannot be read
   */
  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(System.err); // Nothing but replies goes to stdout.
    WarmUp.run();
    new Testee(out).run();
  }

  private void run() throws IOException, InterruptedException {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (!line.isBlank()) {
        begin(JsonParser.parseString(line).getAsJsonObject());
      }
    }
    commands.closeAll();
    threads.shutdownNow();
    threads.awaitTermination(5, TimeUnit.SECONDS);
    System.exit(0);
  }

  private void begin(JsonObject command) {
    String id = command.get("id").toString();
    if (command.get("do").getAsString().equals("cancel")) {
      Future<?> other = underWay.get(command.get("of").toString());
      if (other != null) {
        other.cancel(true);
      }
      reply(command.get("id"), "ok", new JsonObject());
      return;
    }
    if (Commands.isOrdered(command)) {
      execute(command); // Later commands of the same line of thought rely on it.
      return;
    }
    synchronized (underWay) {
      underWay.put(
          id,
          threads.submit(
              () -> {
                execute(command);
                synchronized (underWay) {
                  underWay.remove(id);
                }
              }));
    }
  }

  private void execute(JsonObject command) {
    JsonElement id = command.get("id");
    try {
      reply(id, "ok", commands.run(command));
    } catch (TallywireException error) {
      reply(id, "error", Errors.of(error));
    } catch (IllegalArgumentException error) {
      reply(id, "error", Errors.local(error));
    } catch (UnsupportedOperationException error) {
      JsonObject reply = new JsonObject();
      reply.add("id", id);
      reply.addProperty("unsupported", error.getMessage());
      write(reply);
    } catch (Exception error) {
      error.printStackTrace();
      JsonObject reply = new JsonObject();
      reply.add("id", id);
      reply.addProperty("fault", error.toString());
      write(reply);
    }
  }

  private void reply(JsonElement id, String member, JsonObject value) {
    JsonObject reply = new JsonObject();
    reply.add("id", id);
    reply.add(member, value);
    write(reply);
  }

  private void write(JsonObject reply) {
    synchronized (out) {
      out.println(reply);
    }
  }
}
