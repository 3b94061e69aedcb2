"""What the tables of a run's database hold, for the judge."""

import asyncio
import uuid
from collections.abc import Iterable

from server.events.event import key_of
from server.store.database import Database
from tests.harness.faults.checker import Stored


async def stored(database: Database, organization: int, event_ids: Iterable[str]) -> Stored:
    """An organization's events and keys in one snapshot, by the ids that were sent."""
    ids = {key_of(event_id): event_id for event_id in event_ids}
    async with database.snapshot() as driver:
        events = await driver.fetch(
            "SELECT event_id, event_key, revision FROM events WHERE organization_id = $1", organization
        )
        keys = await driver.fetch("SELECT event_key FROM event_keys WHERE organization_id = $1", organization)
        revision = await driver.fetchval("SELECT revision FROM revisions WHERE organization_id = $1", organization)
        deltas = await driver.fetch("SELECT DISTINCT revision FROM deltas WHERE organization_id = $1", organization)
    return Stored(
        organization=organization,
        revision=revision or 0,
        events=[(event_id or str(uuid.UUID(bytes=key)), number) for event_id, key, number in events],
        keys=[ids.get(key, f"key {key.hex()}") for (key,) in keys],
        delta_revisions=frozenset(number for (number,) in deltas),
    )


async def revision(database: Database, organization: int) -> int:
    """An organization's newest revision; 0: it has none."""
    async with database.snapshot() as driver:
        found = await driver.fetchval("SELECT revision FROM revisions WHERE organization_id = $1", organization)
    return found or 0


async def until_folded(database: Database) -> None:
    """Returns once no delta is left that waits to be folded."""
    waiting = True
    while waiting:
        await asyncio.sleep(0.1)
        async with database.snapshot() as driver:
            waiting = await driver.fetchval("SELECT EXISTS (SELECT 1 FROM deltas)")
