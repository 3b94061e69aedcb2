"""What rules find, and what is told of it: data that is late, taken back or absent, muted times, several workers."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from server.organizations.alerts import (
    AlertBaseline,
    AlertCondition,
    AlertDirection,
    CloseReason,
    ConditionKind,
    Mute,
    NoData,
    RuleDraft,
    State,
)
from server.store import alert_rules, incidents
from server.store.database import Database
from server.store.isolation import EVERY
from tests.alerts.looking import DAY, HOUR, MINUTE, Looking, above, days_ago, event, looking
from tests.support import worlds

SOON = timedelta(seconds=11)
MANY = RuleDraft(name="many", metric="messages_sent", window=MINUTE, condition=above(3))
BELOW = AlertCondition(kind=ConditionKind.VALUE, direction=AlertDirection.BELOW, critical=1)


@pytest.fixture
async def here(own_database: Database, own_organization: int) -> Looking:
    found = looking(own_database, own_organization)
    await found.destination()
    return found


async def send(here: Looking, at: datetime, number: int = 4, **fields: str) -> None:
    await worlds.store(here.database, here.organization, [event(at, **fields) for _ in range(number)])


async def looks(here: Looking, start: datetime, minutes: int, every: int = 1) -> None:
    """Looks after each of some minutes."""
    for minute in range(1, minutes + 1, every):
        await here.look(start + minute * MINUTE + SOON)


async def kinds(here: Looking) -> list[str]:
    return [kind for kind, _ in await here.told()]


async def test_each_transition_is_told_once(here: Looking) -> None:
    start = days_ago(1)
    draft = RuleDraft(name="many", metric="messages_sent", window=MINUTE, condition=above(6, warning=3))
    rule = await here.rule(draft, since=start)
    await send(here, start + 30 * timedelta(seconds=1))
    await looks(here, start, 1)
    await send(here, start + 90 * timedelta(seconds=1), 8)
    await looks(here, start + MINUTE, 3)
    assert await here.told() == [
        ("alert.opened", "Warning: many"),
        ("alert.changed", "Alert: many"),
        ("alert.closed", "OK again: many"),
    ]
    (one,) = await here.incidents(rule)
    assert (one.worst, one.peak, one.close_reason) == (State.ALERT, 8, CloseReason.RECOVERED)
    assert "above 3" in one.reason
    assert (await here.standing(rule)).standing.state is State.OK


async def test_several_workers_at_once_tell_each_transition_once(here: Looking) -> None:
    start = days_ago(1)
    others = [looking(here.database, here.organization) for _ in range(3)]
    for name in "abcdef":
        await here.rule(RuleDraft(name=name, metric="messages_sent", window=MINUTE, condition=above(3)), since=start)
    for minute in range(6):
        if minute in (1, 4):
            await send(here, start + minute * MINUTE)
        now = start + (minute + 1) * MINUTE + SOON
        await asyncio.gather(*(one.look(now) for one in (here, *others)))
    told = await here.told()
    assert sorted(title for kind, title in told if kind == "alert.opened") == sorted(
        2 * [f"Alert: {one}" for one in "abcdef"]
    )
    assert len(told) == 24


async def test_data_that_stops_is_told(here: Looking) -> None:
    start = days_ago(1)
    gone = await here.rule(
        RuleDraft(name="gone", window=5 * MINUTE, condition=AlertCondition(kind=ConditionKind.ABSENCE)), since=start
    )
    rate = RuleDraft(name="rate", metric="error_rate", condition=above(0.5), no_data=NoData.ALERT, hold_for=2 * MINUTE)
    without = await here.rule(rate, since=start)
    kept = await here.rule(RuleDraft(name="kept", metric="error_rate", condition=above(0.5)), since=start)
    await send(here, start - MINUTE)
    await send(here, start + MINUTE)
    await looks(here, start, 12)
    (one,) = await here.incidents(gone)
    assert (one.opened_at, one.state) == (start + 7 * MINUTE, State.ALERT)
    (other,) = await here.incidents(without)
    assert (other.opened_at, other.state) == (start + 9 * MINUTE, State.NO_DATA)
    assert not await here.incidents(kept)
    standing = (await here.standing(kept)).standing
    assert (standing.state, standing.silent_from) == (State.OK, start + 7 * MINUTE)
    assert sorted(await here.told()) == [("alert.opened", "Alert: gone"), ("alert.opened", "No data: rate")]
    await send(here, start + 12 * MINUTE)
    await looks(here, start + 12 * MINUTE, 1)
    assert sorted(await kinds(here)) == 2 * ["alert.closed"] + 2 * ["alert.opened"]


async def test_each_value_of_a_dimension_has_its_incidents_and_one_that_falls_silent_is_missed(here: Looking) -> None:
    start = days_ago(2)
    few = await here.rule(
        RuleDraft(name="few", metric="messages_sent", group_by="agent", window=5 * MINUTE, condition=BELOW), since=start
    )
    for minute in range(10):
        await send(here, start + minute * MINUTE, 1, agent_id="ada")
        if minute < 3:
            await send(here, start + minute * MINUTE, 1, agent_id="bot")
        await here.look(start + (minute + 1) * MINUTE + SOON)
    (one,) = await here.incidents(few)
    assert (one.value, one.opened_at, one.closed_at) == ("bot", start + 8 * MINUTE, None)
    assert (await here.told()) == [("alert.opened", "Alert: few (bot)")]
    # Somebody who has said nothing for a week is not looked for any more, but an incident stays until it ends.
    await here.look(start + 9 * DAY)
    assert next(each.value for each in await here.incidents(few)) == "bot"


async def test_nobody_is_told_while_a_rule_is_muted_and_what_still_holds_is_told_after(here: Looking) -> None:
    start = days_ago(1)
    mute = Mute(cron="5 12 * * *", duration=10 * MINUTE)
    await here.rule(
        RuleDraft(name="many", metric="messages_sent", window=MINUTE, condition=above(3), mutes=(mute,)), since=start
    )
    for minute in (6, 12, 13, 14, 15, 16):
        await send(here, start + minute * MINUTE)
    for minute in range(1, 15):
        await here.look(start + minute * MINUTE + SOON)
    assert await here.told() == []
    await here.look(start + 15 * MINUTE + SOON)
    assert await here.told() == [("alert.unmuted", "Still alert: many")]
    await looks(here, start + 15 * MINUTE, 4)
    assert await kinds(here) == ["alert.unmuted", "alert.closed"]


async def test_a_snoozed_rule_tells_when_the_time_is_over_and_reminds_until_somebody_acknowledges(
    here: Looking,
) -> None:
    start = days_ago(1)
    draft = RuleDraft(name="few", metric="messages_sent", condition=BELOW, remind_after=10 * MINUTE)
    rule = await here.rule(draft, since=start)
    async with here.database.transaction(of=EVERY) as driver:
        await alert_rules.snooze(driver, here.organization, rule.rule_id, "ann", start + 3 * MINUTE)
    await looks(here, start, 2)
    assert await here.told() == []
    await looks(here, start + 2 * MINUTE, 14)
    assert await kinds(here) == ["alert.unmuted", "alert.reminded"]
    (one,) = await here.incidents(rule)
    async with here.database.transaction(of=EVERY) as driver:
        await incidents.acknowledge(driver, here.organization, one.incident_id, "ann")
    await looks(here, start + 16 * MINUTE, 30, every=5)
    assert await kinds(here) == ["alert.unmuted", "alert.reminded"]


async def test_events_that_came_late_take_back_what_was_said(here: Looking) -> None:
    start = days_ago(1)
    rule = await here.rule(RuleDraft(name="few", metric="messages_sent", window=MINUTE, condition=BELOW), since=start)
    await send(here, start, 1)
    await looks(here, start, 3)
    (one,) = await here.incidents(rule)
    assert (one.opened_at, one.closed_at) == (start + 2 * MINUTE, None)
    for minute in (1, 2, 3):
        await send(here, start + minute * MINUTE, 1)
    await looks(here, start + 3 * MINUTE, 1)
    (one,) = await here.incidents(rule)
    assert (one.closed_at is not None, one.close_reason, one.is_restated) == (True, CloseReason.RESTATED, True)
    assert await here.entries(one) == [("opened", "alert", False, False), ("closed", "ok", True, False)]
    assert await kinds(here) == ["alert.opened", "alert.closed"]
    found = await here.backtest(rule.draft, start, start + 4 * MINUTE)
    assert not found.incidents


async def test_a_change_is_measured_from_the_same_hour_of_the_week_across_a_change_of_the_clocks(here: Looking) -> None:
    # Clocks went back in Berlin on 26 October 2025: what came at 10:00 by the clock came an hour later in UTC.
    monday = datetime(2025, 10, 27, 9, 15, tzinfo=UTC)  # 10:15
    before = datetime(2025, 10, 20, 8, 15, tzinfo=UTC)  # 10:15, too
    draft = RuleDraft(
        name="change",
        metric="messages_sent",
        window=15 * MINUTE,
        step=15 * MINUTE,
        time_zone="Europe/Berlin",
        condition=AlertCondition(
            kind=ConditionKind.CHANGE, direction=AlertDirection.BELOW, critical=-50, baseline=AlertBaseline.WEEK
        ),
    )
    rule = await here.rule(draft, since=monday - HOUR)
    await send(here, before - 14 * DAY, 1)  # the organization is older than that
    await send(here, before - MINUTE, 10)
    await send(here, monday - MINUTE, 4)
    await here.look(monday + SOON)
    (one,) = await here.incidents(rule)
    assert (one.opened_at, one.peak) == (monday, -60)
    assert "-60.0 %" in one.reason


async def test_the_month_so_far_counts_for_a_budget(here: Looking) -> None:
    noon = days_ago(1)
    draft = RuleDraft(
        name="budget",
        metric="cost_micros",
        window=HOUR,
        step=15 * MINUTE,
        condition=AlertCondition(kind=ConditionKind.BUDGET, budget=1_000, warning=0.5, critical=0.9),
    )
    rule = await here.rule(draft, since=noon)
    quota = RuleDraft(name="quota", condition=AlertCondition(kind=ConditionKind.BUDGET, warning=0.5), step=15 * MINUTE)
    without = await here.rule(quota, since=noon)
    costs = [event(noon + minute * MINUTE, detail={"cost_micros": 200}) for minute in (1, 2, 20)]
    await worlds.store(here.database, here.organization, costs)
    await looks(here, noon, 45, every=15)
    await here.look(noon + 45 * MINUTE + SOON)
    (one,) = await here.incidents(rule)
    assert (one.opened_at, one.state, one.peak) == (noon + 30 * MINUTE, State.WARNING, 0.6)
    assert (await here.standing(without)).standing.shown is State.ERROR


async def test_what_cannot_be_looked_at_says_why(here: Looking) -> None:
    start = days_ago(1)
    gone = await here.rule(RuleDraft(name="gone", metric="custom.nowhere", condition=above(3)), since=start)
    well = await here.rule(MANY, since=start)
    await send(here, start + MINUTE)
    await looks(here, start, 3)
    standing = await here.standing(gone)
    assert standing.standing.shown is State.ERROR
    assert "custom.nowhere" in standing.observation.error
    assert len(await here.incidents(well)) == 1
    assert await kinds(here) == ["alert.opened", "alert.closed"]


async def test_an_incident_whose_beginning_moves_stays_the_same(here: Looking) -> None:
    start = days_ago(1)
    rule = await here.rule(MANY, since=start)
    for minute in (5, 6, 7, 8):
        await send(here, start + minute * MINUTE)
    await looks(here, start, 8)
    (one,) = await here.incidents(rule)
    await send(here, start + 4 * MINUTE)
    await looks(here, start + 8 * MINUTE, 1)
    (same,) = await here.incidents(rule)
    assert (same.incident_id, same.opened_at) == (one.incident_id, start + 5 * MINUTE)
    assert same.is_restated
    assert await kinds(here) == ["alert.opened"]
    await looks(here, start + 9 * MINUTE, 1)
    assert await kinds(here) == ["alert.opened", "alert.closed"]


async def test_windows_that_cannot_be_looked_at_refute_nothing(here: Looking) -> None:
    start = days_ago(1)
    draft = RuleDraft(
        name="budget",
        metric="events",
        window=HOUR,
        step=15 * MINUTE,
        condition=AlertCondition(kind=ConditionKind.BUDGET, budget=3, warning=0.9),
    )
    rule = await here.rule(draft, since=start)
    await send(here, start + MINUTE)
    await here.look(start + 15 * MINUTE + SOON)
    (one,) = await here.incidents(rule)
    assert one.closed_at is None
    async with here.database.transaction(of=EVERY) as driver:  # the quota that it was about is gone
        await driver.execute("UPDATE alert_rules SET draft = jsonb_set(draft, '{condition,budget}', '0')")
    await send(here, start + 2 * MINUTE, 1)
    await here.look(start + 30 * MINUTE + SOON)
    assert await here.incidents(rule) == [one]
    assert (await here.standing(rule)).standing.shown is State.ERROR
    assert await kinds(here) == ["alert.opened"]


async def test_rules_of_an_organization_that_is_suspended_rest(here: Looking) -> None:
    start = days_ago(1)
    await here.rule(MANY, since=start)
    await send(here, start)
    await worlds.execute(here.database, "UPDATE organizations SET state = 'suspended'")
    now = start + MINUTE + SOON
    assert await here.evaluating.look(now) == 1
    assert await here.evaluating.look(now + timedelta(seconds=30)) == 0
    await worlds.execute(here.database, "UPDATE organizations SET state = 'active'")
    await looks(here, start + MINUTE, 3)
    assert await kinds(here) == ["alert.opened", "alert.closed"]
