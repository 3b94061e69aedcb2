package io.github.tallywire;

import io.github.tallywire.event.EventBuilder;
import io.github.tallywire.event.EventContext;
import io.github.tallywire.v1.Event;
import java.time.Duration;
import java.util.function.Consumer;

/**
 * A recorder of events that never waits and never throws: a daemon thread sends them. Threads may
 * share it; make one for a process.
 *
 * <p>The buffer is bounded: when it is full, the newest event is dropped and counted. A batch goes
 * out when enough events wait or the oldest has waited long enough; one whose outcome is unknown is
 * sent again with the same ids, so nothing counts twice. Every event that is lost is counted in
 * {@link #stats()}, and a line in the log of {@code io.github.tallywire}, one a minute at most,
 * says how many and why.
 *
 * <p>At the orderly end of the process (its last line, {@code System.exit}, SIGTERM, Ctrl-C) all
 * trackers send what they hold, for up to {@link Builder#shutdownTimeout} each and all at once.
 * Nothing helps against SIGKILL and {@code Runtime.halt}.
 */
public final class Tracker implements AutoCloseable {
  private final Sender sender;
  private final Duration shutdownTimeout;
  private final String text;

  private Tracker(Builder settings) {
    Caller caller = new Caller(new ConnectionSettings(settings));
    this.text = "Tracker{" + caller + "}";
    this.shutdownTimeout = settings.shutdownTimeout;
    this.sender = new Sender(settings, caller, new ClientClock(true, settings.correctsClock));
    ProcessEnd.register(this);
  }

  /**
   * Returns a builder of a tracker.
   *
   * @return the builder, which needs an address and an API key
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Builds and takes an event. Never waits, and never throws: what is wrong with the event is
   * counted and logged.
   *
   * @param event the builder
   * @return whether the event was taken
   */
  public boolean track(EventBuilder<?> event) {
    Event built;
    try {
      built = event.build();
    } catch (RuntimeException error) {
      return invalid(null, error);
    }
    return track(built);
  }

  /**
   * Takes an event. Never waits, and never throws.
   *
   * @param event the event; without an id it gets one
   * @return whether the event was taken
   */
  public boolean track(Event event) {
    if (event == null) {
      return invalid(null, new IllegalArgumentException("the event is null"));
    }
    try {
      Event sent = Batches.withId(event);
      int size = Batches.size(sent);
      if (size > Batches.MAX_BYTES) {
        return invalid(event, new IllegalArgumentException("the event fits in no request"));
      }
      return sender.put(sent, size);
    } catch (RuntimeException error) {
      return invalid(null, error);
    }
  }

  /**
   * Returns a tracker of what is within a context, such as a conversation: it fills in what events
   * do not say themselves.
   *
   * @param context what the events have in common
   * @return the tracker, which needs no closing
   */
  public Bound within(EventContext context) {
    return new Bound(context);
  }

  /**
   * Sends what waits at once, and waits for its outcome.
   *
   * @param timeout how long to wait
   * @return whether every event that was taken before has an outcome, see {@link #stats()}; false
   *     also if the thread is interrupted
   */
  public boolean flush(Duration timeout) {
    try {
      return sender.flush(timeout);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /**
   * Returns what became of the events so far.
   *
   * @return the counts
   */
  public TrackerStats stats() {
    return sender.stats();
  }

  /** Closes the tracker with the time of {@link Builder#shutdownTimeout}. */
  @Override
  public void close() {
    close(shutdownTimeout);
  }

  /**
   * Sends what waits, for a time, and then ends what is under way. Later events are dropped and
   * counted. Closing again does nothing.
   *
   * @param timeout how long to send
   * @return whether every event had its outcome in time; those without are counted as dropped, or
   *     as failed if they were under way
   */
  public boolean close(Duration timeout) {
    ProcessEnd.forget(this);
    return sender.close(timeout);
  }

  void beginClose() {
    sender.beginClose(shutdownTimeout);
  }

  private boolean invalid(Event event, RuntimeException error) {
    String reason = String.valueOf(error.getMessage());
    sender.invalid(new LostEvent(event, "invalid " + reason, "invalid: " + reason));
    return false;
  }

  @Override
  public String toString() {
    return text;
  }

  /** A tracker of what is within a context. */
  public final class Bound {
    private final EventContext context;

    private Bound(EventContext context) {
      this.context = context;
    }

    /**
     * Builds an event, fills in what is common, and takes it, as {@link
     * Tracker#track(EventBuilder)} does.
     *
     * @param event the builder
     * @return whether the event was taken
     */
    public boolean track(EventBuilder<?> event) {
      Event built;
      try {
        built = context.stamp(event);
      } catch (RuntimeException error) {
        return invalid(null, error);
      }
      return Tracker.this.track(built);
    }

    /**
     * Returns the context.
     *
     * @return what the events have in common
     */
    public EventContext context() {
      return context;
    }
  }

  /** Builds a tracker. */
  public static final class Builder extends ConnectionBuilder<Builder> {
    int maxEvents = 10_000;
    long maxBytes = 16L * 1024 * 1024;
    int batchSize = 500;
    Duration flushInterval = Duration.ofSeconds(1);
    Duration retryFor = Duration.ofSeconds(300);
    Duration shutdownTimeout = Duration.ofSeconds(5);
    boolean correctsClock;
    Consumer<LostEvent> onDrop;

    private Builder() {}

    /**
     * Sets how many events may wait or be under way.
     *
     * @param value 10,000 unless set
     * @return this
     */
    public Builder maxEvents(int value) {
      this.maxEvents = value;
      return this;
    }

    /**
     * Sets how many bytes of events may wait or be under way.
     *
     * @param value 16 MiB unless set
     * @return this
     */
    public Builder maxBytes(long value) {
      this.maxBytes = value;
      return this;
    }

    /**
     * Sets how many events go together, from 1 to 1,000.
     *
     * @param value 500 unless set
     * @return this
     */
    public Builder batchSize(int value) {
      this.batchSize = value;
      return this;
    }

    /**
     * Sets how long an event waits for others at most.
     *
     * @param value 1 second unless set
     * @return this
     */
    public Builder flushInterval(Duration value) {
      this.flushInterval = value;
      return this;
    }

    /**
     * Sets for how long a batch is sent again.
     *
     * @param value 300 seconds unless set
     * @return this
     */
    public Builder retryFor(Duration value) {
      this.retryFor = value;
      return this;
    }

    /**
     * Sets for how long the tracker sends when it is closed, or the process ends.
     *
     * @param value 5 seconds unless set
     * @return this
     */
    public Builder shutdownTimeout(Duration value) {
      this.shutdownTimeout = value;
      return this;
    }

    /**
     * Asks the server to move the times of events by the error of this machine's clock: for devices
     * whose clocks are known to be wrong.
     *
     * @return this
     */
    public Builder correctClock() {
      this.correctsClock = true;
      return this;
    }

    /**
     * Sets what is told of each event that is lost, in the thread that notices.
     *
     * @param value must not wait
     * @return this
     */
    public Builder onDrop(Consumer<LostEvent> value) {
      this.onDrop = value;
      return this;
    }

    /**
     * Builds the tracker. It connects with the first batch.
     *
     * @return the tracker
     * @throws IllegalArgumentException if something is missing, damaged or contradicts the rest
     */
    public Tracker build() {
      if (batchSize < 1 || batchSize > Batches.MAX_EVENTS) {
        throw new IllegalArgumentException(
            "batchSize is from 1 to " + Batches.MAX_EVENTS + ", not " + batchSize);
      }
      if (maxEvents < 1 || maxBytes < 1) {
        throw new IllegalArgumentException("maxEvents and maxBytes are at least 1");
      }
      return new Tracker(this);
    }
  }
}
