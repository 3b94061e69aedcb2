package io.github.tallywire;

import io.grpc.ClientCall;
import io.grpc.MethodDescriptor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.function.Supplier;

/** Makes calls: their attempts, pacing and connections. The heart of a client. */
final class Caller implements AutoCloseable {
  private final ConnectionSettings settings;
  private final ScheduledExecutorService timer = timer();
  private final ConnectionPool connections;
  private final Pacer pacer;
  private final Set<UnaryCall<?, ?>> underWay = ConcurrentHashMap.newKeySet();
  private final Set<AutoCloseable> streams = ConcurrentHashMap.newKeySet();
  private volatile boolean isClosed;

  Caller(ConnectionSettings settings) {
    this.settings = settings;
    this.connections = new ConnectionPool(settings, timer);
    this.pacer = new Pacer(timer, System::nanoTime);
  }

  /**
   * Makes a call, again as long as that helps and time is left.
   *
   * @param build makes the request, anew for each attempt
   */
  <Q, R> CompletableFuture<R> call(
      MethodDescriptor<Q, R> method, Supplier<Q> build, CallKind kind, Duration timeout) {
    Attempts attempts =
        new Attempts(
            kind, timeout, System::nanoTime, () -> ThreadLocalRandom.current().nextDouble());
    UnaryCall<Q, R> call = new UnaryCall<>(this, method, build, kind, attempts);
    underWay.add(call);
    call.result().whenComplete((answer, error) -> underWay.remove(call));
    if (isClosed) {
      call.stop(TallywireException.closed("the client"));
    } else {
      call.start();
    }
    return call.result();
  }

  /** Opens a stream of the server; without a deadline if it is null. */
  <Q, R> MessageReader<R> open(MethodDescriptor<Q, R> method, Q request, Duration timeout) {
    if (isClosed) {
      throw TallywireException.closed("the client");
    }
    return kept(MessageReader.start(connections.forStream(), method, request, timeout, this));
  }

  /** Starts a call in both directions, which ends after some nanoseconds. */
  <Q, R> MessageReader<R> listen(ClientCall<Q, R> call, long nanos) {
    if (isClosed) {
      throw TallywireException.closed("the client");
    }
    return kept(MessageReader.listen(call, nanos, this));
  }

  private <R> MessageReader<R> kept(MessageReader<R> reader) {
    streams.add(reader);
    if (isClosed) {
      reader.close();
    }
    return reader;
  }

  void forget(AutoCloseable stream) {
    streams.remove(stream);
  }

  /** Waits for a call: its error is thrown here, and an interrupt cancels it. */
  static <R> R await(CompletableFuture<R> future) {
    try {
      return future.get();
    } catch (InterruptedException interrupted) {
      future.cancel(true);
      Thread.currentThread().interrupt();
      throw TallywireException.cancelled(interrupted);
    } catch (CancellationException cancelled) {
      throw TallywireException.cancelled(cancelled);
    } catch (ExecutionException failed) {
      throw thrown(failed.getCause());
    }
  }

  /** Returns an error that came through futures as one to be thrown by this thread. */
  static RuntimeException thrown(Throwable error) {
    if (error instanceof CompletionException && error.getCause() != null) {
      return thrown(error.getCause());
    }
    if (error instanceof TallywireException) {
      return ((TallywireException) error).here();
    }
    return new IllegalStateException("a fault of the client", error);
  }

  /** Ends calls that are under way, and waits of calls. Closing again does nothing. */
  @Override
  public void close() {
    isClosed = true;
    for (UnaryCall<?, ?> call : new ArrayList<>(underWay)) {
      call.stop(TallywireException.closed("the client"));
    }
    for (AutoCloseable stream : new ArrayList<>(streams)) {
      ((MessageReader<?>) stream).close();
    }
    connections.close();
    timer.shutdownNow();
  }

  boolean isClosed() {
    return isClosed;
  }

  ScheduledExecutorService clock() {
    return timer;
  }

  ConnectionPool connections() {
    return connections;
  }

  Pacer pacer() {
    return pacer;
  }

  @Override
  public String toString() {
    return settings.toString();
  }

  private static ScheduledExecutorService timer() {
    ScheduledThreadPoolExecutor timer =
        new ScheduledThreadPoolExecutor(
            1,
            work -> {
              Thread thread = new Thread(work, "tallywire-timer");
              thread.setDaemon(true);
              return thread;
            },
            // Once the client is closed, nothing is waited for any more.
            new ThreadPoolExecutor.DiscardPolicy());
    timer.setRemoveOnCancelPolicy(true);
    return timer;
  }
}
