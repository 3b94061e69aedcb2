"""Rows of dimensions whose figures are not kept together: counted from raw events when they are asked for."""

import asyncio
import bisect
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from server import timerange
from server.catalog import counting, dimensions, figures, registry
from server.catalog.cells import Cell
from server.catalog.counting import Numbers
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.errors import Refused
from server.events.event import Event
from server.query import table_rows
from server.query.grouping import Grouping
from server.query.ranking import Order
from server.query.reader import Reader
from server.query.table_rows import TableQuestion
from server.store import events as stored_events
from server.store import organizations, reading
from server.store.database import Driver
from server.timerange import Interval, Span

# About two seconds' worth: who asks for more declares a pair.
MAX_EVENTS = 50_000
_MICROSECOND = timedelta(microseconds=1)
_PORTION = 1_000  # events between two turns of the event loop
_EVENTS = registry.MEASURES["events"]
_WANTED = figures.wanted([_EVENTS.name])


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRows:
    """Rows of a page that were counted: their values in order, how many there are on all pages, and the cells of all
    that a question may select of them. Points without events are left out.
    """

    values: Sequence[str]
    number: int
    cells: Mapping[Selection, Cell]


async def count(
    reader: Reader,
    question: TableQuestion,
    group: Grouping,
    periods: Sequence[Interval],
    buckets: Sequence[Interval],
    skip: int,
    why: Refused,
) -> RawRows:
    """Counts rows over some periods, of which the first is the question's, and their series, in the snapshot of the
    answer.

    Where the events are too many, or gone, it raises why in more words.
    """
    asked, *others = periods
    of_period = await _counting(reader, group, asked, why)
    ordered = await of_period.ordered(question.order)
    values = ordered[skip : skip + question.page_size]
    table_rows.check_points(len(buckets), len(values) + 1, len(question.metrics))
    shown = [Filter(dimension=group.dimension, value=value) for value in values]
    if group.part.dimension.sides is not None:  # of which no figures may be kept either
        shown.append(group.part)
    found = await of_period.cells(shown, asked, buckets)
    for other in others:
        found |= await (await _counting(reader, group, other, why)).cells(shown, other, ())
    return RawRows(values=values, number=len(ordered), cells=found)


async def _counting(reader: Reader, group: Grouping, period: Interval, why: Refused) -> "_Counting":
    """Reads the events of a period."""
    await _check(reader.driver, reader.organization_id, group, period.span, why)
    rows: dict[Filter, list[Event]] = {}
    everything: list[Event] = []
    async for portion in _portions(reader, group, period):
        for event in portion:
            if value := dimensions.combined([one.value_of(event) for one in group.involved]):
                rows.setdefault(Filter(dimension=group.dimension, value=value), []).append(event)
        everything += portion
    return _Counting(events={**rows, group.part: everything}, rows=list(rows), numbers=_numbers(everything))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counting:
    """The events of a period by the parts that they belong to: rows, and what the table is about."""

    events: Mapping[Filter, Sequence[Event]]
    rows: Sequence[Filter]
    numbers: Numbers

    async def ordered(self, by: Order) -> list[str]:
        """Returns the values of all rows in order."""
        return by.ordered(
            {one.value: by.figure(await self._cell(self.events[one], one), one.dimension) for one in self.rows}
        )

    async def cells(
        self, parts: Sequence[Filter], period: Interval, buckets: Sequence[Interval]
    ) -> dict[Selection, Cell]:
        """Returns the cells of parts, whole and by those buckets that have events."""
        found: dict[Selection, Cell] = {}
        for part in parts:
            events = self.events.get(part, ())
            found[Selection.within(part, period)] = await self._cell(events, part)
            for place, some in _cut(events, buckets).items():
                found[Selection.within(part, buckets[place])] = await self._cell(some, part)
        return found

    async def _cell(self, events: Sequence[Event], part: Filter) -> Cell:
        """Returns what events add up to, and yields to the event loop between portions of them."""
        whole = Cell()
        for first in range(0, len(events), _PORTION):
            some = events[first : first + _PORTION]
            whole.add(counting.of_group(some, self.numbers, part.dimension))
            await asyncio.sleep(0)
        return whole


async def _check(driver: Driver, organization_id: int, group: Grouping, span: Span, why: Refused) -> None:
    """Refuses to count more events than there may be, or events that are gone."""
    kept = await organizations.kept(driver, organization_id)
    if kept is not None and span.start < kept.raw_from_bucket:
        start = timerange.instant(kept.raw_from_bucket).isoformat().replace("+00:00", "Z")
        raise _in_more_words(why, f"raw events, of which they could be counted, are kept from {start} on")
    given = {one: value for one, value in zip(group.involved, group.given, strict=True) if value}
    parts = [Filter(dimension=one, value=value) for one, value in given.items()]
    selections = [Selection.of(part, span, bins=False) for part in (Filter(), *parts)]
    found = await reading.read(driver, organization_id, selections, _WANTED)
    events = min(int(figures.figure(_EVENTS, found.cells[one]) or 0) for one in selections)
    if events > MAX_EVENTS:
        raise _in_more_words(
            why, f"the period has {events} events that would have to be counted, more than {MAX_EVENTS}"
        )


def _in_more_words(why: Refused, more: str) -> Refused:
    return Refused(why.reason, f"{why.message}; {more}", field=why.field, metadata=why.metadata)


async def _portions(reader: Reader, group: Grouping, period: Interval) -> AsyncIterator[list[Event]]:
    """Yields the events that the table is about, in portions."""
    given = {one: value for one, value in zip(group.involved, group.given, strict=True) if value}
    where = {one.field: value for one, value in given.items() if one.field}
    portions = stored_events.occurred_between(
        reader.driver, reader.organization_id, period.start, period.end, where=where, portion=_PORTION
    )
    async for portion in portions:
        yield [event for _, event in portion if all(one.value_of(event) == value for one, value in given.items())]


def _numbers(events: Sequence[Event]) -> Numbers:
    """Returns numbers for users and agents that hold among these events."""
    users, agents = {event.user_id for event in events}, {event.agent_id for event in events}
    return Numbers(
        {one: number for number, one in enumerate(users)}, {one: number for number, one in enumerate(agents)}
    )


def _cut(events: Sequence[Event], buckets: Sequence[Interval]) -> Mapping[int, Sequence[Event]]:
    """Returns the events of each bucket that has any, by the bucket's place."""
    starts = [(bucket.start - timerange.EPOCH) // _MICROSECOND for bucket in buckets]
    cut: dict[int, list[Event]] = {}
    for event in events if starts else ():
        cut.setdefault(bisect.bisect_right(starts, event.occurred_at) - 1, []).append(event)
    return cut
