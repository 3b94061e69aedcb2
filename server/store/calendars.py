"""The days of time zones, as the service counts them, for SQL that cannot ask the service.

PostgreSQL has time zones of its own, of another age, and does not know by which rule a day begins where clocks change
at midnight. So the days of the zones that are needed are written down, once for each release of the time zone data.
"""

import importlib.metadata
import itertools
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server import timerange
from server.store.database import Driver

DAYS = "calendar_days"
_FIRST, _LAST = (
    timerange.FLOOR.date() - timedelta(days=1),
    date(2099, 12, 31),
)  # west of UTC the first day is another one
_RELEASE = importlib.metadata.version("tzdata")


_COLUMNS = ("time_zone", "day", "first_bucket", "end_bucket", "ahead", "change_bucket", "ahead_after")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - on the wall


class CalendarDay(NamedTuple):
    """A day of a zone: its quarter hours [first, end), by how many quarter hours the clock on the wall is ahead of UTC
    in the first one, and the quarter hour from which on it is ahead by another number, where clocks change.
    """

    day: date
    first: int
    end: int
    ahead: int
    change: int | None
    ahead_after: int | None


def days(zone: ZoneInfo, first: date, last: date) -> Iterator[CalendarDay]:
    """Yields the days of a zone, without those that its calendar has skipped."""
    count = (last - first).days + 2
    starts = (_start(first + timedelta(days=one), zone) for one in range(count))
    for number, ((start, ahead), (end, next_ahead)) in enumerate(itertools.pairwise(starts)):
        if start < end:
            change = None
            if next_ahead != ahead:
                change = next((one for one in range(start, end) if _ahead(one, zone) != ahead), None)
            after = None if change is None else _ahead(change, zone)
            yield CalendarDay(first + timedelta(days=number), start, end, ahead, change, after)


def _start(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """Returns the quarter hour in which a day begins, and by how many the clock on the wall is ahead of UTC in it."""
    wall = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - on the wall
    first, second = zone.utcoffset(wall), zone.utcoffset(wall.replace(fold=1))
    if first == second and first is not None:  # as on all days but some; midnight() takes much longer
        return (wall - _EPOCH - first) // timerange.QUARTER, first // timerange.QUARTER
    start = timerange.floor_bucket(timerange.midnight(day, zone))
    return start, _ahead(start, zone)


def _ahead(bucket: int, zone: ZoneInfo) -> int:
    offset = timerange.instant(bucket).astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101 - the instant is aware
    return offset // timerange.QUARTER


async def ensure(driver: Driver, time_zone: str) -> None:
    """Writes down the days of a zone unless they are there, of this release of the time zone data."""
    if await driver.fetchval("SELECT release FROM calendars WHERE time_zone = $1 FOR UPDATE", time_zone) == _RELEASE:
        return
    known = days(timerange.zone(time_zone), _FIRST, _LAST)
    await driver.execute(
        "INSERT INTO calendars (time_zone, release) VALUES ($1, $2)"
        " ON CONFLICT (time_zone) DO UPDATE SET release = excluded.release",
        time_zone,
        _RELEASE,
    )
    await driver.execute("DELETE FROM calendar_days WHERE time_zone = $1", time_zone)
    await driver.copy_records_to_table(DAYS, records=((time_zone, *one) for one in known), columns=_COLUMNS)


async def renew(driver: Driver) -> None:
    """Brings the days that are written down to this release of the time zone data."""
    for row in await driver.fetch("SELECT time_zone FROM calendars WHERE release <> $1", _RELEASE):
        await ensure(driver, row["time_zone"])
