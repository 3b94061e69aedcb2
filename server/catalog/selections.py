"""What a question reads and what comes back, as values: the store takes and gives them."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from server.catalog.cells import KEY_SPAN, Cell
from server.catalog.dimensions import Dimension
from server.catalog.filters import Filter
from server.timerange import Edge, Interval, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to read of each cell: counters by their keys, histograms and sets by the numbers of their measures; and the
    projections that some of it is taken from.
    """

    counters: Sequence[int]
    histograms: Sequence[int] = ()
    sets: Sequence[int] = ()
    projections: Sequence[str] = ()

    @property
    def measures(self) -> set[int]:
        """Returns the numbers of the measures that any of it is of."""
        return {key // KEY_SPAN for key in self.counters}.union(self.histograms, self.sets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which figures one cell of an answer is made of: a value of a dimension over a span.

    With bins=False the cell has no histograms, and with sets=False no sets. edges stand in place of the whole quarter
    hours of the span that they are parts of. A selection is also the name by which a reading gives its cell.
    """

    dimension: Dimension
    value: str
    span: Span
    bins: bool = True
    sets: bool = True
    edges: tuple[Edge, ...] = ()

    @classmethod
    def of(cls, part: Filter, span: Span, *, bins: bool = True, sets: bool = True) -> "Selection":
        """Returns the selection of a part of the organization over a span."""
        return cls(dimension=part.dimension, value=part.value, span=span, bins=bins, sets=sets)

    @classmethod
    def within(cls, part: Filter, interval: Interval, *, bins: bool = True, sets: bool = True) -> "Selection":
        """Returns the selection of a part of the organization to the bounds of an interval."""
        return cls(
            dimension=part.dimension,
            value=part.value,
            span=interval.span,
            bins=bins,
            sets=sets,
            edges=interval.edges,
        )

    @property
    def part(self) -> Filter:
        """Returns the part of the organization that it is of."""
        return Filter(dimension=self.dimension, value=self.value)

    def of_part(self, part: Filter) -> "Selection":
        """Returns the selection of another part of the organization over the same time."""
        return Selection(
            dimension=part.dimension,
            value=part.value,
            span=self.span,
            bins=self.bins,
            sets=self.sets,
            edges=self.edges,
        )

    @property
    def inner(self) -> "Selection":
        """Returns the selection of what is left of the span without the quarter hours of its edges."""
        return dataclasses.replace(self, span=inner(self.span, self.edges), edges=()) if self.edges else self


def of_edges(part: Filter, bounds: Interval) -> dict[Edge, Selection]:
    """Returns the selections of a part of the organization in each edge of some bounds, without histograms."""
    return {edge: Selection.within(part, Interval(start=edge.start, end=edge.end), bins=False) for edge in bounds.edges}


def inner(span: Span, edges: Sequence[Edge]) -> Span:
    """Returns what is left of a span without quarter hours at its ends."""
    start, end = span.start, span.end
    for edge in edges:
        if edge.bucket == start:
            start += 1
        else:
            end -= 1
    return Span(start=start, end=end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """A figure that values are ranked by: counters by their keys, those above added up, each times its sign, and
    divided by those below, if there are any.
    """

    above: Sequence[int]
    signs: Sequence[int]
    below: Sequence[int] = ()
    descending: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTypeCounts:
    """Asks for one counter of every event type over a span, of at most `limit` types, the first in order. edges are as
    those of a selection.
    """

    counter: int
    span: Span
    limit: int
    edges: tuple[Edge, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """What a snapshot holds: every event up to a revision (0: none yet) of an epoch, and the database's time."""

    epoch: str
    revision: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read, all of it as of one revision. event_types has the counter of each event type that has any;
    projections has the revision up to which each projection that was wanted has seen everything. first_event is the
    first quarter hour in which the organization has any event, None where there is none.
    """

    as_of: AsOf
    first_event: int | None
    projections: Mapping[str, int]
    cells: Mapping[Selection, Cell]
    event_types: Mapping[str, int]
