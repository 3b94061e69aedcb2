"""A part of the organization as a whole, divided by dimensions and by time, and beside an earlier period."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from server import timerange
from server.catalog import selections
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.query import buckets, comparison, parts
from server.query.buckets import Bucket
from server.query.comparison import Compared, Comparison, Earlier
from server.query.parts import Parts, PartsPlan
from server.query.queries import Read
from server.query.ranking import Order
from server.query.reader import Reader
from server.timerange import Edge, Granularity, Interval, TimeRange

Breakdowns = Mapping[str, tuple[Dimension, str]]  # by name: of which dimension, and in the order of which metric


@dataclass(frozen=True, slots=True, kw_only=True)
class DividedPlan:
    """What to read: the whole, its breakdowns by name, its series, the edges of its bounds, and the whole of an earlier
    period if it is kept.
    """

    total: Selection
    breakdowns: Mapping[str, PartsPlan | None]
    granularity: Granularity
    points: Sequence[Interval]
    series: Sequence[Selection]
    edges: Mapping[Edge, Selection]
    earlier: Earlier | None
    before: Selection | None
    event_types: None = None

    def buckets(self, read: "Read[DividedPlan]") -> Sequence[Bucket]:
        """Returns what is to be said of each point."""
        return buckets.described(self.points, read.period, self.granularity, read.found.first_event)

    def compared(self, read: "Read[DividedPlan]", kept_from: int) -> tuple[Compared | None, Cell | None]:
        """Returns what is to be said of the comparison, and the earlier cell, where there is one to compare with.
        kept_from is the quarter hour from which on the figures are kept.
        """
        if self.earlier is None:
            return None, None
        compared = self.earlier.compared(read.found.first_event, kept_from)
        if self.before is None or compared.absence is not None:
            return compared, None
        return compared, read.found.cells[self.before]

    def parts(self, read: "Read[DividedPlan]", breakdowns: Breakdowns, names: Sequence[str]) -> dict[str, Parts]:
        """Returns breakdowns of the whole with figures of these names."""
        found = read.found.cells
        return {
            name: parts.answered(one, found, found[self.total], names, needs=breakdowns[name][1])
            for name, one in self.breakdowns.items()
        }

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield self.total
        yield from self.series
        yield from self.edges.values()
        if self.before is not None:
            yield self.before
        for one in self.breakdowns.values():
            if one is not None:
                yield from one.selections()


async def planned(
    reader: Reader,
    period: TimeRange,
    part: Filter,
    breakdowns: Breakdowns,
    *,
    top: int,
    granularity: Granularity | None,
    compared_with: Comparison | None,
) -> DividedPlan:
    """Returns what to read of a part, with so many rows of each breakdown at most."""
    bounds = period.bounds
    width = granularity or timerange.choose_granularity(period.span)
    earlier = comparison.earlier(compared_with, period) if compared_with else None
    points = timerange.intervals(period, width)
    found: dict[str, PartsPlan | None] = {}
    for name, (dimension, metric) in breakdowns.items():
        by = Order(metric=metric, descending=True)
        found[name] = await parts.planned(reader, part, dimension, bounds, by, most=top)
    return DividedPlan(
        total=Selection.within(part, bounds),
        breakdowns=found,
        granularity=width,
        points=points,
        series=[Selection.within(part, one) for one in points],
        edges=selections.of_edges(part, bounds),
        earlier=earlier,
        before=None if earlier is None or earlier.is_before_floor else Selection.within(part, earlier.bounds),
    )
