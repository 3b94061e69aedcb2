package io.github.tallywire;

import io.github.tallywire.answer.WatchMetricsResponse;
import io.github.tallywire.answer.WatchUpdatesResponse;
import io.github.tallywire.v1.RealtimeServiceGrpc;
import io.github.tallywire.v1.WatchMetricsRequest;
import io.github.tallywire.v1.WatchUpdatesRequest;

/** The two subscriptions of a client. */
final class Subscriptions {
  private Subscriptions() {}

  static Subscription<WatchMetricsResponse> watch(
      Caller caller, WatchMetricsRequest request, SubscriptionOptions options) {
    StateProgress progress = new StateProgress(request, options.yieldsIdle, System::nanoTime);
    return new Subscription<>(
        new SubscriptionReader<>(
            caller, RealtimeServiceGrpc.getWatchMetricsMethod(), progress, options),
        WatchMetricsResponse::of);
  }

  static Subscription<WatchUpdatesResponse> updates(
      Caller caller, WatchUpdatesRequest request, SubscriptionOptions options) {
    UpdateProgress progress = new UpdateProgress(request, options.yieldsIdle);
    return new Subscription<>(
        new SubscriptionReader<>(
            caller, RealtimeServiceGrpc.getWatchUpdatesMethod(), progress, options),
        WatchUpdatesResponse::of);
  }
}
