package io.github.tallywire.grpc;

import com.google.protobuf.MessageLite;
import io.github.tallywire.Tracker;
import io.github.tallywire.event.EventContext;
import io.github.tallywire.middleware.CallRecorder;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/**
 * Counts the calls of a gRPC server: each becomes an event {@code api.called} with the full method
 * as its endpoint, its status, how long it took and how large its messages were.
 *
 * <p>The service counts HTTP statuses, so that of a call is the one that stands for its gRPC
 * status: 200 for OK, 404 for NOT_FOUND, 503 for UNAVAILABLE and so on. A call counts when it has
 * ended, also when the handler throws or the peer hangs up. It is never slowed or failed by it:
 * events go to a {@link Tracker}, which neither waits nor throws. Nothing of messages is read but
 * their size.
 *
 * <p>Add it last with {@code ServerBuilder.intercept}, so that it comes first, and refusals of
 * other interceptors count, too.
 */
public final class TallywireServerInterceptor implements ServerInterceptor {
  /** Health checks, reflection, and calls of the service itself. */
  private static final List<String> DEFAULT_EXCLUDED =
      List.of("/grpc.health.v1.Health/*", "/grpc.reflection.*", "/tallywire.v1.*");

  private final CallRecorder<Metadata> recorder;

  private TallywireServerInterceptor(Builder builder) {
    this.recorder =
        new CallRecorder<>(builder.tracker, builder.identify, builder.excluded, builder.sampleRate);
  }

  /**
   * Returns a builder of an interceptor.
   *
   * @param tracker takes the events; whoever made it closes it
   * @return the builder
   */
  public static Builder builder(Tracker tracker) {
    return new Builder(tracker);
  }

  @Override
  public <Q, R> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
    String method = "/" + call.getMethodDescriptor().getFullMethodName();
    if (!recorder.wants(method)) {
      return next.startCall(call, headers);
    }
    Counted counted = new Counted(method, recorder.identified(headers));
    try {
      return new CountedListener<>(
          next.startCall(new CountedCall<>(call, counted), headers), counted);
    } catch (RuntimeException | Error error) {
      counted.ended(Status.Code.UNKNOWN);
      throw error;
    }
  }

  private static long size(Object message) {
    return message instanceof MessageLite ? ((MessageLite) message).getSerializedSize() : 0;
  }

  /** One call. */
  private final class Counted {
    private final long begun = System.nanoTime();
    private final AtomicBoolean isRecorded = new AtomicBoolean();
    private final AtomicLong received = new AtomicLong();
    private final AtomicLong sent = new AtomicLong();
    private final String method;
    private final EventContext context;

    Counted(String method, EventContext context) {
      this.method = method;
      this.context = context;
    }

    void ended(Status.Code code) {
      if (!isRecorded.compareAndSet(false, true)) {
        return;
      }
      recorder.record(
          recorder
              .event(method, "GRPC", httpStatus(code), System.nanoTime() - begun)
              .requestBytes(received.get())
              .responseBytes(sent.get()),
          context);
    }
  }

  private static final class CountedCall<Q, R> extends SimpleForwardingServerCall<Q, R> {
    private final Counted counted;

    CountedCall(ServerCall<Q, R> call, Counted counted) {
      super(call);
      this.counted = counted;
    }

    @Override
    public void sendMessage(R message) {
      super.sendMessage(message);
      counted.sent.addAndGet(size(message));
    }

    @Override
    public void close(Status status, Metadata trailers) {
      super.close(status, trailers);
      counted.ended(status.getCode());
    }
  }

  private static final class CountedListener<Q> extends SimpleForwardingServerCallListener<Q> {
    private final Counted counted;

    CountedListener(ServerCall.Listener<Q> listener, Counted counted) {
      super(listener);
      this.counted = counted;
    }

    /** Does what the handler does; if that throws, gRPC ends the call without this interceptor. */
    private void counting(Runnable step) {
      try {
        step.run();
      } catch (RuntimeException | Error error) {
        counted.ended(Status.Code.UNKNOWN);
        throw error;
      }
    }

    @Override
    public void onMessage(Q message) {
      counted.received.addAndGet(size(message));
      counting(() -> super.onMessage(message));
    }

    @Override
    public void onHalfClose() {
      counting(super::onHalfClose);
    }

    @Override
    public void onReady() {
      counting(super::onReady);
    }

    @Override
    public void onCancel() {
      counted.ended(Status.Code.CANCELLED);
      super.onCancel();
    }
  }

  /** Returns the HTTP status that stands for a gRPC one, as google.rpc.Code has it. */
  static int httpStatus(Status.Code code) {
    switch (code) {
      case OK:
        return 200;
      case CANCELLED:
        return 499;
      case INVALID_ARGUMENT:
      case FAILED_PRECONDITION:
      case OUT_OF_RANGE:
        return 400;
      case UNAUTHENTICATED:
        return 401;
      case PERMISSION_DENIED:
        return 403;
      case NOT_FOUND:
        return 404;
      case ALREADY_EXISTS:
      case ABORTED:
        return 409;
      case RESOURCE_EXHAUSTED:
        return 429;
      case UNIMPLEMENTED:
        return 501;
      case UNAVAILABLE:
        return 503;
      case DEADLINE_EXCEEDED:
        return 504;
      default:
        return 500;
    }
  }

  /** Builds an interceptor. */
  public static final class Builder {
    private final Tracker tracker;
    private Function<? super Metadata, EventContext> identify = headers -> null;
    private List<String> excluded = DEFAULT_EXCLUDED;
    private double sampleRate = 1;

    private Builder(Tracker tracker) {
      this.tracker = tracker;
    }

    /**
     * Says who served whom.
     *
     * @param value returns the agent, user, conversation and so on of a call, or null; it is called
     *     before the handler, in the context of the call
     * @return this
     */
    public Builder identify(Function<? super Metadata, EventContext> value) {
      this.identify = value;
      return this;
    }

    /**
     * Leaves out methods. The patterns take the place of the default, which leaves out health
     * checks, reflection and calls of tallywire itself.
     *
     * @param patterns of full methods such as {@code /package.Service/Method}: {@code *} stands for
     *     any text
     * @return this
     */
    public Builder exclude(String... patterns) {
      this.excluded = List.of(patterns);
      return this;
    }

    /**
     * Records each call with a probability only. Without it all are recorded, and figures are
     * exact.
     *
     * @param value from 0 to 1; events carry it as the property {@code sample_rate}
     * @return this
     */
    public Builder sampleRate(double value) {
      this.sampleRate = value;
      return this;
    }

    /**
     * Builds the interceptor.
     *
     * @return the interceptor
     * @throws IllegalArgumentException if the rate is not from 0 to 1
     */
    public TallywireServerInterceptor build() {
      return new TallywireServerInterceptor(this);
    }
  }
}
