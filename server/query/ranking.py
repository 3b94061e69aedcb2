"""Values of a dimension in the order of a metric, whatever kind of metric it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from server.catalog import cells, figures
from server.catalog.catalogue import BUILT_IN, Catalogue
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figure
from server.catalog.filters import Filter
from server.catalog.selections import Ranking, Selection
from server.errors import Reason, Refused
from server.query.grouping import Grouping
from server.query.reader import Reader
from server.store import ranking
from server.timerange import Interval

# Percentiles and distinct ids are worked out value by value: about so many values in two seconds.
MAX_VALUES = 20_000
EVENTS = Ranking(above=figures.wanted(["events"]).counters, signs=[1])
BY_VALUE = Ranking(above=[cells.count_key(0)], signs=[1])  # no measure has the number 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The order of rows: by a metric, the greatest or the smallest figure first.

    Absent figures come last either way, and values with equal figures in their own order.
    """

    metric: str
    descending: bool
    catalogue: Catalogue = BUILT_IN

    @property
    def ranking(self) -> Ranking | None:
        """Returns how values are ranked by it; None where it takes more than counters to tell."""
        metric = self.catalogue.metrics[self.metric]
        return figures.ranking(metric, descending=self.descending, catalogue=self.catalogue)

    def figure(self, cell: Cell, dimension: Dimension) -> Figure:
        """Returns the metric's figure in a cell of a dimension."""
        return figures.figures([self.metric], cell, dimension, self.catalogue)[self.metric]

    def ordered(self, found: Mapping[str, Figure]) -> list[str]:
        """Returns values in the order of their figures."""
        values = sorted(found)
        values.sort(key=lambda value: found[value] or 0, reverse=self.descending)
        values.sort(key=lambda value: found[value] is None)
        return values


async def ranked(
    reader: Reader, group: Grouping, bounds: Interval, by: Order, *, skip: int, most: int
) -> tuple[Sequence[str], int]:
    """Returns the values of the rows of a page in order, and how many rows there are in all."""
    if group.only:
        values = await reader.values(group.dimension, bounds, only=group.only)
    else:
        values = await reader.values(group.dimension, bounds, prefix=group.prefix, suffix=group.suffix)
    driver, organization_id = reader.driver, reader.organization_id
    chosen = by.ranking
    if not figures.is_kept(by.metric, group.dimension, by.catalogue):
        chosen = BY_VALUE
    if chosen is not None:
        return await ranking.rank(driver, organization_id, values, chosen, skip=skip, most=most)
    everything, number = await ranking.rank(driver, organization_id, values, EVENTS, skip=0, most=MAX_VALUES)
    if number > MAX_VALUES:
        raise Refused(
            Reason.TOO_MANY_VALUES,
            f"the period has {number} values: rows are ordered by percentiles and distinct ids where there are at most"
            f" {MAX_VALUES}; order by a count, sum or rate, or narrow the question",
            field="order_by",
            metadata={"limit": str(MAX_VALUES)},
        )
    found = await _figures(reader, group, bounds, by, everything)
    return by.ordered(found)[skip : skip + most], number


async def ranked_parts(
    reader: Reader, groups: Sequence[Grouping], bounds: Interval, by: Order, *, most: int
) -> list[tuple[Sequence[str], int]]:
    """Returns for each of several groups of a pair of dimensions, whose filters give another value each, its first rows
    in order and how many there are in all: in one statement where counters tell the order.
    """
    chosen = by.ranking
    if chosen is None or not groups or not figures.is_kept(by.metric, groups[0].dimension, by.catalogue):
        return [await ranked(reader, one, bounds, by, skip=0, most=most) for one in groups]
    every = await reader.values(groups[0].dimension, bounds)
    values = [replace(every, prefix=one.prefix, suffix=one.suffix) for one in groups]
    return [*await ranking.rank_parts(reader.driver, reader.organization_id, values, chosen, most=most)]


async def _figures(
    reader: Reader, group: Grouping, bounds: Interval, by: Order, values: Sequence[str]
) -> dict[str, Figure]:
    """Returns a metric of every value."""
    wanted = figures.wanted([by.metric], catalogue=by.catalogue)
    whole = Selection.within(Filter(), bounds)
    selections = [whole.of_part(Filter(dimension=group.dimension, value=value)) for value in values]
    found = await reader.cells(selections, wanted)
    return {one.value: by.figure(found[one], group.dimension) for one in selections}
