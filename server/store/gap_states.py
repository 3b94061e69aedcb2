"""What people say of the topics of content gaps, and which topics count for others."""

from collections.abc import Collection, Mapping
from datetime import datetime

import asyncpg

from server.catalog.gap_lists import GapState, GapStatus, Resolution
from server.store.database import Driver

_SELECT = (
    "SELECT topic, status, change, changed_at, changed_by, note, resolved_from, resolved_until FROM content_gap_states"
    " WHERE organization_id = $1 AND change > 0"
)
_SAVE = """
    UPDATE content_gap_states SET status = $3, change = $4, changed_at = $5, changed_by = $6, note = $7,
        resolved_from = $8, resolved_until = $9
    WHERE organization_id = $1 AND topic = $2
"""


async def states(driver: Driver, organization_id: int) -> dict[str, GapState]:
    """Returns what was said of topics, of those of which anything was."""
    return _by_topic(await driver.fetch(_SELECT, organization_id))


def _by_topic(rows: Collection[asyncpg.Record]) -> dict[str, GapState]:
    return {row[0]: _state(row) for row in rows}


def _state(row: asyncpg.Record) -> GapState:
    _, status, change, changed_at, changed_by, note, since, until = row
    ends = [*until, *([None] * (len(since) - len(until)))]
    return GapState(
        status=GapStatus(status),
        change=change,
        changed_at=changed_at,
        changed_by=changed_by,
        note=note,
        resolutions=[Resolution(since=start, until=end) for start, end in zip(since, ends, strict=True)],
    )


async def now(driver: Driver) -> datetime:
    """Returns the database's time."""
    found: datetime = await driver.fetchval("SELECT clock_timestamp()")
    return found


async def lock(driver: Driver, organization_id: int, topics: Collection[str]) -> dict[str, GapState]:
    """Makes those who change what is said of any of some topics take turns until COMMIT, and returns what was said."""
    wanted = sorted(topics)  # the order in which rows are locked
    await driver.execute(
        "INSERT INTO content_gap_states (organization_id, topic, status, change, changed_at, changed_by, note,"
        " resolved_from, resolved_until) SELECT b.organization_id, topic, 1, 0, now(), '', '', '{}', '{}'"
        " FROM revisions AS b, unnest($2::text[]) AS t(topic) WHERE b.organization_id = $1 ON CONFLICT DO NOTHING",
        organization_id,
        wanted,
    )
    await driver.execute(
        "SELECT FROM content_gap_states WHERE organization_id = $1 AND topic = ANY($2::text[])"
        " ORDER BY topic FOR UPDATE",
        organization_id,
        wanted,
    )
    return _by_topic(await driver.fetch(f"{_SELECT} AND topic = ANY($2::text[])", organization_id, wanted))


async def save(driver: Driver, organization_id: int, topic: str, state: GapState) -> None:
    """Stores what is said of a topic, which is locked."""
    await driver.execute(
        _SAVE,
        organization_id,
        topic,
        int(state.status),
        state.change,
        state.changed_at,
        state.changed_by,
        state.note,
        [one.since for one in state.resolutions],
        [one.until for one in state.resolutions if one.until is not None],
    )


async def merges(driver: Driver, organization_id: int) -> Mapping[str, str]:
    """Returns the topics that count for others, each with the one that it counts for."""
    rows = await driver.fetch(
        "SELECT topic, into_topic FROM content_gap_merges WHERE organization_id = $1", organization_id
    )
    return {row[0]: row[1] for row in rows}


async def merge(driver: Driver, organization_id: int, topic: str, into: str) -> None:
    """Lets a topic count for another one. Both are locked."""
    await driver.execute(
        "INSERT INTO content_gap_merges (organization_id, topic, into_topic) VALUES ($1, $2, $3)",
        organization_id,
        topic,
        into,
    )


async def undo_merge(driver: Driver, organization_id: int, topic: str) -> None:
    """Lets a topic, which is locked, count for itself again."""
    await driver.execute(
        "DELETE FROM content_gap_merges WHERE organization_id = $1 AND topic = $2", organization_id, topic
    )
