"""The one statement that answers questions: figures of rollups and unfolded deltas, and the revision they belong to."""

import collections
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import asyncpg
from pyroaring import BitMap

from server import quarters, timerange
from server.catalog import cells
from server.catalog.cells import Cell
from server.catalog.selections import AsOf, EventTypeCounts, Reading, Selection, Wanted
from server.store import binary
from server.store.database import Driver
from server.store.members import MemberKind

_LARGEST = 2**63 - 1  # as in rollups: a sum beyond it stays there

# Where rollups are not widened yet, days, hours and quarter hours take the place of wider ones. OFFSET 0 keeps the
# planner from turning the lookups round: one range of a primary key per segment is right whatever the statistics say,
# and after a burst of ingest they say nothing.
#
# Numbers of segments and spans come as the texts of arrays: there may be thousands, and the driver looks at each
# element of a list. They name what is read of by its place among the few parts, $2 to $4.
_PARTS = """
    (SELECT point, ($2::smallint[])[part] AS dimension, ($3::text[])[part] AS value, ($4::boolean[])[part] AS bins,
            {more} first, last
     FROM unnest({arrays}) AS s({columns}) OFFSET 0) AS s
"""
_SEGMENTS = _PARTS.format(
    more="granularity,",
    arrays="$5::text::integer[], $6::text::integer[], $7::text::integer[], $8::text::integer[], $9::text::integer[]",
    columns="point, part, first, last, granularity",
)
_SPANS = _PARTS.format(
    more="",
    arrays="$10::text::integer[], $11::text::integer[], $12::text::integer[], $13::text::integer[]",
    columns="point, part, first, last",
)
_WIDENED = """
    (SELECT coalesce((SELECT widened_until FROM folds WHERE organization_id = $1), 0) AS until OFFSET 0) AS w
"""
_ROLLUPS = """
    (SELECT {columns} FROM rollups WHERE {when} organization_id = $1 AND dimension = s.dimension
     AND value = s.value AND granularity = s.granularity AND bucket >= s.first
     AND bucket < CASE WHEN s.granularity > 1 THEN least(s.last, {whole_until}) ELSE s.last END OFFSET 0)
    UNION ALL
    (SELECT {columns} FROM rollups WHERE s.granularity > {day} AND s.last > {whole_until}
     AND organization_id = $1 AND dimension = s.dimension AND value = s.value AND granularity = {day}
     AND bucket >= greatest(s.first, {whole_until}) AND bucket < least(s.last, {days_until}) OFFSET 0)
    UNION ALL
    (SELECT {columns} FROM rollups WHERE s.granularity > {hour} AND s.last > {whole_until}
     AND organization_id = $1 AND dimension = s.dimension AND value = s.value AND granularity = {hour}
     AND bucket >= greatest(s.first, {whole_until}, {days_until}) AND bucket < least(s.last, w.until) OFFSET 0)
    UNION ALL
    (SELECT {columns} FROM rollups WHERE s.granularity > 1 AND s.last > w.until
     AND organization_id = $1 AND dimension = s.dimension AND value = s.value AND granularity = 1
     AND bucket >= greatest(s.first, w.until) AND bucket < s.last OFFSET 0)
"""
_DELTAS = """
    (SELECT {columns} FROM deltas WHERE {when} organization_id = $1 AND dimension = s.dimension
     AND value = s.value AND bucket >= s.first AND bucket < s.last OFFSET 0)
"""
_WHOLE_UNTIL = "w.until - w.until % greatest(s.granularity, 1)"
_DAYS_UNTIL = f"w.until - w.until % {int(quarters.Width.DAY)}"


def _rollups(columns: str, *, when: str = "") -> str:
    return _ROLLUPS.format(
        columns=columns,
        when=when,
        whole_until=_WHOLE_UNTIL,
        days_until=_DAYS_UNTIL,
        day=int(quarters.Width.DAY),
        hour=int(quarters.Width.HOUR),
    )


def _deltas(columns: str) -> str:
    return f"{_SPANS} CROSS JOIN LATERAL {_DELTAS.format(columns=columns, when='')} AS r"


def _sum(amount: str) -> str:
    return (
        f"CASE WHEN sum({amount}) IS NOT NULL THEN greatest(least(sum({amount}), {_LARGEST}), -{_LARGEST})::bigint END"
    )


def _counter(position: int) -> str:
    """Finding a counter by its key costs a quarter of unnesting them all."""
    return f"r.counter_amounts[array_position(r.counter_keys, ($14::integer[])[{position}])]"


def _set(position: int, sets: str = "r.sets") -> str:
    return f"{sets}[array_position(r.set_keys, ($16::integer[])[{position}])]"


# A row is the instant, if it has one; the counter of an event type, if it has a name; or figures of a point. Rollups
# are few for each point and are added up here, which costs less than sorting what they hold by key; deltas may be any
# number. Counters and bins come as bytes: for the driver to decode them one by one costs half as much again.
_READ = """
    SELECT s.point, NULL::text AS name, NULL::bigint AS number, NULL::timestamptz AS at,
           array_send(r.counter_keys) AS counter_keys, array_send(r.counter_amounts) AS amounts,
           CASE WHEN {with_bins} THEN array_send(r.bin_keys) END AS bin_keys,
           CASE WHEN {with_bins} THEN array_send(r.bin_counts) END AS bin_counts {read_sets}
    FROM {segments} CROSS JOIN {widened} CROSS JOIN LATERAL ({rollups}) AS r CROSS JOIN LATERAL {read} AS o
    UNION ALL
    SELECT s.point, NULL, NULL, NULL, array_send($14::integer[]), array_send(ARRAY[{sums}]::bigint[]), NULL, NULL
           {no_sets}
    FROM {delta_counters} GROUP BY s.point
    UNION ALL
    SELECT point, NULL, NULL, NULL, NULL, NULL, array_send(array_agg(key)), array_send(array_agg(count))
           {no_sets}
    FROM (
        SELECT point, key, {bin_sum} AS count
        FROM (SELECT s.point, unnest(r.bin_keys) AS key, unnest(r.bin_counts) AS count FROM {delta_bins}
              WHERE {with_bins}) AS b
        WHERE key / {key_span} = ANY($15) GROUP BY point, key
    ) AS b GROUP BY point
    UNION ALL
    SELECT s.point, NULL, NULL, NULL, NULL, NULL, NULL, NULL {sets}
    FROM {delta_sets} WHERE r.set_keys && $16::integer[]
    UNION ALL {types}
    SELECT NULL, epoch::text, coalesce((SELECT revision FROM revisions WHERE organization_id = $1), 0),
           clock_timestamp(), NULL, NULL, NULL, NULL {no_sets}
    FROM deployment WHERE only_row
"""
# Those of many days are out of line; taken from there, each set of a row would have them all read again.
_READ_SETS = "(SELECT CASE WHEN r.set_keys && $16::integer[] THEN r.sets || '{}'::bytea[] END AS sets OFFSET 0)"
_WITH_BINS = "s.bins AND cardinality($15::integer[]) > 0"
_TYPES = """
    SELECT NULL, s.value, {sum}, NULL, NULL, NULL, NULL, NULL {no_sets}
    FROM (
        SELECT {dimension} AS dimension, m.external_id AS value, w.granularity, w.first, w.last
        FROM (SELECT external_id FROM members WHERE organization_id = $1 AND kind = {member} AND NOT overflow
              ORDER BY external_id LIMIT $17) AS m
        CROSS JOIN unnest($18::integer[], $19::integer[], $20::integer[]) AS w(first, last, granularity)
    ) AS s CROSS JOIN {widened} CROSS JOIN LATERAL ({rollups} UNION ALL {deltas}) AS r GROUP BY s.value
    UNION ALL
"""
_COUNTER_COLUMNS = "counter_keys, counter_amounts"
_NO_WIDTH = 0  # of deltas among the widths of event types


@functools.cache
def _statement(counters: int, sets: int, *, with_types: bool) -> str:
    """The text depends on how much is wanted and not on what, so that connections keep few prepared statements."""
    no_sets = ", NULL" * sets
    types = _TYPES.format(
        sum=_sum("r.counter_amounts[array_position(r.counter_keys, $21)]"),
        dimension=int(cells.Dimension.EVENT_TYPE),
        member=int(MemberKind.EVENT_TYPE),
        widened=_WIDENED,
        rollups=_rollups(_COUNTER_COLUMNS, when=f"s.granularity > {_NO_WIDTH} AND"),
        deltas=_DELTAS.format(columns=_COUNTER_COLUMNS, when=f"s.granularity = {_NO_WIDTH} AND"),
        no_sets=no_sets,
    )
    return _READ.format(
        sums=", ".join(f"coalesce({_sum(_counter(position))}, 0)" for position in range(1, counters + 1)),
        read=_READ_SETS,
        read_sets="".join(f", {_set(position, 'o.sets')}" for position in range(1, sets + 1)),
        sets="".join(f", {_set(position)}" for position in range(1, sets + 1)),
        no_sets=no_sets,
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
    event_types: EventTypeCounts | None = None,
) -> Reading:
    """Reads the figures of each selection in one statement, which sees one instant."""
    rows = await driver.fetch(
        _statement(len(wanted.counters), len(wanted.sets), with_types=event_types is not None),
        organization_id,
        *_places(selections),
        list(wanted.counters),
        list(wanted.histograms),
        list(wanted.sets),
        *(() if event_types is None else _type_arguments(event_types)),
    )
    found: dict[int, list[asyncpg.Record]] = collections.defaultdict(list)
    types: dict[str, int] = {}
    instants: list[AsOf] = []
    for row in rows:
        point, name, number, at, *_ = row
        if point is not None:
            found[point].append(row)
        elif at is not None:
            instants.append(AsOf(epoch=name, revision=number, at=at))
        elif number is not None:
            types[name] = number
    (as_of,) = instants
    return Reading(
        as_of=as_of,
        cells={one: _cell(found[point], wanted) if point in found else Cell() for point, one in enumerate(selections)},
        event_types=types,
    )


def _cell(rows: Sequence[asyncpg.Record], wanted: Wanted) -> Cell:
    """What the rows of one point come to together."""
    _, _, _, _, counter_keys, amounts, bin_keys, counts, *sets = zip(*rows, strict=True)
    cell, counted = Cell(), frozenset(wanted.counters)
    for keys, totals in _totals(counter_keys, amounts):
        found = zip(_counter_keys(keys), totals, strict=True)
        cells.add_into(cell.counters, [(key, total) for key, total in found if total and key in counted])
    _bound(cell.counters)
    for keys, totals in _totals(bin_keys, counts):
        cells.add_into(cell.bins, zip(binary.integers_of(keys), totals, strict=True))
    for key, column in zip(wanted.sets, sets, strict=True):
        members = [BitMap.deserialize(some) for some in column if some is not None]
        if members:
            cell.sets[key] = BitMap.union(*members)
    return cell


def _totals(keys: Sequence[bytes | None], amounts: Sequence[bytes | None]) -> Iterator[tuple[bytes, Iterable[int]]]:
    """Sparse vectors added up where they have the same keys, which most have; the keys stay as they are."""
    alike: dict[bytes, list[tuple[int, ...]]] = collections.defaultdict(list)
    for key, some in zip(keys, amounts, strict=True):
        if key is not None and some is not None:
            alike[key].append(binary.bigints_of(some))
    for key, each in alike.items():
        yield key, each[0] if len(each) == 1 else map(sum, zip(*each, strict=True))


_counter_keys = functools.lru_cache(maxsize=1024)(binary.integers_of)  # hardly any cells differ in them


def _bound(counters: dict[int, int]) -> None:
    """Keeps sums at what a column and an answer can hold."""
    if counters and (max(counters.values()) > _LARGEST or min(counters.values()) < -_LARGEST):
        for key, amount in counters.items():
            counters[key] = max(-_LARGEST, min(_LARGEST, amount))


def _places(selections: Sequence[Selection]) -> Iterator[object]:
    """The parameters that say where the figures are: the parts, segments of rollups, and spans of deltas."""
    parts: dict[tuple[cells.Dimension, str, bool], int] = {}
    segments, spans = [], []
    for point, one in enumerate(selections):
        part = parts.setdefault((one.dimension, one.value, one.bins), len(parts) + 1)
        spans.append((point, part, one.span.start, one.span.end))
        for granularity, first, last in timerange.segments(one.span):
            segments.append((point, part, first, last, granularity))
    yield from _columns(parts, 3)
    yield from map(_text, _columns(segments, 5))
    yield from map(_text, _columns(spans, 4))


def _text(numbers: Sequence[int]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"


def _type_arguments(asked: EventTypeCounts) -> Iterator[object]:
    widths = [(first, last, int(granularity)) for granularity, first, last in timerange.segments(asked.span)]
    yield asked.limit
    yield from _columns([*widths, (asked.span.start, asked.span.end, _NO_WIDTH)], 3)
    yield asked.counter


def _columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
