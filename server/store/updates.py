"""The log of updates: what each revision changed, and the raw events of revisions, in order."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from server import catalog, cells
from server.cells import Cell, CellKey, Dimension
from server.events import Event
from server.store import events as stored_events
from server.store.database import Connection, Driver
from server.store.events import Revision

_EVENTS_KEY = cells.count_key(catalog.MEASURE["events"].number)
_UPDATES_AT_ONCE, _EVENTS_AT_ONCE = 16, 100  # that are decoded between two turns of the event loop
_PORTION_ROWS = 500  # of raw events that are read at a time, so that nobody else waits for long
# What figures of now are made of. In the order of stored_events.SELECTED.
_LEAN = (
    "organization_id, revision, received_at, occurred_at, event_key, '' AS event_id, event_type, agent_id, user_id,"
    " conversation_id, channel, NULL AS team_id, NULL AS campaign_id, NULL AS resource_type, NULL AS resource_id,"
    " detail::text, NULL AS properties"
)
_COUNTED = "event_type IN ('message.received', 'message.sent', 'conversation.started')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What a revision added to the counters of cells, by key as in cells.count_key."""

    revision: int
    at: datetime
    changes: Mapping[CellKey, Mapping[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The revisions that are kept: from oldest to newest. oldest is newest + 1 where none is."""

    oldest: int
    newest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """What a revision changes, as it is stored."""

    events: int
    content: bytes


def encode(changes: Mapping[CellKey, Cell]) -> Encoded:
    """Packs what a revision changes."""
    content = [
        [*key, [pair for pair in cell.counters.items() if pair[1]]]
        for key, cell in changes.items()
        if any(cell.counters.values())
    ]
    return Encoded(
        events=sum(
            cell.counters.get(_EVENTS_KEY, 0) for key, cell in changes.items() if key.dimension == Dimension.TOTAL
        ),
        content=zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1),
    )


async def append(driver: Driver, organization_id: int, revision: Revision, update: Encoded) -> None:
    """Stores what a revision changes, in the transaction that makes it."""
    await driver.execute(
        "INSERT INTO updates (organization_id, revision, created_at, events, changes) VALUES ($1, $2, $3, $4, $5)",
        organization_id,
        revision.number,
        revision.at,
        update.events,
        update.content,
    )


def _changes(content: bytes) -> dict[CellKey, dict[int, int]]:
    return {
        CellKey(dimension, value, bucket): dict(pairs)
        for dimension, value, bucket, pairs in json.loads(zlib.decompress(content))
    }


async def window(connection: Connection, organization_id: int) -> Window:
    """The revisions that are kept of an organization."""
    row = (
        await connection.execute(
            sa.text(
                "SELECT coalesce((SELECT revision FROM revisions WHERE organization_id = :organization), 0) AS newest,"
                " (SELECT min(revision) FROM updates WHERE organization_id = :organization) AS oldest"
            ),
            {"organization": organization_id},
        )
    ).one()
    return Window(oldest=row.newest + 1 if row.oldest is None else row.oldest, newest=row.newest)


async def after(
    connection: Connection, organization_id: int, revision: int, *, limit: int, events: int
) -> list[Update]:
    """The updates after a revision, in order: at most so many, and no more once they have that many events.

    The first may not be the next one: then some are gone.
    """
    rows = await connection.execute(
        sa.text(
            "SELECT revision, created_at, changes FROM ("
            "SELECT revision, created_at, changes, sum(events) OVER (ORDER BY revision) - events AS before FROM ("
            "SELECT * FROM updates WHERE organization_id = :organization AND revision > :revision"
            " ORDER BY revision LIMIT :limit) AS u) AS u WHERE before < :events ORDER BY revision"
        ),
        {"organization": organization_id, "revision": revision, "limit": limit, "events": events},
    )
    return [
        Update(revision=row.revision, at=row.created_at, changes=_changes(row.changes))
        async for row in _by_portions(rows, _UPDATES_AT_ONCE)
    ]


async def _by_portions(rows: Iterable[Any], portion: int) -> AsyncIterator[Any]:
    """The same rows; the event loop may do something else after each portion."""
    for number, row in enumerate(rows, 1):
        yield row
        if number % portion == 0:
            await asyncio.sleep(0)


async def events_of(
    connection: Connection, organization_id: int, first: Update, last: Update, *, lean: bool
) -> dict[int, list[Event]]:
    """The raw events of the updates from first to last that are still kept, by revision.

    lean: without what figures of now are not made of.
    """
    rows = await connection.execute(
        sa.text(
            f"SELECT {_LEAN if lean else stored_events.SELECTED} FROM events"  # noqa: S608 - constants
            " WHERE organization_id = :organization AND revision >= :first AND revision <= :last"
            " AND received_at >= :since AND received_at <= :until ORDER BY revision, occurred_at, event_key"
        ),
        {
            "organization": organization_id,
            "first": first.revision,
            "last": last.revision,
            "since": first.at,
            "until": last.at,
        },
    )
    found: dict[int, list[Event]] = {}
    async for row in _by_portions(rows, _EVENTS_AT_ONCE):
        found.setdefault(row.revision, []).append(stored_events.read(tuple(row)))
    return found


async def first_revision_since(connection: Connection, organization_id: int, since: datetime) -> int:
    """The first revision made at or after an instant that is kept; the next one to come where there is none."""
    found = await connection.scalar(
        sa.text(
            "SELECT revision FROM updates WHERE organization_id = :organization AND created_at >= :since"
            " ORDER BY created_at, revision LIMIT 1"
        ),
        {"organization": organization_id, "since": since},
    )
    return int(found) if found is not None else (await window(connection, organization_id)).newest + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """Which events of an organization are read: of some agents, of a channel, or all."""

    agent_ids: Collection[str]
    channel: str

    @property
    def condition(self) -> str:
        """The condition in SQL."""
        if self.agent_ids:
            return "agent_id = ANY(CAST(:agents AS text[]))"
        return "channel = :channel" if self.channel else "true"

    @property
    def values(self) -> dict[str, object]:
        """What the condition refers to."""
        if self.agent_ids:
            return {"agents": list(self.agent_ids)}
        return {"channel": self.channel} if self.channel else {}


async def occurred_since(
    connection: Connection, organization_id: int, narrowing: Narrowing, since: datetime, received_since: datetime
) -> AsyncIterator[list[Event]]:
    """The events that figures of now are made of, lean and in portions: those that occurred and were received since."""
    first = await first_revision_since(connection, organization_id, received_since)
    query = (
        f"SELECT {_LEAN} FROM events WHERE organization_id = :organization AND revision >= :revision"  # noqa: S608
        " AND received_at >= :received_since AND occurred_at >= :since"
        f" AND (conversation_id IS NOT NULL OR {_COUNTED}) AND {narrowing.condition}"
    )
    values = {"organization": organization_id, "revision": first, "received_since": received_since, "since": since}
    async for portion in _portions(connection, query, {**values, **narrowing.values}):
        yield portion


async def latest_events(
    connection: Connection, organization_id: int, narrowing: Narrowing, received_since: datetime, *, among: int
) -> AsyncIterator[list[Event]]:
    """Those of the organization's latest events that belong to conversations, lean and in portions, latest first.

    among: how many events are looked at, all of them received since an instant.
    """
    query = (
        f"SELECT {_LEAN} FROM (SELECT * FROM events WHERE organization_id = :organization"  # noqa: S608 - constants
        " AND received_at >= :received_since ORDER BY revision DESC LIMIT :among) AS e"
        f" WHERE conversation_id IS NOT NULL AND {narrowing.condition}"
    )
    values = {"organization": organization_id, "received_since": received_since, "among": among}
    async for portion in _portions(connection, query, {**values, **narrowing.values}):
        yield portion


async def _portions(connection: Connection, query: str, values: Mapping[str, object]) -> AsyncIterator[list[Event]]:
    result = await connection.stream(sa.text(query), values, execution_options={"yield_per": _PORTION_ROWS})
    try:
        async for rows in result.partitions():
            yield [stored_events.read(tuple(row)) for row in rows]
    finally:
        await result.close()


async def remove_before(connection: Connection, organization_id: int, before: datetime, limit: int) -> int:
    """Removes that many of an organization's updates made before an instant, oldest revision first: what is kept has
    no gap. Returns how many there were.
    """
    removed = await connection.execute(
        sa.text(
            "DELETE FROM updates WHERE organization_id = :organization AND revision < least("
            " (SELECT min(revision) + :limit FROM updates WHERE organization_id = :organization),"
            " coalesce((SELECT revision FROM updates WHERE organization_id = :organization AND created_at >= :before"
            " ORDER BY created_at, revision LIMIT 1), 9223372036854775807))"
        ),
        {"organization": organization_id, "before": before, "limit": limit},
    )
    return removed.rowcount


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a conversation stands: its messages, and the kind of its outcome (None: open)."""

    messages: int
    outcome: int | None


async def standings(connection: Connection, organization_id: int, keys: Collection[bytes]) -> dict[bytes, Standing]:
    """How conversations stand, by key; those without a message or closing are left out."""
    rows = await connection.execute(
        sa.text(
            "SELECT conversation_key, messages, outcome FROM conversations"
            " WHERE organization_id = :organization AND conversation_key = ANY(CAST(:keys AS bytea[]))"
        ),
        {"organization": organization_id, "keys": list(keys)},
    )
    return {row.conversation_key: Standing(messages=row.messages, outcome=row.outcome) for row in rows}


async def newest(connection: Connection, organization_ids: Collection[int]) -> tuple[str, datetime, dict[int, int]]:
    """The epoch, the database's time, and the newest revision of each organization that has one."""
    rows = await connection.execute(
        sa.text(
            "SELECT epoch::text, clock_timestamp() AS at, organization_id, revision FROM deployment LEFT JOIN revisions"
            " ON organization_id = ANY(CAST(:organizations AS integer[]))"
        ),
        {"organizations": list(organization_ids)},
    )
    found = list(rows)
    return (
        found[0].epoch,
        found[0].at,
        {row.organization_id: row.revision for row in found if row.organization_id is not None},
    )
