"""The log of updates: what each revision changed, and the raw events of revisions, in order.

A revision may change any number of cells: a recount may correct all those of an hour at once. So a large update is
stored and read in portions, and no reader has more than a page of it in memory.
"""

import asyncio
import dataclasses
import itertools
import json
import operator
import zlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from server.catalog import cells, dimensions, registry
from server.catalog.cells import Cell, CellKey
from server.events.event import Event
from server.store import appending, statements
from server.store import events as stored_events
from server.store.database import Driver
from server.store.events import Revision

_EVENTS_KEY = cells.count_key(registry.MEASURES["events"].number)
_AFTER, _REMOVE = statements.load("read_updates"), statements.load("remove_updates")
_EVENTS = statements.load("read_events_of_revisions", COLUMNS=stored_events.SELECTED)
PORTION_COUNTERS = 2000  # of a portion, with those of its last cell
_COUNTERS_AT_ONCE, _EVENTS_AT_ONCE = 2000, 100  # that are decoded between two turns of the event loop
_UPDATE_COUNTERS = 50  # that take as long to decode as an update without any


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What a revision added to the counters of cells, by key as in cells.count_key, or one portion of that.

    Each cell is in one portion. more: portions follow.
    """

    revision: int
    at: datetime
    changes: Mapping[CellKey, Mapping[int, int]]
    portion: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRevisions:
    """The revisions that are kept: from oldest to newest. oldest is newest + 1 where none is."""

    oldest: int
    newest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """What a revision changes, as it is stored: its portions, each with its number of counters."""

    events: int
    portions: Sequence[tuple[int, bytes]]


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
        portions=[(counters, zlib.compress(_json(portion).encode(), 1)) for counters, portion in _portions(content)],
    )


def _portions(content: Sequence[list[Any]]) -> Iterator[tuple[int, Sequence[list[Any]]]]:
    """Yields changed cells in portions, one at least, each with its number of counters."""
    first = counters = 0
    for index, one in enumerate(content):
        if counters >= PORTION_COUNTERS:
            yield counters, content[first:index]
            first, counters = index, 0
        counters += len(one[-1])
    yield counters, content[first:]


_COLUMNS = ("revision", "portion", "more", "created_at", "events", "counters", "changes")


async def append(driver: Driver, updates: Sequence[tuple[int, Revision, Encoded]]) -> None:
    """Stores what revisions of organizations change, in the transaction that makes them."""
    rows = [row for organization_id, revision, update in updates for row in _rows(organization_id, revision, update)]
    if driver.is_distributed:
        for organization_id, group in itertools.groupby(rows, operator.itemgetter(0)):
            _, *columns = zip(*group, strict=True)
            await appending.insert(driver, "updates", organization_id, dict(zip(_COLUMNS, columns, strict=True)))
        return
    await driver.execute(
        f"INSERT INTO updates (organization_id, {', '.join(_COLUMNS)})"  # noqa: S608 - names of columns
        " SELECT * FROM unnest($1::integer[], $2::bigint[], $3::integer[], $4::boolean[], $5::timestamptz[],"
        " $6::integer[], $7::integer[], $8::bytea[])",
        *zip(*rows, strict=True),
    )


def _rows(organization_id: int, revision: Revision, update: Encoded) -> Iterator[tuple[Any, ...]]:
    last = len(update.portions) - 1
    for number, (counters, content) in enumerate(update.portions):
        events, more = (update.events, False) if number == last else (0, True)
        yield organization_id, revision.number, number, more, revision.at, events, counters, content


def _changes(content: bytes) -> dict[CellKey, dict[int, int]]:
    return {
        CellKey(dimension, value, bucket): dict(pairs)
        for dimension, value, bucket, pairs in json.loads(zlib.decompress(content))
    }


_PAGE = 500


async def rename(driver: Driver, organization_id: int, names: Mapping[tuple[int, str], str], limit: int) -> int:
    """Gives values of dimensions, by number and value, other names in what revisions changed, in as many portions of
    revisions as a limit allows; returns in how many.
    """
    place, renamed = (0, -1), 0
    while renamed < limit:
        rows = await driver.fetch(
            "SELECT revision, portion, changes FROM updates"
            " WHERE organization_id = $1 AND (revision, portion) > ($2, $3) ORDER BY revision, portion LIMIT $4",
            organization_id,
            *place,
            min(_PAGE, limit - renamed),
        )
        if not rows:
            break
        for revision, portion, content in rows:
            place = revision, portion
            changed = [list(one) for one in json.loads(zlib.decompress(content))]
            if not any((one[0], one[1]) in names for one in changed):
                continue
            for one in changed:
                one[1] = names.get((one[0], one[1]), one[1])
            await driver.execute(
                "UPDATE updates SET changes = $4 WHERE organization_id = $1 AND revision = $2 AND portion = $3",
                organization_id,
                revision,
                portion,
                zlib.compress(_json(changed).encode(), 1),
            )
            renamed += 1
    return renamed


async def window(driver: Driver, organization_id: int) -> KeptRevisions:
    """The revisions that are kept of an organization."""
    (row,) = await driver.fetch(
        "SELECT coalesce((SELECT revision FROM revisions WHERE organization_id = $1), 0) AS newest,"
        " (SELECT min(revision) FROM updates WHERE organization_id = $1) AS oldest",
        organization_id,
    )
    newest, oldest = row["newest"], row["oldest"]
    return KeptRevisions(oldest=newest + 1 if oldest is None else oldest, newest=newest)


async def made_at(driver: Driver, organization_id: int, revision: int) -> datetime | None:
    """When a revision was made; None where it is not kept."""
    at: datetime | None = await driver.fetchval(
        "SELECT created_at FROM updates WHERE organization_id = $1 AND revision = $2 LIMIT 1", organization_id, revision
    )
    return at


async def after(
    driver: Driver, organization_id: int, revision: int, portions: int = 0, *, limit: int, events: int, counters: int
) -> list[Update]:
    """The portions of updates after a revision, and after so many portions of the next one, in order: at most limit,
    and no more once they have that many events or counters.

    The first may not be the next one: then some are gone.
    """
    given = _AFTER.arguments(
        organization_id=organization_id,
        revision=revision,
        portions=portions,
        limit=limit,
        events=events,
        counters=counters,
    )
    rows = await driver.fetch(_AFTER.text, *given)
    return [
        Update(
            revision=row["revision"],
            at=row["created_at"],
            changes=_changes(row["changes"]),
            portion=row["portion"],
            more=row["more"],
        )
        async for row in _by_turns(rows, lambda row: row["counters"] + _UPDATE_COUNTERS, _COUNTERS_AT_ONCE)
    ]


def joined(portions: Iterable[Update]) -> list[Update]:
    """The updates of which all portions are given, each as one."""
    whole: list[Update] = []
    changes: dict[CellKey, Mapping[int, int]] = {}
    for one in portions:
        if one.more or changes:
            changes.update(one.changes)
        if not one.more:
            whole.append(dataclasses.replace(one, changes=changes or one.changes, portion=0))
            changes = {}
    return whole


async def _by_turns(
    rows: Iterable[asyncpg.Record], cost: Callable[[asyncpg.Record], int], most: int
) -> AsyncIterator[asyncpg.Record]:
    """The same rows; the event loop may do something else once some have cost as much as that."""
    spent = 0
    for row in rows:
        yield row
        spent += cost(row)
        if spent >= most:
            await asyncio.sleep(0)
            spent = 0


async def events_of(driver: Driver, organization_id: int, first: Update, last: Update) -> dict[int, list[Event]]:
    """The raw events of the updates from first to last that are still kept, by revision."""
    given = _EVENTS.arguments(
        organization_id=organization_id, first=first.revision, last=last.revision, first_at=first.at, last_at=last.at
    )
    rows = await driver.fetch(_EVENTS.text, *given)
    found: dict[int, list[Event]] = {}
    async for row in _by_turns(rows, lambda _: 1, _EVENTS_AT_ONCE):
        found.setdefault(row["revision"], []).append(stored_events.read(tuple(row)))
    return found


async def remove_before(driver: Driver, organization_id: int, before: datetime, limit: int) -> int:
    """Removes the updates of that many of an organization's revisions, made before an instant, oldest revision first:
    what is kept has no gap. Returns how many portions they had, which is as many or more.
    """
    given = _REMOVE.arguments(organization_id=organization_id, before=before, limit=limit)
    removed = await driver.execute(_REMOVE.text, *given)
    return statements.rows(removed)


class Newest(NamedTuple):
    """The newest revision of an organization, and how often what is known of its erased users has changed."""

    revision: int
    erasures: int


async def newest(driver: Driver, organization_ids: Collection[int]) -> tuple[str, datetime, dict[int, Newest]]:
    """The epoch, the database's time, and the newest revision of each organization that has one."""
    if driver.is_distributed:  # where that join ends the session, with all others of the coordinator
        (begun,) = await driver.fetch("SELECT epoch::text, clock_timestamp() AS at FROM deployment")
        found = await driver.fetch(_NEWEST_AT_NODES, list(organization_ids))
        return begun["epoch"], begun["at"], {row[0]: Newest(row[1], row[2]) for row in found}
    rows = await driver.fetch(
        "SELECT epoch::text, clock_timestamp() AS at, organization_id, revision, erasures"
        " FROM deployment LEFT JOIN revisions"
        " ON organization_id = ANY($1::integer[])",
        list(organization_ids),
    )
    revisions = {
        row["organization_id"]: Newest(row["revision"], row["erasures"])
        for row in rows
        if row["organization_id"] is not None
    }
    return rows[0]["epoch"], rows[0]["at"], revisions


_NEWEST_AT_NODES = (
    "SELECT organization_id, revision, erasures FROM revisions WHERE organization_id = ANY($1::integer[])"
)
