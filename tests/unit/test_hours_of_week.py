"""Hours of the week: all quarter hours of a period are in one of them, whatever the clocks do; and readable bins."""

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from server import histogram, timerange
from server.query import distribution_bins, hours_of_week
from server.query.distribution_bins import COUNTS, DURATIONS, Bin


@pytest.mark.parametrize(
    ("zone", "start", "end", "lengths"),
    [
        # The clocks go forward from 2 to 3 on Sunday 31 March 2024, and back from 3 to 2 on 27 October.
        ("Europe/Berlin", "2024-03-25", "2024-04-01", {(7, 2): 0, (7, 3): 4, (1, 0): 4}),
        ("Europe/Berlin", "2024-10-21", "2024-11-04", {(7, 2): 12, (7, 3): 8, (1, 0): 8}),
        # By half an hour: the hour from 1:30 comes twice.
        ("Australia/Lord_Howe", "2024-04-01", "2024-04-08", {(7, 1): 6, (7, 2): 4}),
        ("Asia/Kathmandu", "2024-05-13", "2024-05-20", {(1, 0): 4, (7, 23): 4}),
    ],
)
def test_hours_of_week(zone: str, start: str, end: str, lengths: dict[tuple[int, int], int]) -> None:
    where = ZoneInfo(zone)
    bounds = [datetime.fromisoformat(one).replace(tzinfo=where).astimezone(UTC) for one in (start, end)]
    period = timerange.resolve(*bounds, where, datetime(2026, 1, 1, tzinfo=UTC))
    offsets = hours_of_week.offsets(period)
    found = Counter[tuple[int, int]]()
    for bucket in range(period.span.start, period.span.end):
        (ahead,) = [one.quarters for one in offsets if one.first <= bucket][-1:]
        local = timerange.instant(bucket).astimezone(where)
        # As the statement has it: 1970 began on a Thursday.
        weekday, hour = divmod(((bucket + ahead) // 4 + 72) % 168, 24)
        assert (weekday + 1, hour) == (local.isoweekday(), local.hour)
        found[weekday + 1, hour] += 1
    assert {place: found[place] for place in lengths} == lengths


def test_bins_have_round_bounds_and_every_value() -> None:
    values = [0, 99, 100, 59_999, 60_000, 10**11]
    found: dict[int, int] = {}
    histogram.count(values, found, 7)
    bins = distribution_bins.bins(found, 7, DURATIONS)
    assert [one for one in bins if one.count] == [
        Bin(lower=0, upper=100, count=2),
        Bin(lower=100, upper=200, count=1),
        # The two are in one bin of the histogram, whose mean is just below a minute.
        Bin(lower=45_000, upper=60_000, count=2),
        Bin(lower=7_776_000_000, upper=None, count=1),
    ]
    assert [one.lower for one in bins] == list(DURATIONS), "no bin between the first and the last is left out"
    assert distribution_bins.bins({}, 7, COUNTS) == []


@pytest.mark.parametrize("bounds", [DURATIONS, COUNTS])
def test_bins_are_few_and_in_order(bounds: tuple[int, ...]) -> None:
    assert list(bounds) == sorted(set(bounds))
    assert bounds[0] == 0
    assert len(bounds) <= 40
