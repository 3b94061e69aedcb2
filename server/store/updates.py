"""The log of updates: what each revision changed, and the raw events of revisions, in order."""

import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from server.cells import Cell, CellKey
from server.events import Event
from server.store import events as stored_events
from server.store.database import Connection, Driver
from server.store.events import Revision


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


async def append(driver: Driver, organization_id: int, revision: Revision, changes: Mapping[CellKey, Cell]) -> None:
    """Stores what a revision changes, in the transaction that makes it."""
    content = [
        [*key, [pair for pair in cell.counters.items() if pair[1]]]
        for key, cell in changes.items()
        if any(cell.counters.values())
    ]
    await driver.execute(
        "INSERT INTO updates (organization_id, revision, created_at, changes) VALUES ($1, $2, $3, $4)",
        organization_id,
        revision.number,
        revision.at,
        zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1),
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


async def after(connection: Connection, organization_id: int, revision: int, limit: int) -> list[Update]:
    """The updates after a revision, in order, at most that many. The first may not be the next: then some are gone."""
    rows = await connection.execute(
        sa.text(
            "SELECT revision, created_at, changes FROM updates WHERE organization_id = :organization"
            " AND revision > :revision ORDER BY revision LIMIT :limit"
        ),
        {"organization": organization_id, "revision": revision, "limit": limit},
    )
    return [Update(revision=row.revision, at=row.created_at, changes=_changes(row.changes)) for row in rows]


async def events_between(connection: Connection, organization_id: int, first: int, last: int) -> dict[int, list[Event]]:
    """The raw events of the revisions from first to last that are still kept, by revision."""
    rows = await connection.execute(
        sa.text(
            f"SELECT {stored_events.SELECTED} FROM events WHERE organization_id = :organization"  # noqa: S608
            " AND revision >= :first AND revision <= :last ORDER BY revision, occurred_at, event_key"
        ),
        {"organization": organization_id, "first": first, "last": last},
    )
    found: dict[int, list[Event]] = {}
    for row in rows:
        found.setdefault(row.revision, []).append(stored_events.read(tuple(row)))
    return found


async def first_revision_since(connection: Connection, organization_id: int, since: datetime) -> int:
    """The first revision made at or after an instant that is kept; the next one to come where there is none."""
    found = await connection.scalar(
        sa.text("SELECT min(revision) FROM updates WHERE organization_id = :organization AND created_at >= :since"),
        {"organization": organization_id, "since": since},
    )
    return int(found) if found is not None else (await window(connection, organization_id)).newest + 1


async def occurred_since(connection: Connection, organization_id: int, revision: int, since: datetime) -> list[Event]:
    """The raw events from a revision on that occurred at or after an instant, in order of time."""
    rows = await connection.execute(
        sa.text(
            f"SELECT {stored_events.SELECTED} FROM events WHERE organization_id = :organization"  # noqa: S608
            " AND revision >= :revision AND occurred_at >= :since ORDER BY occurred_at, event_key"
        ),
        {"organization": organization_id, "revision": revision, "since": since},
    )
    return [stored_events.read(tuple(row)) for row in rows]


async def remove_before(connection: Connection, before: datetime, limit: int) -> int:
    """Removes that many updates made before an instant, and returns how many there were."""
    removed = await connection.execute(
        sa.text(
            "DELETE FROM updates WHERE ctid = ANY(ARRAY("
            "SELECT ctid FROM updates WHERE created_at < :before LIMIT :limit))"
        ),
        {"before": before, "limit": limit},
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


async def latest_events(connection: Connection, organization_id: int, limit: int) -> Sequence[Event]:
    """The organization's last events of conversations by revision, latest first."""
    rows = await connection.execute(
        sa.text(
            f"SELECT {stored_events.SELECTED} FROM (SELECT * FROM events WHERE organization_id = :organization"  # noqa: S608
            " ORDER BY revision DESC LIMIT :limit) AS e WHERE conversation_id IS NOT NULL ORDER BY occurred_at DESC"
        ),
        {"organization": organization_id, "limit": limit},
    )
    return [stored_events.read(tuple(row)) for row in rows]
