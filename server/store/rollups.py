"""Deltas and rollups: figures appended by ingest, folded by workers, and read as one."""

import functools
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, starmap
from typing import Any, NamedTuple

import asyncpg
from pyroaring import BitMap

from server import quarters, timerange
from server.catalog import cells, dimensions, slots
from server.catalog.cells import Cell, CellKey, Cells
from server.catalog.selections import AsOf
from server.catalog.slots import Counts, SlotKey
from server.store import appending, binary, packed_histograms, statements
from server.store.database import Driver
from server.store.events import Revision

_DELTA_FIGURES = ("counter_keys", "counter_amounts", "bin_keys", "bin_counts", "set_keys", "sets")
_ROLLUP_FIGURES = ("counter_keys", "counter_amounts", "histogram_keys", "histograms", "set_keys", "sets")

_TAKE = statements.load("take_deltas")
_LOAD, _SAVE = statements.load("read_rollups"), statements.load("save_rollups", "replace_rollups")
_REPLACE = statements.load("replace_rollups")
_STORED = statements.load("read_stored_figures")
_BY_HOUR = statements.load("read_events_by_hour", HOUR=int(quarters.Width.HOUR), TOTAL=dimensions.TOTAL.number)

_LARGEST = 2**63 - 1  # what a column holds; a figure beyond it stays there, and the service goes on


def _within(amount: int) -> int:
    return max(-_LARGEST, min(_LARGEST, amount))


def _vector(amounts: Mapping[int, int]) -> tuple[list[int], list[int]]:
    """Keys and amounts as columns hold them; what adds nothing is left out."""
    if not amounts:
        return [], []
    keys = sorted(amounts)
    values = list(map(amounts.__getitem__, keys))
    if not all(values):
        keys = [key for key, amount in zip(keys, values, strict=True) if amount]
        values = [amount for amount in values if amount]
    if values and (max(values) > _LARGEST or min(values) < -_LARGEST):
        values = [_within(amount) for amount in values]
    return keys, values


def _cell(figures: Sequence[Any]) -> Cell:
    """Returns the cell of a delta's columns, and of a rollup's behind them; one row has either bins or histograms."""
    counter_keys, counter_amounts, bin_keys, bin_counts, set_keys, sets, histogram_keys, histograms = figures
    if histogram_keys:
        bins = packed_histograms.unpack(histogram_keys, histograms)
    else:
        bins = dict(zip(bin_keys, bin_counts, strict=True)) if bin_keys else {}
    return Cell(
        dict(zip(counter_keys, counter_amounts, strict=True)) if counter_keys else {},
        bins,
        dict(zip(set_keys, map(BitMap.deserialize, sets), strict=True)) if set_keys else {},
    )


Encoded = Sequence[tuple[CellKey, bytes]]


def encode(changes: Mapping[CellKey, Cell]) -> Encoded:
    """Figures as they are stored; to be made before the revision is taken, whose row others wait for."""
    return [(key, _packed(cell)) for key, cell in changes.items() if not cell.is_empty()]


def _packed(cell: Cell, *, is_rollup: bool = False) -> bytes:
    """A cell as the values of its columns in COPY's format; what adds nothing is left out."""
    counter_keys, amounts = _vector(cell.counters)
    parts = [_keys(tuple(counter_keys)), binary.bigints(amounts)]
    bin_keys, counts = _vector(cell.bins)
    if not bin_keys:
        parts += [binary.NULL, binary.NULL]
    elif is_rollup:
        measures, histograms = packed_histograms.pack(bin_keys, counts)
        parts += [_keys(tuple(measures)), binary.byteas(histograms)]
    else:
        parts += [binary.integers(bin_keys), binary.bigints(counts)]
    set_keys = sorted([key for key, members in cell.sets.items() if members])
    if set_keys:
        parts += [_keys(tuple(set_keys)), binary.byteas([cell.sets[key].serialize() for key in set_keys])]
    else:
        parts += [binary.NULL, binary.NULL]
    return b"".join(parts)


@functools.lru_cache(maxsize=1024)  # hardly any cells differ in them
def _keys(keys: tuple[int, ...]) -> bytes:
    return binary.integers(keys)


_CELL = struct.Struct("!hiiih")
_DELTA = struct.Struct("!iiihiqiq")


async def append(driver: Driver, changes: Iterable[tuple[int, Revision, Encoded]]) -> None:
    """Appends figures of organizations as deltas: no row is shared, so nobody waits."""
    if driver.is_distributed:
        for one in changes:
            await appending.insert_packed(driver, "deltas", _DELTA_COLUMNS, _deltas(*one))
    else:
        await binary.copy(driver, "deltas_rows", _DELTA_COLUMNS, chain.from_iterable(starmap(_deltas, changes)))


_DELTA_COLUMNS = ("organization_id", "dimension", "value", "bucket", "slot", "revision", "created_at", *_DELTA_FIGURES)


def _deltas(organization_id: int, revision: Revision, changes: Encoded) -> Iterator[bytes]:
    at = binary.timestamp(revision.at)
    return (
        _CELL.pack(len(_DELTA_COLUMNS), 4, organization_id, 2, key.dimension)
        + binary.text(key.value)
        + _DELTA.pack(4, key.bucket, 2, key.slot, 8, revision.number, 8, at)
        + figures
        for key, figures in changes
    )


class RollupKey(NamedTuple):
    """Names a rollup row."""

    dimension: int
    value: str
    granularity: int
    bucket: int


async def lock_fold(driver: Driver, organization_id: int) -> int | None:
    """Locks the organization's fold until COMMIT and returns how far its rollups are widened; None where another
    worker holds it.

    Its COMMIT does not wait for the disk, but for the organization's first one: should it be lost, all of the
    transaction is, and is done again; what commits after it makes it durable.
    """
    locked = (
        "SELECT widened_until, set_config('synchronous_commit', 'off', true) FROM folds WHERE organization_id = $1"
        " FOR UPDATE SKIP LOCKED"
    )
    until: int | None = await driver.fetchval(locked, organization_id)
    if until is None:
        first = (
            "INSERT INTO folds (organization_id, folded_at, folded_deltas) VALUES ($1, now(), 0)"
            " ON CONFLICT DO NOTHING RETURNING widened_until"
        )
        until = await driver.fetchval(first, organization_id)
    return until


async def hold_fold(driver: Driver, organization_id: int) -> int:
    """Keeps an organization from being folded or widened until COMMIT, once whoever does so has committed; returns how
    far its rollups are widened.
    """
    await driver.execute(
        "INSERT INTO folds (organization_id, folded_at, folded_deltas) VALUES ($1, now(), 0) ON CONFLICT DO NOTHING",
        organization_id,
    )
    until: int = await driver.fetchval(
        "SELECT widened_until FROM folds WHERE organization_id = $1 FOR UPDATE", organization_id
    )
    return until


class DeltaKey(NamedTuple):
    """Names a delta."""

    dimension: int
    value: str
    bucket: int
    revision: int
    slot: int


async def delta_sets(driver: Driver, organization_id: int, keys: Sequence[CellKey]) -> dict[DeltaKey, Cell]:
    """Returns the deltas of some cells that have sets, with nothing but those."""
    rows = await driver.fetch(
        "SELECT d.dimension, d.value, d.bucket, d.revision, d.slot, d.set_keys, d.sets"
        " FROM unnest($2::smallint[], $3::text[], $4::integer[]) AS k(dimension, value, bucket)"
        " CROSS JOIN LATERAL (SELECT * FROM deltas WHERE organization_id = $1 AND dimension = k.dimension"
        " AND value = k.value AND bucket = k.bucket AND set_keys IS NOT NULL OFFSET 0) AS d",
        organization_id,
        [key.dimension for key in keys],
        [key.value for key in keys],
        [key.bucket for key in keys],
    )
    return {
        DeltaKey(*row[:5]): Cell(sets=dict(zip(row[5], map(BitMap.deserialize, row[6]), strict=True)))
        for row in map(tuple, rows)
    }


async def save_delta_sets(driver: Driver, organization_id: int, deltas: Mapping[DeltaKey, Cell]) -> None:
    """Stores the sets of deltas in place of those that they have."""
    for key, cell in sorted(deltas.items()):
        sets = {one: members for one, members in sorted(cell.sets.items()) if members}
        await driver.execute(
            "UPDATE deltas SET set_keys = $7, sets = $8 WHERE organization_id = $1 AND dimension = $2 AND value = $3"
            " AND bucket = $4 AND revision = $5 AND slot = $6",
            organization_id,
            *key,
            list(sets) or None,
            [members.serialize() for members in sets.values()] or None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Deltas that were deleted: how many, and what they add up to, by quarter hour and by slot."""

    deltas: int
    cells: Cells
    slots: dict[SlotKey, Counts]


async def take_deltas(driver: Driver, organization_id: int, limit: int) -> Taken:
    """Deletes up to that many of the organization's deltas, in the order of their cells, and returns them."""
    given = _TAKE.arguments(organization_id=organization_id, limit=limit)
    rows = await driver.fetch(_TAKE.text, *given)
    found: Cells = {}
    recent: dict[SlotKey, Counts] = {}
    for row in rows:
        cell, slot = _cell(row[3:11]), row[11]
        if slot != slots.WHOLE and not (counts := slots.counts_of(cell)).is_empty:
            key = SlotKey(row[0], row[1], slots.slot_of(row[2], slot))
            recent.setdefault(key, Counts()).add(counts)
        _put(found, CellKey(row[0], row[1], row[2]), cell)
    return Taken(deltas=len(rows), slots=recent, cells=found)


def _put(found: Cells, key: CellKey, cell: Cell) -> None:
    """Adds a cell that nobody else has to others."""
    first = found.setdefault(key, cell)
    if first is not cell:
        first.add(cell)


async def load(driver: Driver, organization_id: int, keys: Sequence[RollupKey]) -> dict[RollupKey, Cell]:
    """The rollup rows of those keys that there are."""
    given = _LOAD.arguments(
        organization_id=organization_id,
        dimensions=[key.dimension for key in keys],
        names=[key.value for key in keys],
        widths=[key.granularity for key in keys],
        buckets=[key.bucket for key in keys],
    )
    rows = await driver.fetch(_LOAD.text, *given)
    return {
        RollupKey(dimension=row[0], value=row[1], granularity=row[2], bucket=row[3]): _cell(row[4:]) for row in rows
    }


_ROLLUP_COLUMNS = ("organization_id", "dimension", "value", "granularity", "bucket", *_ROLLUP_FIGURES)
_ROLLUP = struct.Struct("!ihii")


def _rows(organization_id: int, rollups: Mapping[RollupKey, Cell]) -> Iterator[bytes]:
    for key, cell in rollups.items():
        yield _CELL.pack(len(_ROLLUP_COLUMNS), 4, organization_id, 2, key.dimension)
        yield binary.text(key.value)
        yield _ROLLUP.pack(2, key.granularity, 4, key.bucket)
        if key.granularity > quarters.Width.QUARTER:
            for members in cell.sets.values():  # numbers are dense: over long times they are runs, of a few bytes
                members.run_optimize()
        yield _packed(cell, is_rollup=True)


async def save(driver: Driver, organization_id: int, rollups: Mapping[RollupKey, Cell]) -> None:
    """Writes rollup rows, in place of those that were there."""
    rows = _rows(organization_id, rollups)
    if driver.is_distributed:
        await appending.insert_packed(driver, "rollups", _ROLLUP_COLUMNS, rows, replace=_REPLACE.text)
        return
    # With defaults: a later release may have added columns that have one and must not be NULL.
    await driver.execute(
        "CREATE TEMPORARY TABLE IF NOT EXISTS rollup_stage (LIKE rollups INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
    )
    await binary.copy(driver, "rollup_stage", _ROLLUP_COLUMNS, rows)
    await driver.execute(_SAVE.text)


async def note_fold(driver: Driver, organization_id: int, deltas: int) -> datetime:
    """Records that deltas were folded, and returns when."""
    at: datetime = await driver.fetchval(
        "UPDATE folds SET folded_at = statement_timestamp(), folded_deltas = folded_deltas + $2"
        " WHERE organization_id = $1 RETURNING folded_at",
        organization_id,
        deltas,
    )
    return at


async def unfolded(driver: Driver, only: Sequence[int] | None = None) -> list[int]:
    """The organizations that have deltas, found by hopping through the index; of all, or of some of a node alone."""
    if not driver.is_distributed:
        rows = await driver.fetch(_UNFOLDED)
    else:  # nodes take no hops over organizations, and each of the tables would be looked for on every node by itself
        some, told = statements.among(only, "r.organization_id = ANY($1::integer[])")
        of_them, _ = statements.among(only, "d.organization_id = ANY($1)")
        rows = await driver.fetch(
            "SELECT organization_id AS id FROM revisions AS r WHERE EXISTS (SELECT FROM deltas AS d"  # noqa: S608
            f" WHERE d.organization_id = r.organization_id{of_them}){some} ORDER BY organization_id",
            *told,
        )
    return [row["id"] for row in rows]


_UNFOLDED = (
    "WITH RECURSIVE hop AS (SELECT min(organization_id) AS id FROM deltas UNION ALL"
    " SELECT (SELECT min(organization_id) FROM deltas WHERE organization_id > hop.id) FROM hop"
    " WHERE hop.id IS NOT NULL) SELECT id FROM hop WHERE id IS NOT NULL"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What has not been folded yet."""

    deltas: int
    organizations: int
    oldest: datetime | None


async def backlog(driver: Driver) -> Backlog:
    """How much has not been folded yet, and since when."""
    (row,) = await driver.fetch(
        "SELECT count(*) AS deltas, count(DISTINCT organization_id) AS organizations, min(created_at) AS oldest"
        " FROM deltas"
    )
    return Backlog(deltas=row["deltas"], organizations=row["organizations"], oldest=row["oldest"])


async def events_by_hour(driver: Driver, organization_id: int, events_key: int) -> dict[int, int]:
    """How many events occurred in each hour that has any, by its first quarter hour, in order."""
    given = _BY_HOUR.arguments(organization_id=organization_id, counter=events_key)
    rows = await driver.fetch(_BY_HOUR.text, *given)
    return {row[0]: int(row[1]) for row in rows}


async def stored_between(
    driver: Driver, organization_id: int, granularity: quarters.Width, span: timerange.Span
) -> Cells:
    """What questions find of one width over a span that is whole in it, by cell, for the audit."""
    given = _STORED.arguments(organization_id=organization_id, width=int(granularity), first=span.start, last=span.end)
    rows = await driver.fetch(_STORED.text, *given)
    return read(rows, granularity)


def merge(items: Iterable[tuple[CellKey, Cell]]) -> Cells:
    """The cells added up by their keys; they stay as they are."""
    merged: Cells = {}
    for key, cell in items:
        cells.cell(merged, key).add(cell)
    return merged


def read(rows: Iterable[asyncpg.Record], granularity: quarters.Width = quarters.Width.QUARTER) -> Cells:
    """Rows of dimension, value, bucket and figures as cells of a width."""
    found: Cells = {}
    for row in rows:
        _put(found, CellKey(row[0], row[1], granularity.floor(row[2])), _cell(row[3:11]))
    return found


async def as_of(driver: Driver, organization_id: int) -> AsOf:
    """The epoch, the revision and the time of a snapshot."""
    (row,) = await driver.fetch(
        "SELECT clock_timestamp() AS at, epoch::text, coalesce((SELECT revision FROM revisions"
        " WHERE organization_id = $1), 0) AS revision FROM deployment WHERE only_row",
        organization_id,
    )
    return AsOf(epoch=row["epoch"], revision=row["revision"], at=row["at"])
