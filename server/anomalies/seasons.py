"""Seasons: which earlier buckets one is compared with, on the clock on the wall of a time zone."""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from server import timerange

_HOUR = 3_600
_DAY = 24 * _HOUR
_EPOCH_WEEKDAY = 3  # 1970 began on a Thursday
_WIDTH_OF_DAYS = timedelta(hours=20)  # days have 23 hours at least, and zones have skipped some


class Season(enum.Enum):
    """Which earlier buckets stand for "as usual", the widest first.

    Working days are Monday to Friday. Where they are not, they are told apart from the third week on, when each hour of
    the week stands for itself.
    """

    ALL = "all buckets before"
    HOUR_OF_WORKING_DAYS = "the same hour of working days"
    HOUR_OF_WEEKENDS = "the same hour of weekends"
    DAY_OF_WEEK = "the same day of the week"
    HOUR_OF_WEEK = "the same hour of the week"

    def is_narrower(self, other: "Season") -> bool:
        """Returns whether it tells buckets apart that are one for the other."""
        return _WIDTHS[self] < _WIDTHS[other]


_WIDTHS = {
    Season.ALL: 2,
    Season.HOUR_OF_WORKING_DAYS: 1,
    Season.HOUR_OF_WEEKENDS: 1,
    Season.DAY_OF_WEEK: 0,
    Season.HOUR_OF_WEEK: 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a bucket was compared with: the season, its place in it, and how many earlier buckets that were."""

    season: Season
    samples: int
    weekday: int | None = None  # 0 is Monday
    hour: int | None = None

    @property
    def label(self) -> str:
        """Returns it in words that follow "for": "Tuesdays 14:00"."""
        hour = "" if self.hour is None else f" {self.hour:02d}:00"
        match self.season:
            case Season.ALL:
                return f"the {self.samples} buckets before"
            case Season.HOUR_OF_WORKING_DAYS:
                return f"working days{hour}"
            case Season.HOUR_OF_WEEKENDS:
                return f"weekends{hour}"
            case _:
                return f"{timerange.WEEKDAYS[self.weekday or 0].capitalize()}s{hour}"


class WallClock:
    """Tells the hour of the week of instants in a zone.

    It keeps the distance to UTC of each day of UTC in which the zone's clocks were not changed: series have many points
    a day, and asking the zone about each would take longer than all the rest.
    """

    __slots__ = ("_latest", "_offsets", "_zone")

    def __init__(self, zone: ZoneInfo) -> None:
        """Knows no day yet."""
        self._zone = zone
        self._latest: tuple[datetime, int] | None = None
        self._offsets: dict[int, int | None] = {}

    def hour_of_week(self, at: datetime) -> int:
        """Returns 0 for the hour that begins with Monday, to 167."""
        if self._latest is None or self._latest[0] is not at:
            self._latest = at, self._hour_of_week(at)
        return self._latest[1]

    def _hour_of_week(self, at: datetime) -> int:
        seconds = int(at.timestamp())
        day = seconds // _DAY
        if day not in self._offsets:
            self._offsets[day] = self._offset_of(day)
        offset = self._offsets[day]
        if offset is None:
            offset = self._offset_at(seconds)
        return ((seconds + offset) // _HOUR + 24 * _EPOCH_WEEKDAY) % 168

    def _offset_of(self, day: int) -> int | None:
        """Returns what holds during the whole day of UTC, or None."""
        # Zones that changed their clocks twice within a day would need both changes to undo each other: none has.
        start, end = self._offset_at(day * _DAY), self._offset_at((day + 1) * _DAY)
        return start if start == end else None

    def _offset_at(self, seconds: int) -> int:
        found = datetime.fromtimestamp(seconds, self._zone).utcoffset()
        return int(found.total_seconds()) if found is not None else 0


def is_daily(width: timedelta) -> bool:
    """Returns whether buckets are whole days."""
    return _WIDTH_OF_DAYS <= width < 2 * timedelta(days=1)


def is_within_days(width: timedelta) -> bool:
    """Returns whether buckets are parts of days, which have an hour."""
    return width <= timedelta(hours=1)
