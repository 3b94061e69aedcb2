"""Cron expressions on the clock on the wall of a time zone.

Five fields: minute, hour, day of the month, month, day of the week, each `*`, a number, a range `a-b`, a step `*/n` or
`a-b/n`, or a list of these. Months and days of the week have English names of three letters, too; 7 is Sunday. Where
both days are restricted, either of them is enough, as in every cron.

Changes of the clock: with a `*` in the hour field a schedule follows the clock as it goes, so that an hour that comes
twice counts twice. Otherwise each time of the day comes exactly once: one that does not exist on a day is the first
instant after the gap, and one that exists twice is its first occurrence.
"""

import bisect
import calendar
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_MOMENT = timedelta(microseconds=1)
_MONTHS = {name.casefold(): number for number, name in enumerate(calendar.month_abbr) if name}
_WEEKDAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}


class InvalidCron(ValueError):
    """A text that is not a cron expression, or one that never comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A parsed expression. Days of the week are those of date.isoweekday()."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    every_hour: bool  # the hour field begins with *
    either_day: bool  # both fields of days are restricted

    def times(self, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Returns the instants after another one, in order, without end."""
        # What falls into a gap at midnight belongs to the day before.
        day, last = after.astimezone(zone).date() - _DAY, after
        while True:
            if self._matches(day):
                for at in sorted(self._instants(day, zone)):
                    if at > last:
                        yield at
                        last = at
            day += _DAY

    def next(self, after: datetime, zone: ZoneInfo) -> datetime:
        """Returns the first instant after another one."""
        return next(self.times(after, zone))

    def last(self, start: datetime, end: datetime, zone: ZoneInfo) -> datetime | None:
        """Returns the last instant from one to another, these included; None where there is none.

        The search goes backwards, so that it does not matter how long ago the start is.
        """
        reach, before_start = _DAY, start - _MOMENT
        while True:
            after = max(end - reach, before_start)
            passed = list(itertools.takewhile(lambda at: at <= end, self.times(after, zone)))
            if passed or after == before_start:
                return passed[-1] if passed else None
            reach *= 2

    def _matches(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_month, by_week = day.day in self.days, day.isoweekday() in self.weekdays
        return by_month or by_week if self.either_day else by_month and by_week

    def _instants(self, day: date, zone: ZoneInfo) -> set[datetime]:
        """Returns the instants of a day; one of them may be that of several times in a gap."""
        found = set[datetime]()
        for hour in self.hours:
            for minute in self.minutes:
                wall = datetime.combine(day, time(hour, minute))
                occurrences = _occurrences(wall, zone)
                if self.every_hour:
                    found.update(occurrences)
                else:
                    found.add(occurrences[0] if occurrences else _end_of_gap(wall, zone))
        return found


def _occurrences(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Returns when the clock on the wall shows a time: never, once or twice."""
    meant = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return sorted({at for at in meant if at.astimezone(zone).replace(tzinfo=None) == wall})


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """Returns the first instant after the gap in which a time of the clock on the wall lies."""
    later, earlier = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    before = earlier.astimezone(zone).utcoffset()
    minutes = range((later - earlier) // _MINUTE)
    passed = bisect.bisect_left(
        minutes, True, key=lambda minute: (earlier + minute * _MINUTE).astimezone(zone).utcoffset() != before
    )
    return earlier + passed * _MINUTE


def parse(text: str) -> Cron:
    """Returns an expression; raises InvalidCron, which says what is wrong with it."""
    fields = text.split()
    if len(fields) != 5:
        raise InvalidCron(f"{text!r} has {len(fields)} fields, not five: minute hour day month weekday")
    minute, hour, day, month, weekday = fields
    weekdays = _numbers(weekday, "weekday", 0, 7, _WEEKDAYS)
    cron = Cron(
        minutes=_numbers(minute, "minute", 0, 59),
        hours=_numbers(hour, "hour", 0, 23),
        days=_numbers(day, "day", 1, 31),
        months=_numbers(month, "month", 1, 12, _MONTHS),
        weekdays=frozenset(one or 7 for one in weekdays),
        every_hour=hour.startswith("*"),
        either_day=not day.startswith("*") and not weekday.startswith("*"),
    )
    longest = max(29 if one == 2 else calendar.monthrange(2001, one)[1] for one in cron.months)
    if not cron.either_day and min(cron.days) > longest:
        raise InvalidCron(f"{text!r} never comes: no month that it names has a day {min(cron.days)}")
    return cron


def _numbers(field: str, name: str, least: int, most: int, names: dict[str, int] | None = None) -> frozenset[int]:
    """Returns the numbers that a field stands for."""
    found = set[int]()
    for part in field.split(","):
        span, _, step = part.partition("/")
        try:
            width = int(step) if "/" in part else 1
            if span == "*":
                first, last = least, most
            else:
                start, _, end = span.partition("-")
                first = _number(start, names)
                last = _number(end, names) if "-" in span else most if "/" in part else first
        except ValueError:
            raise InvalidCron(f"{part!r} is no {name}: write a number, *, a-b, */n or a-b/n") from None
        if not least <= first <= last <= most or width < 1:
            raise InvalidCron(f"{part!r} is no {name}: numbers go from {least} to {most}, and steps from 1")
        found.update(range(first, last + 1, width))
    return frozenset(found)


def _number(text: str, names: dict[str, int] | None) -> int:
    named = (names or {}).get(text.casefold())
    if named is None and not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text) if named is None else named
