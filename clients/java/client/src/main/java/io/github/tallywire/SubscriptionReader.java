package io.github.tallywire;

import io.grpc.MethodDescriptor;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** Reads one stream after the other, for one thread; any thread may close it. */
final class SubscriptionReader<Q, R> {
  private final Caller caller;
  private final MethodDescriptor<Q, R> method;
  private final Progress<Q, R> progress;
  private final Reconnecting policy;
  private final long silence;
  private final CountDownLatch closed = new CountDownLatch(1);
  private volatile MessageReader<R> connection;
  private long connectAt = System.nanoTime();

  SubscriptionReader(
      Caller caller,
      MethodDescriptor<Q, R> method,
      Progress<Q, R> progress,
      SubscriptionOptions options) {
    this.caller = caller;
    this.method = method;
    this.progress = progress;
    this.silence = Nanos.of(options.silence);
    this.policy =
        new Reconnecting(options, System::nanoTime, () -> ThreadLocalRandom.current().nextDouble());
  }

  /** Returns the next message to yield; nothing if none comes in time, or once it is closed. */
  Optional<R> next(long nanos) throws InterruptedException {
    long end = System.nanoTime() + nanos;
    try {
      while (!isClosed()) {
        if (connection == null && !waitUntil(connectAt, end)) {
          return Optional.empty();
        }
        Optional<R> message = received(end);
        if (message.isPresent()) {
          Optional<R> taken = progress.take(message.get());
          if (taken.isPresent()) {
            return taken;
          }
        } else if (connection != null && end - System.nanoTime() <= 0) {
          return Optional.empty();
        }
      }
      return Optional.empty();
    } catch (TallywireException error) {
      if (isClosed()) {
        return Optional.empty();
      }
      close();
      throw error;
    } catch (InterruptedException interrupted) {
      close();
      throw interrupted;
    }
  }

  /**
   * Returns the next message of the connection; nothing if time is up or the connection is lost.
   */
  private Optional<R> received(long end) throws InterruptedException {
    try {
      MessageReader<R> open = opened();
      long left = Math.max(0, end - System.nanoTime());
      Optional<R> message = open.next(Math.min(left, open.untilSilentFor(silence)));
      if (message.isPresent()) {
        policy.heard();
        return message;
      }
      if (open.untilSilentFor(silence) > 0) {
        return Optional.empty();
      }
      throw Failures.lost("nothing was heard for " + silence / 1_000_000 + " ms");
    } catch (MessageReader.Ended ended) {
      lost(Failures.lost("the server ended the stream"));
    } catch (TallywireException error) {
      if (isClosed() || caller.isClosed()) {
        throw error;
      }
      lost(error);
    }
    return Optional.empty();
  }

  private MessageReader<R> opened() {
    if (connection == null) {
      connection = caller.open(method, progress.request(), null);
      if (isClosed()) {
        connection.close();
      }
    }
    return connection;
  }

  private void lost(TallywireException error) {
    drop();
    connectAt = System.nanoTime() + policy.waitAfter(error);
  }

  /** Waits; false if it is not time when the caller's patience ends, or once it is closed. */
  private boolean waitUntil(long at, long end) throws InterruptedException {
    long now = System.nanoTime();
    boolean isLate = at - end > 0;
    return !closed.await(Math.max(0, (isLate ? end : at) - now), TimeUnit.NANOSECONDS) && !isLate;
  }

  String resumeToken() {
    return progress.resumeToken();
  }

  boolean isClosed() {
    return closed.getCount() == 0;
  }

  void close() {
    closed.countDown();
    drop();
  }

  private void drop() {
    MessageReader<R> dropped = connection;
    connection = null;
    if (dropped != null) {
      dropped.close();
    }
  }
}
