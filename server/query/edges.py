"""Bounds within quarter hours: what raw events and conversations add up to in parts of quarter hours.

Figures are kept by quarter hour. A period that begins or ends within one is answered by what is kept of the quarter
hours inside of it, and by what occurred in its edges, counted as ingest counts it.
"""

import asyncio
import bisect
import dataclasses
import itertools
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from server import timerange
from server.catalog import cells, custom_metrics, registry
from server.catalog import conversations as counting_conversations
from server.catalog import leads as counting_leads
from server.catalog.cells import Cell, Cells
from server.catalog.families import conversations as conversation_metrics
from server.catalog.families import generated_leads as lead_metrics
from server.catalog.filters import Filter
from server.catalog.pairs import counted as counted_pairs
from server.catalog.selections import Selection, Wanted
from server.errors import Reason, Refused
from server.events.event import Event
from server.rollups import raw_counts, windows
from server.rollups.windows import Snapshot
from server.store import conversations, leads, pairs, reading
from server.store import events as stored_events
from server.store.database import Driver
from server.timerange import Edge, Interval, Span

MAX_EVENTS = 20_000  # of the quarter hours that edges are parts of, for one question
MOST_REQUIRED = 50_000  # of a series by the minute: about two seconds' worth
_PORTION = 1_000  # events that are counted between two turns of the event loop
_AT_ONCE = 200  # conversations or leads, likewise
_Event = tuple[int, Event]  # with its revision
EdgeCells = Mapping[int, Mapping[str, Cell]]  # by the number of a dimension and the value
# The projections whose figures are counted in edges, too; those of custom metrics are taken from events.
PROJECTIONS = frozenset({conversation_metrics.PROJECTION, lead_metrics.PROJECTION, custom_metrics.PROJECTION})
_EVENTS_KEY = cells.count_key(registry.MEASURES["events"].number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exactness:
    """How a question is to be answered to the microsecond: with at most so many events in the quarter hours that edges
    are parts of, beyond which it is answered by whole quarter hours, or refused if it makes no sense with those.
    """

    most: int = MAX_EVENTS
    is_required: bool = False


class TooManyEventsError(Exception):
    """Too many events would have to be counted: the question is answered by whole quarter hours."""


class EdgeCounter:
    """Counts edges for one question in its snapshot, each once. wanted is what the question reads."""

    def __init__(self, driver: Driver, organization_id: int, wanted: Wanted, exactness: Exactness | None) -> None:
        self._driver, self._organization_id = driver, organization_id
        self._wanted, self._exactness = wanted, exactness or Exactness()
        self._events: dict[int, int] = {}  # by the quarter hours of edges that were admitted
        self._counted: dict[Edge, EdgeCells] = {}
        self._has_pairs = False
        self._view: Snapshot | None = None

    async def admit(self, edges: Iterable[Edge]) -> None:
        """Refuses edges, or raises TooManyEventsError, where their quarter hours have too many events together with
        those that were admitted before.
        """
        buckets = sorted({edge.bucket for edge in edges}.difference(self._events))
        if not buckets:
            return
        whole = [Selection.of(Filter(), Span(start=one, end=one + 1), bins=False) for one in buckets]
        found = await reading.read(self._driver, self._organization_id, whole, Wanted(counters=[_EVENTS_KEY]))
        for one in whole:
            self._events[one.span.start] = found.cells[one].counters.get(_EVENTS_KEY, 0)
        events, most = sum(self._events.values()), self._exactness.most
        if events <= most:
            return
        if self._exactness.is_required:
            raise Refused(
                Reason.TOO_MANY_RAW_EVENTS,
                f"the period has {events:,} events that would have to be counted, more than {most:,}: ask for"
                " quarter hours or more, or for a shorter period",
                field="granularity",
                metadata={"limit": str(most)},
            )
        raise TooManyEventsError

    async def counted(self, edges: Iterable[Edge], *, has_pairs: bool) -> Mapping[Edge, EdgeCells]:
        """Returns what each edge adds up to, of every dimension, and of every pair that is kept if it is asked for.

        Pairs cost another look-up: who asks for one later has the edges counted again.
        """
        if has_pairs and not self._has_pairs:
            self._has_pairs, self._view, self._counted = True, None, {}
        missing = [edge for edge in dict.fromkeys(edges) if edge not in self._counted]
        if missing:
            await self.admit(missing)
            view = self._view = self._view or await self._snapshot()
            found = {} if view is None else await _count(view, missing, self._wanted.projections)
            for edge in missing:
                self._counted[edge] = _by_dimension(found.get(edge, {}))
        return self._counted

    async def _snapshot(self) -> Snapshot | None:
        """Returns the organization, with those of its custom metrics that are asked about: it may have many more."""
        declared = await pairs.kept(self._driver, self._organization_id) if self._has_pairs else []
        view = await windows.of_a_question(
            self._driver,
            self._organization_id,
            counted_pairs(one.dimension.number for one in declared) if self._has_pairs else (),
            has_custom=custom_metrics.PROJECTION in self._wanted.projections,
        )
        if view is None:
            return None
        asked = [one for one in view.custom if one.number in self._wanted.measures or one.definition.dimension]
        return dataclasses.replace(view, custom=asked)


def _by_dimension(counted: Cells) -> EdgeCells:
    found: dict[int, dict[str, Cell]] = {}
    for key, cell in counted.items():
        found.setdefault(key.dimension, {})[key.value] = cell
    return found


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
