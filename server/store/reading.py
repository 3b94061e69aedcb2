"""The one statement that answers questions: figures of rollups and unfolded deltas, and the revision they belong to."""

import collections
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import asyncpg
from pyroaring import BitMap

from server import quarters
from server.catalog import cells, dimensions
from server.catalog.cells import Cell
from server.catalog.selections import AsOf, EventTypeCounts, Reading, Selection, Wanted
from server.store import binary, packed_histograms, statements
from server.store.database import Driver
from server.store.statements import Statement

_LARGEST = 2**63 - 1  # as in rollups: a sum beyond it stays there
_PORTION = 100  # selections: some milliseconds
_NO_WIDTH = 0  # stands for deltas among the widths of event types

_FIGURES, _EVENT_TYPES = statements.text("read_figures"), statements.text("read_event_types")
_SUM_FEW, _SUM_ALL = statements.text("sum_few_counters"), statements.text("sum_all_counters")
_FEW = 10
_COUNTER = "r.counter_amounts[array_position(r.counter_keys, {key})]"
_WANTED_KEY = "(:counters::integer[])[{position}]"
_SET = "{sets}[array_position(r.set_keys, (:sets::integer[])[{position}])]"
_HISTOGRAM = "o.histograms[array_position(r.histogram_keys, (:histograms::integer[])[{position}])]"


@functools.cache
def statement(counters: int, histograms: int, sets: int, *, with_event_types: bool) -> Statement:
    """Returns the statement that reads so many counters, histograms and sets.

    The text depends on how much is wanted and not on what, so that connections keep few prepared statements.
    """
    figures = _FIGURES.replace(":DELTAS", _SUM_FEW if counters <= _FEW else _SUM_ALL)
    return statements.named(
        "read_figures",
        f"{figures}\n{_EVENT_TYPES}" if with_event_types else figures,
        DAY=int(quarters.Width.DAY),
        HOUR=int(quarters.Width.HOUR),
        LARGEST=_LARGEST,
        KEY_SPAN=cells.KEY_SPAN,
        ROLLUP_HISTOGRAMS=_each(_HISTOGRAM, histograms),
        ROLLUP_SETS=_each(_SET.format(sets="o.sets", position="{position}"), sets),
        DELTA_SETS=_each(_SET.format(sets="r.sets", position="{position}"), sets),
        DELTA_COUNTERS=_each(_bounded(f"coalesce(sum({_COUNTER.format(key=_WANTED_KEY)}), 0)"), counters),
        TYPE_COUNTER=_sum(":type_counter"),
        TOTAL=dimensions.TOTAL.number,
        EVENT_TYPE_DIMENSION=dimensions.EVENT_TYPE.number,
        EVENT_TYPE_KIND=dimensions.EVENT_TYPE.member_kind,
    )


def _sum(key: str) -> str:
    """Returns the sum of a counter, within what a column and an answer can hold; NULL where no row has it."""
    amount = f"sum({_COUNTER.format(key=key)})"
    return f"CASE WHEN {amount} IS NOT NULL THEN {_bounded(amount)} END"


def _bounded(amount: str) -> str:
    return f"greatest(least({amount}, {_LARGEST}), -{_LARGEST})::bigint"


def _each(template: str, count: int) -> str:
    return ", ".join(template.format(position=position) for position in range(1, count + 1))


async def read(
    driver: Driver,
    organization_id: int,
    selections: Sequence[Selection],
    wanted: Wanted,
    event_types: EventTypeCounts | None = None,
) -> Reading:
    """Reads the figures of each selection in one statement, which sees one instant."""
    many = (len(wanted.counters), len(wanted.histograms), len(wanted.sets))
    chosen = statement(*many, with_event_types=event_types is not None)
    values = arguments(organization_id, selections, wanted, event_types)
    rows = await driver.fetch(chosen.text, *chosen.arguments(**values))
    found: dict[int, list[asyncpg.Record]] = collections.defaultdict(list)
    types: dict[str, int] = {}
    instants: list[AsOf] = []
    positions: list[int] = []
    first_event: int | None = None
    for row in rows:
        point, name, number, at, first, amounts, *_ = row
        if point is not None:
            found[point].append(row)
        elif at is not None:
            instants.append(AsOf(epoch=name, revision=number, at=at))
            positions.extend(binary.bigints_of(amounts))
            first_event = None if first is None else int.from_bytes(first, "big", signed=True)
        elif number is not None:
            types[name] = number
    (as_of,) = instants
    return Reading(
        as_of=as_of,
        first_event=first_event,
        projections=dict(zip(wanted.projections, positions, strict=True)),
        cells={one: _cell(found[point], wanted) if point in found else Cell() for point, one in enumerate(selections)},
        event_types=types,
    )


async def read_cells(
    driver: Driver, organization_id: int, selections: Sequence[Selection], wanted: Wanted
) -> dict[Selection, Cell]:
    """Reads the figures of any number of selections, in portions that are each a short turn of the event loop; in a
    snapshot they see one instant.
    """
    found: dict[Selection, Cell] = {}
    for start in range(0, len(selections), _PORTION):
        found |= (await read(driver, organization_id, selections[start : start + _PORTION], wanted)).cells
    return found


def _cell(rows: Sequence[asyncpg.Record], wanted: Wanted) -> Cell:
    """What the rows of one point come to together."""
    _, _, _, _, counter_keys, amounts, bin_keys, counts, histograms, sets = zip(*rows, strict=True)
    cell, counted = Cell(), frozenset(wanted.counters)
    for keys, totals in _totals(counter_keys, amounts):
        found = zip(_counter_keys(keys), totals, strict=True)
        cells.add_into(cell.counters, [(key, total) for key, total in found if total and key in counted])
    _bound(cell.counters)
    for position, measure in enumerate(wanted.histograms):
        cell.bins.update(packed_histograms.add_up(_picked(histograms, position), measure))
    for keys, totals in _totals(bin_keys, counts):
        cells.add_into(cell.bins, zip(binary.integers_of(keys), totals, strict=True))
    for position, key in enumerate(wanted.sets):
        members = list(map(BitMap.deserialize, _picked(sets, position)))
        if members:
            cell.sets[key] = BitMap.union(*members)
    return cell


def _picked(columns: Iterable[Sequence[bytes | None] | None], position: int) -> list[bytes]:
    """Returns what rows have for one of the wanted histograms or sets."""
    return [one for row in columns if row is not None and (one := row[position]) is not None]


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


def arguments(
    organization_id: int,
    selections: Sequence[Selection],
    wanted: Wanted,
    event_types: EventTypeCounts | None = None,
) -> dict[str, object]:
    """Returns the parameters of the statement by name; server/store/sql/read_figures.sql says what they are."""
    parts: dict[tuple[int, str, bool, bool], int] = {}
    segments, spans = [], []
    for point, one in enumerate(selections):
        part = parts.setdefault((one.dimension.number, one.value, one.bins, one.sets), len(parts) + 1)
        spans.append((point, part, one.span.start, one.span.end))
        for width, first, last in quarters.segments(one.span.start, one.span.end):
            segments.append((point, part, first, last, width))
    return {
        "organization_id": organization_id,
        **_columns(("dimensions", "names", "with_bins", "with_sets"), parts),
        **_texts(("segment_points", "segment_parts", "segment_firsts", "segment_lasts", "segment_widths"), segments),
        **_texts(("span_points", "span_parts", "span_firsts", "span_lasts"), spans),
        "counters": list(wanted.counters),
        "histograms": list(wanted.histograms),
        "sets": list(wanted.sets),
        "projections": list(wanted.projections),
        **({} if event_types is None else _event_type_arguments(event_types)),
    }


def _event_type_arguments(asked: EventTypeCounts) -> dict[str, object]:
    widths = [(first, last, int(width)) for width, first, last in quarters.segments(asked.span.start, asked.span.end)]
    rows = [*widths, (asked.span.start, asked.span.end, _NO_WIDTH)]
    return {
        "type_limit": asked.limit,
        **_columns(("type_firsts", "type_lasts", "type_widths"), rows),
        "type_counter": asked.counter,
    }


def _texts(names: Sequence[str], rows: Iterable[tuple[int, ...]]) -> dict[str, str]:
    """Returns columns as the texts of arrays."""
    return {name: f"{{{','.join(map(str, column))}}}" for name, column in _columns(names, rows).items()}


def _columns(names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> dict[str, list[Any]]:
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}
