"""Values of a dimension in the order of a figure."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from server import quarters
from server.catalog import cells, custom_metrics
from server.catalog.cells import Cell
from server.catalog.dimension import is_custom
from server.catalog.dimensions import Dimension
from server.catalog.selections import Ranking
from server.store import statements
from server.store.database import Driver
from server.store.statements import Statement
from server.timerange import Span

_RANK, _ROWS, _ROWS_OF_PARTS, _LIST = (
    statements.text(name) for name in ("rank_values", "rank_rows", "rank_rows_of_parts", "list_values")
)
_CUSTOM_VALUES = (
    "(SELECT organization_id, number AS kind, value AS external_id, false AS overflow FROM custom_values"
    " WHERE is_dimension)"
)
_LISTS = {is_own: _LIST.replace(":MEMBERS", _CUSTOM_VALUES if is_own else "members") for is_own in (False, True)}
_LARGEST = 2**63 - 1  # a sum beyond it stays there
_NO_KEY = 0  # of no counter: a value is there with it although nothing that is wanted was counted of it
_COUNTED = """
        UNION ALL
        SELECT value, ARRAY[key], ARRAY[amount]
        FROM unnest(:counted_values::text[], :counted_keys::integer[], :counted_amounts::bigint[])
            AS c(value, key, amount)
"""
_COUNTER = "coalesce(sum(r.counter_amounts[array_position(r.counter_keys, (:{keys}::integer[])[{place}])]), 0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Which values are ranked: those of a dimension that any figures of a span are kept by.

    Of a pair of which one value is given, prefix or suffix is what its values begin or end with. only is the only value
    that is asked about. counted has what comes on top of the span, such as the edges of a period, by value.
    """

    dimension: Dimension
    span: Span
    prefix: str = ""
    suffix: str = ""
    only: str = ""
    counted: Mapping[str, Cell] = field(default_factory=dict)


@functools.cache
def _statement(last: str, above: int, below: int, *, has_counted: bool) -> Statement:
    """Returns the statement for a figure of so many counters: its text depends on nothing else."""
    sums = [_COUNTER.format(keys=keys, place=place) for keys, place in _places(above, below)]
    parts = " + ".join(f"(:signs::integer[])[{place}] * above_{place}" for place in range(1, above + 1)) or "0"
    divisor = " + ".join(f"below_{place}" for place in range(1, below + 1))
    return statements.numbered(
        f"{_RANK}\n{last}",
        DAY=int(quarters.Width.DAY),
        HOUR=int(quarters.Width.HOUR),
        COUNTED=_COUNTED if has_counted else "",
        SUMS=", ".join(
            f"{total} AS {keys}_{place}" for total, (keys, place) in zip(sums, _places(above, below), strict=True)
        ),
        FIGURE=f"({parts})::numeric / nullif({divisor}, 0)" if divisor else f"({parts})",
    )


def _places(above: int, below: int) -> list[tuple[str, int]]:
    return [("above", place + 1) for place in range(above)] + [("below", place + 1) for place in range(below)]


async def rank(
    driver: Driver, organization_id: int, values: Values, by: Ranking, *, skip: int, most: int
) -> tuple[list[str], int]:
    """Returns values in order, from a place on, and how many there are in all."""
    chosen = _statement(_ROWS, len(by.above), len(by.below), has_counted=bool(values.counted))
    given = chosen.arguments(
        **_arguments(organization_id, values, by), descending=by.descending, skip=skip, most=max(1, most)
    )
    rows = await driver.fetch(chosen.text, *given)
    if not rows and skip:  # past the last one
        _, number = await rank(driver, organization_id, values, by, skip=0, most=1)
        return [], number
    return [row[0] for row in rows][:most], rows[0][1] if rows else 0


async def rank_parts(
    driver: Driver, organization_id: int, parts: Sequence[Values], by: Ranking, *, most: int
) -> list[tuple[list[str], int]]:
    """Returns for each part of one dimension over one span, told by its prefix or suffix, the first values in order,
    and how many there are in all.
    """
    every = replace(parts[0], prefix="", suffix="")
    chosen = _statement(_ROWS_OF_PARTS, len(by.above), len(by.below), has_counted=bool(every.counted))
    given = chosen.arguments(
        **_arguments(organization_id, every, by),
        prefixes=[one.prefix for one in parts],
        suffixes=[one.suffix for one in parts],
        descending=by.descending,
        most=most,
    )
    found: list[tuple[list[str], int]] = [([], 0) for _ in parts]
    for place, value, number in await driver.fetch(chosen.text, *given):
        values, _ = found[place - 1]
        found[place - 1] = ([*values, value], number)
    return found


async def sums(
    driver: Driver, organization_id: int, values: Values, keys: Sequence[int], *, most: int
) -> dict[str, Cell]:
    """Returns counters of values, by their keys: of all values that any figures are kept by, or of some of those where
    they are more than the most.
    """
    columns = ", ".join(f"least(above_{place}, {_LARGEST})::bigint" for place in range(1, len(keys) + 1))
    last = f"SELECT value, {columns} FROM sums LIMIT :most"  # noqa: S608 - constants of this file
    chosen = _statement(last, len(keys), 0, has_counted=bool(values.counted))
    by = Ranking(above=keys, signs=[1] * len(keys))
    rows = await driver.fetch(chosen.text, *chosen.arguments(**_arguments(organization_id, values, by), most=most))
    return {row[0]: Cell(dict(zip(keys, row[1:], strict=True))) for row in map(tuple, rows)}


async def most_used(
    driver: Driver, organization_id: int, values: Values, by: Ranking, *, prefix: str, named: Sequence[str], most: int
) -> list[tuple[str, int]]:
    """Returns values that begin with a prefix, whatever its case, or are named, with a figure of each, those with the
    greatest figure first. Values that have none in the span are there, too.
    """
    dimension = values.dimension
    is_own = is_custom(dimension.number)
    chosen = _statement(_LISTS[is_own], len(by.above), len(by.below), has_counted=bool(values.counted))
    escaped = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    given = chosen.arguments(
        **_arguments(organization_id, values, by),
        kind=custom_metrics.number_of(dimension) if is_own else dimension.member_kind,
        pattern=f"{escaped}%",
        named=list(named),
        most=most,
    )
    return [(row[0], row[1]) for row in await driver.fetch(chosen.text, *given)]


def _arguments(organization_id: int, values: Values, by: Ranking) -> dict[str, object]:
    segments = quarters.segments(values.span.start, values.span.end)
    signs = {"signs": list(by.signs)} if by.above else {}
    keys = {name: list(some) for name, some in (("above", by.above), ("below", by.below)) if some}
    return {
        "organization_id": organization_id,
        "dimension": values.dimension.number,
        "prefix": values.prefix,
        "suffix": values.suffix,
        "only": values.only,
        "other": cells.OTHER,
        "segment_firsts": [one.start for one in segments],
        "segment_lasts": [one.end for one in segments],
        "segment_widths": [int(one.granularity) for one in segments],
        "span_first": values.span.start,
        "span_last": values.span.end,
        **signs,
        **keys,
        **(_counted(values.counted, [*by.above, *by.below]) if values.counted else {}),
    }


def _counted(counted: Mapping[str, Cell], wanted: Sequence[int]) -> dict[str, object]:
    """Returns columns of what was counted of values: a row for each counter that is wanted."""
    rows = [(value, *row) for value, cell in counted.items() for row in _rows(cell, wanted)]
    columns = list(zip(*rows, strict=True)) or [()] * 3  # where no value has counters
    return {
        f"counted_{name}": list(column) for name, column in zip(("values", "keys", "amounts"), columns, strict=True)
    }


def _rows(cell: Cell, wanted: Sequence[int]) -> Iterator[tuple[int, int]]:
    if cell.counters:
        yield _NO_KEY, 0
    for key in dict.fromkeys(wanted):
        if cell.counters.get(key):
            yield key, cell.counters[key]
