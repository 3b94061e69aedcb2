"""Periods by name, charts and figures of reports: what pages show, before anything draws it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.exports.tables import DataColumn, ValueKind
from server.reports import charts, periods
from server.reports.document import ChartBucket, ChartLine, ReportChart
from server.reports.formatting import Formatting
from server.timerange import Interval, zone

BERLIN = zone("Europe/Berlin")
AT = datetime(2026, 3, 30, 5, tzinfo=UTC)  # a Monday, the day after the clocks were set forward


def days(interval: Interval | None) -> tuple[str, int] | None:
    if interval is None:
        return None
    first, end = (at.astimezone(BERLIN).date() for at in (interval.start, interval.end))
    return first.isoformat(), (end - first).days


@pytest.mark.parametrize(
    ("name", "comparison", "asked", "earlier"),
    [
        ("", "", ("2026-03-23", 7), ("2026-03-16", 7)),
        ("yesterday", "", ("2026-03-29", 1), ("2026-03-28", 1)),
        ("last_28_days", "week", ("2026-03-02", 28), ("2026-02-23", 28)),
        ("last_full_month", "previous", ("2026-02-01", 28), ("2026-01-01", 31)),
        ("last_full_quarter", "year", ("2025-10-01", 92), ("2024-10-01", 92)),
        ("last_full_year", "none", ("2025-01-01", 365), None),
        ("month_to_date", "previous", ("2026-03-01", 30), ("2026-02-01", 28)),
        ("week_to_date", "previous", ("2026-03-30", 1), ("2026-03-23", 1)),
        ("2026-02-27..2026-03-01", "previous", ("2026-02-27", 3), ("2026-02-24", 3)),
        ("today", "2024-02-29..2024-02-29", ("2026-03-30", 1), ("2024-02-29", 1)),
    ],
)
def test_periods_by_name(name: str, comparison: str, asked: tuple[str, int], earlier: tuple[str, int] | None) -> None:
    found = periods.asked(name, comparison, BERLIN, AT, 0)
    assert (days(found.bounds), days(found.earlier)) == (asked, earlier)


def test_a_day_of_a_clock_change_has_its_own_length() -> None:
    bounds = periods.asked("yesterday", "none", BERLIN, AT, 0).bounds
    assert bounds.end - bounds.start == timedelta(hours=23)


@given(
    st.sampled_from(periods.NAMES),
    st.sampled_from(periods.COMPARISONS),
    st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - with timezones
    st.sampled_from(("Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Australia/Lord_Howe", "UTC")),
    st.integers(0, 6),
)
def test_every_name_is_some_days_and_is_compared_with_days_before(
    name: str, comparison: str, at: datetime, where: str, week_start: int
) -> None:
    found = periods.asked(name, comparison, zone(where), at, week_start)
    assert found.bounds.start < found.bounds.end
    if name.startswith("last_") or name == "yesterday":
        assert found.bounds.end <= at
    else:
        assert found.bounds.start <= at < found.bounds.end
    if found.earlier is not None:
        assert found.earlier.start < found.earlier.end
        assert found.earlier.start < found.bounds.start
    again = periods.again(name, comparison, zone(where), found.bounds)
    assert again == found, "a run again is compared with the same days"


COUNT = DataColumn(name="events", title="Events", kind=ValueKind.INTEGER, whole=True)


def course(values: Sequence[int | None], partial: Sequence[str] = ()) -> charts.ChartCourse:
    start = datetime(2026, 5, 1, tzinfo=UTC)
    day = timedelta(days=1)
    told = [*partial, *[""] * (len(values) - len(partial))]
    buckets = [ChartBucket(start=start + n * day, end=start + (n + 1) * day, partial=one) for n, one in enumerate(told)]
    chart = ReportChart(granularity="day", buckets=buckets, lines=[ChartLine(column=COUNT, values=values)])
    (made,) = charts.prepared(chart, BERLIN)
    (only,) = made.courses
    return only


def test_an_absent_figure_is_a_gap_and_a_lone_one_a_dot() -> None:
    made = course([1, 2, None, 3, None, 4, 4])
    assert [len(part.points) for part in made.parts] == [2, 2]
    assert [round(x, 2) for x, _ in made.dots] == [0.5]
    assert all(y > 0 for part in made.parts for _, y in part.points), "absent is never drawn as 0"


def test_what_is_not_complete_is_dashed_and_nothing_is_drawn_before_the_first_event() -> None:
    made = course([0, 0, 5, 6, 2], ["before", "before", "", "", "running"])
    assert [(len(part.points), part.dashed) for part in made.parts] == [(2, False), (2, True)]
    assert made.hollow == made.parts[-1].points[-1]
    assert course([5, 5, 5], ["cut"]).parts[0].dashed


@given(st.floats(1e-6, 1e15), st.sampled_from(list(ValueKind)))
def test_an_axis_begins_at_zero_and_holds_the_highest(highest: float, kind: ValueKind) -> None:
    ticks = charts.scale(highest, DataColumn(name="x", title="X", kind=kind))
    assert ticks[0] == 0
    assert ticks[-1] >= highest * 0.999999
    assert 2 <= len(ticks) <= 12


@pytest.mark.parametrize(
    ("kind", "value", "english", "german"),
    [
        (ValueKind.INTEGER, 1234567, "1,234,567", "1.234.567"),
        (ValueKind.DECIMAL, 1234.567, "1,235", "1.235"),
        (ValueKind.DECIMAL, 3.14159, "3.14", "3,14"),
        (ValueKind.FRACTION, 0.7123, "71.2%", "71,2 %"),
        (ValueKind.DURATION_MS, 999, "999 ms", "999 ms"),
        (ValueKind.DURATION_MS, 1234, "1.23 s", "1,23 s"),
        (ValueKind.DURATION_MS, 7_200_000, "2 h", "2 h"),
        (ValueKind.MONEY_MICROS, 1_234_560_000, "EUR 1,234.56", "1.234,56 EUR"),
        (ValueKind.MONEY_MICROS, 1_250, "EUR 0.0013", "0,0013 EUR"),
        (ValueKind.BYTES, 1536, "1.5 KiB", "1,5 KiB"),
        (ValueKind.INTEGER, None, "–", "–"),
        (ValueKind.INTEGER, 0, "0", "0"),
        (ValueKind.DATE, date(2026, 3, 1), "1 Mar 2026", "1. März 2026"),
    ],
)
def test_figures_in_both_languages(kind: ValueKind, value: object, english: str, german: str) -> None:
    column = DataColumn(name="x", title="X", kind=kind, currency="EUR", whole=isinstance(value, int))
    shown = [Formatting(one, BERLIN).figure(column, value) for one in ("en", "de")]  # type: ignore[arg-type]
    assert [one.replace("\xa0", " ") for one in shown] == [english, german]


def test_a_change_is_in_percent_or_points_and_says_whether_it_is_good() -> None:
    english = Formatting("en", BERLIN)
    rate = DataColumn(name="error_rate", title="Errors", kind=ValueKind.FRACTION)
    found = english.change(rate, 0.05, 0.03, better=-1)
    assert found is not None
    assert (found.text.replace("\xa0", " "), found.verdict) == ("+2 pts", -1)
    count = english.change(COUNT, 90, 100, better=1)
    assert count is not None
    assert (count.text.replace("\xa0", " "), count.verdict) == ("−10 %", -1)
    assert english.change(COUNT, 5, 0) is None, "there is no growth from zero"
    assert english.change(COUNT, None, 5) is None
