"""Windows of rules: when they end, what they are compared with, and that they can be put together of buckets."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis
import pytest
from hypothesis import strategies
from pyroaring import BitMap

from server.alerts import sources, windows
from server.catalog.catalogue import BUILT_IN
from server.catalog.cells import Cell
from server.organizations.alerts import (
    AlertBaseline,
    AlertCondition,
    AlertDirection,
    ConditionKind,
    RuleDraft,
    default_step,
)
from server.timerange import Interval

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BERLIN, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")


def change(baseline: AlertBaseline, **more: Any) -> RuleDraft:
    condition = AlertCondition(kind=ConditionKind.CHANGE, baseline=baseline, critical=10)
    return RuleDraft(name="rule", metric="messages_sent", condition=condition, **more)


def test_windows_end_at_multiples_of_the_step() -> None:
    assert windows.ends(START, START + 3 * MINUTE, MINUTE) == [START + place * MINUTE for place in (1, 2, 3)]
    assert windows.ends(START + timedelta(seconds=30), START + MINUTE, MINUTE) == [START + MINUTE]
    assert windows.ends(START, START - MINUTE, MINUTE) == []


@pytest.mark.parametrize(
    ("zone", "at", "expected"),
    [
        # Clocks went forward on 29 March 2026 at 01:00 UTC in Berlin: 10:00 by the clock was an hour later before.
        (BERLIN, datetime(2026, 3, 30, 8, tzinfo=UTC), datetime(2026, 3, 23, 9, tzinfo=UTC)),
        (BERLIN, datetime(2026, 4, 8, 8, tzinfo=UTC), datetime(2026, 4, 1, 8, tzinfo=UTC)),
        # By half an hour, on 5 April 2026 on Lord Howe Island.
        (LORD_HOWE, datetime(2026, 4, 6, 0, tzinfo=UTC), datetime(2026, 3, 29, 23, 30, tzinfo=UTC)),
    ],
)
def test_the_week_before_is_the_same_time_by_the_clock(zone: ZoneInfo, at: datetime, expected: datetime) -> None:
    (found,) = windows.baselines(change(AlertBaseline.WEEK, window=HOUR), zone, at)
    assert (found.start, found.end) == (expected - HOUR, expected)


def test_comparable_windows_are_whole() -> None:
    draft = change(AlertBaseline.FOUR_WEEKS, window=15 * MINUTE)
    found = windows.baselines(draft, BERLIN, START)
    assert [one.end for one in found] == [START - week * 7 * DAY for week in (1, 2, 3, 4)]
    assert all(one.end - one.start == 15 * MINUTE for one in found)
    (before,) = windows.baselines(change(AlertBaseline.PREVIOUS, window=15 * MINUTE), BERLIN, START)
    assert before == Interval(start=START - 30 * MINUTE, end=START - 15 * MINUTE)


def test_a_budget_is_of_the_month_of_the_zone() -> None:
    draft = RuleDraft(
        name="rule", metric="cost_micros", condition=AlertCondition(kind=ConditionKind.BUDGET, critical=1)
    )
    in_april = datetime(2026, 3, 31, 22, 15, tzinfo=UTC)  # a quarter past midnight in Berlin
    assert windows.window(draft, BERLIN, in_april).start == in_april - 15 * MINUTE
    assert windows.window(draft, BERLIN, in_april - 15 * MINUTE).start == datetime(2026, 2, 28, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("metric", "direction", "expected"),
    [
        ("messages_sent", AlertDirection.ABOVE, True),
        ("cost_micros", AlertDirection.ABOVE, True),
        ("unique_users", AlertDirection.ABOVE, True),
        ("messages_sent", AlertDirection.BELOW, False),
        ("error_rate", AlertDirection.ABOVE, False),
        ("p95_response_time_ms", AlertDirection.ABOVE, False),
        ("conversations_escalated", AlertDirection.ABOVE, False),  # a hand-over can be taken back
        ("storage_change_bytes", AlertDirection.ABOVE, False),
    ],
)
def test_what_can_only_grow_is_known_early(metric: str, direction: AlertDirection, expected: bool) -> None:
    condition = AlertCondition(kind=ConditionKind.VALUE, direction=direction, critical=1)
    assert windows.is_early(RuleDraft(name="rule", metric=metric, condition=condition), BUILT_IN) is expected


@pytest.mark.parametrize(("minutes", "expected"), [(1, 1), (15, 1), (16, 5), (60, 5), (61, 15), (1440, 15), (1441, 60)])
def test_steps_suit_windows(minutes: int, expected: int) -> None:
    assert default_step(minutes * MINUTE) == expected * MINUTE


_CELLS = strategies.builds(
    Cell,
    counters=strategies.dictionaries(strategies.integers(1, 3), strategies.integers(-5, 50), max_size=3),
    bins=strategies.dictionaries(strategies.integers(10, 14), strategies.integers(1, 9), max_size=3),
    sets=strategies.dictionaries(
        strategies.integers(1, 2), strategies.sets(strategies.integers(0, 9), min_size=1).map(BitMap), max_size=2
    ),
)


@hypothesis.given(
    cells=strategies.lists(_CELLS, min_size=1, max_size=12),
    length=strategies.integers(1, 6),
    skipped=strategies.sets(strategies.integers(0, 16)),
)
def test_windows_put_together_of_buckets_are_what_their_buckets_add_up_to(
    cells: list[Cell], length: int, skipped: set[int]
) -> None:
    found = sources.Buckets(START, MINUTE, cells)
    for place in range(len(cells)):
        if place in skipped:
            continue
        window = Interval(start=START + (place + 1 - length) * MINUTE, end=START + (place + 1) * MINUTE)
        whole = Cell()
        for cell in cells[max(0, place + 1 - length) : place + 1]:
            whole.add(cell)
        one = found.cell(window)
        assert {key: amount for key, amount in one.counters.items() if amount} == {
            key: amount for key, amount in whole.counters.items() if amount
        }
        assert one.bins == {key: count for key, count in whole.bins.items() if count}
        assert one.sets == whole.sets
