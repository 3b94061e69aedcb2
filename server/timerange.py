"""Periods, time zones and buckets: which quarter hours a question is about.

Since 1980 every IANA zone has been a multiple of 15 minutes away from UTC, so quarter hours of UTC compose exactly into
the hours, days, weeks and months of any zone. Nothing before 1980 is kept.
"""

import bisect
import dataclasses
import enum
import functools
import itertools
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from server import quarters
from server.errors import Reason, Refused

# Time zones are those of the package tzdata on every machine, and not those that the system happens to have.
zoneinfo.reset_tzpath(())

QUARTER = timedelta(seconds=quarters.QUARTER_SECONDS)
_MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FLOOR = datetime(1980, 1, 1, tzinfo=UTC)
_CEILING = datetime(9000, 1, 1, tzinfo=UTC)  # far from where the calendar of Python ends
MAX_DAYS = 1830  # five years and a few days
MAX_POINTS = 2000
MAX_AHEAD = timedelta(hours=1)


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Granularity(enum.Enum):
    """The width of one point of a series, on the clock on the wall of a time zone."""

    MINUTE = "minute"
    FIVE_MINUTES = "five_minutes"
    QUARTER_HOUR = "quarter_hour"
    HALF_HOUR = "half_hour"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


# Widths that are less than what figures are kept by, in minutes: such series are counted from raw events.
FINE = {Granularity.MINUTE: 1, Granularity.FIVE_MINUTES: 5}
FINE_DAYS = 2
_CLOCK = {Granularity.QUARTER_HOUR: 1, Granularity.HALF_HOUR: 2, Granularity.HOUR: quarters.QUARTERS_PER_HOUR}
_MONTHS = {Granularity.MONTH: 1, Granularity.QUARTER: 3, Granularity.YEAR: 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A half-open run of quarter hours [start, end), numbered as in cells.CellKey."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Returns the number of quarter hours."""
        return self.end - self.start

    @property
    def interval(self) -> "Interval":
        """Returns the same as instants."""
        return Interval(start=instant(self.start), end=instant(self.end))


class Edge(NamedTuple):
    """A part [start, end) of a quarter hour."""

    bucket: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A half-open interval [start, end) of instants; an empty one has an end that is its start."""

    start: datetime
    end: datetime

    @property
    def span(self) -> Span:
        """Returns the quarter hours that hold it."""
        first = floor_bucket(self.start)
        return Span(start=first, end=max(first, ceil_bucket(self.end)) if self.end > self.start else first)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Returns the parts of quarter hours at its ends; there are none where it is of whole quarter hours."""
        span = self.span
        buckets = dict.fromkeys((span.start, span.end - 1)) if span.length else {}
        edges = (Edge(one, max(self.start, instant(one)), min(self.end, instant(one + 1))) for one in buckets)
        return tuple(edge for edge in edges if edge.end - edge.start < QUARTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """The period of a question, resolved against the clock of the database: quarter hours that hold what was asked for,
    up to the latest time that an event can have. week_start is the day on which weeks begin, 0 for Monday.

    raw_from is the quarter hour from which on raw events are kept, if the question is to be answered to the
    microsecond: then bounds are as asked wherever there are raw events.
    """

    span: Span
    zone: zoneinfo.ZoneInfo
    now: datetime
    asked: Interval
    week_start: int = 0
    raw_from: int | None = None

    @property
    def bounds(self) -> Interval:
        """Returns what is answered: what was asked for, or the quarter hours that hold it."""
        span, asked = self.span, self.asked
        is_start = self.is_exact(asked.start) and floor_bucket(asked.start) == span.start
        is_end = self.is_exact(asked.end) and ceil_bucket(asked.end) == span.end
        return Interval(
            start=asked.start if is_start else instant(span.start), end=asked.end if is_end else instant(span.end)
        )

    def is_exact(self, at: datetime) -> bool:
        """Returns whether a bound can be within a quarter hour: raw events are wanted, and kept, there."""
        return self.raw_from is not None and floor_bucket(at) >= self.raw_from

    def rounded(self, interval: Interval) -> Interval:
        """Returns an interval whose bounds are moved outwards to quarter hours where they cannot be exact."""
        return Interval(
            start=interval.start if self.is_exact(interval.start) else instant(floor_bucket(interval.start)),
            end=interval.end if self.is_exact(interval.end) else instant(ceil_bucket(interval.end)),
        )

    def cut(self, span: Span) -> Interval:
        """Returns what a span has of the period."""
        bounds, whole = self.bounds, span.interval
        start = max(bounds.start, whole.start)
        return Interval(start=start, end=max(start, min(bounds.end, whole.end)))

    @property
    def still_running(self) -> bool:
        """Returns whether now is before the end."""
        return self.now < self.bounds.end

    @property
    def passed(self) -> Interval:
        """Returns what has passed of the period, in whole quarter hours while it is still running."""
        bounds = self.bounds
        if not self.still_running:
            return bounds
        return Interval(start=bounds.start, end=max(bounds.start, min(bounds.end, instant(floor_bucket(self.now)))))

    @property
    def elapsed(self) -> Span:
        """Returns the quarter hours of what has passed."""
        return self.passed.span


def instant(bucket: int) -> datetime:
    """Returns the first instant of a quarter hour, in UTC."""
    return EPOCH + bucket * QUARTER


def of_microseconds(microseconds: int) -> datetime:
    """Returns the instant so many microseconds after 1970, in UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


def floor_bucket(at: datetime) -> int:
    """Returns the quarter hour that holds an instant."""
    return (at - EPOCH) // QUARTER


def ceil_bucket(at: datetime) -> int:
    """Returns the first quarter hour that begins at or after an instant."""
    return -((EPOCH - at) // QUARTER)


@functools.cache
def zone_names() -> Mapping[str, str]:
    """Returns the names of the IANA zones that are accepted, each under its case-folded form."""
    names = zoneinfo.available_timezones() - {"Factory", "localtime", "posixrules"}
    return {name.casefold(): name for name in names}


def zone(name: str) -> zoneinfo.ZoneInfo:
    """Returns the IANA zone of that name, whatever its case; refuses any other name.

    The name is looked up in the list of zones and is never a path or a POSIX rule.
    """
    canonical = zone_names().get(name.casefold()) if len(name) <= 64 else None
    if canonical is None:
        raise Refused(
            Reason.INVALID_TIME_ZONE,
            "time_zone is not the name of an IANA time zone, such as Europe/Berlin",
            field="time_range.time_zone",
        )
    return zoneinfo.ZoneInfo(canonical)


def resolve(
    start: datetime,
    end: datetime,
    zone: zoneinfo.ZoneInfo,
    now: datetime,
    *,
    week_start: int = 0,
    raw_from: int | None = None,
    field: str = "time_range",
) -> TimeRange:
    """Returns the period that is answered, up to the latest time that an event can have now."""
    if end <= start:
        raise Refused(Reason.INVALID_TIME_RANGE, "end must be later than start", field=f"{field}.end")
    if start < FLOOR:
        raise Refused(Reason.TIME_BEFORE_FLOOR, f"start is before {FLOOR:%Y-%m-%d}T00:00:00Z", field=f"{field}.start")
    if start >= _CEILING:
        raise Refused(Reason.INVALID_TIME_RANGE, f"start is after the year {_CEILING.year - 1}", field=f"{field}.start")
    first, last = floor_bucket(start), ceil_bucket(end)
    latest = ceil_bucket(now + MAX_AHEAD)
    if first < latest:
        last = min(last, latest)
    if last - first > MAX_DAYS * quarters.QUARTERS_PER_DAY:
        raise Refused(
            Reason.TIME_RANGE_TOO_LARGE,
            f"the period is longer than {MAX_DAYS:,} days",
            field=field,
            metadata={"limit_days": str(MAX_DAYS)},
        )
    longest = timedelta(days=MAX_DAYS)
    asked = Interval(start=start, end=end if end - start <= longest else start + longest)
    return TimeRange(
        span=Span(start=first, end=last), zone=zone, now=now, asked=asked, week_start=week_start, raw_from=raw_from
    )


def choose_granularity(span: Span) -> Granularity:
    """Returns the width that gives a readable number of points."""
    days = span.length / quarters.QUARTERS_PER_DAY
    if days <= 3:
        return Granularity.HOUR
    if days <= 92:
        return Granularity.DAY
    return Granularity.WEEK if days <= 400 else Granularity.MONTH


def buckets(period: TimeRange, granularity: Granularity) -> list[Span]:
    """Returns the points of a series: the period cut at the zone's hours, days, weeks or other widths, without gaps."""
    spans = list(itertools.islice(points(period, granularity), MAX_POINTS + 1))
    _check_points(len(spans))
    return spans


def intervals(period: TimeRange, granularity: Granularity) -> list[Interval]:
    """Returns the points of a series to the bounds of the period, and those that are finer than quarter hours, too."""
    if granularity not in FINE:
        return [period.cut(span) for span in buckets(period, granularity)]
    bounds, width = period.bounds, timedelta(minutes=FINE[granularity])
    _check_points((bounds.end - bounds.start) // width)
    if bounds.end - bounds.start > timedelta(days=FINE_DAYS):
        raise Refused(
            Reason.TIME_RANGE_TOO_LARGE,
            f"a series by the minute or five minutes is of at most {FINE_DAYS} days",
            field="time_range",
            metadata={"limit_days": str(FINE_DAYS)},
        )
    cuts = [bounds.start]
    while cuts[-1] < bounds.end:
        cuts.append(min(bounds.end, cuts[-1] + width - (cuts[-1] - EPOCH) % width))
    return [Interval(start=start, end=end) for start, end in itertools.pairwise(cuts)]


def _check_points(count: int) -> None:
    if count > MAX_POINTS:
        raise Refused(
            Reason.TOO_MANY_POINTS,
            f"the series would have more than {MAX_POINTS} points; choose a coarser granularity",
            field="granularity",
            metadata={"limit": str(MAX_POINTS)},
        )


def points(period: TimeRange, granularity: Granularity) -> Iterator[Span]:
    """Yields the points of a period's series, however many they are."""
    start, end = period.span.start, period.span.end
    for cut in _cuts(start, period, granularity):
        until = min(cut, end)
        if until > start:
            yield Span(start=start, end=until)
            start = until
        if start >= end:
            break


def is_cut(at: datetime, period: TimeRange, granularity: Granularity) -> bool:
    """Returns whether one point of that width ends, and the next begins, at an instant."""
    if granularity in FINE:
        return not (at - EPOCH) % timedelta(minutes=FINE[granularity])
    bucket = floor_bucket(at)
    cuts = itertools.islice(_cuts(bucket - 1, period, granularity), 1)
    return at == instant(bucket) and any(cut == bucket for cut in cuts)


def _cuts(at: int, period: TimeRange, granularity: Granularity) -> Iterator[int]:
    """Yields the quarter hours, later than one, at which points of a width begin in the zone of a period."""
    if granularity in _CLOCK:
        return _clock_cuts(at, period.zone, _CLOCK[granularity])
    return _date_cuts(at, period, granularity)


def _clock_cuts(at: int, zone: zoneinfo.ZoneInfo, width: int) -> Iterator[int]:
    """Yields the quarter hours at which hours on the wall begin, or parts of them so wide, and where clocks change."""
    while True:
        local = instant(at).astimezone(zone)
        following = at + width - local.minute // 15 % width
        if instant(following).astimezone(zone).utcoffset() != local.utcoffset():
            following = next(
                bucket
                for bucket in range(at + 1, following + 1)
                if instant(bucket).astimezone(zone).utcoffset() != local.utcoffset()
            )
        yield following
        at = following


def _date_cuts(at: int, period: TimeRange, granularity: Granularity) -> Iterator[int]:
    day = day_at(instant(at), period.zone)
    while True:
        day = next_date(day, granularity, period.week_start)
        yield floor_bucket(midnight(day, period.zone))


def next_date(day: date, granularity: Granularity, week_start: int) -> date:
    """Returns the first day of the next day, week, month, quarter or year."""
    if granularity is Granularity.DAY:
        return day + timedelta(days=1)
    if granularity is Granularity.WEEK:
        return day + timedelta(days=7 - (day.weekday() - week_start) % 7)
    months = _MONTHS[granularity]
    return _first_of_month(day.year * 12 + (day.month - 1) // months * months + months)


def _first_of_month(month: int) -> date:
    """Returns the first day of a month, of which January of the year 1 is number 12."""
    return date(month // 12, month % 12 + 1, 1)


def midnight(day: date, zone: zoneinfo.ZoneInfo) -> datetime:
    """Returns where a day begins in a zone, in UTC: the quarter hour that leaves the fewest minutes on the wrong day.

    That is the first instant of the day, except where clocks go back soon after midnight: the day then begins at the
    second midnight. Where midnight is skipped, the day begins with the clock change.
    """
    wall = datetime(day.year, day.month, day.day, tzinfo=zone)
    first, second = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
    if first == second:
        return first
    change = clock_change(zone, min(first, second), max(first, second))
    if second < first:  # no clock shows midnight
        return EPOCH + round((change - EPOCH) / QUARTER) * QUARTER
    is_same_day = change.astimezone(zone).date() == day  # as where 01:00 is followed by 00:00
    return first if is_same_day or second - change <= change - first else second


def clock_change(zone: zoneinfo.ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Returns the minute, later than before and not later than after, from which a zone has another offset."""
    old = before.astimezone(zone).utcoffset()
    minutes = range(1, (after - before) // _MINUTE + 1)
    changed = bisect.bisect_left(
        minutes, 1, key=lambda minute: (before + minute * _MINUTE).astimezone(zone).utcoffset() != old
    )
    return before + minutes[changed] * _MINUTE


def day_at(at: datetime, zone: zoneinfo.ZoneInfo) -> date:
    """Returns the day of a zone that holds an instant, from its midnight to the next one."""
    day = at.astimezone(zone).date()
    if at < midnight(day, zone):
        return day - timedelta(days=1)
    return day if at < midnight(day + timedelta(days=1), zone) else day + timedelta(days=1)


def last_days(period: TimeRange, days: int) -> TimeRange:
    """Returns the given number of whole calendar days up to the one in which the period ends (or which is now)."""
    last = day_at(instant(period.span.end) - timedelta(microseconds=1), period.zone)
    start = max(midnight(last - timedelta(days=days - 1), period.zone), FLOOR)
    end = midnight(last + timedelta(days=1), period.zone)
    return dataclasses.replace(period, span=Span(start=floor_bucket(start), end=floor_bucket(end)))
