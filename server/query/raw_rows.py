"""Rows of dimensions whose figures are not kept together: counted from raw events when they are asked for."""

import asyncio
import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server import timerange
from server.catalog import counting, dimensions, figures, registry
from server.catalog.cells import Cell
from server.catalog.counting import Numbers
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.errors import Refused
from server.events.event import Event
from server.query.grouping import Grouping
from server.query.ranking import Order
from server.store import events as stored_events
from server.store import organizations, reading
from server.store.database import Driver
from server.timerange import Span

# About two seconds' worth: who asks for more declares a pair.
MAX_EVENTS = 50_000
_EVENTS = registry.MEASURES["events"]
_WANTED = figures.wanted([_EVENTS.name])


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRows:
    """Rows that were counted: their values in order, and the cells of all that a question may select of them."""

    values: Sequence[str]
    cells: Mapping[Selection, Cell]


async def count(
    driver: Driver,
    organization_id: int,
    group: Grouping,
    spans: Sequence[Span],
    buckets: Sequence[Span],
    by: Order,
    why: Refused,
) -> RawRows:
    """Counts rows over some spans, of which the first is the period, and their series, in the snapshot of the answer.

    Where the events are too many, or gone, it raises why in more words.
    """
    found: dict[Selection, Cell] = {}
    for span in spans:
        await _check(driver, organization_id, group, span, why)
        found |= await _counted(driver, organization_id, group, span, buckets if span is spans[0] else ())
    figure = {
        one.value: by.figure(cell, group.dimension)
        for one, cell in found.items()
        if one.dimension is group.dimension and one.span is spans[0]
    }
    return RawRows(values=by.ordered(figure), cells=found)


async def _counted(
    driver: Driver, organization_id: int, group: Grouping, span: Span, buckets: Sequence[Span]
) -> dict[Selection, Cell]:
    """Returns the cells of a span, whole and by buckets, of every row and of the total if it may not be kept either."""
    events = await _events(driver, organization_id, group, span)
    numbers = _numbers(events)
    rows: dict[str, list[Event]] = {}
    for event in events:
        if value := dimensions.combined([one.value_of(event) for one in group.involved]):
            rows.setdefault(value, []).append(event)
    parts = {Filter(dimension=group.dimension, value=value): some for value, some in rows.items()}
    if group.part.dimension.sides is not None:  # of which no figures may be kept either
        parts[group.part] = events
    found: dict[Selection, Cell] = {}
    for part, some in parts.items():
        found[Selection.of(part, span)] = counting.of_group(some, numbers, part.dimension)
        for bucket, few in zip(buckets, _cut(some, buckets), strict=True):
            found[Selection.of(part, bucket)] = counting.of_group(few, numbers, part.dimension)
        await asyncio.sleep(0)
    return found


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


async def _events(driver: Driver, organization_id: int, group: Grouping, span: Span) -> list[Event]:
    """Returns the events that the table is about."""
    given = {one: value for one, value in zip(group.involved, group.given, strict=True) if value}
    where = {one.field: value for one, value in given.items() if one.field}
    start, end = timerange.instant(span.start), timerange.instant(span.end)
    found: list[Event] = []
    async for portion in stored_events.occurred_between(driver, organization_id, start, end, where=where):
        found += [event for _, event in portion if all(one.value_of(event) == value for one, value in given.items())]
    return found


def _numbers(events: Sequence[Event]) -> Numbers:
    """Returns numbers for users and agents that hold among these events."""
    users, agents = {event.user_id for event in events}, {event.agent_id for event in events}
    return Numbers(
        {one: number for number, one in enumerate(users)}, {one: number for number, one in enumerate(agents)}
    )


def _cut(events: Sequence[Event], buckets: Sequence[Span]) -> list[list[Event]]:
    """Returns the events of each bucket."""
    starts = [bucket.start for bucket in buckets]
    cut: list[list[Event]] = [[] for _ in buckets]
    for event in events if starts else ():
        bucket = timerange.floor_bucket(timerange.of_microseconds(event.occurred_at))
        cut[bisect.bisect_right(starts, bucket) - 1].append(event)
    return cut
