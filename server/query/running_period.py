"""A period in two parts: what has passed of it, which is compared with as much of an earlier one, and the rest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from server.catalog.cells import Cell
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.timerange import Interval, TimeRange


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPeriod:
    """What to read of a part of the organization over a period that may still be running; rest is None if it is not."""

    elapsed: Selection
    rest: Selection | None

    @classmethod
    def of(cls, part: Filter, period: TimeRange) -> "RunningPeriod":
        """Returns what to read of a part over a period."""
        bounds, passed = period.bounds, period.passed
        rest = None if passed == bounds else Selection.within(part, Interval(start=passed.end, end=bounds.end))
        return cls(elapsed=Selection.within(part, passed), rest=rest)

    def selections(self) -> Iterator[Selection]:
        """Returns both parts."""
        yield self.elapsed
        if self.rest is not None:
            yield self.rest

    def whole(self, found: Mapping[Selection, Cell]) -> Cell:
        """Returns the cell of the whole period."""
        whole = Cell()
        for one in self.selections():
            whole.add(found[one])
        return whole
