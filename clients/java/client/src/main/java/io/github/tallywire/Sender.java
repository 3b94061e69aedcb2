package io.github.tallywire;

import io.github.tallywire.v1.Event;
import io.github.tallywire.v1.EventResult;
import io.github.tallywire.v1.EventServiceGrpc;
import io.github.tallywire.v1.EventStatus;
import io.github.tallywire.v1.Rejection;
import io.github.tallywire.v1.TrackEventsResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/** The background half of a tracker: its buffer and the thread that sends. Only three wait. */
final class Sender implements Runnable {
  private static final System.Logger LOG = System.getLogger("io.github.tallywire");
  private static final long NEVER = Long.MAX_VALUE;

  private final Tracker.Builder settings;
  private final Caller caller;
  private final ClientClock clock;
  private final EventBuffer buffer;
  private final LostEvents lostEvents;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition work = lock.newCondition();
  private final Condition done = lock.newCondition();
  private Thread thread;
  private CompletableFuture<?> underWay;
  private long flushTo;
  private long closeBy = NEVER;
  private boolean isClosing;
  private boolean isAbandoned;

  Sender(Tracker.Builder settings, Caller caller, ClientClock clock) {
    this.settings = settings;
    this.caller = caller;
    this.clock = clock;
    this.buffer = new EventBuffer(settings.maxEvents, settings.maxBytes);
    this.lostEvents = new LostEvents(settings.onDrop);
  }

  /** Takes an event in, or counts it as dropped and returns false. */
  boolean put(Event event, int size) {
    String refused;
    lock.lock();
    try {
      refused = takeIn(event, size);
    } finally {
      lock.unlock();
    }
    if (refused == null) {
      return true;
    }
    lost(List.of(new LostEvent(event, refused, refused)));
    return false;
  }

  /** Counts what no event could be made of, or what fits in no request. */
  void invalid(LostEvent lost) {
    lock.lock();
    try {
      buffer.invalid();
    } finally {
      lock.unlock();
    }
    lost(List.of(lost));
  }

  TrackerStats stats() {
    lock.lock();
    try {
      return buffer.stats();
    } finally {
      lock.unlock();
    }
  }

  /** Sends at once, and waits until each event that was taken before has its outcome. */
  boolean flush(Duration timeout) throws InterruptedException {
    lock.lock();
    try {
      long goal = buffer.taken();
      flushTo = Math.max(flushTo, goal);
      work.signal();
      long left = Nanos.of(timeout);
      while (buffer.settled() < goal && left > 0) {
        left = done.awaitNanos(left);
      }
      return buffer.settled() >= goal;
    } finally {
      lock.unlock();
    }
  }

  /** Starts the time in which events may still be sent; later events are dropped. */
  void beginClose(Duration timeout) {
    lock.lock();
    try {
      if (!isClosing) {
        isClosing = true;
        closeBy = System.nanoTime() + Nanos.of(timeout);
      }
      work.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Sends while time is left, and stops. Returns whether every event had its outcome in time. */
  boolean close(Duration timeout) {
    long failedBefore = stats().failed();
    beginClose(timeout);
    boolean isInterrupted = !hasEnded();
    if (isInterrupted) {
      Thread.currentThread().interrupt();
    }
    caller.close();
    List<Event> dropped;
    TrackerStats last;
    lock.lock();
    try {
      dropped = buffer.dropWaiting();
      done.signalAll();
      last = buffer.stats();
    } finally {
      lock.unlock();
    }
    String reason = "the tracker was closed before it was sent";
    List<LostEvent> lost = new ArrayList<>();
    dropped.forEach(event -> lost.add(new LostEvent(event, reason, reason)));
    lostEvents.add(lost);
    lostEvents.log();
    return dropped.isEmpty() && last.pending() == 0 && last.failed() == failedBefore;
  }

  /** Waits for the thread until time is up, then ends its call; false if this was interrupted. */
  private boolean hasEnded() {
    Thread sending;
    lock.lock();
    try {
      sending = thread;
    } finally {
      lock.unlock();
    }
    if (sending == null || sending == Thread.currentThread()) {
      return true;
    }
    try {
      TimeUnit.NANOSECONDS.timedJoin(sending, Math.max(1, untilClosed()));
      abandon();
      sending.join(1_000);
      return true;
    } catch (InterruptedException interrupted) {
      abandon();
      return false;
    }
  }

  private void abandon() {
    CompletableFuture<?> call;
    lock.lock();
    try {
      isAbandoned = true;
      call = underWay;
      work.signal();
    } finally {
      lock.unlock();
    }
    if (call != null) {
      call.cancel(true);
    }
  }

  /** Buffers an event; or returns why it was refused. Holds the lock. */
  private String takeIn(Event event, int size) {
    if (isClosing) {
      buffer.drop();
      return "the tracker was closed before it came";
    }
    if (!buffer.put(event, size, System.nanoTime())) {
      return "the buffer of the tracker is full";
    }
    start();
    if (buffer.size() == 1 || buffer.size() >= settings.batchSize) {
      work.signal();
    }
    return null;
  }

  /** Starts the thread with the first event. Holds the lock. */
  private void start() {
    if (thread == null) {
      thread = new Thread(this, "tallywire-tracker");
      thread.setDaemon(true);
      thread.start();
    }
  }

  private void lost(List<LostEvent> lost) {
    lostEvents.add(lost);
    if (lostEvents.untilLine() != null) {
      lock.lock();
      try {
        if (!isClosing) {
          start(); // It logs what is in no line yet, when a line is due.
        }
        work.signal();
      } finally {
        lock.unlock();
      }
    }
  }

  /** Sends batches until the tracker is closed and no event waits. */
  @Override
  public void run() {
    try {
      for (EventBuffer.Batch batch = next(); batch != null; batch = next()) {
        if (!batch.events.isEmpty()) {
          settle(batch);
        }
        lostEvents.logIfDue();
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt(); // Nobody but the virtual machine's end does that.
    }
  }

  /**
   * Waits for a batch that is due; null when it is time to stop, empty if a line is to be logged.
   */
  private EventBuffer.Batch next() throws InterruptedException {
    lock.lock();
    try {
      while (true) {
        if (isAbandoned || (isClosing && (buffer.size() == 0 || untilClosed() <= 0))) {
          return null;
        }
        Long line = lostEvents.untilLine();
        if (buffer.size() == 0) {
          if (line != null && line == 0) {
            return buffer.take(0);
          }
          await(line == null ? NEVER : line);
          continue;
        }
        long due = buffer.oldest() + Nanos.of(settings.flushInterval) - System.nanoTime();
        boolean isUrgent = isClosing || buffer.settled() < flushTo;
        if (isUrgent || due <= 0 || buffer.size() >= settings.batchSize) {
          return buffer.take(settings.batchSize);
        }
        await(due);
      }
    } finally {
      lock.unlock();
    }
  }

  private void await(long nanos) throws InterruptedException {
    if (nanos == NEVER) {
      work.await();
    } else {
      work.awaitNanos(nanos);
    }
  }

  private void settle(EventBuffer.Batch batch) {
    EventBuffer.Outcome outcome = new EventBuffer.Outcome();
    List<LostEvent> lost = new ArrayList<>();
    try {
      deliver(batch, outcome, lost);
    } catch (RuntimeException error) {
      // The thread lives on, for the batches to come.
      LOG.log(System.Logger.Level.ERROR, "a batch could not be sent", error);
      outcome.failed = batch.events.size();
      failed(batch.events, "fault", "a fault of the client", lost);
    }
    lostEvents.add(lost); // First: onDrop has been called when flush() returns.
    lock.lock();
    try {
      buffer.settle(batch, outcome);
      done.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Sends a batch, again while its outcome is unknown and time is left. */
  private void deliver(EventBuffer.Batch batch, EventBuffer.Outcome outcome, List<LostEvent> lost) {
    Supplier<io.github.tallywire.v1.TrackEventsRequest> build = () -> clock.track(batch.events);
    CompletableFuture<TrackEventsResponse> call =
        caller.call(
            EventServiceGrpc.getTrackEventsMethod(), build, CallKind.TRACKER, settings.retryFor);
    lock.lock();
    try {
      underWay = call;
      if (isAbandoned) {
        call.cancel(true);
      }
    } finally {
      lock.unlock();
    }
    try {
      count(batch.events, Caller.await(call), outcome, lost);
    } catch (TallywireException error) {
      outcome.failed = batch.events.size();
      String kind = "failed " + error.code() + " " + error.reason();
      failed(batch.events, kind, "given up: " + error.getMessage(), lost);
    }
  }

  private static void count(
      List<Event> events,
      TrackEventsResponse response,
      EventBuffer.Outcome outcome,
      List<LostEvent> lost) {
    List<Event> without = new ArrayList<>();
    for (int i = 0; i < events.size(); i++) {
      EventResult result =
          i < response.getResultsCount()
              ? response.getResults(i)
              : EventResult.getDefaultInstance();
      if (result.getStatus() == EventStatus.EVENT_STATUS_ACCEPTED) {
        outcome.sent++;
      } else if (result.getStatus() == EventStatus.EVENT_STATUS_DUPLICATE) {
        outcome.duplicates++;
      } else if (result.getStatus() == EventStatus.EVENT_STATUS_REJECTED) {
        outcome.rejected++;
        lost.add(rejected(events.get(i), result.getRejection()));
      } else {
        outcome.failed++;
        without.add(events.get(i));
      }
    }
    failed(without, "no result", "the server gave no result", lost);
  }

  private static LostEvent rejected(Event event, Rejection rejection) {
    String name = rejection.getReason().name().replace("ERROR_REASON_", "");
    String what = event.getEventType() + " rejected: " + name + " " + rejection.getField();
    return new LostEvent(event, what, what + ": " + rejection.getMessage());
  }

  private static void failed(List<Event> events, String kind, String reason, List<LostEvent> lost) {
    events.forEach(event -> lost.add(new LostEvent(event, kind, reason)));
  }

  private long untilClosed() {
    lock.lock();
    try {
      return isClosing ? closeBy - System.nanoTime() : NEVER;
    } finally {
      lock.unlock();
    }
  }
}
