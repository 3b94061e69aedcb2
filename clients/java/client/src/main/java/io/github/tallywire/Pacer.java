package io.github.tallywire;

import io.grpc.Status;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * A limit on how many calls with events are under way, once a server has refused one for overload.
 *
 * <p>A refusal costs a server almost as much as a small call. So a refusal holds all calls of the
 * client back for as long as the server asks, and halves how many may be under way; every success
 * raises the limit a little (additive increase, multiplicative decrease: Chiu and Jain, 1989). A
 * client that is never refused never waits. The newest call that waits goes first: in order of
 * arrival every call would wait until its time is nearly over, and much would be sent in vain.
 */
final class Pacer {
  /** What is told to a call that waits. */
  interface Waiting {
    /** The call may begin; it hands the argument back to {@link Pacer#end}. */
    void begin(long begun);

    /** No place became free in time: the call has to do with the refusal that all wait for. */
    void giveUp(TallywireException refusal);
  }

  private static final Set<String> REASONS = Set.of("OVERLOADED", "EVENT_RATE");
  private static final double MOST = ConnectionPool.CALLS_PER_CONNECTION;
  private static final long LONGEST_HOLD = TimeUnit.SECONDS.toNanos(5);

  private final ScheduledExecutorService timer;
  private final LongSupplier clock;
  private final Deque<Entry> waiting = new ArrayDeque<>();
  private double limit = Double.POSITIVE_INFINITY;
  private int underWay;
  private long heldUntil;
  private long cutAt;
  private TallywireException refusal =
      TallywireException.of(
          ErrorDetails.of(Status.Code.UNAVAILABLE, "the server is overloaded"), null);

  Pacer(ScheduledExecutorService timer, LongSupplier clock) {
    this.timer = timer;
    this.clock = clock;
    this.heldUntil = clock.getAsLong();
    this.cutAt = heldUntil - 1;
  }

  /** Begins a call at once, or when there is a place for it, or lets it give up after a time. */
  void enter(long patienceNanos, Waiting call) {
    Entry entry = new Entry(call);
    boolean begins;
    synchronized (this) {
      begins = mayBegin();
      if (begins) {
        entry.begun = begin();
      } else if (heldUntil - clock.getAsLong() < patienceNanos) {
        waiting.push(entry);
        timer.schedule(() -> giveUp(entry), patienceNanos, TimeUnit.NANOSECONDS);
        lookAgain();
        return;
      }
    }
    if (begins) {
      call.begin(entry.begun);
    } else {
      call.giveUp(refusal());
    }
  }

  /** Counts a call as ended, and adapts the limit to how it has ended; a null is a success. */
  void end(long begun, TallywireException error) {
    synchronized (this) {
      underWay--;
      if (error == null) {
        limit += 1 / limit;
        if (limit >= MOST) {
          limit = Double.POSITIVE_INFINITY;
        }
      } else if (REASONS.contains(error.reason())) {
        refused(begun, error);
      }
    }
    admit();
  }

  private void refused(long begun, TallywireException error) {
    refusal = error;
    long now = clock.getAsLong();
    long asked = error.retryAfter().map(Nanos::of).orElse(0L);
    long until = now + Math.min(asked, LONGEST_HOLD);
    if (until - heldUntil > 0) {
      heldUntil = until;
    }
    // What was under way at the last cut says nothing about it.
    if (begun - cutAt > 0) {
      cutAt = now;
      limit = Math.max(1.0, Math.min(limit, underWay + 1.0) / 2);
    }
  }

  private synchronized TallywireException refusal() {
    return refusal;
  }

  private boolean mayBegin() {
    return heldUntil - clock.getAsLong() <= 0 && underWay + 1 <= limit;
  }

  private long begin() {
    underWay++;
    return clock.getAsLong();
  }

  private void giveUp(Entry entry) {
    boolean waits;
    synchronized (this) {
      waits = waiting.remove(entry);
    }
    if (waits) {
      entry.call.giveUp(refusal());
    }
  }

  /** Looks again when the hold is over. Holds the lock. */
  private void lookAgain() {
    long held = heldUntil - clock.getAsLong();
    if (held > 0) {
      timer.schedule(this::admit, held, TimeUnit.NANOSECONDS);
    }
  }

  private void admit() {
    List<Entry> admitted = new ArrayList<>();
    synchronized (this) {
      while (!waiting.isEmpty() && mayBegin()) {
        Entry entry = waiting.pop();
        entry.begun = begin();
        admitted.add(entry);
      }
      if (!waiting.isEmpty()) {
        lookAgain();
      }
    }
    admitted.forEach(entry -> entry.call.begin(entry.begun));
  }

  /** The number of calls that wait, for tests. */
  synchronized int waitingCalls() {
    return waiting.size();
  }

  private static final class Entry {
    private final Waiting call;
    private long begun;

    Entry(Waiting call) {
      this.call = call;
    }
  }
}
