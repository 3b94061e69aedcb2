"""The projection of leads: what each came to, and the figures of those that were generated in a period."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from server.catalog import cells, dimensions, registry
from server.catalog import leads as counting
from server.catalog.cells import Cells
from server.catalog.families.generated_leads import PROJECTION
from server.events import lead
from server.events.event import Event
from server.projections.rebuild import rebuild
from server.quarters import Width
from server.rollups import audit
from server.rollups.checks import Fault
from server.store import changes
from server.store import leads as stored
from server.store.database import Database
from server.store.isolation import EVERY
from tests.support import stepping, worlds

HOUR = 3_600_000_000
CREATED, CONTACTED, ENTERED, CONVERTED, LOST = lead.EVENT_TYPES
MEASURES = {one.number: one.field for one in registry.MEASURES.values() if one.projection == PROJECTION}
Figures = Mapping[tuple[int, str, int], Mapping[str, int]]


def events(seed: int, count: int) -> list[Event]:
    """Events of twelve leads, many of which occurred at the same time, and of their campaigns."""
    dice = random.Random(seed)
    return [_event(dice, event) for event in worlds.events(seed, count)]


def _event(dice: random.Random, event: Event) -> Event:
    at, campaign = event.occurred_at // HOUR * HOUR, dice.choice(("", "spring", "autumn"))
    event = event._replace(occurred_at=at, campaign_id=campaign, conversation_id="", detail={})
    if dice.random() < 0.1:
        names = ({}, {"name": "Spring"}, {"name": "Autumn"})
        return event._replace(event_type=dice.choice(("campaign.started", "campaign.ended")), detail=dice.choice(names))
    event_type, detail = dice.choice(lead.EVENT_TYPES), dict[str, int | str]()
    lead_id = f"lead-{dice.randrange(12)}"
    if dice.random() < 0.5:
        detail["lead_id"] = lead_id
    elif dice.random() < 0.9:
        event = event._replace(resource_id=lead_id)
    if event_type == ENTERED:
        detail["stage"] = dice.choice(("new", "qualified", 'an "offer", \\ or {two}'))
    if dice.random() < 0.5:
        detail["value_micros"] = dice.randrange(3)
        detail |= dice.choice(({}, {"currency": "EUR"}, {"currency": "USD"}))
    return event._replace(event_type=event_type, detail=detail)


def by_lead(some: Sequence[Event]) -> dict[str, list[Event]]:
    """The events of each lead in order of occurrence."""
    found: dict[str, list[Event]] = {}
    for event in sorted(some, key=lambda one: (one.occurred_at, one.event_key)):
        lead_id = str(event.detail.get("lead_id") or event.resource_id)
        if lead_id and event.event_type in lead.EVENT_TYPES:
            found.setdefault(lead_id, []).append(event)
    return found


def figures_of(some: Sequence[Event]) -> dict[tuple[int, str, int], dict[str, int]]:
    """What leads add up to, from all of their events at once."""
    found: dict[tuple[int, str, int], dict[str, int]] = {}
    for mine in by_lead(some).values():
        began = next((one for one in mine if one.event_type == CREATED), mine[0])
        counts = {"generated": 1}
        if any(one.event_type == CONTACTED for one in mine):
            counts["contacted"] = 1
        if outcome := _outcome(mine):
            counts[outcome] = 1
        values = [one for one in mine if "value_micros" in one.detail]
        currency = str(values[-1].detail.get("currency", "XXX")) if values else ""
        amounts: dict[str, int] = {}
        for name in ("value", "converted_value") if outcome == "converted" else ("value",):
            if values:
                amounts |= {name: int(values[-1].detail["value_micros"]), f"{name}.count": 1}
        pair = dimensions.joined(began.campaign_id, currency)
        for dimension, value, has_amounts in (
            (dimensions.TOTAL, "", False),
            (dimensions.AGENT, began.agent_id, False),
            (dimensions.CHANNEL, began.channel, False),
            (dimensions.TEAM, began.team_id, False),
            (dimensions.CAMPAIGN, began.campaign_id, False),
            (dimensions.CURRENCY, currency, True),
            (counting.CAMPAIGN_CURRENCY, pair, True),
        ):
            if value or dimension is dimensions.TOTAL:
                cell = found.setdefault((dimension.number, value, began.occurred_at // 900_000_000), {})
                for name, amount in {**counts, **(amounts if has_amounts else {})}.items():
                    cell[name] = cell.get(name, 0) + amount
    return {key: {name: amount for name, amount in cell.items() if amount} for key, cell in found.items()}


def _outcome(mine: Sequence[Event]) -> str:
    latest = {one.event_type: one.occurred_at for one in mine}
    lost, converted = latest.get(LOST, 0), latest.get(CONVERTED, 0)
    if converted and converted >= lost:
        return "converted"
    return "lost" if lost and max(latest.get(CREATED, 0), latest.get(ENTERED, 0)) <= lost else ""


async def figures(database: Database, organization: int) -> dict[tuple[int, str, int], dict[str, int]]:
    """What is stored of the measures of leads."""
    found: dict[tuple[int, str, int], dict[str, int]] = {}
    for (width, key), cell in (await worlds.figures(database, organization)).items():
        if width is Width.QUARTER:
            for counter, amount in cell.counters.items():
                field = MEASURES.get(counter // cells.KEY_SPAN)
                if field is not None:
                    is_amount = field in ("value", "converted_value")
                    name = f"{field}.count" if is_amount and counter % cells.KEY_SPAN == cells.COUNT_PART else field
                    found.setdefault((key.dimension, key.value, key.bucket), {})[name] = amount
    return found


async def kept(database: Database, organization: int) -> dict[str, Any]:
    """What is kept of each lead besides its figures."""
    async with database.snapshot(of=EVERY) as driver:
        ids = [row[0] for row in await driver.fetch("SELECT DISTINCT lead_id FROM leads")]
        found = await stored.recorded(driver, organization, ids)
    return {
        lead_id: (one.first_at, one.last_at, one.lost_at, one.converted_at, one.latest_agent_id, one.stage, one.steps)
        for lead_id, one in found.items()
    }


def kept_of(some: Sequence[Event]) -> dict[str, Any]:
    """The same, from all events of each lead at once."""
    found = {}
    for lead_id, mine in by_lead(some).items():
        times = {name: [one.occurred_at for one in mine if one.event_type == name] for name in (LOST, CONVERTED)}
        agents = sorted((one.occurred_at, one.agent_id) for one in mine if one.agent_id)
        steps = {(one.occurred_at, lead.step(one.event_type, str(one.detail.get("stage", "")))) for one in mine}
        stages = sorted((one.occurred_at, str(one.detail["stage"])) for one in mine if one.event_type == ENTERED)
        found[lead_id] = (
            mine[0].occurred_at,
            mine[-1].occurred_at,
            max(times[LOST], default=None),
            min(times[CONVERTED], default=None),
            agents[-1][1] if agents else "",
            stages[-1][1] if stages else "",
            tuple(sorted(steps)),
        )
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_leads_do_not_depend_on_order_and_steps(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    some = events(seed, 150)
    await stepping.in_random_steps(own_database, own_organization, some, monkeypatch, seed)
    assert await figures(own_database, own_organization) == figures_of(some)
    assert await kept(own_database, own_organization) == kept_of(some)
    report = await audit.check(own_database, own_organization, window_events=20)
    assert report.mismatches == 0


async def test_a_rebuild_mends_leads_and_keeps_what_is_known_from_times_without_raw_events(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = events(3, 200)
    await worlds.store(own_database, own_organization, some)
    await worlds.project(own_database, own_organization)
    campaigns = await named(own_database)
    await _spoil(own_database, own_organization)
    assert await figures(own_database, own_organization) != figures_of(some)
    report = await audit.check(own_database, own_organization)
    assert {one.fault for one in report.examples} == {Fault.LEAD}
    monkeypatch.setattr(stored, "PORTION", 5)
    done = await rebuild(own_database, own_organization, PROJECTION, lambda _: None)
    assert done.differing == len(by_lead(some))
    for _ in range(2):
        assert await figures(own_database, own_organization) == figures_of(some)
        assert await kept(own_database, own_organization) == kept_of(some)
        assert await named(own_database) == campaigns
        for table in stored.TABLES:
            assert await worlds.value(own_database, f"SELECT count(*) FROM {table} WHERE version > 1") == 0
        bucket = sorted(event.occurred_at for event in some)[100] // 900_000_000
        await worlds.execute(own_database, "DELETE FROM events WHERE occurred_at < to_timestamp($1)", bucket * 900)
        await worlds.execute(own_database, "UPDATE organizations SET raw_from_bucket = $1", bucket)
        await rebuild(own_database, own_organization, PROJECTION, lambda _: None)
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def _spoil(database: Database, organization: int) -> None:
    """Makes every lead one of another agent, in its figures, too, and one that entered another stage."""
    async with database.transaction(of=EVERY) as driver:
        ids = [row[0] for row in await driver.fetch("SELECT lead_id FROM leads")]
        wrong: Cells = {}
        for one in (await stored.recorded(driver, organization, ids)).values():
            counting.add(wrong, counting.contribution(one), -1)
            one.agent_id = "nobody"
            counting.add(wrong, counting.contribution(one))
        await changes.append(driver, organization, wrong)
        await driver.execute(
            "UPDATE leads SET agent_id = 'nobody', steps = '=wrong'::text || steps,"
            " step_times = 0::bigint || step_times"
        )


async def named(database: Database) -> Sequence[Any]:
    """What is known of campaigns."""
    async with database.snapshot(of=EVERY) as driver:
        return [tuple(row) for row in await driver.fetch("SELECT * FROM campaigns WHERE version = 1 ORDER BY 3")]
