package io.github.tallywire;

/** What became of the events given to a tracker: each event is in exactly one of these counts. */
public final class TrackerStats {
  private final long sent;
  private final long duplicates;
  private final long rejected;
  private final long invalid;
  private final long dropped;
  private final long failed;
  private final long pending;

  TrackerStats(
      long sent,
      long duplicates,
      long rejected,
      long invalid,
      long dropped,
      long failed,
      long pending) {
    this.sent = sent;
    this.duplicates = duplicates;
    this.rejected = rejected;
    this.invalid = invalid;
    this.dropped = dropped;
    this.failed = failed;
    this.pending = pending;
  }

  /**
   * Returns how many were stored and counted by the server.
   *
   * @return the number
   */
  public long sent() {
    return sent;
  }

  /**
   * Returns how many had been stored before with the same id, as when an answer was lost: a
   * success.
   *
   * @return the number
   */
  public long duplicates() {
    return duplicates;
  }

  /**
   * Returns how many were refused by the server for what they are.
   *
   * @return the number
   */
  public long rejected() {
    return rejected;
  }

  /**
   * Returns how many were never taken: they could not be built, or fit in no request.
   *
   * @return the number
   */
  public long invalid() {
    return invalid;
  }

  /**
   * Returns how many were not sent: a bound was reached, or the tracker was closed.
   *
   * @return the number
   */
  public long dropped() {
    return dropped;
  }

  /**
   * Returns how many were given up after they were sent, or came back without a result.
   *
   * @return the number
   */
  public long failed() {
    return failed;
  }

  /**
   * Returns how many wait or are under way.
   *
   * @return the number
   */
  public long pending() {
    return pending;
  }

  @Override
  public String toString() {
    return "TrackerStats{sent="
        + sent
        + ", duplicates="
        + duplicates
        + ", rejected="
        + rejected
        + ", invalid="
        + invalid
        + ", dropped="
        + dropped
        + ", failed="
        + failed
        + ", pending="
        + pending
        + "}";
  }
}
