"""Comparisons: with which earlier period a question's period is compared, by the calendar of its time zone.

A day that is moved across a clock change stays a day: midnight goes to midnight, and any other time to the same time on
the wall. A time that the clocks skip there goes to the moment of the change. Of an hour that comes twice, the second
goes to where the first one ends.
"""

import calendar
import dataclasses
import enum
import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from server import timerange
from server.query.changes import Absence
from server.timerange import Asked, Granularity, Span, TimeRange

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_DAYS_OF_52_WEEKS = 364
_Move = Callable[[Span], Span]


class Mode(enum.Enum):
    """How the earlier period is found; ComparisonMode of the contract says what each means."""

    PREVIOUS_PERIOD = enum.auto()
    PREVIOUS_WEEK = enum.auto()
    PREVIOUS_MONTH = enum.auto()
    PREVIOUS_YEAR = enum.auto()
    CUSTOM = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """With what a question wants its period compared. custom is the period of Mode.CUSTOM, and None for others."""

    mode: Mode
    custom: Asked | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What an answer says of its comparison: the earlier span, where the part of the period ends that it is compared
    with, and why there are no earlier figures, if so.
    """

    span: Span
    until: int
    absence: Absence | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The earlier period that a period is compared with. Of a period that is still running, that is as much of the
    earlier one as has passed; until is where that part of the period itself ends.
    """

    span: Span
    until: int
    _period: TimeRange
    _move: _Move | None  # None for a custom period, which is cut by itself

    @property
    def is_before_floor(self) -> bool:
        """Returns whether it begins before the first day that is kept."""
        return timerange.instant(self.span.start) < timerange.FLOOR

    def absence(self, first_event: int | None, kept_from: int = 0) -> Absence | None:
        """Returns why nothing can be compared, if so. first_event is the organization's first quarter hour with any
        data, kept_from the quarter hour from which on the figures asked for are kept.
        """
        if self.is_before_floor:
            return Absence.BEFORE_FLOOR
        if self.span.start < kept_from:
            return Absence.NOT_KEPT
        if not self.span.length:
            return Absence.TOO_EARLY
        if first_event is None or self.span.start < first_event:
            return Absence.BEFORE_FIRST_EVENT
        return None

    def compared(self, first_event: int | None, kept_from: int = 0) -> Compared:
        """Returns what an answer says of the comparison; its parameters are those of absence()."""
        return Compared(span=self.span, until=self.until, absence=self.absence(first_event, kept_from))

    def aligned(self, points: Sequence[Span], granularity: Granularity) -> list[Span]:
        """Returns the earlier span of each point of the period's series: no quarter hour is in two of them, and points
        that the earlier period has no counterpart of get an empty one.
        """
        if self._move is None:
            custom = dataclasses.replace(self._period, span=self.span)
            moved = list(itertools.islice(timerange.points(custom, granularity), len(points)))
        else:
            moved = [self._move(point) for point in points]
        moved += [Span(start=self.span.end, end=self.span.end)] * (len(points) - len(moved))
        found, free = list[Span](), self.span.start
        for one in moved:
            start = min(max(one.start, free), self.span.end)
            free = max(start, min(one.end, self.span.end))
            found.append(Span(start=start, end=free))
        return found


def earlier(comparison: Comparison | None, period: TimeRange) -> Earlier:
    """Returns the earlier period; without a comparison the one of equal length just before."""
    zone, elapsed = period.zone, period.elapsed
    if comparison is not None and comparison.custom is not None:
        custom = comparison.custom
        whole = timerange.resolve(custom.start, custom.end, zone, period.now, field="comparison").span
        end = whole.end if elapsed == period.span else min(whole.end, whole.start + elapsed.length)
        return Earlier(span=Span(start=whole.start, end=end), until=elapsed.end, _period=period, _move=None)
    if comparison is None:
        move: _Move = functools.partial(_moved_by_length, period.span.length)
        whole = move(period.span)
    else:
        move = _move(comparison.mode, period)
        whole = move(period.asked.span)
    end = whole.start
    if elapsed.length:
        end = max(whole.start, min(whole.end, move(elapsed).end))
    return Earlier(span=Span(start=whole.start, end=end), until=elapsed.end, _period=period, _move=move)


def _move(mode: Mode, period: TimeRange) -> _Move:
    """Returns how spans of a period are moved to the earlier one."""
    zone = period.zone
    length = _on_the_wall(period.asked.end, zone) - _on_the_wall(period.asked.start, zone)
    match mode:
        case Mode.PREVIOUS_WEEK:
            return functools.partial(_moved_by_days, 7, zone)
        case Mode.PREVIOUS_MONTH:
            return functools.partial(_moved_by_months, 1, zone)
        case Mode.PREVIOUS_YEAR if length >= _WEEK:
            return functools.partial(_moved_by_days, _DAYS_OF_52_WEEKS, zone)
        case Mode.PREVIOUS_YEAR:
            return functools.partial(_moved_by_months, 12, zone)
    if length >= _WEEK:
        return functools.partial(_moved_by_days, 7 * -(-length // _WEEK), zone)
    if length > timedelta() and not length % _DAY:
        return functools.partial(_moved_by_days, length.days, zone)
    return functools.partial(_moved_by_length, period.asked.span.length)


def _moved_by_length(length: int, span: Span) -> Span:
    return Span(start=span.start - length, end=span.end - length)


def _moved_by_days(days: int, zone: ZoneInfo, span: Span) -> Span:
    start, end = (timerange.instant(bucket) for bucket in (span.start, span.end))
    return _span(
        _on_day(timerange.day_at(start, zone) - timedelta(days=days), start, zone),
        _on_day(timerange.day_at(end, zone) - timedelta(days=days), end, zone),
    )


def _moved_by_months(months: int, zone: ZoneInfo, span: Span) -> Span:
    """Returns the same days so many months before, clipped to the last day of their month; of whole calendar months the
    whole months before.
    """
    start, end = timerange.instant(span.start), timerange.instant(span.end)
    first, after = timerange.day_at(start, zone), timerange.day_at(end, zone)
    moved_start = _on_day(_months_before(first, months), start, zone)
    if end == timerange.midnight(after, zone):
        if first.day == after.day == 1 and start == timerange.midnight(first, zone):
            return _span(moved_start, timerange.midnight(_months_before(after, months), zone))
        last = _months_before(after - _DAY, months)
        return _span(moved_start, timerange.midnight(last + _DAY, zone))
    last = _months_before(after, months)
    if last.day < after.day and first != after:  # by then all of the earlier month has passed
        return _span(moved_start, timerange.midnight(last + _DAY, zone))
    return _span(moved_start, _on_day(last, end, zone))


def _span(start: datetime, end: datetime) -> Span:
    first = timerange.floor_bucket(start)
    return Span(start=first, end=max(first, timerange.floor_bucket(end)))


def _months_before(day: date, months: int) -> date:
    """Returns the same day of an earlier month, or that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _on_the_wall(at: datetime, zone: ZoneInfo) -> datetime:
    """Returns the day and the time on the wall of an instant; 00:00 for where a day begins, whatever the wall shows."""
    day = timerange.day_at(at, zone)
    is_midnight = at == timerange.midnight(day, zone)
    return datetime.combine(day, time()) if is_midnight else at.astimezone(zone).replace(tzinfo=None, fold=0)


def _on_day(day: date, at: datetime, zone: ZoneInfo) -> datetime:
    """Returns the instant of another day that has the time on the wall of an instant."""
    begin, end = timerange.midnight(day, zone), timerange.midnight(day + _DAY, zone)
    if at == timerange.midnight(timerange.day_at(at, zone), zone):
        return begin
    wall = at.astimezone(zone)
    found = datetime.combine(day, wall.time(), zone).replace(fold=wall.fold)
    first, second = found.replace(fold=0).astimezone(UTC), found.replace(fold=1).astimezone(UTC)
    if second < first:  # no clock of that day shows the time
        moved = timerange.clock_change(zone, second, first)
    elif wall.fold and first == second:
        moved = _end_of_first(wall, day, zone)
    else:
        moved = found.astimezone(UTC)
    return max(begin, min(end, moved))


def _end_of_first(wall: datetime, day: date, zone: ZoneInfo) -> datetime:
    """Returns the instant of a day at which its clocks show when the first one of an hour that comes twice is over."""
    first = wall.replace(fold=0)
    change = timerange.clock_change(zone, first.astimezone(UTC), wall.astimezone(UTC))
    shown = first.replace(tzinfo=None) + (change - first.astimezone(UTC))
    return datetime.combine(day + (shown.date() - first.date()), shown.time(), zone).astimezone(UTC)
