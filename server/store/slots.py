"""Folded figures of the last hour by slot, and what they come to with the deltas that are not folded yet."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg
import sqlalchemy as sa

from server import timerange
from server.catalog import cells, slots
from server.catalog.slots import Counts, Slot, SlotKey
from server.store import binary
from server.store.database import Connection, Driver

_COLUMNS = "dimension, value, seconds, slot, messages, sent, failed, responses, response_time, bin_keys, bin_counts"
_NUMBERS = ("messages", "sent", "failed", "responses", "response_time")
_SUMS = ", ".join(f"sum({name})::bigint AS {name}" for name in _NUMBERS)
# Puts rows in place of those that were there, r, added up.
_ADD_UP = f"""
    ON CONFLICT (organization_id, dimension, value, seconds, slot) DO UPDATE SET
        {", ".join(f"{name} = r.{name} + excluded.{name}" for name in _NUMBERS)},
        (bin_keys, bin_counts) = (
            SELECT coalesce(array_agg(key), '{{}}'), coalesce(array_agg(count), '{{}}') FROM (
                SELECT key, sum(count)::bigint AS count
                FROM unnest(r.bin_keys || excluded.bin_keys, r.bin_counts || excluded.bin_counts) AS b(key, count)
                GROUP BY key
            ) AS b
        )
"""  # noqa: S608 - constants of this file
_ADD = f"""
    INSERT INTO slot_rollups AS r (organization_id, {_COLUMNS})
    SELECT $1, dimension, value, seconds, slot, messages, sent, failed, responses, response_time,
        bin_keys::integer[], bin_counts::bigint[]
    FROM unnest($2::smallint[], $3::text[], $4::smallint[], $5::integer[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::bigint[], $10::bigint[], $11::text[], $12::text[]) AS a({_COLUMNS})
    {_ADD_UP}
"""  # noqa: S608 - constants of this file


async def add(driver: Driver, organization_id: int, added: Mapping[SlotKey, Counts]) -> None:
    """Adds to the figures of slots. Only who holds the organization's fold may do so."""
    rows = [
        (
            key.dimension,
            key.value,
            *key.slot,
            counts.messages,
            counts.sent,
            counts.failed,
            counts.responses,
            counts.response_time,
            _array(counts.bins.keys()),
            _array(counts.bins.values()),
        )
        for key, counts in sorted(added.items(), key=lambda item: item[0])
    ]
    await driver.execute(_ADD, organization_id, *map(list, zip(*rows, strict=True)))


def _array(numbers: Collection[int]) -> str:
    """The text of an array: those of rows differ in length, and arrays of arrays must not."""
    return f"{{{','.join(map(str, numbers))}}}"


_MERGE = f"""
    WITH old AS (
        DELETE FROM slot_rollups WHERE organization_id = $1 AND ctid = ANY(ARRAY(
            SELECT r.ctid FROM unnest($2::smallint[], $3::text[]) AS v(dimension, value)
            CROSS JOIN LATERAL (SELECT ctid FROM slot_rollups WHERE organization_id = $1 AND dimension = v.dimension
                AND value = v.value AND seconds = {slots.FINE} AND slot < $4 OFFSET 0) AS r
        )) RETURNING dimension, value, slot / {slots.FINE_PER_MINUTE} AS slot, {", ".join(_NUMBERS)}, bin_keys,
            bin_counts
    ), summed AS (
        SELECT dimension, value, slot, {_SUMS} FROM old GROUP BY dimension, value, slot
    ), binned AS (
        SELECT dimension, value, slot, array_agg(key) AS bin_keys, array_agg(count) AS bin_counts FROM (
            SELECT dimension, value, slot, key, sum(count)::bigint AS count
            FROM old CROSS JOIN unnest(bin_keys, bin_counts) AS b(key, count) GROUP BY dimension, value, slot, key
        ) AS b GROUP BY dimension, value, slot
    )
    INSERT INTO slot_rollups AS r (organization_id, {_COLUMNS})
    SELECT $1, dimension, value, {slots.MINUTE}, slot, messages, sent, failed, responses, response_time,
        coalesce(bin_keys, '{{}}'), coalesce(bin_counts, '{{}}')
    FROM summed LEFT JOIN binned USING (dimension, value, slot)
    {_ADD_UP}
"""  # noqa: S608 - constants of this file


async def merge(driver: Driver, organization_id: int, values: Collection[tuple[int, str]], before: int) -> None:
    """Makes minutes of the fine slots of some values before a minute. Only who holds the organization's fold may."""
    dimensions, names = zip(*values, strict=True)
    await driver.execute(_MERGE, organization_id, dimensions, names, before * slots.FINE_PER_MINUTE)


# What is wanted of deltas, by its place among the parameters: keys of counters.
_KEYS = {"received": 6, "sent": 7, "failed": 8, "responses": 9, "response_time": 10}


def _counter(name: str) -> str:
    return f"coalesce(counter_amounts[array_position(counter_keys, ${_KEYS[name]})], 0)"


# The first slot of those that are distinguished by five seconds is $11; before it, minutes are made of them.
_FOLDED = f"""
    SELECT CASE WHEN seconds = {slots.FINE} AND slot < $11 THEN {slots.MINUTE} ELSE seconds END AS seconds,
        CASE WHEN seconds = {slots.FINE} AND slot < $11 THEN slot / {slots.FINE_PER_MINUTE} ELSE slot END AS slot,
        {", ".join(_NUMBERS)}, bin_keys, bin_counts
    FROM unnest($3::text[]) AS v(value) CROSS JOIN LATERAL (
        (SELECT * FROM slot_rollups WHERE organization_id = $1 AND dimension = $2 AND value = v.value
            AND seconds = {slots.FINE} AND slot >= $4 * {slots.FINE_PER_MINUTE} OFFSET 0)
        UNION ALL
        (SELECT * FROM slot_rollups WHERE organization_id = $1 AND dimension = $2 AND value = v.value
            AND seconds = {slots.MINUTE} AND slot >= $4 OFFSET 0)
    ) AS r
"""  # noqa: S608 - constants of this file
_FINE = f"slot >= {slots.FIRST_FINE}"
_UNFOLDED = f"""
    SELECT CASE WHEN {_FINE} AND at >= $11 THEN {slots.FINE} ELSE {slots.MINUTE} END AS seconds,
        CASE WHEN {_FINE} AND at >= $11 THEN at WHEN {_FINE} THEN at / {slots.FINE_PER_MINUTE}
            ELSE bucket * {slots.MINUTES_PER_QUARTER} + slot - {slots.FIRST_MINUTE} END AS slot,
        {_counter("received")} + {_counter("sent")} AS messages, {_counter("sent")} AS sent,
        {_counter("failed")} AS failed, {_counter("responses")} AS responses,
        {_counter("response_time")} AS response_time, bin_keys, bin_counts
    FROM unnest($3::text[]) AS v(value) CROSS JOIN LATERAL (
        SELECT *, bucket * {slots.FINE_PER_QUARTER} + slot - {slots.FIRST_FINE} AS at FROM deltas
        WHERE organization_id = $1 AND dimension = $2 AND value = v.value AND bucket >= $5 AND slot > 0 OFFSET 0
    ) AS r
"""  # noqa: S608 - constants of this file


def _added_up(rows: str, first_key: int, last_key: int) -> str:
    """Rows added up by slot: their numbers, and their bins of a range of keys, as numbers from its first one on."""
    return f"""
        SELECT seconds, slot, {_SUMS}, NULL::bytea AS bin_keys, NULL::bytea AS bin_counts
        FROM {rows} GROUP BY seconds, slot
        UNION ALL
        SELECT seconds, slot, NULL, NULL, NULL, NULL, NULL, array_send(array_agg(key - {first_key})),
            array_send(array_agg(count))
        FROM (
            SELECT seconds, slot, key, sum(count)::bigint AS count
            FROM {rows} CROSS JOIN unnest(bin_keys, bin_counts) AS b(key, count)
            WHERE key BETWEEN {first_key} AND {last_key} GROUP BY seconds, slot, key
        ) AS b GROUP BY seconds, slot
    """  # noqa: S608 - constants of this file


_BINS = slots.LAST_BIN - slots.FIRST_BIN
_OF_DELTAS = _added_up("unfolded", slots.FIRST_BIN, slots.LAST_BIN)
# Of one value there are few rows that are folded, and to add up what hardly any other row has would take most of the
# time.
_READ_ONE = f"""
    WITH unfolded AS MATERIALIZED ({_UNFOLDED}) {_OF_DELTAS} UNION ALL
    SELECT seconds, slot, {", ".join(_NUMBERS)}, array_send(bin_keys), array_send(bin_counts) FROM ({_FOLDED}) AS f
"""  # noqa: S608 - constants of this file
_READ_MANY = f"""
    WITH unfolded AS MATERIALIZED ({_UNFOLDED}), folded AS MATERIALIZED ({_FOLDED}) {_OF_DELTAS} UNION ALL
    {_added_up("folded", 0, _BINS)}
"""


async def read(
    driver: Driver,
    organization_id: int,
    dimension: cells.Dimension,
    values: Sequence[str],
    *,
    since: int,
    fine_since: int,
) -> dict[Slot, Counts]:
    """What happened in each slot from a minute on to some values of a dimension together: by five seconds from another
    minute on, by minute before that. Minutes are counted since 1970. One statement, which reads aggregates alone.
    """
    rows = await driver.fetch(
        _READ_ONE if len(values) == 1 else _READ_MANY,
        organization_id,
        int(dimension),
        list(values),
        since,
        since // slots.MINUTES_PER_QUARTER,
        slots.RECEIVED,
        slots.SENT,
        slots.FAILED,
        slots.RESPONSES,
        slots.RESPONSE_TIME,
        fine_since * slots.FINE_PER_MINUTE,
    )
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


async def remove_before(connection: Connection, before: datetime, limit: int) -> int:
    """Removes that many slots that are over before an instant, of any organization. Returns how many there were."""
    seconds = int((before - timerange.EPOCH).total_seconds())
    removed = await connection.execute(
        sa.text(
            "DELETE FROM slot_rollups WHERE ctid = ANY(ARRAY(SELECT ctid FROM slot_rollups"
            " WHERE (slot + 1) * seconds::bigint <= :seconds LIMIT :limit))"
        ),
        {"seconds": seconds, "limit": limit},
    )
    return removed.rowcount
