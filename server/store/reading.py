"""The one statement that answers questions: figures of rollups and unfolded deltas, and the revision they belong to."""

import collections
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import asyncpg
from pyroaring import BitMap

from server import cells, timerange
from server.cells import Cell
from server.store.database import Driver
from server.store.members import Kind
from server.store.rollups import AsOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to read of each cell: counters by their keys, histograms and sets by the numbers of their measures."""

    counters: Sequence[int]
    histograms: Sequence[int] = ()
    sets: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What one cell of an answer is made of: a value of a dimension over a span. point is the caller's name for it."""

    point: int
    dimension: cells.Dimension
    value: str
    span: timerange.Span
    bins: bool = True  # False where the cell's histograms are not wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class EachType:
    """Asks for one counter of every event type over a span, of at most that many types, the first in order."""

    counter: int
    span: timerange.Span
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read, all of it as of one revision. types is the counter of each event type that has any."""

    as_of: AsOf
    points: Mapping[int, Cell]
    types: Mapping[str, int]


_COUNTERS, _BINS, _SET, _TYPE, _AS_OF = range(5)  # what a row of the statement holds
_LARGEST = 2**63 - 1  # as in rollups: a sum beyond it stays there

# Granularity 0 stands for deltas. Where rollups are not widened yet, hours and quarter hours take the place of wider
# ones. OFFSET 0 keeps the planner from turning the lookups round: one range of a primary key per segment is right
# whatever the statistics say, and after a burst of ingest they say nothing.
_SEGMENTS = """
    unnest($2::integer[], $3::smallint[], $4::text[], $5::smallint[], $6::integer[], $7::integer[], $8::boolean[])
        AS s(point, dimension, value, granularity, first, last, bins)
"""
_ROWS = """
    CROSS JOIN (SELECT coalesce((SELECT widened_until FROM folds WHERE organization_id = $1), 0) AS until OFFSET 0) AS w
    CROSS JOIN LATERAL (
        (SELECT {columns} FROM rollups WHERE s.granularity > 0 AND organization_id = $1 AND dimension = s.dimension
         AND value = s.value AND granularity = s.granularity AND bucket >= s.first
         AND bucket < CASE WHEN s.granularity > 1 THEN least(s.last, {whole_until}) ELSE s.last END OFFSET 0)
        UNION ALL
        (SELECT {columns} FROM rollups WHERE s.granularity > {hour} AND s.last > {whole_until}
         AND organization_id = $1 AND dimension = s.dimension AND value = s.value AND granularity = {hour}
         AND bucket >= greatest(s.first, {whole_until}) AND bucket < least(s.last, w.until) OFFSET 0)
        UNION ALL
        (SELECT {columns} FROM rollups WHERE s.granularity > 1 AND s.last > w.until
         AND organization_id = $1 AND dimension = s.dimension AND value = s.value AND granularity = 1
         AND bucket >= greatest(s.first, w.until) AND bucket < s.last OFFSET 0)
        UNION ALL
        (SELECT {columns} FROM deltas WHERE s.granularity = 0 AND organization_id = $1 AND dimension = s.dimension
         AND value = s.value AND bucket >= s.first AND bucket < s.last OFFSET 0)
    ) AS r
"""
_WHOLE_UNTIL = "w.until - w.until % greatest(s.granularity, 1)"


def _rows(columns: str) -> str:
    return _ROWS.format(columns=columns, whole_until=_WHOLE_UNTIL, hour=int(cells.Granularity.HOUR))


def _sum(amount: str) -> str:
    return (
        f"CASE WHEN sum({amount}) IS NOT NULL THEN greatest(least(sum({amount}), {_LARGEST}), -{_LARGEST})::bigint END"
    )


def _counter(position: int) -> str:
    """Finding a counter by its key costs a quarter of unnesting them all."""
    return _sum(f"r.counter_amounts[array_position(r.counter_keys, ($9::integer[])[{position}])]")


_READ = """
    SELECT {counters_kind} AS kind, s.point, NULL::integer AS key, NULL::text AS name, NULL::integer[] AS keys,
           ARRAY[{sums}]::bigint[] AS amounts, NULL::bytea AS members, NULL::timestamptz AS at
    FROM {segments} {counters} GROUP BY s.point
    UNION ALL
    SELECT {bins_kind}, point, NULL, NULL, array_agg(key), array_agg(amount), NULL, NULL
    FROM (
        SELECT point, key, {bin_sum} AS amount
        FROM (SELECT s.point, unnest(r.bin_keys) AS key, unnest(r.bin_counts) AS count FROM {segments} {bins}
              WHERE s.bins AND cardinality($10::integer[]) > 0) AS b
        WHERE key / {key_span} = ANY($10) GROUP BY point, key
    ) AS b GROUP BY point
    UNION ALL
    SELECT {set_kind}, point, key, NULL, NULL, NULL, members, NULL
    FROM (SELECT s.point, unnest(r.set_keys) AS key, unnest(r.sets) AS members FROM {segments} {sets}
          WHERE cardinality($11::integer[]) > 0) AS m
    WHERE key = ANY($11)
    UNION ALL {types}
    SELECT {as_of_kind}, NULL, NULL, NULL, NULL,
           ARRAY[coalesce((SELECT revision FROM revisions WHERE organization_id = $1), 0)], NULL, clock_timestamp()
"""
_TYPES = """
    SELECT {type_kind}, NULL, NULL, s.value, NULL, ARRAY[{sum}], NULL, NULL
    FROM (
        SELECT {dimension} AS dimension, m.external_id AS value, w.granularity, w.first, w.last
        FROM (SELECT external_id FROM members WHERE organization_id = $1 AND kind = {member} AND NOT overflow
              ORDER BY external_id LIMIT $12) AS m
        CROSS JOIN unnest($13::smallint[], $14::integer[], $15::integer[]) AS w(granularity, first, last)
    ) AS s {rows} GROUP BY s.value
    UNION ALL
"""


@functools.cache
def _statement(counters: int, *, with_types: bool) -> str:
    """The text depends on the number of counters alone, so that connections keep few prepared statements."""
    types = _TYPES.format(
        type_kind=_TYPE,
        sum=_sum("r.counter_amounts[array_position(r.counter_keys, $16)]"),
        dimension=int(cells.Dimension.EVENT_TYPE),
        member=int(Kind.EVENT_TYPE),
        rows=_rows("counter_keys, counter_amounts"),
    )
    return _READ.format(
        counters_kind=_COUNTERS,
        bins_kind=_BINS,
        set_kind=_SET,
        as_of_kind=_AS_OF,
        sums=", ".join(_counter(position) for position in range(1, counters + 1)),
        bin_sum=_sum("count"),
        key_span=cells.KEY_SPAN,
        segments=_SEGMENTS,
        counters=_rows("counter_keys, counter_amounts"),
        bins=_rows("bin_keys, bin_counts"),
        sets=_rows("set_keys, sets"),
        types=types if with_types else "",
    )


async def read(
    driver: Driver,
    organization_id: int,
    selections: Sequence[Selection],
    wanted: Wanted,
    each_type: EachType | None = None,
) -> Reading:
    """The figures of each selection, by its point, in one statement, which sees one instant."""
    rows = await driver.fetch(
        _statement(len(wanted.counters), with_types=each_type is not None),
        organization_id,
        *_columns([row for one in selections for row in _segments(one)], 7),
        list(wanted.counters),
        list(wanted.histograms),
        list(wanted.sets),
        *(() if each_type is None else _type_arguments(each_type)),
    )
    found: tuple[list[asyncpg.Record], ...] = ([], [], [], [], [])
    for row in rows:
        found[row["kind"]].append(row)
    (instant,) = found[_AS_OF]
    return Reading(
        as_of=AsOf(revision=instant["amounts"][0], at=instant["at"]),
        points=_points(selections, wanted, found),
        types={row["name"]: row["amounts"][0] for row in found[_TYPE] if row["amounts"][0] is not None},
    )


def _points(
    selections: Sequence[Selection], wanted: Wanted, found: Sequence[Sequence[asyncpg.Record]]
) -> dict[int, Cell]:
    points = {one.point: Cell() for one in selections}
    for row in found[_COUNTERS]:
        summed = zip(wanted.counters, row["amounts"], strict=True)
        points[row["point"]].counters = {key: amount for key, amount in summed if amount is not None}
    for row in found[_BINS]:
        points[row["point"]].bins = dict(zip(row["keys"], row["amounts"], strict=True))
    sets: dict[tuple[int, int], list[BitMap]] = collections.defaultdict(list)
    for row in found[_SET]:
        sets[row["point"], row["key"]].append(BitMap.deserialize(row["members"]))
    for (point, key), some in sets.items():
        points[point].sets[key] = BitMap.union(*some)
    return points


def _widths(span: timerange.Span) -> Iterator[tuple[int, int, int]]:
    """Where a span's figures are: rollups of each segment, and deltas of all of it."""
    yield from timerange.segments(span)
    yield 0, span.start, span.end


def _segments(one: Selection) -> Iterator[tuple[object, ...]]:
    for granularity, first, last in _widths(one.span):
        yield one.point, int(one.dimension), one.value, granularity, first, last, one.bins


def _type_arguments(asked: EachType) -> tuple[object, ...]:
    return (asked.limit, *_columns(list(_widths(asked.span)), 3), asked.counter)


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
