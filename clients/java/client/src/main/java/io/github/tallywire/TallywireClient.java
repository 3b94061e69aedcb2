package io.github.tallywire;

import io.github.tallywire.answer.EventResult;
import io.github.tallywire.answer.ExportUserResponse;
import io.github.tallywire.answer.WatchMetricsResponse;
import io.github.tallywire.answer.WatchUpdatesResponse;
import io.github.tallywire.event.EventBuilder;
import io.github.tallywire.v1.Event;
import io.github.tallywire.v1.WatchMetricsRequest;
import io.github.tallywire.v1.WatchUpdatesRequest;
import io.grpc.MethodDescriptor;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * A client that tracks events and reads figures. Threads may share it; make one for a process and
 * close it at the end. Besides the methods below it has one for every RPC of the contract.
 *
 * <p>Calls throw {@link TallywireException}. A call that sends events is tried again with the same
 * ids until its time is over, where its outcome is unknown; a question is tried again, too; a call
 * that changes something else only where the server says that nothing was done.
 *
 * <pre>{@code
 * try (TallywireClient client =
 *     TallywireClient.builder().address("127.0.0.1:50051").apiKey(key).build()) {
 *   client.track(Events.feedbackSubmitted().agentId("support-bot").rating(5));
 *   Period week = Period.lastDays(7);
 *   Overview overview =
 *       client.getOverview(r -> r.setTimeRange(week.toProto())).overview().orElseThrow();
 *   System.out.println(overview.satisfactionScore());
 * }
 * }</pre>
 */
public final class TallywireClient extends BlockingCalls implements AutoCloseable {
  private final Core core;

  /** What the faces of a client share. */
  static final class Core {
    final Caller caller;
    final ClientClock clock;
    final Duration timeout;

    /** Whether the caller has set the time, so that it holds for streams, too. */
    final boolean isTimeoutGiven;

    Core(Caller caller, ClientClock clock, Duration timeout, boolean isTimeoutGiven) {
      this.caller = caller;
      this.clock = clock;
      this.timeout = timeout;
      this.isTimeoutGiven = isTimeoutGiven;
    }
  }

  private static Duration positive(Duration timeout) {
    if (timeout.isNegative() || timeout.isZero()) {
      throw new IllegalArgumentException("a timeout is more than nothing, not " + timeout);
    }
    return timeout;
  }

  private TallywireClient(Core core) {
    this.core = core;
  }

  /**
   * Returns a builder of a client.
   *
   * @return the builder, which needs an address and an API key
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Returns this client with another time for each call, all its attempts together. It shares the
   * connections: closing one closes both.
   *
   * @param timeout the time; without it, calls have 30 seconds, and streams have no end
   * @return the client with that time
   */
  public TallywireClient withTimeout(Duration timeout) {
    return new TallywireClient(new Core(core.caller, core.clock, positive(timeout), true));
  }

  /**
   * Returns this client with futures for answers. It shares the connections.
   *
   * @return the client
   */
  public AsyncTallywireClient async() {
    return new AsyncTallywireClient(core);
  }

  /**
   * Stores one event.
   *
   * @param event the event; without an id it gets one for this call, so to send it again, build it
   *     with a builder
   * @return ACCEPTED or DUPLICATE, both of them success
   * @throws TallywireException if the event is refused, or the call fails
   */
  public EventResult track(Event event) {
    return Caller.await(async().track(event));
  }

  /**
   * Builds and stores one event.
   *
   * @param event the builder
   * @return ACCEPTED or DUPLICATE, both of them success
   * @throws IllegalArgumentException if the event cannot be built
   * @throws TallywireException if the event is refused, or the call fails
   */
  public EventResult track(EventBuilder<?> event) {
    return track(event.build());
  }

  /**
   * Stores any number of events. Over 1,000 of them, or 3.5 MiB, they go as several requests, each
   * with the whole time of a call.
   *
   * @param events the events
   * @return a result for each, in their order: read them, some may be REJECTED
   * @throws TallywireException if a request fails; its {@code results()} are those of the events
   *     before it
   */
  public List<EventResult> trackBatch(Iterable<Event> events) {
    return Caller.await(async().trackBatch(events));
  }

  /**
   * Sends batches over one stream, and yields an acknowledgement for each, in their order: for
   * programs that have batches of their own, such as those that read a queue. Others have a {@link
   * Tracker}.
   *
   * <p>Some batches are under way at once; the next one is taken, by a thread of its own, when
   * there is room. A connection that breaks is replaced, and what is not acknowledged is sent again
   * with the same ids.
   *
   * @param batches what is to be sent, at most 1,000 events and 3.5 MiB each; it may wait
   * @param options how to go on
   * @return the acknowledgements; close it
   */
  public EventStream streamEvents(
      Iterable<? extends Iterable<Event>> batches, EventStreamOptions options) {
    return new EventStream(core.caller, core.clock, batches, options);
  }

  /**
   * Sends batches, as {@link #streamEvents(Iterable, EventStreamOptions)} does.
   *
   * @param batches what is to be sent
   * @return the acknowledgements; close it
   */
  public EventStream streamEvents(Iterable<? extends Iterable<Event>> batches) {
    return streamEvents(batches, EventStreamOptions.defaults());
  }

  /**
   * Returns all that is kept about a person, as lines of JSON. Needs a key with the scope admin.
   *
   * @param userId the id of the person
   * @return the lines; an InternalException at the end says that lines are missing
   * @throws TallywireException if the call fails
   */
  public ServerStream<String> exportUserLines(String userId) {
    ExportedLines lines = new ExportedLines();
    ServerStream<ExportUserResponse> portions = exportUser(request -> request.setUserId(userId));
    return portions.flattened(portion -> lines.taken(portion.lines()), lines::end);
  }

  /**
   * Yields the newest state at once and whenever it has changed. The subscription outlasts servers:
   * a connection that is lost or silent is replaced, and revisions never go back.
   *
   * @param request what to watch
   * @param options how to go on
   * @return the subscription; close it
   */
  public Subscription<WatchMetricsResponse> watch(
      WatchMetricsRequest request, SubscriptionOptions options) {
    return Subscriptions.watch(core.caller, request, options);
  }

  /**
   * Yields states, as {@link #watch(WatchMetricsRequest, SubscriptionOptions)} does.
   *
   * @param request fills in what to watch
   * @return the subscription; close it
   */
  public Subscription<WatchMetricsResponse> watch(Consumer<WatchMetricsRequest.Builder> request) {
    return watch(
        Requests.filled(WatchMetricsRequest.newBuilder(), request).build(),
        SubscriptionOptions.defaults());
  }

  /**
   * Yields every revision once, in order, without a gap and whole, from now on or after the token
   * of the request. To go on in another process, keep the {@link Subscription#resumeToken()} once
   * an update is dealt with, and pass it with the same filter.
   *
   * <p>An OutOfRangeException with the reason COMPACTED says that the token is older than what is
   * kept; a RestoredException, that the service was restored from a backup: begin anew.
   *
   * @param request where to begin, and the filter
   * @param options how to go on
   * @return the subscription; close it
   */
  public Subscription<WatchUpdatesResponse> updates(
      WatchUpdatesRequest request, SubscriptionOptions options) {
    return Subscriptions.updates(core.caller, request, options);
  }

  /**
   * Yields revisions, as {@link #updates(WatchUpdatesRequest, SubscriptionOptions)} does.
   *
   * @param request fills in where to begin, and the filter
   * @return the subscription; close it
   */
  public Subscription<WatchUpdatesResponse> updates(Consumer<WatchUpdatesRequest.Builder> request) {
    return updates(
        Requests.filled(WatchUpdatesRequest.newBuilder(), request).build(),
        SubscriptionOptions.defaults());
  }

  /** Closes the connections: calls under way, and later ones, fail with CancelledException. */
  @Override
  public void close() {
    core.caller.close();
  }

  @Override
  public String toString() {
    return "TallywireClient{" + core.caller + "}";
  }

  @Override
  <Q, R> R call(MethodDescriptor<Q, R> method, Q request, CallKind kind) {
    return Caller.await(core.caller.call(method, core.clock.requests(request), kind, core.timeout));
  }

  @Override
  <Q, R, T> ServerStream<T> stream(
      MethodDescriptor<Q, R> method, Q request, Function<R, T> answer) {
    Duration timeout = core.isTimeoutGiven ? core.timeout : null;
    return ServerStream.of(core.caller.open(method, request, timeout), answer);
  }

  /** Builds a client. */
  public static final class Builder extends ConnectionBuilder<Builder> {
    private Duration timeout = Duration.ofSeconds(30);
    private boolean stampsSentAt = true;
    private boolean correctsClock;

    private Builder() {}

    /**
     * Sets the time for each call, all its attempts together.
     *
     * @param value 30 seconds unless set
     * @return this
     */
    public Builder timeout(Duration value) {
      this.timeout = value;
      return this;
    }

    /**
     * Leaves out the time of sending, with which the server warns of a clock that is more than 5
     * minutes off: for imports of events that were recorded elsewhere.
     *
     * @return this
     */
    public Builder withoutSentAt() {
      this.stampsSentAt = false;
      return this;
    }

    /**
     * Asks the server to move the times of events by the error of this machine's clock: for devices
     * whose clocks are known to be wrong, and never for events that are old or whose times were
     * recorded elsewhere.
     *
     * @return this
     */
    public Builder correctClock() {
      this.correctsClock = true;
      return this;
    }

    /**
     * Builds the client. It connects with the first call.
     *
     * @return the client
     * @throws IllegalArgumentException if something is missing, damaged or contradicts the rest
     */
    public TallywireClient build() {
      ClientClock clock = new ClientClock(stampsSentAt, correctsClock);
      Duration checked = positive(timeout);
      Caller caller = new Caller(new ConnectionSettings(this));
      return new TallywireClient(new Core(caller, clock, checked, false));
    }
  }
}
