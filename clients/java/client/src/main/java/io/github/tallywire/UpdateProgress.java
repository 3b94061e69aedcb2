package io.github.tallywire;

import io.github.tallywire.v1.WatchUpdatesRequest;
import io.github.tallywire.v1.WatchUpdatesResponse;
import java.util.Optional;

/** The progress of WatchUpdates: every revision once, in order, without a gap, whole. */
final class UpdateProgress implements Progress<WatchUpdatesRequest, WatchUpdatesResponse> {
  private final WatchUpdatesRequest request;
  private final boolean yieldsBookmarks;
  private String resumeToken;

  /** The last whole revision; null until the first message after the caller's token. */
  private Long revision;

  private WatchUpdatesResponse.Builder begun;

  UpdateProgress(WatchUpdatesRequest request, boolean yieldsBookmarks) {
    this.request = request;
    this.yieldsBookmarks = yieldsBookmarks;
    this.resumeToken = request.getResumeAfter();
  }

  /** Returns the request that goes on after the last whole revision; one cut off comes again. */
  @Override
  public WatchUpdatesRequest request() {
    begun = null;
    return request.toBuilder().setResumeAfter(resumeToken).build();
  }

  @Override
  public Optional<WatchUpdatesResponse> take(WatchUpdatesResponse message) {
    check(message);
    WatchUpdatesResponse whole = message;
    if (begun != null) {
      // Appended: a merge would have to take the first message's fields from the last one.
      begun
          .addAllChanges(message.getChangesList())
          .addAllEvents(message.getEventsList())
          .setMore(message.getMore())
          .setResumeToken(message.getResumeToken());
    } else if (message.getMore()) {
      begun = message.toBuilder();
    }
    if (message.getMore()) {
      return Optional.empty();
    }
    if (begun != null) {
      whole = begun.build();
    }
    if (whole.getResumeToken().isEmpty()) {
      throw Progress.outOfSequence("a message without a token", null, whole.getRevision());
    }
    begun = null;
    revision = whole.getRevision();
    resumeToken = whole.getResumeToken();
    return yieldsBookmarks || !whole.getBookmark() ? Optional.of(whole) : Optional.empty();
  }

  private void check(WatchUpdatesResponse message) {
    Long expected = null;
    if (begun != null) {
      expected = begun.getRevision();
    } else if (revision != null) {
      expected = message.getBookmark() ? revision : revision + 1;
    }
    boolean isOfAnother = begun != null && message.getBookmark();
    if (isOfAnother || (expected != null && message.getRevision() != expected)) {
      throw Progress.outOfSequence(
          "a revision that does not follow", expected, message.getRevision());
    }
  }

  @Override
  public String resumeToken() {
    return resumeToken;
  }
}
