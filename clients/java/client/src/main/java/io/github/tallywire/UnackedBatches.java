package io.github.tallywire;

import io.github.tallywire.v1.Event;
import io.github.tallywire.v1.StreamAck;
import io.github.tallywire.v1.StreamBatch;
import java.util.ArrayList;
import java.util.List;

/**
 * The batches of a stream without an acknowledgement, oldest first. A thread of their own takes
 * them from their source while there is room.
 */
final class UnackedBatches {
  private final Iterable<? extends Iterable<Event>> source;
  private final int most;
  private final List<StreamBatch> unacked = new ArrayList<>();
  private int sent; // Of them, on this connection.
  private long last;
  private boolean hasEnded;
  private boolean isClosed;
  private RuntimeException failure;
  private Runnable onChange = () -> {};

  UnackedBatches(Iterable<? extends Iterable<Event>> source, int most) {
    this.source = source;
    this.most = most;
  }

  /** Begins to take batches; what is to be done at each change is called by that thread. */
  void start(Runnable change) {
    onChange = change;
    Thread thread = new Thread(this::fill, "tallywire-stream");
    thread.setDaemon(true);
    thread.start();
  }

  private void fill() {
    RuntimeException failed = null;
    try {
      for (Iterable<Event> given : source) {
        List<Event> events = events(given);
        if (!added(events)) {
          return;
        }
        onChange.run();
      }
    } catch (RuntimeException error) {
      failed = error;
    } catch (InterruptedException interrupted) {
      return; // Nobody but the end of the program does that.
    }
    synchronized (this) {
      failure = failed;
      hasEnded = true;
    }
    onChange.run();
  }

  private static List<Event> events(Iterable<Event> given) {
    List<Event> events = new ArrayList<>();
    int bytes = 0;
    for (Event event : given) {
      events.add(Batches.withId(event));
      bytes += Batches.size(events.get(events.size() - 1));
      if (events.size() > Batches.MAX_EVENTS || bytes > Batches.MAX_BYTES) {
        throw new IllegalArgumentException(
            "a batch of a stream is at most " + Batches.MAX_EVENTS + " events and 3.5 MiB");
      }
    }
    return events;
  }

  /** Adds a batch once there is room; false if the stream was closed before. */
  private synchronized boolean added(List<Event> events) throws InterruptedException {
    while (unacked.size() >= most && !isClosed) {
      wait();
    }
    if (isClosed) {
      return false;
    }
    last++;
    unacked.add(StreamBatch.newBuilder().setSequence(last).addAllEvents(events).build());
    return true;
  }

  /** Counts every batch as unsent, for a new connection. */
  synchronized void rewind() {
    sent = 0;
  }

  /** Returns the next batch that this connection has not sent, and counts it as sent; else null. */
  synchronized StreamBatch nextUnsent() {
    return sent < unacked.size() ? unacked.get(sent++) : null;
  }

  /** Drops the batch of an acknowledgement; false if that is not new. */
  synchronized boolean acknowledge(StreamAck ack) {
    if (unacked.isEmpty() || unacked.get(0).getSequence() != ack.getSequence()) {
      return false;
    }
    unacked.remove(0);
    sent--;
    notifyAll();
    return true;
  }

  synchronized boolean isIdle() {
    return unacked.isEmpty();
  }

  synchronized boolean isFinished() {
    return hasEnded && unacked.isEmpty();
  }

  /** Returns the error that has ended the source, null if none has. */
  synchronized RuntimeException failure() {
    return failure;
  }

  synchronized void close() {
    isClosed = true;
    notifyAll();
  }
}
