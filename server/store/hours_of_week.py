"""Counters by hour of the week."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from server import quarters
from server.catalog.cells import Cell
from server.catalog.filters import Filter
from server.store import statements
from server.store.database import Driver
from server.store.statements import Statement
from server.timerange import Span

_TEXT = statements.text("read_hours_of_week")
_LARGEST = 2**63 - 1  # as in rollups: a sum beyond it stays there
_COUNTER = "coalesce(sum(r.counter_amounts[array_position(r.counter_keys, (:counters::integer[])[{place}])]), 0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """From a quarter hour on, clocks are so many quarter hours ahead of UTC."""

    first: int
    quarters: int


@functools.cache
def _statement(counters: int) -> Statement:
    """Returns the statement for so many counters."""
    sums = (_COUNTER.format(place=place) for place in range(1, counters + 1))
    return statements.numbered(
        _TEXT,
        HOUR=quarters.QUARTERS_PER_HOUR,
        SUMS=", ".join(f"greatest(least({total}, {_LARGEST}), -{_LARGEST})::bigint" for total in sums),
    )


async def read(
    driver: Driver,
    organization_id: int,
    part: Filter,
    span: Span,
    counters: Sequence[int],
    offsets: Sequence[Offset],
) -> dict[int, Cell]:
    """Returns the cells of hours of the week in which there is anything, 0 being Monday 00:00. offsets are those of the
    clocks over the span, in order, the first one from its start on.
    """
    in_hours = all(
        number % quarters.QUARTERS_PER_HOUR == 0
        for place, one in enumerate(offsets)
        for number in ((one.first, one.quarters) if place else (one.quarters,))
    )
    chosen = _statement(len(counters))
    arguments = chosen.arguments(
        organization_id=organization_id,
        dimension=part.dimension.number,
        value=part.value,
        first=span.start,
        last=span.end,
        by_hours=in_hours,
        counters=list(counters),
        change_firsts=[one.first for one in offsets],
        change_offsets=[one.quarters for one in offsets],
    )
    rows = await driver.fetch(chosen.text, *arguments)
    return {place: Cell(counters=dict(zip(counters, amounts, strict=True))) for place, *amounts in rows}
