"""The one statement that answers questions: figures of rollups and unfolded deltas, and the revision they belong to."""

import collections
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


# What a row of the statement holds: figures of one rollup, of deltas added up (counters and bins), the sets of one
# delta, the counter of an event type, or the instant.
_ROLLUP, _COUNTERS, _BINS, _SETS, _TYPE, _AS_OF = range(6)
_LARGEST = 2**63 - 1  # as in rollups: a sum beyond it stays there

# Granularity 0 stands for deltas. Where rollups are not widened yet, hours and quarter hours take the place of wider
# ones. OFFSET 0 keeps the planner from turning the lookups round: one range of a primary key per segment is right
# whatever the statistics say, and after a burst of ingest they say nothing.
_SEGMENTS = """
    unnest($2::integer[], $3::smallint[], $4::text[], $5::smallint[], $6::integer[], $7::integer[], $8::boolean[])
        AS s(point, dimension, value, granularity, first, last, bins)
"""
_WIDENED = """
    (SELECT coalesce((SELECT widened_until FROM folds WHERE organization_id = $1), 0) AS until OFFSET 0) AS w
"""
_ROLLUPS = """
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
"""
_DELTAS = """
    (SELECT {columns} FROM deltas WHERE s.granularity = 0 AND organization_id = $1 AND dimension = s.dimension
     AND value = s.value AND bucket >= s.first AND bucket < s.last OFFSET 0)
"""
_WHOLE_UNTIL = "w.until - w.until % greatest(s.granularity, 1)"


def _rollups(columns: str) -> str:
    return _ROLLUPS.format(columns=columns, whole_until=_WHOLE_UNTIL, hour=int(cells.Granularity.HOUR))


def _deltas(columns: str) -> str:
    return f"{_SEGMENTS} CROSS JOIN LATERAL {_DELTAS.format(columns=columns)} AS r"


def _sum(amount: str) -> str:
    return (
        f"CASE WHEN sum({amount}) IS NOT NULL THEN greatest(least(sum({amount}), {_LARGEST}), -{_LARGEST})::bigint END"
    )


def _counter(position: int) -> str:
    """Finding a counter by its key costs a quarter of unnesting them all."""
    return f"r.counter_amounts[array_position(r.counter_keys, ($9::integer[])[{position}])]"


def _set(position: int) -> str:
    return f"r.sets[array_position(r.set_keys, ($11::integer[])[{position}])]"


# Rollups are few for each point and are added up here, which costs less than sorting what they hold by key; deltas may
# be any number.
_READ = """
    SELECT {rollup_kind} AS kind, s.point, NULL::text AS name, ARRAY[{counters}]::bigint[] AS amounts,
           CASE WHEN {with_bins} THEN r.bin_keys END AS keys, CASE WHEN {with_bins} THEN r.bin_counts END AS counts,
           ARRAY[{sets}]::bytea[] AS members, NULL::timestamptz AS at
    FROM {segments} CROSS JOIN {widened} CROSS JOIN LATERAL ({rollups}) AS r
    UNION ALL
    SELECT {counters_kind}, s.point, NULL, ARRAY[{sums}]::bigint[], NULL, NULL, NULL, NULL
    FROM {delta_counters} GROUP BY s.point
    UNION ALL
    SELECT {bins_kind}, point, NULL, NULL, array_agg(key), array_agg(count), NULL, NULL
    FROM (
        SELECT point, key, {bin_sum} AS count
        FROM (SELECT s.point, unnest(r.bin_keys) AS key, unnest(r.bin_counts) AS count FROM {delta_bins}
              WHERE {with_bins}) AS b
        WHERE key / {key_span} = ANY($10) GROUP BY point, key
    ) AS b GROUP BY point
    UNION ALL
    SELECT {sets_kind}, s.point, NULL, NULL, NULL, NULL, ARRAY[{sets}]::bytea[], NULL
    FROM {delta_sets} WHERE r.set_keys && $11::integer[]
    UNION ALL {types}
    SELECT {as_of_kind}, NULL, NULL,
           ARRAY[coalesce((SELECT revision FROM revisions WHERE organization_id = $1), 0)], NULL, NULL, NULL,
           clock_timestamp()
"""
_WITH_BINS = "s.bins AND cardinality($10::integer[]) > 0"
_TYPES = """
    SELECT {type_kind}, NULL, s.value, ARRAY[{sum}], NULL, NULL, NULL, NULL
    FROM (
        SELECT {dimension} AS dimension, m.external_id AS value, w.granularity, w.first, w.last
        FROM (SELECT external_id FROM members WHERE organization_id = $1 AND kind = {member} AND NOT overflow
              ORDER BY external_id LIMIT $12) AS m
        CROSS JOIN unnest($13::smallint[], $14::integer[], $15::integer[]) AS w(granularity, first, last)
    ) AS s CROSS JOIN {widened} CROSS JOIN LATERAL ({rollups} UNION ALL {deltas}) AS r GROUP BY s.value
    UNION ALL
"""
_COUNTER_COLUMNS = "counter_keys, counter_amounts"


@functools.cache
def _statement(counters: int, sets: int, *, with_types: bool) -> str:
    """The text depends on how much is wanted and not on what, so that connections keep few prepared statements."""
    types = _TYPES.format(
        type_kind=_TYPE,
        sum=_sum("r.counter_amounts[array_position(r.counter_keys, $16)]"),
        dimension=int(cells.Dimension.EVENT_TYPE),
        member=int(Kind.EVENT_TYPE),
        widened=_WIDENED,
        rollups=_rollups(_COUNTER_COLUMNS),
        deltas=_DELTAS.format(columns=_COUNTER_COLUMNS),
    )
    each_counter = [_counter(position) for position in range(1, counters + 1)]
    return _READ.format(
        rollup_kind=_ROLLUP,
        counters_kind=_COUNTERS,
        bins_kind=_BINS,
        sets_kind=_SETS,
        as_of_kind=_AS_OF,
        counters=", ".join(each_counter),
        sums=", ".join(map(_sum, each_counter)),
        sets=", ".join(_set(position) for position in range(1, sets + 1)),
        bin_sum=_sum("count"),
        with_bins=_WITH_BINS,
        key_span=cells.KEY_SPAN,
        segments=_SEGMENTS,
        widened=_WIDENED,
        rollups=_rollups("counter_keys, counter_amounts, bin_keys, bin_counts, set_keys, sets"),
        delta_counters=_deltas(_COUNTER_COLUMNS),
        delta_bins=_deltas("bin_keys, bin_counts"),
        delta_sets=_deltas("set_keys, sets"),
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
        _statement(len(wanted.counters), len(wanted.sets), with_types=each_type is not None),
        organization_id,
        *_columns([row for one in selections for row in _segments(one)], 7),
        list(wanted.counters),
        list(wanted.histograms),
        list(wanted.sets),
        *(() if each_type is None else _type_arguments(each_type)),
    )
    instant = next(row for row in rows if row["kind"] == _AS_OF)
    return Reading(
        as_of=AsOf(revision=instant["amounts"][0], at=instant["at"]),
        points=_points(selections, wanted, [row for row in rows if row["kind"] not in (_TYPE, _AS_OF)]),
        types={
            row["name"]: row["amounts"][0] for row in rows if row["kind"] == _TYPE and row["amounts"][0] is not None
        },
    )


def _points(selections: Sequence[Selection], wanted: Wanted, rows: Iterable[asyncpg.Record]) -> dict[int, Cell]:
    points = {one.point: Cell() for one in selections}
    sets: dict[tuple[int, int], list[BitMap]] = collections.defaultdict(list)
    for _, point, _, amounts, keys, counts, members, _ in rows:
        cell = points[point]
        if amounts is not None:
            counters = cell.counters
            for key, amount in zip(wanted.counters, amounts, strict=True):
                if amount:
                    counters[key] = counters.get(key, 0) + amount
        if keys is not None:
            _add(cell.bins, keys, counts)
        if members is not None:
            for key, some in zip(wanted.sets, members, strict=False):  # no sets: no members
                if some is not None:
                    sets[point, key].append(BitMap.deserialize(some))
    for (point, key), each in sets.items():
        points[point].sets[key] = BitMap.union(*each)
    for cell in points.values():
        _bound(cell.counters)
    return points


def _add(bins: dict[int, int], keys: Sequence[int], counts: Sequence[int]) -> None:
    """Adds sparse vectors; the first one, which is most often the only one, at once."""
    if bins:
        cells.add_into(bins, zip(keys, counts, strict=True))
    else:
        bins.update(zip(keys, counts, strict=True))


def _bound(counters: dict[int, int]) -> None:
    """Keeps sums at what a column and an answer can hold."""
    if counters and (max(counters.values()) > _LARGEST or min(counters.values()) < -_LARGEST):
        for key, amount in counters.items():
            counters[key] = max(-_LARGEST, min(_LARGEST, amount))


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
