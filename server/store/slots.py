"""Folded figures of the last hour by slot, and what they come to with the deltas that are not folded yet."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg

from server import timerange
from server.catalog import slots
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.slots import Counts, Slot, SlotKey
from server.store import binary, statements
from server.store.database import Driver

_CONSTANTS = {
    "FINE": slots.FINE,
    "MINUTE": slots.MINUTE,
    "FINE_PER_MINUTE": slots.FINE_PER_MINUTE,
    "FINE_PER_QUARTER": slots.FINE_PER_QUARTER,
    "MINUTES_PER_QUARTER": slots.MINUTES_PER_QUARTER,
    "WHOLE": slots.WHOLE,
    "FIRST_MINUTE": slots.FIRST_MINUTE,
    "FIRST_FINE": slots.FIRST_FINE,
    "RECEIVED": slots.RECEIVED,
    "SENT": slots.SENT,
    "FAILED": slots.FAILED,
    "RESPONSES": slots.RESPONSES,
    "RESPONSE_TIME": slots.RESPONSE_TIME,
    "FIRST_BIN": slots.FIRST_BIN,
    "LAST_BIN": slots.LAST_BIN,
}
# By whether tables are distributed.
_ADD = {False: statements.load("add_slots", "add_up_slots"), True: statements.load("add_slots", "add_up_slots_at_node")}
_MERGE = statements.load("add_merged_slots", "merge_slots", "add_up_slots", **_CONSTANTS)
_MERGED = statements.load("merge_slots", **_CONSTANTS)  # nodes take no INSERT of it
_REMOVE_MERGED = statements.load("remove_merged_slots", **_CONSTANTS)
_READ_ONE = statements.load("read_slots", "read_slots_of_one", **_CONSTANTS)
_READ_MANY = statements.load("read_slots", "read_slots_of_many", **_CONSTANTS)


async def add(driver: Driver, organization_id: int, added: Mapping[SlotKey, Counts]) -> None:
    """Adds to the figures of slots. Only who holds the organization's fold may do so."""
    keys = sorted(added)
    counts = [added[key] for key in keys]
    statement = _ADD[driver.is_distributed]
    values = statement.arguments(
        organization_id=organization_id,
        dimensions=[key.dimension for key in keys],
        names=[key.value for key in keys],
        seconds=[key.slot.seconds for key in keys],
        slots=[key.slot.number for key in keys],
        messages=[one.messages for one in counts],
        sent=[one.sent for one in counts],
        failed=[one.failed for one in counts],
        responses=[one.responses for one in counts],
        response_times=[one.response_time for one in counts],
        bin_keys=[_array(one.bins.keys()) for one in counts],
        bin_counts=[_array(one.bins.values()) for one in counts],
    )
    await driver.execute(statement.text, *values)


def _array(numbers: Collection[int]) -> str:
    """The text of an array: those of rows differ in length, and arrays of arrays must not."""
    return f"{{{','.join(map(str, numbers))}}}"


async def merge(driver: Driver, organization_id: int, values: Collection[tuple[int, str]], before: int) -> None:
    """Makes minutes of the fine slots of some values before a minute. Only who holds the organization's fold may."""
    dimensions, names = zip(*values, strict=True)
    which = {"organization_id": organization_id, "dimensions": dimensions, "names": names, "before": before}
    if driver.is_distributed:
        merged = await driver.fetch(_MERGED.text, *_MERGED.arguments(**which))
        if merged:
            await add(driver, organization_id, dict(map(_merged, merged)))
    else:
        await driver.execute(_MERGE.text, *_MERGE.arguments(**which))
    await driver.execute(_REMOVE_MERGED.text, *_REMOVE_MERGED.arguments(**which))


def _merged(row: asyncpg.Record) -> tuple[SlotKey, Counts]:
    key = SlotKey(row["dimension"], row["value"], Slot(row["seconds"], row["slot"]))
    bins = dict(zip(row["bin_keys"], row["bin_counts"], strict=True))
    numbers = (row["messages"], row["sent"], row["failed"], row["responses"], row["response_time"])
    return key, Counts(*numbers, bins)


async def read(
    driver: Driver,
    organization_id: int,
    dimension: Dimension,
    values: Sequence[str],
    *,
    since: int,
    fine_since: int,
) -> dict[Slot, Counts]:
    """What happened in each slot from a minute on to some values of a dimension together: by five seconds from another
    minute on, by minute before that. Minutes are counted since 1970. One statement, which reads aggregates alone.
    """
    chosen = _READ_ONE if len(values) == 1 else _READ_MANY
    given = chosen.arguments(
        organization_id=organization_id,
        dimension=dimension.number,
        names=list(values),
        since=since,
        fine_since=fine_since,
    )
    rows = await driver.fetch(chosen.text, *given)
    return _counts(rows)


def _counts(rows: Sequence[asyncpg.Record]) -> dict[Slot, Counts]:
    found: dict[Slot, Counts] = {}
    for seconds, number, *numbers, bin_keys, bin_counts in rows:
        messages, sent, failed, responses, response_time = (one or 0 for one in numbers)
        counts = Counts(messages, sent, failed, responses, response_time)
        if bin_keys is not None:
            counts.bins = dict(zip(binary.integers_of(bin_keys), binary.bigints_of(bin_counts), strict=True))
        first = found.setdefault(Slot(seconds, number), counts)
        if first is not counts:
            first.add(counts)
    return found


async def by_minute(driver: Driver, organization_id: int, since: int) -> dict[SlotKey, Counts]:
    """Returns what happened in each minute from one on to every value of every dimension, folded or not."""
    found: dict[SlotKey, Counts] = {}

    def add(dimension: int, value: str, slot: Slot, counts: Counts) -> None:
        if slot.minute >= since and not counts.is_empty:
            found.setdefault(SlotKey(dimension, value, Slot(slots.MINUTE, slot.minute)), Counts()).add(counts)

    for dimension, value, seconds, slot, messages, sent, failed, responses, time, *bins in await driver.fetch(
        "SELECT dimension, value, seconds, slot, messages, sent, failed, responses, response_time, bin_keys, bin_counts"
        " FROM slot_rollups WHERE organization_id = $1",
        organization_id,
    ):
        counts = Counts(messages, sent, failed, responses, time, dict(zip(*bins, strict=True)))
        add(dimension, value, Slot(seconds, slot), counts)
    for dimension, value, bucket, place, keys, amounts, bin_keys, bin_counts in await driver.fetch(
        "SELECT dimension, value, bucket, slot, counter_keys, counter_amounts, bin_keys, bin_counts FROM deltas"
        " WHERE organization_id = $1 AND bucket >= $2 AND slot > 0",
        organization_id,
        since // slots.MINUTES_PER_QUARTER,
    ):
        in_bins = dict(zip(bin_keys or (), bin_counts or (), strict=True))
        cell = Cell(dict(zip(keys, amounts, strict=True)), in_bins)
        add(dimension, value, slots.slot_of(bucket, place), slots.counts_of(cell))
    return found


async def remove_before(driver: Driver, before: datetime, limit: int) -> int:
    """Removes that many slots that are over before an instant, of any organization. Returns how many there were."""
    seconds = int((before - timerange.EPOCH).total_seconds())
    if driver.is_distributed:
        return await _remove_at_nodes(driver, seconds, limit)
    removed = await driver.execute(
        "DELETE FROM slot_rollups WHERE ctid = ANY(ARRAY(SELECT ctid FROM slot_rollups"
        " WHERE (slot + 1) * seconds::bigint <= $1 LIMIT $2))",
        seconds,
        limit,
    )
    return statements.rows(removed)


async def _remove_at_nodes(driver: Driver, seconds: int, limit: int) -> int:
    """Does so one organization after the other: places of rows say something within a node alone."""
    over = "(slot + 1) * seconds::bigint <="
    some = await driver.fetch(f"SELECT DISTINCT organization_id FROM slot_rollups WHERE {over} $1", seconds)  # noqa: S608
    removed = 0
    for (organization_id,) in some:
        if removed < limit:
            status = await driver.execute(
                "DELETE FROM slot_rollups WHERE organization_id = $1 AND ctid = ANY(ARRAY("  # noqa: S608 - our own
                f"SELECT ctid FROM slot_rollups WHERE organization_id = $1 AND {over} $2 LIMIT $3))",
                organization_id,
                seconds,
                limit - removed,
            )
            removed += statements.rows(status)
    return removed
