package io.github.tallywire;

import io.github.tallywire.v1.WatchMetricsRequest;
import io.github.tallywire.v1.WatchMetricsResponse;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/** The progress of WatchMetrics: revisions never go back, whichever server answers. */
final class StateProgress implements Progress<WatchMetricsRequest, WatchMetricsResponse> {
  /** The time for a server that lags behind another one to catch up. */
  private static final long BEHIND = TimeUnit.SECONDS.toNanos(60);

  private final WatchMetricsRequest request;
  private final boolean yieldsHeartbeats;
  private final LongSupplier clock;
  private long revision;
  private Long behindSince;

  StateProgress(WatchMetricsRequest request, boolean yieldsHeartbeats, LongSupplier clock) {
    this.request = request;
    this.yieldsHeartbeats = yieldsHeartbeats;
    this.clock = clock;
  }

  @Override
  public WatchMetricsRequest request() {
    return request;
  }

  @Override
  public Optional<WatchMetricsResponse> take(WatchMetricsResponse message) {
    if (message.getRevision() < revision) {
      waitFor(message.getRevision());
      return Optional.empty();
    }
    revision = message.getRevision();
    behindSince = null;
    return yieldsHeartbeats || message.hasState() ? Optional.of(message) : Optional.empty();
  }

  private void waitFor(long lagging) {
    long now = clock.getAsLong();
    if (behindSince == null) {
      behindSince = now;
    } else if (now - behindSince > BEHIND) {
      throw Progress.outOfSequence(
          "revisions that have gone back and stay there", revision, lagging);
    }
  }

  @Override
  public String resumeToken() {
    return "";
  }
}
