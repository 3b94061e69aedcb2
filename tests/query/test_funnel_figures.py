"""Funnels as the database works them out, held against the plainest way, over random events of few people."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import funnel_reference
import pytest

from server import timerange
from server.catalog.funnels import (
    FunnelBreakdown,
    FunnelCohort,
    FunnelDefinition,
    FunnelEntity,
    FunnelFilter,
    FunnelOrder,
    FunnelPath,
    FunnelStage,
)
from server.events import lead, rules
from server.events.event import Event
from server.store import funnel_figures
from server.store.database import Database
from server.store.isolation import EVERY
from server.timerange import Interval
from tests.support import effort, worlds

HOUR = timedelta(hours=1)
STAGES = ("new", "qualified", "offer")
TYPES = (*lead.EVENT_TYPES, "lead.stage_entered", "lead.stage_entered", "message.sent", "order.placed")
PATHS = ("agent", "campaign", "channel", "team", "properties.plan", "properties.order.size", "detail.value_micros")


def events(dice: random.Random, count: int) -> list[Event]:
    """Events of a dozen leads and users, many of which occurred at the same time."""
    return [_event(dice, event) for event in worlds.events(dice.randrange(10**9), count)]


def _event(dice: random.Random, event: Event) -> Event:
    event_type, detail = dice.choice(TYPES), dict[str, int | str]()
    who = f"{dice.randrange(12)}"
    if event_type.startswith("lead."):
        detail = {"lead_id": who}
        if dice.random() < 0.3:
            detail["value_micros"] = dice.randrange(2)
        if event_type == lead.STAGE_ENTERED and dice.random() < 0.9:
            detail["stage"] = dice.choice(STAGES)
    return event._replace(
        event_type=event_type,
        occurred_at=event.occurred_at // 7_200_000_000 * 7_200_000_000,
        detail=detail,
        properties=dice.choice(("", '{"plan": "gold"}', '{"plan": true}', '{"order": {"size": 3}}', '{"plan": {}}')),
        user_id=who,
        conversation_id=f"c{who}",
        campaign_id=dice.choice(("", "spring", "autumn", "winter")),
        resource_type=dice.choice(("", "lead")),
        resource_id=who,
    )


def cohort(dice: random.Random, *, of_leads: bool) -> FunnelCohort:
    """A question; of_leads: one that what is kept of leads answers."""
    order = dice.choice((FunnelOrder.IN_ORDER, FunnelOrder.IN_ORDER, FunnelOrder.ANY_ORDER))
    stages = [_stage(dice, of_leads=of_leads) for _ in range(dice.randrange(2, 5))]
    different = list({one.definition: one for one in stages}.values())
    if order is FunnelOrder.ANY_ORDER:
        stages, order = (different, order) if len(different) > 1 else (stages, FunnelOrder.IN_ORDER)
    now = datetime.now(UTC)
    start = now - dice.randrange(1, 72) * HOUR
    paths = [FunnelPath(text=one) for one in (PATHS[:4] if of_leads else PATHS)]
    return FunnelCohort(
        definition=FunnelDefinition(
            stages=stages,
            entity=FunnelEntity.LEAD if of_leads else dice.choice(list(FunnelEntity)),
            order=order,
            window=dice.choice((1, 4, 24, 72, 720)) * HOUR,
        ),
        interval=Interval(start=start, end=start + dice.randrange(1, 80) * HOUR),
        filters=[_filter(dice, dice.choice(paths))] if dice.random() < 0.3 else [],
        breakdown=dice.choice((None, *paths)),
        now=rules.microseconds(now),
    )


def _stage(dice: random.Random, *, of_leads: bool) -> FunnelStage:
    event_type = dice.choice(TYPES[:7] if of_leads else TYPES)
    is_stage = event_type == lead.STAGE_ENTERED
    return FunnelStage(
        event_type=event_type,
        lead_stage=dice.choice(STAGES) if is_stage and (of_leads or dice.random() < 0.7) else "",
        filter=_filter(dice, FunnelPath(text=dice.choice(PATHS))) if not of_leads and dice.random() < 0.3 else None,
        name="",
    )


def _filter(dice: random.Random, path: FunnelPath) -> FunnelFilter:
    values: dict[str, Sequence[str | float | bool]] = {
        "agent": ("ada", "bot-7"),
        "campaign": ("spring",),
        "channel": ("web",),
        "team": ("north",),
        "properties.plan": ("gold", True, False, 1.0),
        "properties.order.size": (3.0, "3"),
        "detail.value_micros": (0.0, 1.0),
    }
    return FunnelFilter(path=path, equals=dice.choice(values[path.text]))


@pytest.mark.parametrize("seed", range(2))
async def test_funnels_are_what_the_plainest_way_comes_to(database: Database, organization: int, seed: int) -> None:
    dice = random.Random(seed)
    some = events(dice, 250)
    # In portions that arrive in any order: of several at one time the order is that of revisions.
    stored = [event for first in range(0, len(some), 50) for event in sorted(some[first : first + 50], key=_key)]
    await worlds.store(database, organization, some, batch=50)
    await worlds.project(database, organization)
    entered = 0
    for number in range(effort.chosen(60, thorough=1000)):
        asked = cohort(dice, of_leads=bool(number % 2))
        top = dice.choice((1, 2, 10))
        expected = funnel_reference.expected(stored, asked, top)
        assert await counted(database, organization, asked, top) == expected, asked
        entered += expected.total[1].entered
    assert entered > 100, "most questions find somebody"


def _key(event: Event) -> bytes:
    return event.event_key


async def counted(database: Database, organization: int, asked: FunnelCohort, top: int) -> FunnelBreakdown:
    async with database.snapshot(of=EVERY) as driver:
        return await funnel_figures.counts(driver, organization, asked, top)


async def test_lead_rows_and_raw_events_come_to_the_same(
    database: Database, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(7)
    lead_events = [event for event in events(dice, 300) if event.event_type.startswith("lead.")]
    some = [event._replace(campaign_id=f"c{event.detail['lead_id']}") for event in lead_events]
    await worlds.store(database, organization, some)
    await worlds.project(database, organization)
    for _ in range(20):
        asked = cohort(dice, of_leads=True)
        asked = FunnelCohort(
            definition=asked.definition,
            interval=asked.interval,
            filters=[],
            breakdown=FunnelPath(text="campaign"),
            now=rules.microseconds(timerange.EPOCH),
        )
        of_leads = await counted(database, organization, asked, 5)
        with monkeypatch.context() as patch:
            patch.setattr(FunnelCohort, "has_lead_rows", False)
            of_events = await counted(database, organization, asked, 5)
        assert _apart_from_who_is_inside(of_leads) == _apart_from_who_is_inside(of_events)


def _apart_from_who_is_inside(found: FunnelBreakdown) -> list[list[object]]:
    """The counts but for who is still inside: what is kept of leads knows who is lost."""
    parts = [found.total, *found.rows.values(), found.other or (), found.without or ()]
    return [[(one.entered, one.median, one.p95, one.reached) for one in part] for part in parts]
