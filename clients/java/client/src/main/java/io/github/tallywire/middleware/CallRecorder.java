package io.github.tallywire.middleware;

import io.github.tallywire.Tracker;
import io.github.tallywire.event.ApiEvent;
import io.github.tallywire.event.EventContext;
import io.github.tallywire.event.Events;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Turns calls of an interface into events, and hands them to a tracker. It never waits and never
 * throws: a function of the application that fails is logged once, and what it would have said is
 * left out.
 *
 * @param <R> the request, as functions of the application get it
 */
public final class CallRecorder<R> {
  /** The endpoint of a call that no route has matched. */
  public static final String NO_ROUTE = "(none)";

  private static final System.Logger LOG = System.getLogger("io.github.tallywire");
  private static final int MOST_BYTES = 256;

  /** Other methods are one: anybody may send any word. */
  private static final Set<String> METHODS =
      Set.of(
          "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY",
          "GRPC");

  private final Tracker tracker;
  private final Function<? super R, EventContext> identify;
  private final List<Pattern> excluded;
  private final double sampleRate;
  private volatile boolean hasLogged;

  /**
   * Makes a recorder.
   *
   * @param tracker takes the events
   * @param identify says who served whom; it may return null
   * @param excluded patterns of paths that are not recorded: {@code *} stands for any text, and a
   *     slash at the end does not count
   * @param sampleRate the probability with which a call is recorded, from 0 to 1. Below 1 events
   *     carry it as the property {@code sample_rate}: counts and bytes are then the figure ÷ rate,
   *     while rates and percentiles are estimates as they stand
   */
  public CallRecorder(
      Tracker tracker,
      Function<? super R, EventContext> identify,
      List<String> excluded,
      double sampleRate) {
    if (!(sampleRate >= 0 && sampleRate <= 1)) {
      throw new IllegalArgumentException("a sample rate is from 0 to 1, not " + sampleRate);
    }
    this.tracker = tracker;
    this.identify = identify;
    this.excluded = excluded.stream().map(CallRecorder::pattern).collect(Collectors.toList());
    this.sampleRate = sampleRate;
  }

  /**
   * Tells whether a call is to be recorded.
   *
   * @param path the path that was asked for
   * @return false for a path that is excluded, and for a call that is not in the sample
   */
  public boolean wants(String path) {
    String plain = withoutSlash(path);
    return excluded.stream().noneMatch(pattern -> pattern.matcher(plain).matches())
        && (sampleRate >= 1 || ThreadLocalRandom.current().nextDouble() < sampleRate);
  }

  /**
   * Asks the application who served whom.
   *
   * @param request the request
   * @return what it said, an empty context if it said nothing or failed
   */
  public EventContext identified(R request) {
    EventContext context = asked(identify, request);
    return context == null ? EventContext.empty() : context;
  }

  /**
   * Asks a function of the application.
   *
   * @param function the function
   * @param request the request
   * @param <T> what it says
   * @return what it said, null if it failed
   */
  public <T> T asked(Function<? super R, T> function, R request) {
    try {
      return function.apply(request);
    } catch (RuntimeException error) {
      failed(error);
      return null;
    }
  }

  /**
   * Begins the event of a call that has ended.
   *
   * @param endpoint the template of the route, or null if none has matched
   * @param method the verb
   * @param status the status, 0 to 999
   * @param latencyNanos how long the call took
   * @return a builder, to which sizes may be added
   */
  public ApiEvent event(String endpoint, String method, int status, long latencyNanos) {
    String route = endpoint == null || endpoint.isEmpty() ? NO_ROUTE : endpoint;
    return Events.apiCalled()
        .endpoint(cut(route))
        .method(METHODS.contains(method) ? method : "(other)")
        .statusCode(status)
        .latencyMs(Math.max(0, Math.round(latencyNanos / 1e6)));
  }

  /**
   * Hands an event to the tracker.
   *
   * @param event the event of the call
   * @param context who served whom
   */
  public void record(ApiEvent event, EventContext context) {
    try {
      if (sampleRate < 1) {
        event.property("sample_rate", sampleRate);
      }
      tracker.within(context).track(event);
    } catch (RuntimeException error) {
      failed(error);
    }
  }

  /**
   * Notes that something of the middleware has failed: the first time in the log.
   *
   * @param error what has happened
   */
  public void failed(RuntimeException error) {
    if (!hasLogged) {
      hasLogged = true;
      LOG.log(System.Logger.Level.WARNING, "a call could not be recorded as it is", error);
    }
  }

  /** Cuts a text to the bytes that the service takes, without cutting a character. */
  private static String cut(String text) {
    String kept = text;
    while (kept.getBytes(StandardCharsets.UTF_8).length > MOST_BYTES) {
      int end = Math.min(kept.length() - 1, MOST_BYTES);
      kept = kept.substring(0, Character.isHighSurrogate(kept.charAt(end - 1)) ? end - 1 : end);
    }
    return kept;
  }

  private static Pattern pattern(String glob) {
    return Pattern.compile(
        Arrays.stream(withoutSlash(glob).split("\\*", -1))
            .map(Pattern::quote)
            .collect(Collectors.joining(".*")),
        Pattern.DOTALL);
  }

  private static String withoutSlash(String path) {
    String plain = path.replaceAll("/+$", "");
    return plain.isEmpty() ? path : plain;
  }
}
