"""What the tables of a run's database hold, for the judge."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterable

from server.catalog import cells, dimensions, registry
from server.events.event import key_of
from server.projections.registry import PROJECTIONS
from server.store import projection_states, projections, updates
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.store.updates import Update
from tests.harness.faults.checker import Logged, Part, Stored

_EVERYTHING = 2**31
_FIELDS = {one.number: one.field for one in (dimensions.TOTAL, *dimensions.TABLE.of_realtime)}
_EVENTS, _BEGUN = (cells.count_key(registry.MEASURES[name].number) for name in ("events", "total_conversations"))


async def stored(database: Database, organization: int, event_ids: Iterable[str]) -> Stored:
    """An organization's events, keys and updates in one snapshot, by the ids that were sent."""
    ids = {key_of(event_id): event_id for event_id in event_ids}
    async with database.snapshot(of=EVERY) as driver:
        stored_events = await events(driver, organization)
        keys = await driver.fetch("SELECT event_key FROM event_keys WHERE organization_id = $1", organization)
        revision = await driver.fetchval("SELECT revision FROM revisions WHERE organization_id = $1", organization)
        deltas = await driver.fetch("SELECT DISTINCT revision FROM deltas WHERE organization_id = $1", organization)
        stopped = [one for one in await projection_states.stopped(driver, 100) if one.organization_id == organization]
        portions = await updates.after(
            driver, organization, 0, limit=_EVERYTHING, events=_EVERYTHING, counters=_EVERYTHING
        )
    return Stored(
        organization=organization,
        revision=revision or 0,
        events=stored_events,
        keys=[ids.get(key, f"key {key.hex()}") for (key,) in keys],
        updates={one.revision: _logged(one) for one in updates.joined(portions)},
        delta_revisions=frozenset(number for (number,) in deltas),
        stopped=[f"{one.name} at revision {one.revision}: {one.failure}" for one in stopped],
    )


async def events(driver: Driver, organization: int) -> list[tuple[str, int]]:
    """The ids of an organization's events, each with its revision."""
    rows = await driver.fetch(
        "SELECT event_id, event_key, revision FROM events WHERE organization_id = $1", organization
    )
    return [(event_id or str(uuid.UUID(bytes=key)), number) for event_id, key, number in rows]


def _logged(update: Update) -> Logged:
    counted, begun = 0, Counter[Part]()
    for key, counters in update.changes.items():
        if key.dimension == dimensions.TOTAL.number:
            counted += counters.get(_EVENTS, 0)
        if key.dimension in _FIELDS:
            begun[_FIELDS[key.dimension], key.value] += counters.get(_BEGUN, 0)
    return Logged(events=counted, begun=begun)


async def revision(database: Database, organization: int) -> int:
    """An organization's newest revision; 0: it has none."""
    async with database.snapshot(of=EVERY) as driver:
        found = await driver.fetchval("SELECT revision FROM revisions WHERE organization_id = $1", organization)
    return found or 0


async def until_folded(database: Database) -> None:
    """Returns once no delta is left that waits to be folded."""
    waiting = True
    while waiting:
        await asyncio.sleep(0.1)
        async with database.snapshot(of=EVERY) as driver:
            waiting = await driver.fetchval("SELECT EXISTS (SELECT 1 FROM deltas)")


async def until_projected(database: Database) -> None:
    """Returns once projections have seen every revision, those that have stopped aside."""
    waiting = True
    while waiting:
        await asyncio.sleep(0.1)
        async with database.snapshot(of=EVERY) as driver:
            waiting = bool(await projections.behind(driver, list(PROJECTIONS)))
