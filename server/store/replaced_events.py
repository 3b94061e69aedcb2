"""Events that were corrected or retracted: the raw events that change, and what they were before."""

from collections.abc import AsyncIterator, Collection, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from server import timerange
from server.events.event import Event, conversation_key_of
from server.store import events, projections, statements
from server.store.database import Driver
from server.store.events import Revision

_COLUMNS = (
    "received_at, occurred_at, event_key, event_id, event_type, agent_id, user_id, conversation_id, channel, team_id,"
    " campaign_id, resource_type, resource_id, detail, properties"
)
_READ = statements.load("read_events_of_keys", COLUMNS=events.SELECTED)
_REPLACE = statements.load("replace_events", COLUMNS=_COLUMNS)
_LOCK_REPLACED = statements.load("lock_replaced_events")
_REMOVE_REPLACED = statements.load("remove_replaced_events")
_PORTION = 5_000
_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """A raw event, the revision that it is stored under, and when it was received."""

    event: Event
    revision: int
    received_at: datetime


async def lock(driver: Driver, organization_id: int, keys: Sequence[bytes]) -> dict[bytes, StoredEvent]:
    """Locks events until COMMIT, so that nobody else replaces them, and returns those whose raw events there are.

    The keys come sorted, so that callers cannot deadlock.
    """
    known = await driver.fetch(
        "SELECT occurred_hour FROM event_keys WHERE organization_id = $1 AND event_key = ANY($2::bytea[])"
        " ORDER BY event_key FOR UPDATE",
        organization_id,
        keys,
    )
    return await read(driver, organization_id, keys, {row[0] for row in known})


async def read(
    driver: Driver, organization_id: int, keys: Sequence[bytes], hours: Collection[int]
) -> dict[bytes, StoredEvent]:
    """Returns the raw events of keys that occurred in some hours, which are counted since 1970."""
    given = _READ.arguments(organization_id=organization_id, hours=sorted(hours), keys=keys)
    rows = await driver.fetch(_READ.text, *given)
    found = [StoredEvent(event=events.read(tuple(row)), revision=row[1], received_at=row[2]) for row in rows]
    return {one.event.event_key: one for one in found}


async def hours(driver: Driver, organization_id: int, keys: Sequence[bytes]) -> set[int]:
    """Returns the hours, counted since 1970, in which the events of keys occurred."""
    rows = await driver.fetch(
        "SELECT DISTINCT occurred_hour FROM event_keys WHERE organization_id = $1 AND event_key = ANY($2::bytea[])",
        organization_id,
        keys,
    )
    return {row[0] for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Why events are replaced, and with whose API key."""

    reason: str
    key_id: str


async def replace(
    driver: Driver,
    organization_id: int,
    revision: Revision,
    stored: Sequence[StoredEvent],
    by: Sequence[Event],
    note: Note,
) -> None:
    """Stores events in place of others with the same keys, under a revision; without any the others are retracted."""
    which: dict[str, object] = {
        "organization_id": organization_id,
        "revisions": sorted({one.revision for one in stored}),
        "keys": [one.event.event_key for one in stored],
        "first_at": min(one.received_at for one in stored),
        "last_at": max(one.received_at for one in stored),
    }
    given = _REPLACE.arguments(
        **which,
        revision=revision.number,
        at=revision.at,
        is_retracted=not by,
        note=note.reason,
        key_id=note.key_id,
    )
    # An erasure may be changing one of them: what is kept of it is as that leaves it.
    await driver.execute(_LOCK_REPLACED.text, *_LOCK_REPLACED.arguments(**which))
    await driver.execute(_REPLACE.text, *given)
    await driver.execute(_REMOVE_REPLACED.text, *_REMOVE_REPLACED.arguments(**which))
    if by:
        await events.append(driver, [(organization_id, revision, by)])
        await driver.execute(
            "UPDATE event_keys AS k SET occurred_hour = given.hour"
            " FROM unnest($2::bytea[], $3::integer[]) AS given(event_key, hour)"
            " WHERE k.organization_id = $1 AND k.event_key = given.event_key AND k.occurred_hour <> given.hour",
            organization_id,
            [one.event_key for one in by],
            [one.occurred_at // _HOUR for one in by],
        )


async def of_members(
    driver: Driver, organization_id: int, bucket: int, user_ids: Collection[str], agent_ids: Collection[str]
) -> AsyncIterator[list[Event]]:
    """Yields the raw events of a quarter hour that any of some users or agents have part in, in portions; needs an open
    transaction.
    """
    start, end = timerange.instant(bucket), timerange.instant(bucket + 1)
    cursor = await driver.cursor(
        f"SELECT {events.SELECTED} FROM events WHERE organization_id = $1"  # noqa: S608 - a constant of the code
        " AND occurred_at >= $2 AND occurred_at < $3 AND received_at >= $4 AND occurred_at > '-infinity'"
        " AND (user_id = ANY($5::text[]) OR agent_id = ANY($6::text[]))",
        organization_id,
        start,
        end,
        start - timedelta(days=1),
        list(user_ids),
        list(agent_ids),
    )
    while rows := await cursor.fetch(_PORTION):
        yield [events.read(tuple(row)) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierEvent:
    """What an event was before a revision replaced it, why, and with whose key."""

    revision: int
    replaced_at: datetime
    is_retracted: bool
    note: Note
    stored: StoredEvent


async def history(driver: Driver, organization_id: int, event_key: bytes) -> list[EarlierEvent]:
    """Returns what an event was before, newest first."""
    rows = await driver.fetch(
        f"SELECT revision, replaced_at, is_retracted, note, key_id, {events.REPLACED}"  # noqa: S608 - a constant of the code
        " FROM replaced_events WHERE organization_id = $1 AND event_key = $2 ORDER BY replaced_events.revision DESC",
        organization_id,
        event_key,
    )
    return [
        EarlierEvent(
            revision=row[0],
            replaced_at=row[1],
            is_retracted=row[2],
            note=Note(reason=row[3], key_id=row[4]),
            stored=StoredEvent(event=events.read(tuple(row)[5:]), revision=row[6], received_at=row[7]),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """Conversations and leads, by their ids, that began before an instant."""

    conversations: Set[str]
    leads: Set[str]


async def begun_before(
    driver: Driver, organization_id: int, conversation_ids: Collection[str], lead_ids: Collection[str], at: datetime
) -> Older:
    """Returns those conversations and leads that began before an instant."""
    conversations = await driver.fetch(
        "SELECT conversation_id FROM conversations WHERE organization_id = $1"  # noqa: S608 - a constant of the code
        f" AND version = {projections.VERSION.format('conversations')}"
        " AND conversation_key = ANY($2::bytea[]) AND first_at < $3",
        organization_id,
        [conversation_key_of(one) for one in conversation_ids],
        at,
    )
    leads = await driver.fetch(
        "SELECT lead_id FROM leads WHERE organization_id = $1"  # noqa: S608 - a constant of the code
        f" AND version = {projections.VERSION.format('leads')} AND lead_id = ANY($2::text[]) AND first_at < $3",
        organization_id,
        list(lead_ids),
        at,
    )
    return Older(conversations={row[0] for row in conversations}, leads={row[0] for row in leads})


class ReplacedLately(NamedTuple):
    """What an event was, the revision that has replaced it, and the one under which it was stored."""

    replaced_by: int
    revision: int
    event: Event


async def pending(driver: Driver, organization_id: int, start: datetime, end: datetime) -> list[ReplacedLately]:
    """Returns what events were that occurred in [start, end), and that were replaced by revisions that some projection
    has not seen.
    """
    rows = await driver.fetch(
        f"SELECT revision, {events.REPLACED} FROM replaced_events"  # noqa: S608 - a constant of the code
        " WHERE organization_id = $1 AND replaced_events.revision >"
        " (SELECT min(revision) FROM projections WHERE organization_id = $1)"
        " AND occurred_at >= $2 AND occurred_at < $3",
        organization_id,
        start,
        end,
    )
    return [ReplacedLately(row[0], row[2], events.read(tuple(row)[1:])) for row in rows]


async def is_pending(driver: Driver, organization_id: int, names: Collection[str]) -> bool:
    """Returns whether any of some projections, or a rebuild of one, has not seen yet that an event was replaced."""
    found: bool = await driver.fetchval(
        "SELECT EXISTS (SELECT FROM replaced_events AS e JOIN projections AS p USING (organization_id)"
        " WHERE e.organization_id = $1 AND p.name = ANY($2::text[])"
        " AND e.revision > least(p.revision, coalesce(p.rebuilt_revision, p.revision)))",
        organization_id,
        list(names),
    )
    return found


async def has_later(driver: Driver, organization_id: int, revision: int) -> bool:
    """Returns whether an event was corrected or retracted since a revision."""
    found: bool = await driver.fetchval(
        "SELECT EXISTS (SELECT FROM replaced_events WHERE organization_id = $1 AND revision > $2)",
        organization_id,
        revision,
    )
    return found


async def has_before(driver: Driver, organization_id: int, before: datetime) -> bool:
    """Returns whether any event was received before an instant and has been replaced."""
    found: bool = await driver.fetchval(
        "SELECT EXISTS (SELECT FROM replaced_events WHERE organization_id = $1 AND received_at < $2)",
        organization_id,
        before,
    )
    return found


async def remove_before(driver: Driver, organization_id: int, before: datetime) -> datetime | None:
    """Removes what events were that were received before an instant, and returns when the last of them occurred; None
    where there was none.
    """
    latest: datetime | None = await driver.fetchval(
        "WITH gone AS (DELETE FROM replaced_events WHERE organization_id = $1 AND received_at < $2"
        " RETURNING occurred_at) SELECT max(occurred_at) FROM gone",
        organization_id,
        before,
    )
    return latest
