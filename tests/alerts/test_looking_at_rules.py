"""Rules are looked at window by window: what live looks find is what backtests of the same events find."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from server.alerts.backtesting import FoundIncident
from server.events.event import Event
from server.organizations.alerts import (
    AlertBaseline,
    AlertCondition,
    AlertDirection,
    ConditionKind,
    KeptIncident,
    NoData,
    RuleDraft,
    State,
)
from server.store.database import Database
from tests.alerts.looking import HOUR, MINUTE, Looking, above, days_ago, event, looking
from tests.support import worlds

VALUE = ConditionKind.VALUE


@pytest.fixture
def here(own_database: Database, own_organization: int) -> Looking:
    return looking(own_database, own_organization)


async def replay(here: Looking, events: Sequence[Event], start: datetime, end: datetime, step: timedelta) -> None:
    """Stores events as they occur, and looks at rules after each step."""
    ordered, place, now = sorted(events, key=lambda one: one.occurred_at), 0, start
    while now < end:
        now += step
        first = place
        while place < len(ordered) and ordered[place].occurred_at < now.timestamp() * 1_000_000:
            place += 1
        await worlds.store(here.database, here.organization, ordered[first:place], batch=500)
        await here.look(now + timedelta(seconds=11))


def told(one: KeptIncident | FoundIncident) -> tuple[object, ...]:
    return one.value, one.opened_at, one.closed_at, one.state, one.worst, one.peak, one.peak_at, one.close_reason


def messages(start: datetime, minutes: int, seed: int, *, agents: Sequence[str] = ("bot",)) -> list[Event]:
    """Returns messages of some minutes: in some of them many, in some none."""
    dice = random.Random(seed)
    found = []
    for minute in range(minutes):
        rate = (0, 1, 1, 2, 2, 3, 9)[dice.randrange(7)] if minute // 20 % 3 else dice.randrange(2)
        for _ in range(rate):
            at = start + minute * MINUTE + timedelta(seconds=dice.randrange(60))
            detail = {"response_time_ms": dice.randrange(100, 3_000), "failed": int(dice.random() < 0.3)}
            found.append(event(at, agent_id=dice.choice(list(agents)), user_id=f"u{dice.randrange(9)}", detail=detail))
    return found


RULES = [
    RuleDraft(name="many", metric="messages_sent", condition=above(8, warning=5, hysteresis=1)),
    RuleDraft(
        name="held", metric="messages_sent", condition=above(6), hold_for=3 * MINUTE, window=10 * MINUTE, step=MINUTE
    ),
    RuleDraft(
        name="few",
        metric="messages_sent",
        window=15 * MINUTE,
        step=5 * MINUTE,
        condition=AlertCondition(kind=VALUE, direction=AlertDirection.BELOW, critical=10, warning=15),
    ),
    RuleDraft(
        name="errors",
        metric="error_rate",
        minimum_samples=4,
        no_data=NoData.ALERT,
        close_after=6 * MINUTE,
        condition=above(0.45, warning=0.3, hysteresis=0.05),
    ),
    RuleDraft(
        name="slow",
        metric="p95_response_time_ms",
        window=10 * MINUTE,
        step=MINUTE,
        condition=above(2_700),
        no_data=NoData.OK,
    ),
    RuleDraft(
        name="users",
        metric="unique_users",
        window=HOUR,
        step=5 * MINUTE,
        condition=AlertCondition(
            kind=VALUE, direction=AlertDirection.OUTSIDE, warning=7, critical=8, low_warning=5, low_critical=4
        ),
    ),
    RuleDraft(name="silence", window=4 * MINUTE, condition=AlertCondition(kind=ConditionKind.ABSENCE)),
    RuleDraft(
        name="by agent",
        metric="messages_sent",
        group_by="agent",
        window=5 * MINUTE,
        condition=above(4),
        hold_for=MINUTE,
    ),
    RuleDraft(
        name="change",
        metric="messages_sent",
        window=10 * MINUTE,
        step=5 * MINUTE,
        condition=AlertCondition(
            kind=ConditionKind.CHANGE,
            baseline=AlertBaseline.PREVIOUS,
            direction=AlertDirection.OUTSIDE,
            critical=80,
            warning=50,
        ),
    ),
    RuleDraft(
        name="budget",
        metric="messages_sent",
        window=HOUR,
        step=15 * MINUTE,
        condition=AlertCondition(kind=ConditionKind.BUDGET, budget=400, warning=0.5, critical=0.9),
    ),
]


async def test_live_looks_find_what_backtests_find(here: Looking) -> None:
    start = days_ago(2) + 17 * MINUTE
    end = start + 2 * HOUR
    events = messages(start - HOUR, 180, 7, agents=("ada", "bot", "cy"))
    earlier = [one for one in events if one.occurred_at < start.timestamp() * 1_000_000]
    await worlds.store(here.database, here.organization, earlier, batch=500)
    rules = [await here.rule(draft, since=start) for draft in RULES]
    await replay(here, [one for one in events if one not in earlier], start, end, MINUTE)
    number = 0
    for rule in rules:
        live = await here.incidents(rule)
        found = await here.backtest(rule.draft, rule.begun_at, end)
        assert [told(one) for one in sorted(live, key=lambda one: (one.opened_at, one.value))] == [
            told(one) for one in found.incidents
        ], rule.draft.name
        assert not any(one.is_restated for one in live)
        number += len(live)
        assert live, rule.draft.name
    assert number > 20


async def test_an_outage_of_workers_is_made_up(here: Looking) -> None:
    start = days_ago(2)
    events = messages(start, 180, 11)
    drafts = [one for one in RULES if one.name in ("many", "errors", "users", "silence")]
    rules = [await here.rule(draft, since=start) for draft in drafts]
    await worlds.store(here.database, here.organization, events, batch=500)
    end = start + 3 * HOUR
    await here.look(end + timedelta(seconds=11))
    for rule in rules:
        found = await here.backtest(rule.draft, start, end)
        assert [told(one) for one in await here.incidents(rule)] == [told(one) for one in found.incidents]
        assert found.incidents
        assert (await here.kept(rule.rule_id)).evaluated_until == end


async def test_late_events_change_what_was_said(here: Looking) -> None:
    start = days_ago(1)
    rule = await here.rule(RuleDraft(name="many", metric="messages_sent", condition=above(3)), since=start)
    await here.destination()
    later = start + 30 * MINUTE
    await worlds.store(here.database, here.organization, [event(start + 20 * MINUTE)])
    await here.look(later + timedelta(seconds=11))
    assert not await here.incidents(rule)
    await worlds.store(here.database, here.organization, [event(start + 10 * MINUTE) for _ in range(4)])
    await here.look(later + MINUTE + timedelta(seconds=11))
    (one,) = await here.incidents(rule)
    assert (one.opened_at, one.closed_at) == (start + 11 * MINUTE, start + 16 * MINUTE)
    assert one.is_restated
    assert await here.entries(one) == [("opened", "alert", True, False), ("closed", "ok", True, False)]
    assert [kind for kind, _ in await here.told()] == ["alert.opened", "alert.closed"]
    await here.look(later + 2 * MINUTE + timedelta(seconds=11))
    assert len(await here.told()) == 2


async def test_a_count_above_its_limit_is_told_before_its_window_ends(here: Looking) -> None:
    start = days_ago(1)
    rule = await here.rule(RuleDraft(name="many", metric="messages_sent", condition=above(3)), since=start)
    await here.destination()
    await worlds.store(here.database, here.organization, [event(start + timedelta(seconds=5)) for _ in range(4)])
    await here.look(start + timedelta(seconds=9))
    (one,) = await here.incidents(rule)
    assert one.opened_at == start + MINUTE
    for minute in range(1, 4):
        await here.look(start + minute * MINUTE + timedelta(seconds=11))
    (one,) = await here.incidents(rule)
    assert not one.is_restated
    assert [kind for kind, _ in await here.told()] == ["alert.opened"]
    for minute in range(4, 9):
        await here.look(start + minute * MINUTE + timedelta(seconds=11))
    (one,) = await here.incidents(rule)
    assert one.state is State.OK
    assert [kind for kind, _ in await here.told()] == ["alert.opened", "alert.closed"]
    found = await here.backtest(rule.draft, start, start + 9 * MINUTE)
    assert [told(each) for each in found.incidents] == [told(one)]
