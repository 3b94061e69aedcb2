package io.github.tallywire;

import io.github.tallywire.answer.EventResult;
import io.github.tallywire.event.EventBuilder;
import io.github.tallywire.v1.Event;
import io.github.tallywire.v1.EventServiceGrpc;
import io.github.tallywire.v1.TrackEventRequest;
import io.github.tallywire.v1.TrackEventsRequest;
import io.grpc.MethodDescriptor;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * A client whose calls give futures: {@link TallywireClient#async()}. A future fails with a {@link
 * TallywireException}; cancelling it cancels the call at the server.
 */
public final class AsyncTallywireClient extends FutureCalls {
  private final TallywireClient.Core core;

  AsyncTallywireClient(TallywireClient.Core core) {
    this.core = core;
  }

  /**
   * Stores one event.
   *
   * @param event the event; without an id it gets one for this call
   * @return ACCEPTED or DUPLICATE, both of them success
   */
  public CompletableFuture<EventResult> track(Event event) {
    Event sent = Batches.withId(event);
    Supplier<TrackEventRequest> build = () -> core.clock.track(sent);
    return then(
        core.caller.call(
            EventServiceGrpc.getTrackEventMethod(), build, CallKind.EVENT, core.timeout),
        response -> EventResult.of(response.getResult()));
  }

  /**
   * Builds and stores one event.
   *
   * @param event the builder
   * @return ACCEPTED or DUPLICATE, both of them success
   * @throws IllegalArgumentException if the event cannot be built
   */
  public CompletableFuture<EventResult> track(EventBuilder<?> event) {
    return track(event.build());
  }

  /**
   * Stores any number of events, as {@link TallywireClient#trackBatch} does.
   *
   * @param events the events
   * @return a result for each, in their order
   */
  public CompletableFuture<List<EventResult>> trackBatch(Iterable<Event> events) {
    BatchCall batch = new BatchCall(Batches.parts(events).iterator());
    batch.next();
    return batch.result;
  }

  @Override
  public String toString() {
    return "AsyncTallywireClient{" + core.caller + "}";
  }

  @Override
  <Q, R, T> CompletableFuture<T> call(
      MethodDescriptor<Q, R> method, Q request, CallKind kind, Function<R, T> answer) {
    return then(core.caller.call(method, core.clock.requests(request), kind, core.timeout), answer);
  }

  /** Returns a future of what is made of the answer; cancelling it cancels the call. */
  private static <R, T> CompletableFuture<T> then(
      CompletableFuture<R> call, Function<R, T> answer) {
    CompletableFuture<T> result = new CompletableFuture<>();
    call.whenComplete(
        (response, error) -> {
          if (error == null) {
            result.complete(answer.apply(response));
          } else {
            result.completeExceptionally(error);
          }
        });
    result.whenComplete(
        (response, error) -> {
          if (result.isCancelled()) {
            call.cancel(true);
          }
        });
    return result;
  }

  /** The requests of a batch, one after the other. */
  private final class BatchCall {
    private final CompletableFuture<List<EventResult>> result = new CompletableFuture<>();
    private final List<EventResult> results = new ArrayList<>();
    private final Iterator<Batches.Part> parts;
    private volatile CompletableFuture<?> underWay;

    BatchCall(Iterator<Batches.Part> parts) {
      this.parts = parts;
      result.whenComplete(
          (response, error) -> {
            CompletableFuture<?> call = underWay;
            if (result.isCancelled() && call != null) {
              call.cancel(true);
            }
          });
    }

    void next() {
      while (parts.hasNext() && !result.isDone()) {
        Batches.Part part = parts.next();
        if (part.refused == null) {
          send(part);
          return;
        }
        results.add(EventResult.of(part.refused));
      }
      result.complete(List.copyOf(results));
    }

    private void send(Batches.Part part) {
      Supplier<TrackEventsRequest> build = () -> core.clock.track(part.events);
      CompletableFuture<io.github.tallywire.v1.TrackEventsResponse> call =
          core.caller.call(
              EventServiceGrpc.getTrackEventsMethod(), build, CallKind.EVENTS, core.timeout);
      underWay = call;
      if (result.isCancelled()) {
        call.cancel(true);
      }
      call.whenComplete(
          (response, error) -> {
            if (error == null) {
              response.getResultsList().forEach(one -> results.add(EventResult.of(one)));
              next();
              return;
            }
            if (error instanceof TallywireException) {
              ((TallywireException) error).setResults(results);
            }
            result.completeExceptionally(error);
          });
    }
  }
}
