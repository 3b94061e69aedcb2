"""Builds realtime views from PostgreSQL: from figures by slot and from conversations, never from events."""

from datetime import datetime

from server.catalog import cells, figures, realtime_figures, registry, slots
from server.catalog.realtime_figures import Window
from server.catalog.selections import AsOf, Selection
from server.projections.registry import REALTIME
from server.realtime.view import FEED_LENGTH, MINUTES_SHOWN, Facts, Today, View, ViewFilter, day_of
from server.rollups import overflow
from server.store import activity, database, projections, reading, rollups
from server.store import slots as stored_slots
from server.store.activity import Narrowing
from server.store.database import Driver

_STATEMENT_SECONDS = 5.0  # after which PostgreSQL ends a statement of a view
_FINE_MINUTES = 6  # with the current one, in which the last five minutes end
_TODAY = realtime_figures.of_window(Window.TODAY)


async def view(driver: Driver, organization_id: int, time_zone: str, part: ViewFilter) -> tuple[View, AsOf]:
    """Builds the view of a filter as of the connection's snapshot.

    What is read and kept is bounded by the slots of an hour and the filter's values, whatever the number of events; the
    conversations of the hour are counted by an index.
    """
    as_of = await rollups.as_of(driver, organization_id)
    await database.limit_statements(driver, _STATEMENT_SECONDS)
    minute = slots.minute_of(as_of.at)
    since = minute - MINUTES_SHOWN + 1
    values = sorted(part.values)
    separate = not await overflow.without_cells(driver, organization_id, part.dimension, values)
    messages = None
    if separate:
        messages = await stored_slots.read(
            driver, organization_id, part.dimension, values, since=since, fine_since=minute - _FINE_MINUTES + 1
        )
    conversations = Narrowing(dimension=part.dimension, values=values)
    facts = Facts(
        messages=messages,
        today=await _today(driver, organization_id, part, as_of.at, time_zone, separate=separate),
        open_by_minute=await activity.open_by_minute(driver, organization_id, conversations, since),
        conversations=await activity.latest(driver, organization_id, conversations, since, FEED_LENGTH),
    )
    seen = await projections.seen_by_all(driver, organization_id, REALTIME)
    is_complete = seen is None or seen >= as_of.revision
    return View(part, facts, as_of.revision, as_of.at, is_complete=is_complete), as_of


async def _today(
    driver: Driver, organization_id: int, part: ViewFilter, now: datetime, time_zone: str, *, separate: bool
) -> Today:
    span = day_of(now, time_zone)
    if not separate:
        return Today(span=span, figures={})
    selections = [Selection(dimension=part.dimension, value=value, span=span) for value in part.values]
    found = await reading.read(driver, organization_id, selections, figures.wanted(_TODAY.values()))
    total = cells.Cell()
    for cell in found.cells.values():
        total.add(cell)
    return Today(
        span=span,
        figures={
            name: figures.figure(registry.METRICS[metric], total) if figures.is_kept(metric, part.dimension) else None
            for name, metric in _TODAY.items()
        },
    )
