"""Comparisons: with which earlier period a question's period is compared, by the calendar of its time zone.

A day that is moved across a clock change stays a day: midnight goes to midnight, and any other time to the same time on
the wall. A time that the clocks skip there goes to the moment of the change. Of an hour that comes twice, the second
goes to where the first one ends.
"""

import calendar
import dataclasses
import enum
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from server import timerange
from server.query import answers
from server.query.answers import Period
from server.query.changes import Absence
from server.query.edges import MOST_REQUIRED, Exactness
from server.timerange import Granularity, Interval, Span, TimeRange

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_DAYS_OF_52_WEEKS = 364
_Move = Callable[[Interval], Interval]


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
    custom: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What an answer says of its comparison: the earlier bounds, where the part of the period ends that they are
    compared with, and why there are no earlier figures, if so.
    """

    bounds: Interval
    until: datetime
    absence: Absence | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The earlier period that a period is compared with. Of a period that is still running, that is as much of the
    earlier one as has passed; until is where that part of the period itself ends.
    """

    bounds: Interval
    until: datetime
    _period: TimeRange
    _move: _Move | None  # None for a custom period, which is cut by itself

    @property
    def span(self) -> Span:
        """Returns the quarter hours that hold it."""
        return self.bounds.span

    @property
    def is_before_floor(self) -> bool:
        """Returns whether it begins before the first day that is kept."""
        return self.bounds.start < timerange.FLOOR

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
        return Compared(bounds=self.bounds, until=self.until, absence=self.absence(first_event, kept_from))

    def aligned(self, points: Sequence[Interval], granularity: Granularity) -> list[Interval]:
        """Returns the earlier interval of each point of the period's series: no instant is in two of them, and points
        that the earlier period has no counterpart of get an empty one.
        """
        if self._move is None:
            custom = dataclasses.replace(self._period, span=self.span, asked=self.bounds)
            moved = timerange.intervals(custom, granularity)[: len(points)] if self.span.length else []
        else:
            moved = [self._move(point) for point in points]
        end = self.bounds.end
        found, free = list[Interval](), self.bounds.start
        for one in moved:
            start = min(max(self._bound(one.start), free), end)
            free = max(start, min(self._bound(one.end), end))
            found.append(Interval(start=start, end=free))
        return found + [Interval(start=end, end=end)] * (len(points) - len(found))

    def _bound(self, at: datetime) -> datetime:
        """Returns an instant between two points: a quarter hour where raw events cannot tell what is on either side."""
        return at if self._period.is_exact(at) else timerange.instant(timerange.floor_bucket(at))


def exactness(period: Period, comparison: Comparison | None, *, is_required: bool = False) -> Exactness | None:
    """Returns how a question is answered to the microsecond; None where all its bounds are on quarter hours."""
    asked = [comparison.custom] if comparison is not None and comparison.custom is not None else []
    if is_required:
        return Exactness(most=MOST_REQUIRED, is_required=True)
    return Exactness() if period.is_within_quarters or any(map(answers.is_within_quarters, asked)) else None


def earlier(comparison: Comparison | None, period: TimeRange, *, for_series: bool = False) -> Earlier:
    """Returns the earlier period; without a comparison the one of equal length just before.

    For series a period that is moved by its own length is moved by whole quarter hours, so that points stay whole.
    """
    zone, passed = period.zone, period.passed
    if comparison is not None and comparison.custom is not None:
        custom = comparison.custom
        asked = timerange.resolve(
            custom.start, custom.end, zone, period.now, raw_from=period.raw_from, field="comparison"
        ).bounds
        end = min(asked.end, asked.start + (passed.end - passed.start)) if period.still_running else asked.end
        return Earlier(
            bounds=period.rounded(Interval(start=asked.start, end=end)), until=passed.end, _period=period, _move=None
        )
    bounds = period.bounds
    if comparison is None:
        move: _Move = _by_length(bounds, for_series=for_series)
        whole = move(bounds)
    else:
        move = _move(comparison.mode, period, for_series=for_series)
        asked_end = period.rounded(period.asked).end
        whole = move(Interval(start=bounds.start, end=max(bounds.end, asked_end)))
    end = whole.start
    if passed.end > passed.start:
        end = max(whole.start, min(whole.end, move(passed).end))
    moved = period.rounded(Interval(start=whole.start, end=end))
    if end == whole.start:  # nothing has passed, and no part of a quarter hour has either
        moved = Interval(start=moved.start, end=moved.start)
    return Earlier(bounds=moved, until=passed.end, _period=period, _move=move)


def _move(mode: Mode, period: TimeRange, *, for_series: bool) -> _Move:
    """Returns how intervals of a period are moved to the earlier one."""
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
    return _by_length(period.rounded(period.asked), for_series=for_series)


def _by_length(interval: Interval, *, for_series: bool) -> _Move:
    length = interval.end - interval.start
    if for_series:
        length = -(-length // timerange.QUARTER) * timerange.QUARTER
    return functools.partial(_moved_by_length, length)


def _moved_by_length(length: timedelta, interval: Interval) -> Interval:
    return Interval(start=interval.start - length, end=interval.end - length)


def _moved_by_days(days: int, zone: ZoneInfo, interval: Interval) -> Interval:
    start, end = (
        _on_day(timerange.day_at(at, zone) - timedelta(days=days), at, zone) for at in (interval.start, interval.end)
    )
    return Interval(start=start, end=max(start, end))


def _moved_by_months(months: int, zone: ZoneInfo, interval: Interval) -> Interval:
    """Returns the same days so many months before, clipped to the last day of their month; of whole calendar months the
    whole months before.
    """
    first, after = timerange.day_at(interval.start, zone), timerange.day_at(interval.end, zone)
    start = _on_day(_months_before(first, months), interval.start, zone)
    return Interval(start=start, end=max(start, _end_by_months(months, zone, interval, first, after)))


def _end_by_months(months: int, zone: ZoneInfo, interval: Interval, first: date, after: date) -> datetime:
    if interval.end == timerange.midnight(after, zone):
        if first.day == after.day == 1 and interval.start == timerange.midnight(first, zone):
            return timerange.midnight(_months_before(after, months), zone)
        return timerange.midnight(_months_before(after - _DAY, months) + _DAY, zone)
    last = _months_before(after, months)
    if last.day < after.day and first != after:  # by then all of the earlier month has passed
        return timerange.midnight(last + _DAY, zone)
    return _on_day(last, interval.end, zone)


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
