package io.github.tallywire;

import io.github.tallywire.v1.EventServiceGrpc;
import io.github.tallywire.v1.StreamAck;
import io.github.tallywire.v1.StreamBatch;
import io.github.tallywire.v1.StreamEventsRequest;
import io.github.tallywire.v1.StreamEventsResponse;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** Sends batches over one connection after the other, for the thread that reads what comes back. */
final class EventSender {
  /** A connection is replaced then, so that one that died silently is noticed. */
  private static final long LONGEST_CONNECTION = TimeUnit.SECONDS.toNanos(120);

  private final Caller caller;
  private final ClientClock clock;
  private final UnackedBatches batches;
  private final EventStreamOptions options;
  private final Deque<StreamAck> acks = new ArrayDeque<>();
  private final CountDownLatch closed = new CountDownLatch(1);
  private volatile Connection connection;
  private Attempts attempts;
  private long connectAt = System.nanoTime();
  private boolean hasBegun;

  EventSender(
      Caller caller, ClientClock clock, UnackedBatches batches, EventStreamOptions options) {
    this.caller = caller;
    this.clock = clock;
    this.batches = batches;
    this.options = options;
  }

  /** One call: written by two threads in turn, read by one. */
  private final class Connection {
    private final ClientCall<StreamEventsRequest, StreamEventsResponse> call;
    private final MessageReader<StreamEventsResponse> reader;
    private boolean hasEnded;

    Connection(long nanos) {
      CallOptions limited = CallOptions.DEFAULT.withDeadlineAfter(nanos, TimeUnit.NANOSECONDS);
      call =
          caller
              .connections()
              .forStream()
              .newCall(EventServiceGrpc.getStreamEventsMethod(), limited);
      reader = caller.listen(call, nanos);
    }

    /** Sends what was not sent yet, and the end once everything is acknowledged. */
    synchronized void flush() {
      if (hasEnded) {
        return;
      }
      for (StreamBatch batch = batches.nextUnsent(); batch != null; batch = batches.nextUnsent()) {
        call.sendMessage(StreamEventsRequest.newBuilder().setBatch(clock.stamped(batch)).build());
      }
      if (batches.isFinished()) {
        hasEnded = true;
        call.halfClose();
      }
    }

    /** Ends the call; what is cancelled takes no message. */
    synchronized void close() {
      hasEnded = true;
      reader.close();
    }
  }

  /** Returns the next acknowledgement; nothing if none comes in time, or at the end. */
  Optional<StreamAck> next(long nanos) throws InterruptedException {
    long end = System.nanoTime() + nanos;
    begin();
    try {
      while (!isClosed()) {
        if (!acks.isEmpty()) {
          return Optional.of(acks.poll());
        }
        if (batches.isFinished()) {
          return finished();
        }
        boolean isTime = connection != null || waitUntil(connectAt, end);
        if (!isTime || (!received(end) && connection != null && end - System.nanoTime() <= 0)) {
          return Optional.empty();
        }
      }
      return Optional.empty();
    } catch (RuntimeException | InterruptedException error) {
      boolean wasClosed = isClosed();
      close();
      if (wasClosed && error instanceof TallywireException) {
        return Optional.empty();
      }
      throw error;
    }
  }

  private void begin() {
    if (!hasBegun) {
      hasBegun = true;
      attempts = fresh();
      batches.start(
          () -> {
            Connection open = connection;
            if (open != null) {
              open.flush();
            }
          });
    }
  }

  private Optional<StreamAck> finished() {
    close();
    if (batches.failure() != null) {
      throw batches.failure();
    }
    return Optional.empty();
  }

  /** Takes what comes next on the connection; false if nothing has come. */
  private boolean received(long end) throws InterruptedException {
    try {
      if (connection == null) {
        open();
      }
      long left = Math.max(0, end - System.nanoTime());
      Optional<StreamEventsResponse> response = connection.reader.next(left);
      for (StreamAck ack :
          response.map(StreamEventsResponse::getAcksList).orElse(java.util.List.of())) {
        if (batches.acknowledge(ack)) {
          attempts = fresh();
          acks.add(ack);
        }
      }
      connection.flush();
      return response.isPresent();
    } catch (MessageReader.Ended ended) {
      lost(Failures.lost("the server ended the stream early"));
    } catch (TallywireException error) {
      if (isClosed() || caller.isClosed()) {
        throw error;
      }
      lost(error);
    }
    return false;
  }

  private void open() {
    batches.rewind();
    Connection opened = new Connection(Math.max(1, Math.min(LONGEST_CONNECTION, attempts.left())));
    connection = opened;
    if (isClosed()) {
      opened.close();
    }
    opened.flush();
  }

  private void lost(TallywireException error) {
    drop();
    if (batches.isFinished()) {
      return;
    }
    if (batches.isIdle()) {
      attempts = fresh(); // Nothing was outstanding: no failure.
    }
    OptionalLong wait = attempts.nextWait(error);
    if (wait.isEmpty()) {
      throw error;
    }
    connectAt = System.nanoTime() + wait.getAsLong();
  }

  private Attempts fresh() {
    return new Attempts(
        CallKind.EVENTS,
        options.retryFor,
        System::nanoTime,
        () -> ThreadLocalRandom.current().nextDouble());
  }

  /** Waits; false if it is not time when the caller's patience ends, or once it is closed. */
  private boolean waitUntil(long at, long end) throws InterruptedException {
    boolean isLate = at - end > 0;
    long left = Math.max(0, (isLate ? end : at) - System.nanoTime());
    return !closed.await(left, TimeUnit.NANOSECONDS) && !isLate;
  }

  boolean isClosed() {
    return closed.getCount() == 0;
  }

  void close() {
    closed.countDown();
    batches.close();
    drop();
  }

  private void drop() {
    Connection dropped = connection;
    connection = null;
    if (dropped != null) {
      dropped.close();
    }
  }
}
