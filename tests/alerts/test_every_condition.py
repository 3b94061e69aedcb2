"""Every condition, where its data is there, comes late, is absent or is muted: the right state, told once."""

import dataclasses
from datetime import datetime, timedelta

import pytest

from server.organizations.alerts import (
    AlertBaseline,
    AlertCondition,
    AlertDirection,
    ConditionKind,
    Mute,
    RuleDraft,
    State,
)
from server.store.database import Database
from tests.alerts.looking import DAY, HOUR, MINUTE, Looking, above, days_ago, event, looking
from tests.support import worlds

QUARTER = 15 * MINUTE
SOON = timedelta(seconds=11)
HISTORY = 29  # days with one message in each quarter hour
BURST = 40


def rule(condition: AlertCondition, window: timedelta = QUARTER) -> RuleDraft:
    step = min(window, HOUR)
    return RuleDraft(name="rule", metric="messages_sent", window=window, step=step, condition=condition)


def drafts(start: datetime) -> dict[str, RuleDraft]:
    """Returns rules that a burst of messages makes wrong, by the kinds of their conditions."""
    month = max(start.replace(day=1, hour=0), start - HISTORY * DAY)
    so_far = (start - month) // QUARTER
    change = AlertCondition(kind=ConditionKind.CHANGE, critical=500, baseline=AlertBaseline.WEEK)
    return {
        "value": rule(above(20)),
        "outside": rule(above(20, direction=AlertDirection.OUTSIDE, low_critical=-1)),
        "change": rule(change),
        "anomaly": rule(AlertCondition(kind=ConditionKind.ANOMALY, critical=6)),
        "budget": rule(AlertCondition(kind=ConditionKind.BUDGET, budget=so_far + 20, critical=1)),
        "forecast": rule(AlertCondition(kind=ConditionKind.FORECAST, critical=3.5, within=6 * HOUR), HOUR),
    }


@pytest.fixture
def start() -> datetime:
    return days_ago(2)


@pytest.fixture
async def here(own_database: Database, own_organization: int, start: datetime) -> Looking:
    """An organization with a destination, and a history of messages."""
    found = looking(own_database, own_organization)
    await found.destination()
    number = HISTORY * (DAY // QUARTER)
    past = [event(start - (place + 1) * QUARTER + MINUTE) for place in range(number)]
    await worlds.store(own_database, own_organization, past[::-1], batch=1_000)
    return found


async def burst(here: Looking, at: datetime, number: int = BURST) -> None:
    await worlds.store(
        here.database, here.organization, [event(at + place * timedelta(seconds=1)) for place in range(number)]
    )


async def test_data_that_is_there(here: Looking, start: datetime) -> None:
    rules = {name: await here.rule(draft, since=start) for name, draft in drafts(start).items()}
    await here.look(start + QUARTER + SOON)
    assert not [one for name in rules if name != "forecast" for one in await here.incidents(rules[name])]
    await burst(here, start + QUARTER + MINUTE)
    for place in range(2, 6):
        await here.look(start + place * QUARTER + SOON)
    for name, one in rules.items():
        (found,) = await here.incidents(one)
        expected = start + (HOUR if name == "forecast" else 2 * QUARTER)
        assert (found.opened_at, found.worst) == (expected, State.ALERT), name
        assert not found.is_restated, name
        backtest = await here.backtest(one.draft, start, start + 5 * QUARTER)
        assert [(each.opened_at, each.closed_at) for each in backtest.incidents] == [(found.opened_at, found.closed_at)]
    assert sorted(kind for kind, _ in await here.told()).count("alert.opened") == len(rules)
    lasting = [name for name in rules if (await here.incidents(rules[name]))[0].closed_at is None]
    assert lasting == ["budget", "forecast"]  # the others are right again as soon as the burst is over


async def test_data_that_comes_late(here: Looking, start: datetime) -> None:
    rules = {name: await here.rule(draft, since=start) for name, draft in drafts(start).items() if name != "forecast"}
    await here.look(start + 2 * QUARTER + SOON)
    await burst(here, start + MINUTE)
    await here.look(start + 3 * QUARTER + SOON)
    for name, one in rules.items():
        (found,) = await here.incidents(one)
        assert (found.opened_at, found.is_restated) == (start + QUARTER, True), name
    assert [kind for kind, _ in await here.told()].count("alert.opened") == len(rules)


async def test_data_that_is_absent_or_too_little_to_tell(here: Looking, start: datetime) -> None:
    nothing = {name: await here.rule(draft, since=start + DAY) for name, draft in drafts(start).items()}
    silent = await here.rule(rule(AlertCondition(kind=ConditionKind.ABSENCE)), since=start + DAY)
    few = await here.rule(
        rule(AlertCondition(kind=ConditionKind.VALUE, direction=AlertDirection.BELOW, critical=1)), since=start + DAY
    )
    await here.look(start + DAY + QUARTER + SOON)
    assert [name for name in nothing if await here.incidents(nothing[name])] == []
    for one in (silent, few):
        (found,) = await here.incidents(one)
        assert (found.opened_at, found.state) == (start + DAY + QUARTER, State.ALERT)


async def test_times_in_which_nobody_is_told(here: Looking, start: datetime) -> None:
    mute = Mute(cron="0 12 * * *", duration=2 * QUARTER + MINUTE)
    rules = []
    for name, draft in drafts(start).items():
        if name != "forecast":
            rules.append(await here.rule(dataclasses.replace(draft, mutes=(mute,)), since=start))
    await burst(here, start + MINUTE)
    await here.look(start + QUARTER + SOON)
    await here.look(start + 2 * QUARTER + SOON)
    assert all([await here.incidents(one) for one in rules])
    assert await here.told() == []
    await here.look(start + 3 * QUARTER + SOON)
    assert [kind for kind, _ in await here.told()] == ["alert.unmuted"]  # of the budget, which is used up for good
