package io.github.tallywire;

import com.google.protobuf.Timestamp;
import io.github.tallywire.v1.TimeRange;
import java.time.DayOfWeek;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;

/** The period of a question: from an instant, inclusive, to another, exclusive. Immutable. */
public final class Period {
  private final TimeRange range;

  private Period(TimeRange range) {
    this.range = range;
  }

  /**
   * Returns the period between two instants, with buckets in the organization's time zone.
   *
   * @param start the first instant
   * @param end the first instant after it
   * @return the period
   */
  public static Period between(Instant start, Instant end) {
    return new Period(
        TimeRange.newBuilder().setStart(timestamp(start)).setEnd(timestamp(end)).build());
  }

  /**
   * Returns the period of whole days of a time zone.
   *
   * @param first the first day
   * @param after the first day after it
   * @param zone the time zone, which is that of the buckets, too
   * @return the period
   */
  public static Period days(LocalDate first, LocalDate after, ZoneId zone) {
    return between(first.atStartOfDay(zone).toInstant(), after.atStartOfDay(zone).toInstant())
        .in(zone);
  }

  /**
   * Returns the time up to now.
   *
   * @param days how many times 24 hours
   * @return the period
   */
  public static Period lastDays(int days) {
    Instant now = Instant.now();
    return between(now.minus(Duration.ofDays(days)), now);
  }

  /**
   * Sets the time zone of buckets.
   *
   * @param zone a zone of the IANA database: fixed offsets are refused by the service
   * @return a copy with that zone
   */
  public Period in(ZoneId zone) {
    return new Period(range.toBuilder().setTimeZone(zone.getId()).build());
  }

  /**
   * Sets the day on which weeks begin.
   *
   * @param day the day
   * @return a copy with that day
   */
  public Period weeksFrom(DayOfWeek day) {
    return new Period(range.toBuilder().setWeekStartValue(day.getValue()).build());
  }

  /**
   * Returns the period as requests carry it.
   *
   * @return the message
   */
  public TimeRange toProto() {
    return range;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Period && range.equals(((Period) other).range);
  }

  @Override
  public int hashCode() {
    return range.hashCode();
  }

  @Override
  public String toString() {
    return instant(range.getStart()) + "/" + instant(range.getEnd()) + zone();
  }

  private String zone() {
    return range.getTimeZone().isEmpty() ? "" : "[" + range.getTimeZone() + "]";
  }

  private static Instant instant(Timestamp timestamp) {
    return Instant.ofEpochSecond(timestamp.getSeconds(), timestamp.getNanos());
  }

  private static Timestamp timestamp(Instant instant) {
    return Timestamp.newBuilder()
        .setSeconds(instant.getEpochSecond())
        .setNanos(instant.getNano())
        .build();
  }
}
