"""Comparisons: the earlier period by the calendar of a zone, also across clock changes."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import timerange
from server.query import comparison
from server.query.changes import Absence
from server.query.comparison import Comparison, Mode
from server.timerange import Granularity, Interval, Span, TimeRange

BERLIN = ZoneInfo("Europe/Berlin")  # clocks change on 29 March and 25 October 2026
ZONES = [
    *("UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "Asia/Kathmandu"),
    *("Australia/Lord_Howe", "Pacific/Apia", "Pacific/Chatham", "Asia/Beirut", "Africa/Cairo", "America/Havana"),
]
FIXED = [mode for mode in Mode if mode is not Mode.CUSTOM]
PERIOD, WEEK, MONTH, YEAR = FIXED
FIRST = timerange.floor_bucket(datetime(2006, 1, 1, tzinfo=UTC))
LAST = timerange.floor_bucket(datetime(2030, 1, 1, tzinfo=UTC))
SPANS = st.builds(
    lambda start, length: Span(start=start, end=start + length), st.integers(FIRST, LAST), st.integers(1, 100 * 96)
)


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    """A time on the wall; one that comes twice is the first, with "~" behind it the second."""
    return datetime.fromisoformat(text.rstrip("~")).replace(tzinfo=zone, fold=int(text.endswith("~")))


def period(start: datetime, end: datetime, now: datetime | None = None, raw_from: int | None = None) -> TimeRange:
    zone = start.tzinfo
    assert isinstance(zone, ZoneInfo)
    over = end.astimezone(UTC) + timedelta(days=1)
    at = now.astimezone(UTC) if now else over
    return timerange.resolve(start.astimezone(UTC), end.astimezone(UTC), zone, at, raw_from=raw_from)


def spelled(interval: Interval, zone: ZoneInfo = BERLIN) -> str:
    """An interval as the clock on the wall shows it, without what is midnight."""
    walls = [at.astimezone(zone) for at in (interval.start, interval.end)]
    texts = [at.replace(tzinfo=None).isoformat(timespec="auto") for at in walls]
    return " ".join(
        text.removesuffix(":00").removesuffix("T00:00") + "~" * at.fold for text, at in zip(texts, walls, strict=True)
    )


@pytest.mark.parametrize(
    ("mode", "asked", "expected"),
    [
        (PERIOD, "2026-03-30 2026-03-31", "2026-03-29 2026-03-30"),  # the day before has 23 hours
        (PERIOD, "2026-10-25 2026-10-26", "2026-10-24 2026-10-25"),  # and here the day itself 25
        (PERIOD, "2026-03-28T10:00 2026-03-30T10:00", "2026-03-26T10:00 2026-03-28T10:00"),
        (PERIOD, "2026-03-29T04:00 2026-03-29T06:00", "2026-03-29T01:00 2026-03-29T04:00"),  # two hours before
        (PERIOD, "2026-06-01T10:00 2026-06-03T12:30", "2026-05-30T07:30 2026-06-01T10:00"),
        (PERIOD, "2026-06-08 2026-06-14", "2026-06-02 2026-06-08"),
        (PERIOD, "2026-06-08 2026-06-15", "2026-06-01 2026-06-08"),
        (PERIOD, "2026-06-08 2026-06-16", "2026-05-25 2026-06-02"),
        (PERIOD, "2026-06-08T10:07 2026-06-15T10:07", "2026-06-01T10:00 2026-06-08T10:15"),  # a week is a week
        (PERIOD, "2026-04-01 2026-06-30", "2025-12-31 2026-03-31"),  # 90 days, and 91 days earlier
        (WEEK, "2026-04-01 2026-04-02", "2026-03-25 2026-03-26"),
        (WEEK, "2026-04-05T02:30 2026-04-05T05:00", "2026-03-29T03:00 2026-03-29T05:00"),  # 02:30 is skipped
        (WEEK, "2026-04-05T02:15 2026-04-05T02:45", "2026-03-29T03:00 2026-03-29T03:00"),  # nothing of it is there
        (WEEK, "2026-10-25T02:00~ 2026-10-25T03:00", "2026-10-18T03:00 2026-10-18T03:00"),
        (WEEK, "2026-10-25T02:00 2026-10-25T02:00~", "2026-10-18T02:00 2026-10-18T03:00"),
        (WEEK, "2026-11-01T02:00 2026-11-01T03:00", "2026-10-25T02:00 2026-10-25T03:00"),  # two hours
        (MONTH, "2026-03-31 2026-04-01", "2026-02-28 2026-03-01"),
        (MONTH, "2026-03-29 2026-04-01", "2026-02-28 2026-03-01"),
        (MONTH, "2026-03-30T10:00 2026-03-30T12:00", "2026-02-28T10:00 2026-02-28T12:00"),
        (MONTH, "2026-03-29T10:00 2026-03-31T08:00", "2026-02-28T10:00 2026-03-01"),
        (MONTH, "2026-02-10 2026-02-20", "2026-01-10 2026-01-20"),
        (MONTH, "2026-02-10 2026-03-01", "2026-01-10 2026-01-29"),
        (MONTH, "2026-02-01 2026-03-01", "2026-01-01 2026-02-01"),
        (MONTH, "2026-03-01 2026-04-01", "2026-02-01 2026-03-01"),
        (MONTH, "2026-01-01 2026-04-01", "2025-12-01 2026-03-01"),
        (YEAR, "2024-02-29 2024-03-01", "2023-02-28 2023-03-01"),
        (YEAR, "2026-06-08 2026-06-10", "2025-06-08 2025-06-10"),
        (YEAR, "2026-06-08 2026-06-15", "2025-06-09 2025-06-16"),  # Monday to Sunday
        (YEAR, "2025-01-01 2026-01-01", "2024-01-03 2025-01-02"),
    ],
)
def test_the_earlier_period(mode: Mode, asked: str, expected: str) -> None:
    start, end = map(local, asked.split())
    found = comparison.earlier(Comparison(mode=mode), period(start, end))
    assert spelled(found.bounds) == expected
    assert found.until == timerange.instant(timerange.ceil_bucket(end))


def test_without_a_comparison_the_period_just_before_has_equal_length() -> None:
    asked = period(local("2026-03-29"), local("2026-03-30"))
    assert spelled(comparison.earlier(None, asked).bounds) == "2026-03-28T01:00 2026-03-29"


@pytest.mark.parametrize(
    ("mode", "asked", "now", "expected"),
    [
        (None, "2026-06-08 2026-06-09", "2026-06-08T10:07", "2026-06-07T12:45 2026-06-07T22:45"),  # ends in an hour
        (PERIOD, "2026-06-08 2026-06-09", "2026-06-08T10:07", "2026-06-07 2026-06-07T10:00"),
        (PERIOD, "2026-06-08 2026-06-15", "2026-06-10T10:07", "2026-06-01 2026-06-03T10:00"),
        (PERIOD, "2026-06-01T10:07 2026-06-08T10:07", "2026-06-08T10:07", "2026-05-25T10:00 2026-06-01T10:00"),
        (PERIOD, "2026-03-30 2026-03-31", "2026-03-30T02:30", "2026-03-29 2026-03-29T03:00"),
        (MONTH, "2026-03-01 2026-04-01", "2026-03-15T10:00", "2026-02-01 2026-02-15T10:00"),
        (MONTH, "2026-03-01 2026-04-01", "2026-03-30T10:00", "2026-02-01 2026-03-01"),
        (YEAR, "2026-06-08 2026-06-09", "2026-06-08T10:07", "2025-06-08 2025-06-08T10:00"),
    ],
)
def test_of_a_running_period_as_much_as_has_passed(mode: Mode | None, asked: str, now: str, expected: str) -> None:
    start, end = map(local, asked.split())
    found = comparison.earlier(Comparison(mode=mode) if mode else None, period(start, end, local(now)))
    assert spelled(found.bounds) == expected
    assert found.until == timerange.instant(timerange.floor_bucket(local(now)))


def test_a_custom_period_is_compared_as_it_is_and_as_far_as_has_passed() -> None:
    start, end = local("2026-06-08"), local("2026-06-10")
    custom = Comparison(mode=Mode.CUSTOM, custom=Interval(start=local("2025-12-24"), end=local("2025-12-27")))
    assert spelled(comparison.earlier(custom, period(start, end)).bounds) == "2025-12-24 2025-12-27"
    running = comparison.earlier(custom, period(start, end, local("2026-06-09T06:00")))
    assert spelled(running.bounds) == "2025-12-24 2025-12-25T06:00"
    days = timerange.intervals(period(start, end), Granularity.DAY)
    assert [spelled(one) for one in running.aligned([*days, days[-1]], Granularity.DAY)] == [
        "2025-12-24 2025-12-25",
        "2025-12-25 2025-12-25T06:00",
        "2025-12-25T06:00 2025-12-25T06:00",
    ]


def test_days_of_a_month_are_aligned_by_their_number() -> None:
    march = period(local("2026-03-01"), local("2026-04-01"))
    found = comparison.earlier(Comparison(mode=MONTH), march)
    days = found.aligned(timerange.intervals(march, Granularity.DAY), Granularity.DAY)
    assert [one.span.length for one in days] == [96] * 28 + [0] * 3
    (whole,) = found.aligned(timerange.intervals(march, Granularity.MONTH), Granularity.MONTH)
    assert spelled(whole) == "2026-02-01 2026-03-01"


@given(SPANS, st.sampled_from(ZONES), st.sampled_from(FIXED), st.sampled_from([Granularity.HOUR, Granularity.DAY]))
def test_aligned_points_do_not_overlap_and_days_stay_days(
    span: Span, zone: str, mode: Mode, granularity: Granularity
) -> None:
    where = ZoneInfo(zone)
    first, last = (timerange.instant(bucket).astimezone(where) for bucket in (span.start, span.end))
    asked = period(first, last)
    found = comparison.earlier(Comparison(mode=mode), asked)
    points = [one.interval for one in itertools.islice(timerange.points(asked, granularity), 60)]
    aligned = found.aligned(points, granularity)
    assert len(aligned) == len(points)
    assert all(found.bounds.start <= one.start <= one.end <= found.bounds.end for one in aligned)
    assert all(one.end <= after.start for one, after in itertools.pairwise(aligned))
    if mode is WEEK and granularity is Granularity.DAY:
        for one, before in list(zip(points, aligned, strict=True))[1:-1]:
            day = timerange.day_at(one.start, where) - timedelta(days=7)
            assert before.start == timerange.midnight(day, where)
            assert before.end == timerange.midnight(day + timedelta(days=1), where)


@pytest.mark.parametrize(
    ("mode", "asked", "now", "expected"),
    [
        (None, "2026-06-08T10:05 2026-06-08T10:12:30", None, "2026-06-08T09:57:30 2026-06-08T10:05"),
        (PERIOD, "2026-06-08T10:05 2026-06-08T10:12", None, "2026-06-08T09:58 2026-06-08T10:05"),
        (PERIOD, "2026-06-08T10:07 2026-06-15T10:07", None, "2026-06-01T10:07 2026-06-08T10:07"),
        (WEEK, "2026-06-08T10:07 2026-06-08T12:31", None, "2026-06-01T10:07 2026-06-01T12:31"),
        (WEEK, "2026-06-08T10:07 2026-06-08T12:31", "2026-06-08T11:20", "2026-06-01T10:07 2026-06-01T11:15"),
        (WEEK, "2026-06-08T10:07 2026-06-08T12:31", "2026-06-08T10:10", "2026-06-01T10:07 2026-06-01T10:07"),
        (MONTH, "2026-03-30T10:07 2026-03-30T12:01", None, "2026-02-28T10:07 2026-02-28T12:01"),
        (MONTH, "2026-01-30T10:07 2026-01-30T12:01", None, "2025-12-30T10:00 2025-12-30T12:15"),  # raw events are gone
    ],
)
def test_bounds_within_quarter_hours(mode: Mode | None, asked: str, now: str | None, expected: str) -> None:
    start, end = map(local, asked.split())
    raw_from = timerange.floor_bucket(local("2026-01-01"))
    exact = period(start, end, local(now) if now else None, raw_from)
    assert now or exact.bounds == Interval(start=start.astimezone(UTC), end=end.astimezone(UTC))
    compared_with = Comparison(mode=mode) if mode else None
    assert spelled(comparison.earlier(compared_with, exact).bounds) == expected
    points = timerange.intervals(exact, Granularity.HOUR)
    aligned = comparison.earlier(compared_with, exact, for_series=True).aligned(points, Granularity.HOUR)
    assert len(aligned) == len(points)
    # Within, all points begin and end with a quarter hour.
    inside = [bound for one in aligned for bound in (one.start, one.end)][1:-1]
    assert all(
        not (at - timerange.EPOCH) % timerange.QUARTER for at in inside if aligned[0].start < at < aligned[-1].end
    )


def test_why_nothing_is_compared() -> None:
    def absence(start: str, end: str, first: int | None, kept_from: int = 0, now: str = "2026-06-09") -> Absence | None:
        asked = period(local(start), local(end), local(now))
        return comparison.earlier(Comparison(mode=PERIOD), asked).absence(first, kept_from)

    begin = timerange.floor_bucket(local("2026-06-07"))
    assert absence("2026-06-08", "2026-06-09", begin) is None
    assert absence("2026-06-08", "2026-06-09", begin + 1) is Absence.BEFORE_FIRST_EVENT
    assert absence("2026-06-08", "2026-06-09", None) is Absence.BEFORE_FIRST_EVENT
    assert absence("2026-06-08", "2026-06-09", begin + 1, begin + 1) is Absence.NOT_KEPT
    assert absence("2026-06-10", "2026-06-11", None) is Absence.TOO_EARLY
    floor = timerange.FLOOR.astimezone(BERLIN)
    asked = period(floor + timedelta(hours=1), floor + timedelta(days=3))
    assert comparison.earlier(Comparison(mode=PERIOD), asked).absence(None) is Absence.BEFORE_FLOOR
