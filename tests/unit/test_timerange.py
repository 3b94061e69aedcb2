"""Periods and buckets: every quarter hour is in exactly one bucket, in every zone there is."""

import dataclasses
import itertools
import zoneinfo
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import errors, quarters, timerange
from server.catalog import selections
from server.timerange import Granularity, Span, TimeRange

ZONES = sorted(timerange.zone_names().values())
FIRST = timerange.floor_bucket(timerange.FLOOR)
LAST = timerange.floor_bucket(datetime(2037, 1, 1, tzinfo=UTC))
SPANS = st.builds(
    lambda start, length: Span(start=start, end=start + length), st.integers(FIRST, LAST), st.integers(1, 60 * 96)
)


def period(span: Span, zone: str) -> TimeRange:
    now = timerange.instant(span.end)
    return TimeRange(span=span, zone=zoneinfo.ZoneInfo(zone), now=now, asked=span.interval)


def local(bucket: int, zone: str) -> datetime:
    return timerange.instant(bucket).astimezone(zoneinfo.ZoneInfo(zone))


def place(granularity: Granularity, at: datetime) -> object:
    """The hour, day, week or month on the wall that holds an instant."""
    match granularity:
        case Granularity.QUARTER_HOUR:
            return at.date(), at.hour, at.minute // 15, at.utcoffset()
        case Granularity.HALF_HOUR:
            return at.date(), at.hour, at.minute // 30, at.utcoffset()
        case Granularity.HOUR:
            return at.date(), at.hour, at.utcoffset()
        case Granularity.DAY:
            return at.date()
        case Granularity.WEEK:
            return at.isocalendar()[:2]
        case Granularity.MONTH:
            return at.year, at.month
        case Granularity.QUARTER:
            return at.year, (at.month - 1) // 3
        case Granularity.YEAR:
            return at.year


WIDTHS = [one for one in Granularity if one not in timerange.FINE]


def limited(span: Span, granularity: Granularity) -> Span:
    """At most 20 days where the points are hours or less."""
    is_short = granularity in (Granularity.QUARTER_HOUR, Granularity.HALF_HOUR, Granularity.HOUR)
    return Span(start=span.start, end=min(span.end, span.start + 20 * 96)) if is_short else span


@given(SPANS, st.sampled_from(ZONES), st.sampled_from(WIDTHS))
def test_buckets_partition_the_period(span: Span, zone: str, granularity: Granularity) -> None:
    span = limited(span, granularity)
    found = timerange.buckets(period(span, zone), granularity)
    assert (found[0].start, found[-1].end) == (span.start, span.end)
    assert all(one.length > 0 for one in found)
    assert all(one.end == after.start for one, after in itertools.pairwise(found))


@given(SPANS, st.sampled_from(ZONES), st.sampled_from(WIDTHS))
def test_a_bucket_is_one_place_on_the_wall_and_the_next_another(
    span: Span, zone: str, granularity: Granularity
) -> None:
    span = limited(span, granularity)
    found = timerange.buckets(period(span, zone), granularity)
    for one in found:
        assert place(granularity, local(one.start, zone)) == place(granularity, local(one.end - 1, zone))
    for one, after in itertools.pairwise(found):
        assert place(granularity, local(one.end - 1, zone)) != place(granularity, local(after.start, zone))


@given(SPANS, st.sampled_from(ZONES), st.integers(0, 6))
def test_weeks_begin_on_the_day_that_they_should(span: Span, zone: str, week_start: int) -> None:
    asked = dataclasses.replace(period(span, zone), week_start=week_start)
    found = timerange.buckets(asked, Granularity.WEEK)
    for one in found[1:]:
        day = timerange.day_at(timerange.instant(one.start), asked.zone)
        assert day.weekday() == week_start
        assert timerange.instant(one.start) == timerange.midnight(day, asked.zone)
    assert all(timerange.is_cut(timerange.instant(one.start), asked, Granularity.WEEK) for one in found[1:])
    assert not any(timerange.is_cut(timerange.instant(one.start + 1), asked, Granularity.WEEK) for one in found[1:])


@pytest.mark.parametrize("zone", ZONES)
def test_midnight_is_the_first_instant_of_its_day_and_begins_a_quarter_hour(zone: str) -> None:
    """Over the year 2024, and on the days around clock changes that skip or repeat midnight."""
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(0, 366, 7)]
    days += [date(2018, 11, 4), date(2018, 2, 18), date(2011, 12, 31), date(2000, 1, 1), date(2024, 10, 6)]
    for day in days:
        midnight = timerange.midnight(day, zoneinfo.ZoneInfo(zone))
        assert timerange.instant(timerange.floor_bucket(midnight)) == midnight
        assert midnight.astimezone(zoneinfo.ZoneInfo(zone)).date() == day
        assert (midnight - timedelta(microseconds=1)).astimezone(zoneinfo.ZoneInfo(zone)).date() < day


@given(st.integers(FIRST, LAST), st.integers(0, 500 * 96))
def test_segments_partition_a_span(start: int, length: int) -> None:
    span = Span(start=start, end=start + length)
    found = quarters.segments(span.start, span.end)
    covered = [bucket for one in found for bucket in (one.start, one.end)]
    assert covered == sorted(covered)
    assert sum(one.end - one.start for one in found) == length
    assert (covered[0], covered[-1]) == (span.start, span.end) if length else not covered
    assert all(one.start < one.end and one.start % one.granularity == one.end % one.granularity == 0 for one in found)
    widths = sorted(quarters.Width)
    for width, wider in itertools.pairwise(widths):
        # On either side fewer than would make one of the next width, and so no way with fewer rows.
        rows = [(one.end - one.start) // width for one in found if one.granularity is width]
        assert sum(rows) <= 2 * (wider // width - 1)


def test_a_day_of_any_zone_is_few_rollups() -> None:
    worst = max(sum((one.end - one.start) // one.granularity for one in day) for day in map(_utc_day_from, range(96)))
    assert worst == 12


def _utc_day_from(first: int) -> list[quarters.Segment]:
    """A day that begins that many quarter hours after midnight of UTC."""
    return quarters.segments(FIRST + first, FIRST + first + 96)


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2024-03-31", "Europe/Berlin", 23),
        ("2024-10-27", "Europe/Berlin", 25),
        ("2024-10-06", "Australia/Lord_Howe", 23.5),
        ("2024-04-07", "Australia/Lord_Howe", 24.5),
        ("2024-05-01", "Asia/Kathmandu", 24),
        ("2018-11-04", "America/Sao_Paulo", 23),  # midnight is skipped
    ],
)
def test_days_have_the_hours_that_they_have(day: str, zone: str, hours: float) -> None:
    start = timerange.midnight(date.fromisoformat(day), zoneinfo.ZoneInfo(zone))
    end = timerange.midnight(date.fromisoformat(day) + timedelta(days=1), zoneinfo.ZoneInfo(zone))
    assert (end - start) / timedelta(hours=1) == hours


@given(
    st.timedeltas(timedelta(), timedelta(days=56 * 365)).map(lambda after: timerange.FLOOR + after),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=1_829)),
    st.timedeltas(timedelta(days=1), timedelta(days=56 * 365)).map(lambda after: timerange.FLOOR + after),
)
def test_a_resolved_period_holds_what_was_asked_for(start: datetime, length: timedelta, now: datetime) -> None:
    end = start + length
    resolved = timerange.resolve(start, end, zoneinfo.ZoneInfo("UTC"), now)
    first, last = timerange.instant(resolved.span.start), timerange.instant(resolved.span.end)
    quarter = timerange.QUARTER
    assert first <= start < first + quarter
    assert last < end + quarter
    assert last >= min(end, now + timerange.MAX_AHEAD) or start >= now + timerange.MAX_AHEAD
    assert resolved.span.length > 0
    assert resolved.still_running == (now < last)
    assert 0 <= resolved.elapsed.length <= resolved.span.length


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        ("2024-01-01", "2024-01-01", errors.Reason.INVALID_TIME_RANGE),
        ("1979-12-31", "2024-01-01", errors.Reason.TIME_BEFORE_FLOOR),
        ("2019-01-01", "2024-01-06", errors.Reason.TIME_RANGE_TOO_LARGE),
    ],
)
def test_periods_that_make_no_sense_are_refused(start: str, end: str, reason: errors.Reason) -> None:
    now = datetime(2024, 6, 1, tzinfo=UTC)
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    with pytest.raises(errors.Refused) as refused:
        timerange.resolve(first, last, zoneinfo.ZoneInfo("UTC"), now)
    assert refused.value.reason is reason


@given(
    st.timedeltas(timedelta(), timedelta(days=2)).map(lambda after: datetime(2026, 3, 28, 22, tzinfo=UTC) + after),
    st.timedeltas(timedelta(microseconds=1), timedelta(hours=30)),
    st.sampled_from([Granularity.MINUTE, Granularity.FIVE_MINUTES, Granularity.HALF_HOUR, Granularity.HOUR]),
)
def test_points_to_the_microsecond_partition_the_period(
    start: datetime, length: timedelta, granularity: Granularity
) -> None:
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    exact = timerange.resolve(start, start + length, zone, datetime(2026, 6, 1, tzinfo=UTC), raw_from=0)
    found = timerange.intervals(exact, granularity)
    assert (found[0].start, found[-1].end) == (start, start + length)
    for one, after in itertools.pairwise(found):
        assert one.start < one.end == after.start
        assert timerange.is_cut(one.end, exact, granularity)
    for one in found:
        # Its quarter hours are those inside, and those of its edges.
        inside = selections.inner(one.span, one.edges)
        assert inside.length + len(one.edges) == one.span.length
        whole = inside.interval.end - inside.interval.start
        assert whole + sum((edge.end - edge.start for edge in one.edges), timedelta()) == one.end - one.start


@pytest.mark.parametrize(
    ("length", "granularity", "reason"),
    [
        (timedelta(days=2, minutes=1), Granularity.FIVE_MINUTES, errors.Reason.TIME_RANGE_TOO_LARGE),
        (timedelta(days=2), Granularity.MINUTE, errors.Reason.TOO_MANY_POINTS),
    ],
)
def test_minutes_are_of_few_days(length: timedelta, granularity: Granularity, reason: errors.Reason) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    asked = timerange.resolve(start, start + length, zoneinfo.ZoneInfo("UTC"), start + length, raw_from=0)
    with pytest.raises(errors.Refused) as refused:
        timerange.intervals(asked, granularity)
    assert refused.value.reason is reason


@given(st.text(max_size=70))
def test_no_text_but_a_zone_is_a_zone(text: str) -> None:
    known = text.casefold() in {name.casefold() for name in ZONES}
    if known:
        assert timerange.zone(text).key in ZONES
    else:
        with pytest.raises(errors.Refused):
            timerange.zone(text)
