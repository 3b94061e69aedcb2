"""Periods by name: what "the last full week" is at an instant, in a zone, and with what it is compared.

Days go from midnight to midnight on the clock on the wall, so that a day of a clock change has 23 or 25 hours.
"""

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from server import timerange
from server.errors import Reason, Refused
from server.timerange import Interval

DEFAULT_RANGE: Final = "last_full_week"
DEFAULT_COMPARISON: Final = "previous"
COMPARISONS: Final = ("previous", "week", "year", "none")
_DAY = timedelta(days=1)
_DAYS = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True)
class CalendarDays:
    """Days of the calendar from the first to the one after the last."""

    first: date
    end: date

    @property
    def count(self) -> int:
        """Returns how many there are."""
        return (self.end - self.first).days


class _Unit(NamedTuple):
    """A unit of the calendar: the first day of the one that holds a day, with the first day of weeks, and of the one
    before.
    """

    start: Callable[[date, int], date]
    previous: Callable[[date], date]


def _months(count: int) -> _Unit:
    def start(day: date, _: int) -> date:
        return day.replace(month=(day.month - 1) // count * count + 1, day=1)

    def previous(first: date) -> date:
        for _ in range(count):
            first = (first - _DAY).replace(day=1)
        return first

    return _Unit(start=start, previous=previous)


_WEEK = _Unit(
    start=lambda day, week_start: day - timedelta(days=(day.weekday() - week_start) % 7),
    previous=lambda first: first - timedelta(days=7),
)
_UNITS: Final[Mapping[str, _Unit]] = {"week": _WEEK, "month": _months(1), "quarter": _months(3), "year": _months(12)}
_BEFORE_TODAY: Final = {"yesterday": 1, "last_7_days": 7, "last_28_days": 28, "last_90_days": 90}
NAMES: Final = (
    "today",
    *_BEFORE_TODAY,
    *(f"last_full_{unit}" for unit in _UNITS),
    *(f"{unit}_to_date" for unit in _UNITS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPeriod:
    """A period as the questions of a report are asked for it. earlier is what it is compared with; None without."""

    bounds: Interval
    zone: ZoneInfo
    earlier: Interval | None


def check(name: str, field: str, known: tuple[str, ...]) -> None:
    """Refuses what is neither one of the known names nor two days."""
    if name and name not in known and _fixed(name) is None:
        raise Refused(
            Reason.INVALID_VALUE,
            f"{name[:64]!r} is none of {', '.join(known)}, nor two days such as 2026-11-01..2026-11-28",
            field=field,
        )


def asked(name: str, comparison: str, zone: ZoneInfo, at: datetime, week_start: int) -> RunPeriod:
    """Returns a period and its comparison as they are at an instant; empty names are the defaults."""
    name, comparison = name or DEFAULT_RANGE, comparison or DEFAULT_COMPARISON
    days = _named(name, timerange.day_at(at, zone), week_start)
    earlier = _earlier(name, comparison, days)
    return RunPeriod(
        bounds=_interval(days, zone), zone=zone, earlier=None if earlier is None else _interval(earlier, zone)
    )


def again(name: str, comparison: str, zone: ZoneInfo, bounds: Interval) -> RunPeriod:
    """Returns the period of a run of then, to be asked for again."""
    days = CalendarDays(timerange.day_at(bounds.start, zone), timerange.day_at(bounds.end, zone))
    earlier = _earlier(name or DEFAULT_RANGE, comparison or DEFAULT_COMPARISON, days)
    return RunPeriod(bounds=bounds, zone=zone, earlier=None if earlier is None else _interval(earlier, zone))


def _interval(days: CalendarDays, zone: ZoneInfo) -> Interval:
    return Interval(start=timerange.midnight(days.first, zone), end=timerange.midnight(days.end, zone))


def _named(name: str, today: date, week_start: int) -> CalendarDays:
    fixed = _fixed(name)
    if fixed is not None:
        return fixed
    if name == "today":
        return CalendarDays(today, today + _DAY)
    if name in _BEFORE_TODAY:
        return CalendarDays(today - _BEFORE_TODAY[name] * _DAY, today)
    if name.startswith("last_full_"):
        unit = _UNITS[name.removeprefix("last_full_")]
        end = unit.start(today, week_start)
        return CalendarDays(unit.previous(end), end)
    return CalendarDays(_UNITS[name.removesuffix("_to_date")].start(today, week_start), today + _DAY)


def _earlier(name: str, comparison: str, days: CalendarDays) -> CalendarDays | None:
    """Returns the days that a period is compared with. A comparison by the calendar moves both ends."""
    match comparison:
        case "none":
            return None
        case "week":
            return CalendarDays(days.first - 7 * _DAY, days.end - 7 * _DAY)
        case "year":
            return CalendarDays(_year_before(days.first), _year_before(days.end))
        case "previous":
            return _previous(name, days)
    return _fixed(comparison)


def _previous(name: str, days: CalendarDays) -> CalendarDays:
    if name.startswith("last_full_"):
        unit = _UNITS[name.removeprefix("last_full_")]
        return CalendarDays(unit.previous(days.first), days.first)
    if name.endswith("_to_date"):
        first = _UNITS[name.removesuffix("_to_date")].previous(days.first)
        return CalendarDays(first, min(first + days.count * _DAY, days.first))
    return CalendarDays(days.first - days.count * _DAY, days.first)


def _year_before(day: date) -> date:
    """Returns the same date a year earlier; 28 February for the 29th."""
    most = calendar.monthrange(day.year - 1, day.month)[1]
    return day.replace(year=day.year - 1, day=min(day.day, most))


def _fixed(name: str) -> CalendarDays | None:
    """Returns two days, both included, such as 2026-11-01..2026-11-28; None for any other text."""
    found = _DAYS.fullmatch(name)
    if found is None:
        return None
    try:
        first, last = map(date.fromisoformat, found.groups())
        return CalendarDays(first, last + _DAY) if first <= last and first.year > 1 else None
    except (ValueError, OverflowError):
        return None
