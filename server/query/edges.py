"""Bounds within quarter hours: what raw events and conversations add up to in parts of quarter hours.

Figures are kept by quarter hour. A period that begins or ends within one is answered by what is kept of the quarter
hours inside of it, and by what occurred in its edges, counted as ingest counts it.
"""

import asyncio
import bisect
import dataclasses
import itertools
import operator
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from server import timerange
from server.catalog import cells, custom_metrics, dimensions, registry
from server.catalog import conversations as counting_conversations
from server.catalog import leads as counting_leads
from server.catalog.cells import Cell, CellKey, Cells
from server.catalog.families import conversations as conversation_metrics
from server.catalog.families import generated_leads as lead_metrics
from server.catalog.filters import Filter
from server.catalog.selections import EventTypeCounts, Reading, Selection, Wanted, inner
from server.errors import Reason, Refused
from server.events.event import Event
from server.query.answers import Source
from server.rollups import raw_counts, windows
from server.rollups.windows import Snapshot
from server.store import conversations, leads, reading
from server.store import events as stored_events
from server.store.database import Driver
from server.timerange import Edge, Interval, Span

MAX_EVENTS = 20_000  # of the quarter hours that edges are parts of, for one question
MOST_REQUIRED = 50_000  # of a series by the minute: about two seconds' worth
_PORTION = 1_000  # events that are counted between two turns of the event loop
_AT_ONCE = 200  # conversations or leads, likewise
_Event = tuple[int, Event]  # with its revision
# The projections whose figures are counted in edges, too; those of custom metrics are taken from events.
PROJECTIONS = frozenset({conversation_metrics.PROJECTION, lead_metrics.PROJECTION, custom_metrics.PROJECTION})
_EVENTS_KEY = cells.count_key(registry.MEASURES["events"].number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exactness:
    """How a question is to be answered to the microsecond: with at most so many events in the quarter hours that are
    counted anew, beyond which it is answered by whole quarter hours, or refused if it makes no sense with those.
    """

    most: int = MAX_EVENTS
    is_required: bool = False


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

    async def is_within(self, exactness: Exactness, driver: Driver, organization_id: int) -> bool:
        """Returns whether the quarter hours of edges have few enough events; refuses more where edges are required."""
        buckets = sorted({edge.bucket for edge in self.edges})
        if not buckets:
            return True
        whole = [Selection.of(Filter(), Span(start=one, end=one + 1), bins=False) for one in buckets]
        found = await reading.read(driver, organization_id, whole, Wanted(counters=[_EVENTS_KEY]))
        events = sum(one.counters.get(_EVENTS_KEY, 0) for one in found.cells.values())
        if events > exactness.most and exactness.is_required:
            raise Refused(
                Reason.TOO_MANY_RAW_EVENTS,
                f"the period has {events:,} events that would have to be counted, more than {exactness.most:,}: ask for"
                " quarter hours or more, or for a shorter period",
                field="granularity",
                metadata={"limit": str(exactness.most)},
            )
        return events <= exactness.most

    async def completed(self, driver: Driver, organization_id: int, found: Reading, wanted: Wanted) -> Reading:
        """Returns what was read with what edges add to it."""
        if not self.edges:
            return found
        pairs = {one.dimension: None for one in self.selections if one.dimension.sides is not None}
        view = await windows.of_a_question(
            driver, organization_id, tuple(pairs), found.projections.get(custom_metrics.PROJECTION)
        )
        counted: Mapping[Edge, Cells] = {}
        if view is not None:
            measures = wanted.measures
            asked = [one for one in view.custom if one.number in measures]  # the organization may have many more
            counted = await _count(dataclasses.replace(view, custom=asked), self.edges, wanted.projections)
        types = dict(found.event_types)
        if self.event_types is not None:
            for name, count in _types(counted, self.event_types).items():
                types[name] = types.get(name, 0) + count
        whole = {one: _completed(found.cells[one.inner], counted, one) for one in self.selections}
        return dataclasses.replace(found, cells=whole, event_types=types)


def _completed(cell: Cell, counted: Mapping[Edge, Cells], one: Selection) -> Cell:
    """Returns the cell of a selection: what is inside, and what its edges add."""
    if not one.edges:
        return cell
    whole = Cell()
    whole.add(cell)
    for edge in one.edges:
        mine = counted.get(edge, {}).get(CellKey(one.dimension.number, one.value, edge.bucket))
        if mine is not None:
            whole.add(mine)
    return whole


def _types(counted: Mapping[Edge, Cells], asked: EventTypeCounts) -> dict[str, int]:
    """Returns what edges add to the counter of each event type that has cells of its own."""
    total: dict[str, int] = {}
    for edge in asked.edges:
        for key, one in counted.get(edge, {}).items():
            if key.dimension == dimensions.EVENT_TYPE.number and key.value != cells.OTHER:
                total[key.value] = total.get(key.value, 0) + one.counters.get(asked.counter, 0)
    return total


async def _count(view: Snapshot, edges: Sequence[Edge], projections: Collection[str]) -> dict[Edge, Cells]:
    """Returns the cells of each edge: of every dimension and of the view's pairs, with what these projections count."""
    found: dict[Edge, Cells] = {edge: {} for edge in edges}
    for interval, mine in _joined(edges):
        await _count_events(view, interval, mine, found)
        if conversation_metrics.PROJECTION in projections:
            await _count_conversations(view, interval, mine, found)
        if lead_metrics.PROJECTION in projections:
            await _count_leads(view, interval, mine, found)
    return found


def _joined(edges: Sequence[Edge]) -> list[tuple[Interval, list[Edge]]]:
    """Returns the intervals that edges make where one ends as the next begins or later, and the edges of each."""
    joined: list[tuple[Interval, list[Edge]]] = []
    for edge in sorted(edges, key=lambda one: (one.start, one.end)):
        if joined and edge.start <= joined[-1][0].end:
            interval, mine = joined[-1]
            joined[-1] = Interval(start=interval.start, end=max(interval.end, edge.end)), [*mine, edge]
        else:
            joined.append((Interval(start=edge.start, end=edge.end), [edge]))
    return joined


async def _count_events(view: Snapshot, interval: Interval, edges: Sequence[Edge], found: Mapping[Edge, Cells]) -> None:
    """Adds the events of an interval to its edges, which may overlap."""
    portions = stored_events.occurred_between(
        view.driver, view.organization_id, interval.start, interval.end, portion=_PORTION
    )
    gathered: dict[Edge, list[_Event]] = {}
    async for portion in portions:
        await raw_counts.numbers(view, portion)  # looked up for many at once
        for edge, some in _by_edge(portion, edges).items():
            gathered.setdefault(edge, []).extend(some)
        await asyncio.sleep(0)
    for edge, events in gathered.items():
        for first in range(0, len(events), _PORTION):
            some = events[first : first + _PORTION]
            cells.add_all(found[edge], await raw_counts.of_events(view, some, await raw_counts.numbers(view, some)))
            await asyncio.sleep(0)


def _by_edge(portion: Sequence[_Event], edges: Sequence[Edge]) -> dict[Edge, list[_Event]]:
    found: dict[Edge, list[_Event]] = {}
    for one in portion:
        for edge in _holding(one[1].occurred_at, edges):
            found.setdefault(edge, []).append(one)
    return found


def _holding(microseconds: int, edges: Sequence[Edge]) -> Iterator[Edge]:
    """Yields the edges that hold an instant. They come in order of their starts, and none is longer than a quarter
    hour, so that few have to be looked at.
    """
    at = timerange.of_microseconds(microseconds)
    first = bisect.bisect_left(edges, at - timerange.QUARTER, key=operator.attrgetter("start"))
    for edge in itertools.islice(edges, first, None):
        if edge.start > at:
            return
        if at < edge.end:
            yield edge


async def _count_conversations(
    view: Snapshot, interval: Interval, edges: Sequence[Edge], found: Mapping[Edge, Cells]
) -> None:
    """Adds what conversations add to the edges of an interval."""
    recorded = await conversations.between(view.driver, view.organization_id, interval.start, interval.end)
    for number, one in enumerate(recorded.values(), start=1):
        for added in counting_conversations.contributions(one):
            for edge in _holding(added.at, edges):
                counting_conversations.add(found[edge], [added])
        if not number % _AT_ONCE:
            await asyncio.sleep(0)


async def _count_leads(view: Snapshot, interval: Interval, edges: Sequence[Edge], found: Mapping[Edge, Cells]) -> None:
    """Adds what leads add to the edges of an interval."""
    recorded = await leads.between(view.driver, view.organization_id, interval.start, interval.end)
    for number, one in enumerate(recorded.values(), start=1):
        for edge in _holding(one.began_at, edges):
            counting_leads.add(found[edge], counting_leads.contribution(one))
        if not number % _AT_ONCE:
            await asyncio.sleep(0)
