"""Parts of a whole by a dimension: values in the order of a metric, and what they leave of the total."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from server.catalog import cells, figures, registry
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figures
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.errors import Refused
from server.query import grouping, pairs, ranking
from server.query.grouping import Grouping
from server.query.ranking import Order
from server.query.reader import Reader
from server.timerange import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A value of the dimension, with its figures and what they are made of."""

    value: str
    figures: Figures
    cell: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The first values in order, what is left of the whole, what is counted under cells.OTHER (None: nothing), and how
    many values there are. missing_pair names the pair that would have to be kept; without it there is nothing else.
    """

    parts: Sequence[Part] = ()
    rest: Part | None = None
    other: Part | None = None
    number: int = 0
    missing_pair: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsPlan:
    """What to read of a dimension."""

    group: Grouping
    number: int
    rows: Sequence[Selection]
    other: Selection | None
    missing_pair: str = ""

    def value(self, row: Selection) -> str:
        """Returns the value that a row is about."""
        return self.group.values(row.value)[0]

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield from self.rows
        if self.other is not None:
            yield self.other


async def planned(
    reader: Reader, part: Filter, dimension: Dimension, bounds: Interval, by: Order, *, most: int
) -> PartsPlan | None:
    """Returns what to read of a dimension of a part of the organization; None where no event carries both."""
    group = _group(part, dimension)
    if group is None:
        return None
    if not await _is_kept(reader, group, bounds):
        return _missing(group)
    values, number = await ranking.ranked(reader, group, bounds, by, skip=0, most=most)
    return _plan(group, bounds, values, number)


async def planned_for_values(
    reader: Reader,
    of: Dimension,
    values: Sequence[str],
    dimension: Dimension,
    bounds: Interval,
    by: Order,
    *,
    most: int,
) -> list[PartsPlan | None]:
    """Returns what to read of a dimension of each of several parts of the organization, which are values of another
    dimension: they are ranked together.
    """
    groups = [one for value in values if (one := _group(Filter(dimension=of, value=value), dimension)) is not None]
    if not groups:
        return [None for _ in values]
    if not await _is_kept(reader, groups[0], bounds):
        return [_missing(one) for one in groups]
    ranked = await ranking.ranked_parts(reader, groups, bounds, by, most=most)
    return [_plan(group, bounds, rows, number) for group, (rows, number) in zip(groups, ranked, strict=True)]


def _group(part: Filter, dimension: Dimension) -> Grouping | None:
    """Returns the values of a dimension within a part; None where figures by both cannot be kept."""
    try:
        group = grouping.grouping([dimension], part)
    except Refused:
        return None
    return None if group is None or group.is_combination else group


async def _is_kept(reader: Reader, group: Grouping, bounds: Interval) -> bool:
    try:
        await pairs.checked_from(reader.driver, reader.organization_id, Filter(dimension=group.dimension), bounds.span)
    except Refused:
        return False
    return True


def _missing(group: Grouping) -> PartsPlan:
    return PartsPlan(group=group, number=0, rows=[], other=None, missing_pair=group.dimension.name)


def _plan(group: Grouping, bounds: Interval, values: Sequence[str], number: int) -> PartsPlan:
    whole = Selection.within(group.part, bounds)
    return PartsPlan(
        group=group,
        number=number,
        rows=[whole.of_part(Filter(dimension=group.dimension, value=value)) for value in values],
        other=None if group.other is None else whole.of_part(group.other),
    )


def answered(
    plan: PartsPlan | None, found: Mapping[Selection, Cell], total: Cell, names: Sequence[str], *, needs: str
) -> Parts:
    """Returns the parts of a total. Values of which a metric, the one that is needed, is absent or 0 are left out."""
    if plan is None:
        return Parts()
    if plan.missing_pair:
        return Parts(missing_pair=plan.missing_pair)
    by = plan.group.dimension
    every = [
        Part(
            value=plan.value(one),
            figures=figures.figures(names, found[one], by),
            cell=found[one],
        )
        for one in plan.rows
    ]
    shown = [one for one in every if one.figures[needs]]
    others = found[plan.other] if plan.other is not None else Cell()
    other = Part(value=cells.OTHER, figures=figures.figures(names, others, by), cell=others)
    rest = left(total, (others, *(one.cell for one in shown)))
    return Parts(
        parts=shown,
        rest=Part(value="", figures=_without_sets(figures.figures(names, rest, by)), cell=rest),
        other=other if others.counters else None,
        number=plan.number,
    )


def left(total: Cell, parts: Iterable[Cell]) -> Cell:
    """Returns what a total has beside parts of it, without sets."""
    rest = Cell(counters=dict(total.counters), bins=dict(total.bins))
    for part in parts:
        cells.add_into(rest.counters, ((key, -amount) for key, amount in part.counters.items()))
        cells.add_into(rest.bins, ((key, -count) for key, count in part.bins.items()))
    rest.bins = {key: count for key, count in rest.bins.items() if count}
    return rest


def _without_sets(some: Figures) -> Figures:
    """Returns figures without those of distinct ids, which do not add up."""
    return {name: None if figures.needs_sets(registry.METRICS[name]) else value for name, value in some.items()}
