"""Realtime views made from PostgreSQL: what a hub begins with, and begins anew with."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from server import catalog, cells, figures, overflow, timerange
from server.events import Event, conversation_key_of
from server.realtime import Part, Today, Totals, View, day_of
from server.store import reading, rollups, updates
from server.store.database import Connection, driver_of
from server.store.reading import Selection
from server.store.rollups import AsOf
from server.store.updates import Narrowing

_WINDOW = timedelta(hours=1)
_FEED_WINDOW, _FEED_EVENTS = timedelta(days=1), 20_000  # how far back the feed of conversations is looked for
_TODAY = ("total_messages", "total_conversations", "token_usage")


async def view(connection: Connection, organization_id: int, time_zone: str, part: Part) -> tuple[View, AsOf]:
    """The view of a part as of the connection's snapshot. Read in portions, so that others are served in between."""
    as_of = await rollups.as_of(connection, organization_id)
    today = await _today(connection, organization_id, part, as_of.at, time_zone)
    made = View(part, today, as_of.revision, as_of.at)
    narrowing = Narrowing(agent_ids=part.agent_ids, channel=part.channel)
    received = as_of.at - _FEED_WINDOW
    async for events in updates.latest_events(connection, organization_id, narrowing, received, among=_FEED_EVENTS):
        made.recall(events)
        await asyncio.sleep(0)
    # What occurred in the last hour was not received before it, but for what an early clock allows.
    since = as_of.at - _WINDOW
    received = since - timerange.MAX_AHEAD
    async for events in updates.occurred_since(connection, organization_id, narrowing, since, received):
        made.remember(events)
        await asyncio.sleep(0)
    made.stand(await updates.standings(connection, organization_id, made.conversations()))
    return made, as_of


async def _today(connection: Connection, organization_id: int, part: Part, now: datetime, time_zone: str) -> Today:
    span = day_of(now, time_zone)
    if await overflow.without_cells(connection, organization_id, part.dimension, part.values):
        return Today(span=span, totals=None)
    selections = [
        Selection(point=point, dimension=part.dimension, value=value, span=span)
        for point, value in enumerate(part.values)
    ]
    found = await reading.read(await driver_of(connection), organization_id, selections, figures.wanted(_TODAY))
    total = cells.Cell()
    for cell in found.points.values():
        total.add(cell)
    return Today(span=span, totals=Totals(*(int(figures.figure(catalog.METRICS[name], total) or 0) for name in _TODAY)))


def conversations(events: Iterable[Event]) -> set[bytes]:
    """The keys of the conversations that events belong to."""
    return {conversation_key_of(event.conversation_id) for event in events if event.conversation_id}
