"""How rules stand after windows: every condition, with data, without, and failing."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from server.alerts import machine
from server.organizations.alerts import (
    AlertCondition,
    AlertDirection,
    CloseReason,
    ConditionKind,
    EntryKind,
    NoData,
    Observation,
    RuleDraft,
    State,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OK, WARNING, ALERT, NO_DATA = State.OK, State.WARNING, State.ALERT, State.NO_DATA
MEASURED = strategies.one_of(strategies.none(), strategies.integers(0, 12).map(float), strategies.just("error"))


def rule(condition: AlertCondition, **more: Any) -> RuleDraft:
    return RuleDraft(name="rule", metric="messages_sent", condition=condition, **more)


def value(direction: AlertDirection, **limits: Any) -> AlertCondition:
    return AlertCondition(kind=ConditionKind.VALUE, direction=direction, **limits)


ABOVE = value(AlertDirection.ABOVE, warning=5, critical=8)
HELD = value(AlertDirection.ABOVE, warning=5, critical=8, hysteresis=2)
BELOW = value(AlertDirection.BELOW, warning=5, critical=2)
OUTSIDE = value(AlertDirection.OUTSIDE, warning=8, critical=10, low_warning=3, low_critical=1)
SYMMETRIC = AlertCondition(kind=ConditionKind.CHANGE, direction=AlertDirection.OUTSIDE, warning=20, critical=50)
ABSENCE = AlertCondition(kind=ConditionKind.ABSENCE)


def windows(measured: Sequence[float | str | None]) -> list[Observation]:
    return [
        Observation(at=START + place * MINUTE, error="it is broken")
        if isinstance(one, str)
        else Observation(at=START + place * MINUTE, figure=one, measured=one, samples=0 if one is None else 10)
        for place, one in enumerate(measured)
    ]


def states(draft: RuleDraft, measured: Sequence[float | str | None]) -> list[State]:
    standing, found = machine.first(START), []
    for observation in windows(measured):
        standing = machine.after(draft, standing, observation)
        assert standing == machine.after(draft, standing, observation), "the same window again changes nothing"
        found.append(standing.shown)
    return found


@pytest.mark.parametrize(
    ("draft", "measured", "expected"),
    [
        (rule(ABOVE), [0, 5, 6, 8, 9, 6, 5], [OK, OK, WARNING, WARNING, ALERT, WARNING, OK]),
        (rule(HELD), [9, 7, 6, 4, 3, 5], [ALERT, ALERT, WARNING, WARNING, OK, OK]),
        (rule(BELOW), [9, 5, 4, 2, 1, 3, 7], [OK, OK, WARNING, WARNING, ALERT, WARNING, OK]),
        (rule(OUTSIDE), [5, 9, 11, 5, 2, 0, 1], [OK, WARNING, ALERT, OK, WARNING, ALERT, WARNING]),
        (rule(SYMMETRIC), [0, 30, -30, 60, -60], [OK, WARNING, WARNING, ALERT, ALERT]),
        (rule(ABSENCE), [3, 0, 0, 1], [OK, ALERT, ALERT, OK]),
        (rule(ABOVE, hold_for=2 * MINUTE), [9, 9, 9, 4, 9], [OK, OK, ALERT, OK, OK]),
        (rule(ABOVE, hold_for=2 * MINUTE), [6, 9, 6, 9, 9, 9], [OK, OK, WARNING, WARNING, WARNING, ALERT]),
        (rule(replace(ABOVE, warning=None), hold_for=MINUTE), [9, 9, 0], [OK, ALERT, OK]),
        # Without data the state stays, or is an incident, or is OK.
        (rule(ABOVE), [9, None, None, 1], [ALERT, ALERT, ALERT, OK]),
        (rule(ABOVE, no_data=NoData.ALERT), [1, None, None, 9, 1], [OK, NO_DATA, NO_DATA, ALERT, OK]),
        (rule(ABOVE, no_data=NoData.ALERT, hold_for=MINUTE), [1, None, None, 1], [OK, OK, NO_DATA, OK]),
        (rule(ABOVE, no_data=NoData.OK), [9, None, 9], [ALERT, OK, ALERT]),
        (rule(ABOVE, close_after=2 * MINUTE), [9, None, None, None, 9], [ALERT, ALERT, ALERT, OK, ALERT]),
        (
            rule(ABOVE, no_data=NoData.ALERT, close_after=2 * MINUTE),
            [1, None, None, None, None],
            [OK, NO_DATA, NO_DATA, OK, OK],
        ),
        (rule(ABOVE, minimum_samples=11), [9, 9], [OK, OK]),
        # What cannot be looked at is an error, and the state from before is there again after it.
        (rule(ABOVE), [9, "error", "error", 9, 1], [ALERT, State.ERROR, State.ERROR, ALERT, OK]),
    ],
)
def test_states(draft: RuleDraft, measured: Sequence[float | str | None], expected: Sequence[State]) -> None:
    assert states(draft, measured) == list(expected)


def test_a_run_has_its_incidents() -> None:
    found = machine.run(
        rule(ABOVE, close_after=2 * MINUTE), machine.first(START), windows([1, 6, 11, 9, 2, 9, None, None, None])
    )
    first, second = found.episodes
    assert [(one.kind, one.state) for one in first.turns] == [
        (EntryKind.OPENED, WARNING),
        (EntryKind.CHANGED, ALERT),
        (EntryKind.CLOSED, OK),
    ]
    assert (first.peak, first.peak_at, first.worst) == (11, START + 2 * MINUTE, ALERT)
    assert first.closed is not None
    assert first.closed.close_reason is CloseReason.RECOVERED
    assert second.closed is not None
    assert second.closed.close_reason is CloseReason.SILENT
    assert second.closed.at == START + 8 * MINUTE


@hypothesis.given(
    measured=strategies.lists(MEASURED, max_size=40),
    cut=strategies.integers(0, 40),
    condition=strategies.sampled_from([ABOVE, HELD, BELOW, OUTSIDE, ABSENCE]),
    hold=strategies.integers(0, 3),
    no_data=strategies.sampled_from(NoData),
    close=strategies.one_of(strategies.none(), strategies.integers(1, 4)),
)
def test_a_run_in_two_parts_comes_to_the_same(
    measured: list[float | str | None],
    cut: int,
    condition: AlertCondition,
    hold: int,
    no_data: NoData,
    close: int | None,
) -> None:
    draft = rule(
        condition, hold_for=hold * MINUTE, no_data=no_data, close_after=None if close is None else close * MINUTE
    )
    seen = windows(measured)
    whole = machine.run(draft, machine.first(START), seen)
    first = machine.run(draft, machine.first(START), seen[:cut])
    second = machine.run(draft, first.last, seen[cut:])
    assert second.last == whole.last
    assert [*first.standings, *second.standings] == whole.standings
    turns = [turn for run in (first, second) for episode in run.episodes for turn in episode.turns]
    assert turns == [turn for episode in whole.episodes for turn in episode.turns]
    for before, after in itertools.pairwise(turns):
        assert (before.kind is EntryKind.CLOSED) == (after.kind is EntryKind.OPENED)
        assert before.state is not after.state
