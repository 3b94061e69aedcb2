"""Event keys, raw events and revisions: the write path of ingest, and raw events read back."""

import functools
import json
import operator
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from server import timerange
from server.events.event import ID_FIELDS, Event, id_of
from server.store import binary
from server.store.database import Driver

_COLUMNS = (
    "organization_id",
    "revision",
    "received_at",
    "occurred_at",
    "event_key",
    "event_id",
    "event_type",
    *ID_FIELDS,
    "detail",
    "properties",
)

# As text, since what a driver makes of jsonb depends on how its connection was set up.
SELECTED = ", ".join((*_COLUMNS[:-2], "detail::text", "properties::text"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The organization's commit number, the database's time at which it was taken, and the events of that month (UTC)
    up to and with this revision.
    """

    number: int
    at: datetime
    month_events: int


class KeyTaken(Exception):
    """One of the keys is stored already, so the transaction that tried to add them has failed."""


_KEY = struct.Struct("!hiiiiiqi16s")  # the number of columns, then each value after its length


async def add_keys(driver: Driver, organization_id: int, events: Sequence[Event]) -> None:
    """Stores the keys of events that are probably new, at half the cost of claim_keys(); KeyTaken where one is not.

    The same order and the same waiting as there, so that the two may run side by side.
    """
    rows = (
        _KEY.pack(
            4, 4, organization_id, 4, event.occurred_at // 3_600_000_000, 8, event.fingerprint, 16, event.event_key
        )
        for event in events
    )
    columns = ("organization_id", "occurred_hour", "fingerprint", "event_key")
    try:
        await binary.copy(driver, "event_keys", columns, rows)
    except asyncpg.UniqueViolationError:
        raise KeyTaken from None


async def claim_keys(driver: Driver, organization_id: int, events: Sequence[Event]) -> set[bytes]:
    """Stores the keys of events and returns those that are new. Events are sorted by key, so that callers cannot
    deadlock.

    Waits for a transaction that is storing the same key; once that has committed the key is not new.
    """
    rows = await driver.fetch(
        "INSERT INTO event_keys (organization_id, event_key, fingerprint, occurred_hour)"
        " SELECT $1, * FROM unnest($2::bytea[], $3::bigint[], $4::integer[])"
        " ON CONFLICT DO NOTHING RETURNING event_key",
        organization_id,
        [event.event_key for event in events],
        [event.fingerprint for event in events],
        [event.occurred_at // 3_600_000_000 for event in events],
    )
    return {row[0] for row in rows}


async def fingerprints(driver: Driver, organization_id: int, keys: Sequence[bytes]) -> dict[bytes, int]:
    """The fingerprints of stored events."""
    rows = await driver.fetch(
        "SELECT event_key, fingerprint FROM event_keys WHERE organization_id = $1 AND event_key = ANY($2::bytea[])",
        organization_id,
        keys,
    )
    return {row[0]: row[1] for row in rows}


async def next_revision(driver: Driver, organization_id: int, events: int) -> Revision:
    """Takes the organization's next revision, for that many events, and holds its row until COMMIT: commits happen in
    this order, without gaps.
    """
    row = await driver.fetchrow(_NEXT_REVISION, organization_id, events)
    assert row is not None  # noqa: S101 - INSERT … ON CONFLICT DO UPDATE always returns its row
    return Revision(number=row[0], at=row[1], month_events=row[2])


# What becomes of the row of revisions r when one more is taken. The events of the month start anew with the first
# revision of a month; revised_at tells which month they are of. The time is taken when the row is locked, and only
# once, else a revision could be of one month and count in another.
REVISE = """
    ON CONFLICT (organization_id) DO UPDATE SET (revision, revised_at, month_events) = (
        SELECT r.revision + 1, n.at, excluded.month_events + CASE
            WHEN date_trunc('month', r.revised_at AT TIME ZONE 'UTC') = date_trunc('month', n.at AT TIME ZONE 'UTC')
            THEN r.month_events ELSE 0 END
        FROM (SELECT greatest(clock_timestamp(), r.revised_at) AS at OFFSET 0) n
    )
    RETURNING revision, revised_at, month_events
"""
_NEXT_REVISION = f"""
    INSERT INTO revisions AS r (organization_id, revision, revised_at, month_events)
    VALUES ($1, 1, clock_timestamp(), $2)
    {REVISE}
"""  # noqa: S608 - a constant of this file


async def append(driver: Driver, organization_id: int, revision: Revision, events: Sequence[Event]) -> None:
    """Stores raw events under a revision."""
    if len(_texts) > _MAX_TEXTS:
        _texts.clear()
    head = _HEAD.pack(len(_COLUMNS), 4, organization_id, 8, revision.number, 8, binary.timestamp(revision.at))
    await binary.copy(driver, "events", _COLUMNS, _rows(head, events))


def _rows(head: bytes, events: Sequence[Event]) -> Iterator[bytes]:
    """Rows of events in COPY's format, after their first columns."""
    pack, texts = _BODY.pack, _texts
    packed_ids: dict[tuple[str, ...], bytes] = {}  # those of a conversation come together again and again
    for event in events:
        event_key, detail, properties = event.event_key, event.detail, event.properties
        ids = ids_of(event)
        packed = packed_ids.get(ids)
        if packed is None:
            packed = packed_ids[ids] = b"".join([texts[one] for one in ids])
        yield b"".join(
            (
                head,
                pack(8, event.occurred_at - _SHIFT, 16, event_key),
                binary.NULL if event_key[6] >> 4 == 7 else binary.text(event.event_id),
                texts[event.event_type],
                packed,
                binary.jsonb(_json(detail)) if detail else binary.NULL,
                binary.jsonb(properties) if properties else binary.NULL,
            )
        )


_HEAD = struct.Struct("!hiiiqiq")  # of a row, the same for a whole batch
_BODY = struct.Struct("!iqi16s")
# The ids and names of an event, in the order of ID_FIELDS.
ids_of: Callable[[Event], tuple[str, ...]] = operator.itemgetter(
    slice(Event._fields.index(ID_FIELDS[0]), Event._fields.index(ID_FIELDS[-1]) + 1)
)
_SHIFT = -binary.timestamp(timerange.EPOCH)  # from microseconds since 1970 to what PostgreSQL counts
_MAX_TEXTS = 50_000
_texts = binary.Texts()  # ids and types come again and again


def _json(detail: Mapping[str, int | str]) -> str:
    """A detail as JSON. Most hold numbers alone, which go into a form that is made once for their names."""
    try:
        return _form(tuple(detail)) % tuple(detail.values())
    except TypeError:
        return _encode(detail)


@functools.lru_cache(maxsize=4096)
def _form(names: tuple[str, ...]) -> str:
    return "{" + ",".join(f"{_encode(name)}:%d" for name in names) + "}"


_encode = json.JSONEncoder(separators=(",", ":")).encode


async def occurred_between(
    driver: Driver, organization_id: int, start: datetime, end: datetime
) -> AsyncIterator[list[Event]]:
    """The raw events that occurred in [start, end), in portions; needs an open transaction."""
    cursor = await driver.cursor(
        f"SELECT {SELECTED} FROM events"  # noqa: S608 - a constant of this file
        " WHERE organization_id = $1 AND occurred_at >= $2 AND occurred_at < $3",
        organization_id,
        start,
        end,
    )
    while rows := await cursor.fetch(5000):
        yield [read(tuple(row)) for row in rows]


def read(row: Sequence[object]) -> Event:
    """The event of a row of SELECTED."""
    (_, _, _, occurred_at, event_key, event_id, event_type, *ids, detail, properties) = row
    assert isinstance(occurred_at, datetime)  # noqa: S101 - narrows what the driver leaves open
    assert isinstance(event_key, bytes)  # noqa: S101
    texts = [str(text) if text is not None else "" for text in ids]
    return Event(
        event_id=str(event_id) if event_id is not None else id_of(event_key) or "",
        event_key=event_key,
        fingerprint=0,
        event_type=str(event_type),
        occurred_at=(occurred_at - timerange.EPOCH) // timedelta(microseconds=1),
        agent_id=texts[0],
        user_id=texts[1],
        conversation_id=texts[2],
        channel=texts[3],
        team_id=texts[4],
        campaign_id=texts[5],
        resource_type=texts[6],
        resource_id=texts[7],
        detail=json.loads(str(detail)) if detail else {},
        properties=str(properties) if properties else "",
        warnings=(),
    )


async def without_key(driver: Driver, organization_id: int, start: datetime, end: datetime) -> int:
    """How many raw events that occurred in [start, end) have no key. Must be 0 for as long as keys are kept."""
    found: int = await driver.fetchval(
        "SELECT count(*) FROM events e WHERE e.organization_id = $1 AND e.occurred_at >= $2 AND e.occurred_at < $3"
        " AND NOT EXISTS (SELECT 1 FROM event_keys k WHERE k.organization_id = $1 AND k.event_key = e.event_key)",
        organization_id,
        start,
        end,
    )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What became of a portion of keys: how many were removed, and where the next one begins (None: there is none)."""

    removed: int
    next_key: bytes | None


async def remove_keys(driver: Driver, organization_id: int, first: bytes, limit: int, before_hour: int) -> Portion:
    """Looks at that many keys from the first one on and removes those of events that occurred before an hour."""
    next_key: bytes | None = await driver.fetchval(
        "SELECT event_key FROM event_keys WHERE organization_id = $1 AND event_key >= $2"
        " ORDER BY event_key OFFSET $3 LIMIT 1",
        organization_id,
        first,
        limit,
    )
    removed = await driver.execute(
        "DELETE FROM event_keys WHERE organization_id = $1 AND event_key >= $2"
        " AND ($3::bytea IS NULL OR event_key < $3) AND occurred_hour < $4",
        organization_id,
        first,
        next_key,
        before_hour,
    )
    return Portion(removed=int(removed.split()[-1]), next_key=next_key)
