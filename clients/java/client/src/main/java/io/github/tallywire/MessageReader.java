package io.github.tallywire;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The messages of one stream of the server, read by one thread. One message more than was taken is
 * asked for, so that a slow reader slows the server down.
 */
final class MessageReader<R> extends ClientCall.Listener<R> implements AutoCloseable {
  /** Thrown by {@link #next} when the stream has ended without an error. */
  static final class Ended extends Exception {
    private static final long serialVersionUID = 1L;

    Ended() {
      super("the stream has ended", null, false, false);
    }
  }

  private final BlockingQueue<Item<R>> items = new LinkedBlockingQueue<>();
  private final Caller caller;
  private final Long end;
  private ClientCall<?, R> call;
  private volatile boolean isClosed;
  private volatile long heardAt = System.nanoTime();
  private Item<R> last;

  private MessageReader(Caller caller, Long end) {
    this.caller = caller;
    this.end = end;
  }

  static <Q, R> MessageReader<R> start(
      Channel channel, MethodDescriptor<Q, R> method, Q request, Duration timeout, Caller caller) {
    CallOptions options = CallOptions.DEFAULT;
    if (timeout != null) {
      options = options.withDeadlineAfter(Nanos.of(timeout), TimeUnit.NANOSECONDS);
    }
    ClientCall<Q, R> call = channel.newCall(method, options);
    MessageReader<R> reader = listen(call, timeout == null ? null : Nanos.of(timeout), caller);
    call.sendMessage(request);
    call.halfClose();
    return reader;
  }

  /** Starts a call, to which the caller may send. It ends after some nanoseconds, if any. */
  static <R> MessageReader<R> listen(ClientCall<?, R> call, Long nanos, Caller caller) {
    Long end = nanos == null ? null : System.nanoTime() + nanos;
    MessageReader<R> reader = new MessageReader<>(caller, end);
    reader.call = call;
    call.start(reader, caller.connections().metadata());
    call.request(1);
    return reader;
  }

  /**
   * Returns the next message, or nothing if none comes in time.
   *
   * @throws Ended if there is none any more
   * @throws TallywireException if the stream has failed
   * @throws InterruptedException if the thread is interrupted
   */
  Optional<R> next(long nanos) throws Ended, InterruptedException {
    Item<R> item = last == null ? items.poll(nanos, TimeUnit.NANOSECONDS) : last;
    if (item == null) {
      return Optional.empty();
    }
    if (item.message != null) {
      call.request(1);
      return Optional.of(item.message);
    }
    last = item; // Whoever asks again gets the same end.
    if (item.status.isOk()) {
      throw new Ended();
    }
    throw failure(item);
  }

  /** Returns how long nothing more may come until nothing has come for so long. */
  long untilSilentFor(long nanos) {
    return items.isEmpty() ? Math.max(0, heardAt + nanos - System.nanoTime()) : nanos;
  }

  private TallywireException failure(Item<R> item) {
    if (isClosed) {
      return TallywireException.closed(caller.isClosed() ? "the client" : "the stream");
    }
    boolean isLate = end != null && end - System.nanoTime() <= 0;
    return Failures.of(
        item.status, item.trailers, isLate ? Failures.Clock.CALL_IS_OVER : Failures.Clock.RUNNING);
  }

  @Override
  public void onMessage(R message) {
    heardAt = System.nanoTime();
    items.add(new Item<>(message, null, null));
  }

  @Override
  public void onClose(Status status, Metadata trailers) {
    caller.forget(this);
    items.add(new Item<>(null, status, trailers));
  }

  /** Ends the call, also at the server. */
  @Override
  public void close() {
    isClosed = true;
    call.cancel("the reader has stopped", null);
  }

  private static final class Item<R> {
    private final R message;
    private final Status status;
    private final Metadata trailers;

    Item(R message, Status status, Metadata trailers) {
      this.message = message;
      this.status = status;
      this.trailers = trailers;
    }
  }
}
