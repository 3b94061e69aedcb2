"""What a question reads: kept figures of whole quarter hours, and with them what is counted in the edges of its bounds.

Every question reads by it, so that figures of the same bounds agree, whichever question asks: those that rank values,
those that read the cells of some, and those that add up everything by a dimension.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.catalog import dimensions
from server.catalog.cells import OTHER, Cell
from server.catalog.dimensions import Dimension
from server.catalog.selections import EventTypeCounts, Reading, Selection, Wanted, inner
from server.query.answers import Source
from server.query.edges import EdgeCounter, Exactness
from server.store import reading
from server.store.database import Driver
from server.store.ranking import Values
from server.timerange import Edge, Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgedSelections:
    """What a question selects, edges included."""

    selections: Sequence[Selection]
    event_types: EventTypeCounts | None

    @property
    def edges(self) -> list[Edge]:
        """Returns all edges, each once."""
        found = dict.fromkeys(edge for one in self.selections for edge in one.edges)
        if self.event_types is not None:
            found |= dict.fromkeys(self.event_types.edges)
        return list(found)

    @property
    def has_pairs(self) -> bool:
        """Returns whether any of it is of a pair of dimensions."""
        return any(one.dimension.sides is not None for one in self.selections)

    @property
    def source(self) -> Source:
        """Returns what its figures are read from."""
        if not self.edges:
            return Source.ROLLUPS
        is_all = not any(one.inner.span.length for one in self.selections)
        return Source.RAW_EVENTS if is_all else Source.BOTH

    @property
    def inner(self) -> Sequence[Selection]:
        """Returns what is selected inside, by whole quarter hours."""
        return [one.inner for one in self.selections]

    @property
    def inner_types(self) -> EventTypeCounts | None:
        """Returns the event types that are counted inside."""
        types = self.event_types
        return types and dataclasses.replace(types, span=inner(types.span, types.edges), edges=())


class Reader:
    """Reads for one question, in the snapshot of its answer. driver and organization_id are for what is read otherwise.

    Where an edge must not be counted, because of too many events, it raises what EdgeCounter.admit() does.
    """

    def __init__(self, driver: Driver, organization_id: int, wanted: Wanted, exactness: Exactness | None) -> None:
        self.driver, self.organization_id = driver, organization_id
        self._edges = EdgeCounter(driver, organization_id, wanted, exactness)

    async def admit(self, asked: EdgedSelections) -> None:
        """Makes sure that the edges may be counted."""
        await self._edges.admit(asked.edges)

    async def cells(self, selections: Sequence[Selection], wanted: Wanted) -> dict[Selection, Cell]:
        """Returns the cells of any number of selections."""
        asked = EdgedSelections(selections=selections, event_types=None)
        found = await reading.read_cells(self.driver, self.organization_id, asked.inner, wanted)
        return await self._completed(asked, found) if asked.edges else found

    async def completed(self, asked: EdgedSelections, found: Reading) -> Reading:
        """Returns what was read inside with what edges add to it."""
        if not asked.edges:
            return found
        types = dict(found.event_types)
        if asked.event_types is not None:
            for name, count in (await self._types(asked.event_types)).items():
                types[name] = types.get(name, 0) + count
        return dataclasses.replace(found, cells=await self._completed(asked, found.cells), event_types=types)

    async def values(
        self, dimension: Dimension, bounds: Interval, *, prefix: str = "", suffix: str = "", only: str = ""
    ) -> Values:
        """Returns which values of a dimension are ranked, or added up, within bounds."""
        counted: dict[str, Cell] = {}
        edges = bounds.edges
        counts = await self._edges.counted(edges, has_pairs=dimension.sides is not None) if edges else {}
        for edge in edges:
            for value, cell in counts[edge].get(dimension.number, {}).items():
                counted.setdefault(value, Cell()).add(cell)
        return Values(
            dimension=dimension,
            span=inner(bounds.span, edges),
            prefix=prefix,
            suffix=suffix,
            only=only,
            counted=counted,
        )

    async def _completed(self, asked: EdgedSelections, found: Mapping[Selection, Cell]) -> dict[Selection, Cell]:
        counted = await self._edges.counted(asked.edges, has_pairs=asked.has_pairs)
        whole = {}
        for one in asked.selections:
            cell = found[one.inner]
            parts = [
                part
                for edge in one.edges
                if (part := counted[edge].get(one.dimension.number, {}).get(one.value)) is not None
            ]
            if parts:
                cell, kept = Cell(), cell
                for part in (kept, *parts):
                    cell.add(part)
            whole[one] = cell
        return whole

    async def _types(self, asked: EventTypeCounts) -> dict[str, int]:
        """Returns what edges add to the counter of each event type that has cells of its own."""
        counted = await self._edges.counted(asked.edges, has_pairs=False)
        total: dict[str, int] = {}
        for edge in asked.edges:
            for name, cell in counted[edge].get(dimensions.EVENT_TYPE.number, {}).items():
                if name != OTHER:
                    total[name] = total.get(name, 0) + cell.counters.get(asked.counter, 0)
        return total
