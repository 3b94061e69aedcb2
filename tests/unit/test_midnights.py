"""Days begin where they should in every zone, at every clock change since 1980, held against the zones' own files."""

import importlib.resources
import itertools
import struct
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

import pytest

from server import timerange
from server.timerange import Granularity, Span

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
AROUND = 180  # minutes before and after a clock change in which a midnight may be in question
ST_JOHNS = zoneinfo.ZoneInfo("America/St_Johns")


class Change(NamedTuple):
    """A clock change: the instant, and how far the zone is ahead of UTC before and after it."""

    at: datetime
    before: timedelta
    after: timedelta

    def day(self, minute: int) -> date:
        """The date on the wall so many minutes after the change, or before it."""
        return (self.at + minute * MINUTE + (self.before if minute < 0 else self.after)).date()


def changes(name: str) -> Iterator[Change]:
    """The clock changes of a zone since 1980 as its file lists them (RFC 8536), without those that change nothing."""
    folder, _, file = f"tzdata.zoneinfo.{name.replace('/', '.')}".rpartition(".")
    data = importlib.resources.files(folder).joinpath(file).read_bytes()
    counts = struct.unpack(">6l", data[20:44])
    data = data[44 + _length(counts, 4) :]  # the second block has times of 64 bits
    counts = struct.unpack(">6l", data[20:44])
    times, kinds = counts[3], counts[4]
    data = data[44:]
    at = struct.unpack(f">{times}q", data[: 8 * times])
    kind_of = data[8 * times : 9 * times]
    offsets = [struct.unpack(">l", data[9 * times + 6 * kind :][:4])[0] for kind in range(kinds)]
    reported = [(one, offsets[kind]) for one, kind in zip(at, kind_of, strict=True)]
    for (_, before), (instant, after) in itertools.pairwise(reported):
        if before != after and instant >= timerange.FLOOR.timestamp():
            yield Change(datetime.fromtimestamp(instant, UTC), timedelta(seconds=before), timedelta(seconds=after))


def _length(counts: Sequence[int], size: int) -> int:
    """Of a block whose times have that many bytes, after its header."""
    ut, standard, leaps, times, kinds, characters = counts
    return times * size + times + kinds * 6 + characters + leaps * (size + 4) + standard + ut


def distinct() -> Mapping[tuple[Change, ...], str]:
    """A zone, the first by its name, for each history of clock changes: many have the same one."""
    return {tuple(changes(name)): name for name in sorted(timerange.zone_names().values(), reverse=True)}


def wrong_minutes(change: Change, day: date) -> dict[int, int]:
    """How many minutes are on the wrong side if a day began so many minutes after a change, by quarter hour."""
    minutes = range(-AROUND, AROUND)
    begins = datetime.combine(day, time(), UTC)  # on the wall, as the clock before and after the change shows it
    before_it, after_it = ((begins - change.at - ahead) / MINUTE for ahead in (change.before, change.after))
    late = [minute >= (before_it if minute < 0 else after_it) for minute in minutes]
    before = list(itertools.accumulate(late, initial=0))
    after = list(itertools.accumulate((not one for one in reversed(late)), initial=0))
    after.reverse()
    seconds = int((change.at - timerange.EPOCH).total_seconds())
    return {
        minute: before[place] + after[place]
        for place, minute in enumerate(minutes)
        if (seconds + 60 * minute) % 900 == 0
    }


def test_every_day_begins_where_the_fewest_minutes_are_on_the_wrong_one() -> None:
    near, odd = 0, set[str]()
    for history, name in distinct().items():
        zone = zoneinfo.ZoneInfo(name)
        for change in history:
            assert (change.at - MINUTE).astimezone(zone).utcoffset() == change.before
            assert change.at.astimezone(zone).utcoffset() == change.after
            days = {change.day(minute) for minute in (-AROUND, -1, 0, AROUND)}
            for day in days | {max(days) - DAY}:
                begins = (timerange.midnight(day, zone) - change.at) / MINUTE
                if abs(begins) >= AROUND:
                    continue
                near += 1
                wrong = wrong_minutes(change, day)
                assert wrong[int(begins)] == min(wrong.values()), (name, day)
                odd |= {name} if wrong[int(begins)] else set()
    assert near > 1000
    assert "America/St_Johns" in odd  # clocks changed at one minute past midnight until 2011


@pytest.mark.parametrize(
    ("day", "hour", "minute"), [((2010, 11, 7), 3, 30), ((2010, 11, 8), 3, 30), ((2011, 3, 13), 3, 30)]
)
def test_newfoundland_changed_its_clocks_a_minute_past_midnight(
    day: tuple[int, int, int], hour: int, minute: int
) -> None:
    assert timerange.midnight(date(*day), ST_JOHNS) == datetime(*day, hour, minute, tzinfo=UTC)


def test_days_follow_each_other_without_gap_and_hold_each_instant_once() -> None:
    for history, name in distinct().items():
        zone = zoneinfo.ZoneInfo(name)
        for change in history[-8:] + (history[:8] if name == "America/St_Johns" else ()):
            for hours in (-26, -1, -0.01, 0, 0.01, 0.5, 0.99, 1, 26):
                at = change.at + timedelta(hours=hours)
                day = timerange.day_at(at, zone)
                assert timerange.midnight(day, zone) <= at < timerange.midnight(day + DAY, zone), (name, at)


def test_series_by_day_are_cut_there() -> None:
    first, last = (timerange.floor_bucket(datetime(2010, 11, 7, hour, 30, tzinfo=UTC)) for hour in (2, 8))
    cut = timerange.floor_bucket(datetime(2010, 11, 7, 3, 30, tzinfo=UTC))
    start, end = timerange.instant(first), timerange.instant(last)
    period = timerange.resolve(start, end, ST_JOHNS, end)
    assert timerange.buckets(period, Granularity.DAY) == [Span(start=first, end=cut), Span(start=cut, end=last)]
