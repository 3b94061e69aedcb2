"""When a cron expression comes, on days of 23, 24 and 25 hours."""

import functools
import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.tasks import cron
from server.tasks.cron import Cron, InvalidCron

MINUTE = timedelta(minutes=1)
# The nights of clock changes: an hour at two, an hour at midnight, half an hour, and a whole day that does not exist.
CHANGES = {
    "Europe/Berlin": (date(2025, 3, 30), date(2025, 10, 26)),
    "America/New_York": (date(2025, 3, 9), date(2025, 11, 2)),
    "America/Sao_Paulo": (date(2018, 11, 4), date(2018, 2, 18)),
    "Australia/Lord_Howe": (date(2025, 10, 5), date(2025, 4, 6)),
    "Pacific/Apia": (date(2011, 12, 30), date(2012, 4, 1)),
    "Asia/Kathmandu": (date(2025, 3, 30),),
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first(expression: str, zone: str, after: str, count: int) -> list[str]:
    times = cron.parse(expression).times(at(after), ZoneInfo(zone))
    return [f"{one:%d %H:%M}" for one in itertools.islice(times, count)]


@pytest.mark.parametrize(
    ("zone", "skipped", "twice"),
    [
        # 02:30 at home: the day before; the end of the gap; the day after. Then the first 02:30 (or 01:30 …) of two.
        ("Europe/Berlin", ["29 01:30", "30 01:00", "31 00:30"], ["25 00:30", "26 00:30", "27 01:30"]),
        ("America/New_York", ["08 07:30", "09 07:00", "10 06:30"], ["01 06:30", "02 07:30", "03 07:30"]),
        ("Australia/Lord_Howe", ["03 16:00", "04 15:30", "05 15:30"], ["04 15:30", "05 16:00", "06 16:00"]),
        ("Asia/Kathmandu", ["28 20:45", "29 20:45", "30 20:45"], None),
    ],
)
def test_half_past_two_comes_once_a_day(zone: str, skipped: list[str], twice: list[str] | None) -> None:
    changes = CHANGES[zone]
    for day, expected in zip(changes, (skipped, twice), strict=False):
        start = datetime.combine(day - timedelta(days=1), datetime.min.time(), tzinfo=ZoneInfo(zone))
        found = first("30 2 * * *", zone, start.astimezone(UTC).replace(tzinfo=None).isoformat(), 3)
        assert found == expected


def test_a_time_that_exists_twice_is_its_first_occurrence() -> None:
    assert first("30 1 * * *", "America/New_York", "2025-11-01T12:00", 2) == ["02 05:30", "03 06:30"]
    assert first("45 1 * * *", "Australia/Lord_Howe", "2025-04-05T00:00", 2) == ["05 14:45", "06 15:15"]
    assert first("30 23 * * *", "America/Sao_Paulo", "2018-02-17T12:00", 2) == ["18 01:30", "19 02:30"]


def test_every_hour_follows_the_clock_as_it_goes() -> None:
    assert first("5 * * * *", "Europe/Berlin", "2025-10-25T23:00", 4) == [
        "25 23:05",
        "26 00:05",
        "26 01:05",
        "26 02:05",
    ]
    assert first("5 * * * *", "Europe/Berlin", "2025-03-29T23:00", 3) == ["29 23:05", "30 00:05", "30 01:05"]


def test_several_times_in_a_gap_are_one() -> None:
    assert first("*/15 2 * * *", "Europe/Berlin", "2025-03-29T12:00", 2) == ["30 01:00", "31 00:00"]
    assert first("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00", 3) == ["29 22:00", "30 10:00", "30 22:00"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29"]),
        ("0 0 1 jan,JUL *", ["2025-07-01", "2026-01-01"]),
        ("0 0 * * mon-fri", ["2025-06-02", "2025-06-03"]),
        ("0 0 * * 7", ["2025-06-08", "2025-06-15"]),
        ("0 0 13 * fri", ["2025-06-06", "2025-06-13"]),  # either day is enough
        ("0 0 */2 * 1", ["2025-06-09", "2025-06-23"]),  # but a step restricts, too
        ("0 0 10-20/5 * *", ["2025-06-10", "2025-06-15"]),
        ("0 0 28/2 * *", ["2025-06-28", "2025-06-30"]),
    ],
)
def test_days(expression: str, expected: list[str]) -> None:
    times = cron.parse(expression).times(at("2025-06-01T00:00"), ZoneInfo("UTC"))
    assert [f"{one:%Y-%m-%d}" for one in itertools.islice(times, 2)] == expected


def test_next_is_later() -> None:
    parsed = cron.parse("0 * * * *")
    assert parsed.next(at("2025-06-01T00:00"), ZoneInfo("UTC")) == at("2025-06-01T01:00")
    assert parsed.next(at("2025-06-01T00:00") - timedelta(microseconds=1), ZoneInfo("UTC")) == at("2025-06-01T00:00")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("60 * * * *", "'60' is no minute"),
        ("* 24 * * *", "'24' is no hour"),
        ("* * 0 * *", "'0' is no day"),
        ("* * * 13 *", "'13' is no month"),
        ("* * * * 8", "'8' is no weekday"),
        ("* * * mon *", "'mon' is no month"),
        ("+1 * * * *", "'\\+1' is no minute"),
        ("1_0 * * * *", "'1_0' is no minute"),
        ("5-2 * * * *", "numbers go from 0 to 59"),
        ("1- * * * *", "'1-' is no minute"),
        ("*/0 * * * *", "steps from 1"),
        ("1,,2 * * * *", "'' is no minute"),
        ("* * 31 2,4 *", "never comes"),
        ("* * 30 feb *", "never comes"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(InvalidCron, match=complaint):
        cron.parse(text)


@functools.cache
def minutes(zone: ZoneInfo, start: datetime, end: datetime) -> list[tuple[datetime, datetime, list[datetime]]]:
    """Returns every minute from two days before the start on: the instant, its clock on the wall, and the clocks that
    were skipped just before it. One walk serves many expressions.
    """
    found = []
    instant, before = start - timedelta(days=2), (start - timedelta(days=2) - MINUTE).astimezone(zone)
    while instant < end:
        wall = instant.astimezone(zone).replace(tzinfo=None)
        skipped = [before.replace(tzinfo=None) + MINUTE]
        while skipped[-1] < wall:  # the clock has gone forward
            skipped.append(skipped[-1] + MINUTE)
        found.append((instant, wall, skipped[:-1]))
        before, instant = instant.astimezone(zone), instant + MINUTE
    return found


def walked(parsed: Cron, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Returns the times of an expression, found by looking at every minute and at its clock on the wall."""

    def matches(wall: datetime) -> bool:
        if wall.minute not in parsed.minutes or wall.hour not in parsed.hours or wall.month not in parsed.months:
            return False
        by_day = wall.day in parsed.days, wall.isoweekday() in parsed.weekdays
        return any(by_day) if parsed.either_day else all(by_day)

    seen = set[datetime]()
    for instant, wall, skipped in minutes(zone, start, end):
        hit = matches(wall) and (parsed.every_hour or wall not in seen)
        hit |= not parsed.every_hour and any(map(matches, skipped))
        seen.add(wall)
        if hit and instant > start:
            yield instant


def fields(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    part = st.one_of(number.map(str), span, st.integers(1, 30).map(lambda step: f"*/{step}"))
    return st.one_of(st.just("*"), part, st.lists(part, min_size=1, max_size=3).map(",".join))


EXPRESSIONS = st.tuples(fields(0, 59), fields(0, 4), st.just("*"), st.just("*"), fields(0, 7)).map(" ".join)
NIGHTS = st.sampled_from([(zone, day) for zone, days in CHANGES.items() for day in days])


@given(expression=EXPRESSIONS, night=NIGHTS)
def test_times_are_those_of_a_walk_through_every_minute(expression: str, night: tuple[str, date]) -> None:
    name, day = night
    zone, parsed = ZoneInfo(name), cron.parse(expression)
    start = datetime.combine(day - timedelta(days=1), datetime.min.time(), tzinfo=zone).astimezone(UTC)
    end = start + timedelta(days=2)
    found = list(itertools.takewhile(lambda one: one < end, parsed.times(start, zone)))
    assert found == list(walked(parsed, zone, start, end))


@given(expression=EXPRESSIONS, night=NIGHTS, data=st.data())
def test_the_last_time_is_that_of_all_times(expression: str, night: tuple[str, date], data: st.DataObject) -> None:
    name, day = night
    zone, parsed = ZoneInfo(name), cron.parse(expression)
    midnight = datetime.combine(day, datetime.min.time(), tzinfo=zone).astimezone(UTC)
    offsets = st.integers(-4 * 24 * 60, 4 * 24 * 60).map(lambda minutes: midnight + minutes * MINUTE)
    start, end = sorted((data.draw(offsets), data.draw(offsets)))
    times = parsed.times(start - timedelta(microseconds=1), zone)
    passed = list(itertools.takewhile(lambda one: one <= end, times))
    assert parsed.last(start, end, zone) == (passed[-1] if passed else None)
