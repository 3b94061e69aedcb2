"""The log of updates: what each revision changed, and the raw events of revisions, in order."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from server.catalog import cells, dimensions, registry
from server.catalog.cells import Cell, CellKey
from server.events.event import Event
from server.store import events as stored_events
from server.store import statements
from server.store.database import Driver
from server.store.events import Revision

_EVENTS_KEY = cells.count_key(registry.MEASURES["events"].number)
_AFTER, _REMOVE = statements.load("read_updates"), statements.load("remove_updates")
_EVENTS = statements.load("read_events_of_revisions", COLUMNS=stored_events.SELECTED)
_UPDATES_AT_ONCE, _EVENTS_AT_ONCE = 16, 100  # that are decoded between two turns of the event loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What a revision added to the counters of cells, by key as in cells.count_key."""

    revision: int
    at: datetime
    changes: Mapping[CellKey, Mapping[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRevisions:
    """The revisions that are kept: from oldest to newest. oldest is newest + 1 where none is."""

    oldest: int
    newest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """What a revision changes, as it is stored."""

    events: int
    content: bytes


_json = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps() would make one for each revision


def encode(changes: Mapping[CellKey, Cell]) -> Encoded:
    """Packs what a revision changes, without pairs of dimensions: their values are those of the dimensions."""
    counters: dict[tuple[int, str, int], dict[int, int]] = {}
    for (dimension, value, bucket, _), cell in changes.items():
        if dimensions.is_pair(dimension):
            continue
        added = counters.get((dimension, value, bucket))
        if added is None:
            counters[dimension, value, bucket] = cell.counters
        else:
            counters[dimension, value, bucket] = merged = dict(added)
            cells.add_into(merged, cell.counters.items())
    content = [
        [*key, [pair for pair in some.items() if pair[1]]] for key, some in counters.items() if any(some.values())
    ]
    return Encoded(
        events=sum(some.get(_EVENTS_KEY, 0) for key, some in counters.items() if key[0] == dimensions.TOTAL.number),
        content=zlib.compress(_json(content).encode(), 1),
    )


async def append(driver: Driver, updates: Sequence[tuple[int, Revision, Encoded]]) -> None:
    """Stores what revisions of organizations change, in the transaction that makes them."""
    await driver.execute(
        "INSERT INTO updates (organization_id, revision, created_at, events, changes)"
        " SELECT * FROM unnest($1::integer[], $2::bigint[], $3::timestamptz[], $4::integer[], $5::bytea[])",
        [organization_id for organization_id, _, _ in updates],
        [revision.number for _, revision, _ in updates],
        [revision.at for _, revision, _ in updates],
        [update.events for _, _, update in updates],
        [update.content for _, _, update in updates],
    )


def _changes(content: bytes) -> dict[CellKey, dict[int, int]]:
    return {
        CellKey(dimension, value, bucket): dict(pairs)
        for dimension, value, bucket, pairs in json.loads(zlib.decompress(content))
    }


async def window(driver: Driver, organization_id: int) -> KeptRevisions:
    """The revisions that are kept of an organization."""
    (row,) = await driver.fetch(
        "SELECT coalesce((SELECT revision FROM revisions WHERE organization_id = $1), 0) AS newest,"
        " (SELECT min(revision) FROM updates WHERE organization_id = $1) AS oldest",
        organization_id,
    )
    newest, oldest = row["newest"], row["oldest"]
    return KeptRevisions(oldest=newest + 1 if oldest is None else oldest, newest=newest)


async def after(driver: Driver, organization_id: int, revision: int, *, limit: int, events: int) -> list[Update]:
    """The updates after a revision, in order: at most so many, and no more once they have that many events.

    The first may not be the next one: then some are gone.
    """
    given = _AFTER.arguments(organization_id=organization_id, revision=revision, limit=limit, events=events)
    rows = await driver.fetch(_AFTER.text, *given)
    return [
        Update(revision=row["revision"], at=row["created_at"], changes=_changes(row["changes"]))
        async for row in _by_portions(rows, _UPDATES_AT_ONCE)
    ]


async def _by_portions(rows: Iterable[asyncpg.Record], portion: int) -> AsyncIterator[asyncpg.Record]:
    """The same rows; the event loop may do something else after each portion."""
    for number, row in enumerate(rows, 1):
        yield row
        if number % portion == 0:
            await asyncio.sleep(0)


async def events_of(driver: Driver, organization_id: int, first: Update, last: Update) -> dict[int, list[Event]]:
    """The raw events of the updates from first to last that are still kept, by revision."""
    given = _EVENTS.arguments(
        organization_id=organization_id, first=first.revision, last=last.revision, first_at=first.at, last_at=last.at
    )
    rows = await driver.fetch(_EVENTS.text, *given)
    found: dict[int, list[Event]] = {}
    async for row in _by_portions(rows, _EVENTS_AT_ONCE):
        found.setdefault(row["revision"], []).append(stored_events.read(tuple(row)))
    return found


async def remove_before(driver: Driver, organization_id: int, before: datetime, limit: int) -> int:
    """Removes that many of an organization's updates made before an instant, oldest revision first: what is kept has
    no gap. Returns how many there were.
    """
    given = _REMOVE.arguments(organization_id=organization_id, before=before, limit=limit)
    removed = await driver.execute(_REMOVE.text, *given)
    return statements.rows(removed)


async def newest(driver: Driver, organization_ids: Collection[int]) -> tuple[str, datetime, dict[int, int]]:
    """The epoch, the database's time, and the newest revision of each organization that has one."""
    rows = await driver.fetch(
        "SELECT epoch::text, clock_timestamp() AS at, organization_id, revision FROM deployment LEFT JOIN revisions"
        " ON organization_id = ANY($1::integer[])",
        list(organization_ids),
    )
    revisions = {row["organization_id"]: row["revision"] for row in rows if row["organization_id"] is not None}
    return rows[0]["epoch"], rows[0]["at"], revisions
