"""Event keys, raw events and revisions: the write path of ingest, and raw events read back."""

import functools
import itertools
import json
import operator
import struct
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from server import errors, timerange
from server.events.event import ID_FIELDS, Event, id_of
from server.store import appending, binary, partitions, statements
from server.store.database import Driver

COLUMNS = (
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
SELECTED = ", ".join((*COLUMNS[:-2], "detail::text", "properties::text"))
# The same of what events were before they were replaced.
REPLACED = SELECTED.replace("revision", "replaced_revision AS revision", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The organization's commit number, the database's time at which it was taken, the events of that month (UTC) up to
    and with this revision, the pairs of dimensions that it has to count, by their numbers, and how often what is known
    of erased users had changed by then.
    """

    number: int
    at: datetime
    month_events: int
    pairs: Sequence[int] = ()
    erasures: int = 0


# In the order of (organization, event key), so that callers cannot deadlock.
_CLAIM_KEYS = """
    INSERT INTO event_keys (organization_id, event_key, fingerprint, occurred_hour)
    SELECT * FROM unnest($1::integer[], $2::bytea[], $3::bigint[], $4::integer[])
    ON CONFLICT DO NOTHING RETURNING organization_id, event_key
"""


async def claim_keys(driver: Driver, events: Mapping[int, Sequence[Event]]) -> dict[int, set[bytes]]:
    """Stores the keys of events and returns those that are new, by organization. The organizations, and the events of
    each, come sorted by key.

    Waits for a transaction that is storing the same key; once that has committed the key is not new.
    """
    if driver.is_distributed:
        return {
            organization_id: await _claim_keys(driver, organization_id, some)
            for organization_id, some in events.items()
        }
    rows = await driver.fetch(
        _CLAIM_KEYS,
        [organization_id for organization_id, some in events.items() for _ in some],
        [event.event_key for some in events.values() for event in some],
        [event.fingerprint for some in events.values() for event in some],
        [event.occurred_at // 3_600_000_000 for some in events.values() for event in some],
    )
    if len(events) == 1:
        return {organization_id: {row[1] for row in rows} for organization_id in events}
    new: dict[int, set[bytes]] = {organization_id: set() for organization_id in events}
    for organization_id, event_key in rows:
        new[organization_id].add(event_key)
    return new


async def _claim_keys(driver: Driver, organization_id: int, events: Sequence[Event]) -> set[bytes]:
    """Does so for one organization."""
    values: dict[str, list[Any]] = {
        "event_key": [event.event_key for event in events],
        "fingerprint": [event.fingerprint for event in events],
        "occurred_hour": [event.occurred_at // 3_600_000_000 for event in events],
    }
    return set(await appending.insert_new(driver, "event_keys", organization_id, values, returning="event_key"))


async def fingerprints(driver: Driver, organization_id: int, keys: Sequence[bytes]) -> dict[bytes, int]:
    """Returns the fingerprints of stored events."""
    rows = await driver.fetch(
        "SELECT event_key, fingerprint FROM event_keys WHERE organization_id = $1 AND event_key = ANY($2::bytea[])",
        organization_id,
        keys,
    )
    return {row[0]: row[1] for row in rows}


async def next_revisions(driver: Driver, events: Mapping[int, int]) -> dict[int, Revision]:
    """Takes the next revision of organizations, each for so many events, and holds their rows until COMMIT: commits
    happen in this order, without gaps. The organizations come sorted, so that callers cannot deadlock.
    """
    if driver.is_distributed:
        given = [_NEXT_REVISION.arguments(organization_id=one, events=count) for one, count in events.items()]
        rows = [row for arguments in given for row in await driver.fetch(_NEXT_REVISION.text, *arguments)]
    else:
        arguments = _NEXT_REVISIONS.arguments(organizations=list(events), events=list(events.values()))
        rows = await driver.fetch(_NEXT_REVISIONS.text, *arguments)
    if len(rows) < len(events):
        raise errors.StorageUnavailable("the organization's rows are being moved")
    return {
        row[0]: Revision(number=row[1], at=row[2], month_events=row[3], pairs=row[4], erasures=row[5]) for row in rows
    }


_NEXT_REVISIONS, _NEXT_REVISION = statements.load("next_revisions"), statements.load("next_revision")


async def append(driver: Driver, events: Sequence[tuple[int, Revision, Sequence[Event]]]) -> None:
    """Stores raw events of organizations under their revisions."""
    if len(_texts) > _MAX_TEXTS:
        _texts.clear()
    by_day: dict[date, list[tuple[int, Revision, Sequence[Event]]]] = {}
    for one in events:
        by_day.setdefault(one[1].at.date(), []).append(one)
    for day, of_day in by_day.items():
        partition = partitions.name_of(day)
        if driver.is_distributed:
            for one in of_day:
                await appending.insert_packed(driver, partition, COLUMNS, _rows(*one))
        else:
            rows = itertools.chain.from_iterable(itertools.starmap(_rows, of_day))
            await binary.copy(driver, partition, COLUMNS, rows)


def _rows(organization_id: int, revision: Revision, events: Sequence[Event]) -> Iterator[bytes]:
    """Returns rows of events in COPY's format."""
    head = _HEAD.pack(len(COLUMNS), 4, organization_id, 8, revision.number, 8, binary.timestamp(revision.at))
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
                binary.NULL if event_key[6] >> 4 == 7 or not event.event_id else binary.text(event.event_id),
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


def forget_texts() -> None:
    """Forgets the ids and types that are kept packed, since one of them may be of a person who was erased."""
    _texts.clear()


async def hold(driver: Driver) -> None:
    """Keeps partitions of raw events from being dropped until the end of the transaction, whose first statement this
    is: what its snapshot takes for kept stays there.
    """
    # A node that is away would be asked for its lock, too. Dropping waits for that of the coordinator, or of the node
    # that is asked itself: it locks the table on each.
    locked = (
        "SELECT FROM events WHERE false" if driver.is_distributed else "LOCK TABLE ONLY events IN ACCESS SHARE MODE"
    )
    await driver.execute(locked)


_BEFORE_IT_OCCURS = timedelta(days=1)  # more than timerange.MAX_AHEAD, whatever the clocks of servers were


async def occurred_between(
    driver: Driver,
    organization_id: int,
    start: datetime,
    end: datetime,
    *,
    where: Mapping[str, str] | None = None,
    event_types: Collection[str] | None = None,
    portion: int = 5000,
) -> AsyncIterator[list[tuple[int, Event]]]:
    """Yields the raw events that occurred in [start, end), each with its revision, in portions; needs an open
    transaction. where has the values that events must have in some of ID_FIELDS; event_types leaves other types out.

    No event is received much before it occurs: partitions of earlier days are not looked at.
    """
    conditions = "".join(f" AND {name} = ${place}" for place, name in enumerate(where or {}, start=5))
    values = list((where or {}).values())
    if event_types is not None:
        conditions += f" AND event_type = ANY(${len(values) + 5}::text[])"
    cursor = await driver.cursor(
        f"SELECT {SELECTED} FROM events"  # noqa: S608 - constants of this file, and names of dimensions
        f" WHERE organization_id = $1 AND occurred_at >= $2 AND occurred_at < $3 AND received_at >= $4{conditions}"
        " AND occurred_at > '-infinity'",
        organization_id,
        start,
        end,
        max(timerange.EPOCH, start - _BEFORE_IT_OCCURS),
        *values,
        *([] if event_types is None else [sorted(event_types)]),
    )
    while rows := await cursor.fetch(portion):
        yield [(row["revision"], read(tuple(row))) for row in rows]


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
        " AND e.occurred_at > '-infinity'"
        " AND NOT EXISTS (SELECT 1 FROM event_keys k WHERE k.organization_id = $1 AND k.event_key = e.event_key)",
        organization_id,
        start,
        end,
    )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedKeys:
    """What became of a portion of keys: how many were removed, and where the next one begins (None: there is none)."""

    removed: int
    next_key: bytes | None


async def remove_keys(driver: Driver, organization_id: int, first: bytes, limit: int, before_hour: int) -> RemovedKeys:
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
    return RemovedKeys(removed=int(removed.split()[-1]), next_key=next_key)
