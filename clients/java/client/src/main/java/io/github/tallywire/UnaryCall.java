package io.github.tallywire;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** One call with one answer: its attempts, one after the other, and the waits between them. */
final class UnaryCall<Q, R> {
  /** A server may notice that time is up a moment before this client does. */
  private static final long EARLY = TimeUnit.MILLISECONDS.toNanos(20);

  private final Caller caller;
  private final MethodDescriptor<Q, R> method;
  private final Supplier<Q> build;
  private final CallKind kind;
  private final Attempts attempts;
  private final CompletableFuture<R> result = new CompletableFuture<>();
  private ClientCall<Q, R> underWay;

  UnaryCall(
      Caller caller,
      MethodDescriptor<Q, R> method,
      Supplier<Q> build,
      CallKind kind,
      Attempts attempts) {
    this.caller = caller;
    this.method = method;
    this.build = build;
    this.kind = kind;
    this.attempts = attempts;
    result.whenComplete((answer, error) -> cancel());
  }

  /** Returns what comes of it. Whoever cancels it cancels the call. */
  CompletableFuture<R> result() {
    return result;
  }

  /** Makes the next attempt. */
  void start() {
    if (result.isDone()) {
      return;
    }
    if (kind.sendsEvents() && kind != CallKind.TRACKER) {
      caller.pacer().enter(attempts.left() / 2, new Turn());
    } else {
      connect(this::failed, () -> {});
    }
  }

  /** Ends the call with an error. */
  void stop(TallywireException error) {
    result.completeExceptionally(error);
  }

  private void connect(Consumer<TallywireException> failed, Runnable succeeded) {
    caller
        .connections()
        .place(
            attempts.left(),
            place -> {
              if (place == null) {
                failed.accept(late());
                return;
              }
              if (result.isDone()) {
                caller.connections().leave(place);
                failed.accept(TallywireException.cancelled(null));
                return;
              }
              send(place, failed, succeeded);
            });
  }

  private void send(
      ConnectionPool.Connection place, Consumer<TallywireException> failed, Runnable succeeded) {
    long nanos = attempts.attemptNanos();
    long end = System.nanoTime() + nanos; // Not later than the end that gRPC knows of.
    if (nanos <= 0) {
      caller.connections().leave(place);
      failed.accept(late());
      return;
    }
    CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(nanos, TimeUnit.NANOSECONDS);
    ClientCall<Q, R> call = place.channel.newCall(method, options);
    call.start(new Answer(place, end, failed, succeeded), caller.connections().metadata());
    call.request(2);
    call.sendMessage(build.get());
    call.halfClose();
    // A call that is cancelled takes no message: so it is known to cancel() only now.
    synchronized (this) {
      underWay = call;
    }
    if (result.isDone()) {
      call.cancel("the caller has stopped", null);
    }
  }

  private void failed(TallywireException error) {
    OptionalLong wait = attempts.nextWait(error);
    if (wait.isEmpty()) {
      result.completeExceptionally(attempts.verdict(error));
    } else {
      caller.clock().schedule(this::start, wait.getAsLong(), TimeUnit.NANOSECONDS);
    }
  }

  private void cancel() {
    ClientCall<Q, R> call;
    synchronized (this) {
      call = underWay;
    }
    if (call != null) {
      call.cancel("the caller has stopped", null);
    }
  }

  private static TallywireException late() {
    return TallywireException.of(
        ErrorDetails.of(Status.Code.DEADLINE_EXCEEDED, "the time for the call has run out"), null);
  }

  /** A turn of a call that sends events, once it is let in. */
  private final class Turn implements Pacer.Waiting {
    @Override
    public void begin(long begun) {
      connect(
          error -> {
            caller.pacer().end(begun, error);
            failed(error);
          },
          () -> caller.pacer().end(begun, null));
    }

    @Override
    public void giveUp(TallywireException refusal) {
      result.completeExceptionally(attempts.givenUp(refusal));
    }
  }

  /** What comes back of one attempt. */
  private final class Answer extends ClientCall.Listener<R> {
    private final ConnectionPool.Connection place;
    private final long end;
    private final Consumer<TallywireException> failed;
    private final Runnable succeeded;
    private R answer;

    Answer(
        ConnectionPool.Connection place,
        long end,
        Consumer<TallywireException> failed,
        Runnable succeeded) {
      this.place = place;
      this.end = end;
      this.failed = failed;
      this.succeeded = succeeded;
    }

    @Override
    public void onMessage(R message) {
      answer = message;
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      synchronized (UnaryCall.this) {
        underWay = null;
      }
      caller.connections().leave(place);
      if (status.isOk() && answer != null) {
        succeeded.run();
        result.complete(answer);
        return;
      }
      Status failure =
          status.isOk() ? Status.INTERNAL.withDescription("an answer without a message") : status;
      failed.accept(
          caller.isClosed()
              ? TallywireException.closed("the client")
              : Failures.of(failure, trailers, clock()));
    }

    private Failures.Clock clock() {
      if (end - System.nanoTime() > EARLY) {
        return Failures.Clock.RUNNING;
      }
      return attempts.left() > EARLY ? Failures.Clock.ATTEMPT_IS_OVER : Failures.Clock.CALL_IS_OVER;
    }
  }
}
