"""Realtime views made from PostgreSQL: what a hub begins with, and begins anew with."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from server import catalog, cells, figures, timerange
from server.cells import Dimension
from server.events import Event, conversation_key_of
from server.realtime import Part, Today, View, day_of
from server.store import rollups, updates
from server.store.database import Connection
from server.store.rollups import AsOf, Selection

_WINDOW = timedelta(hours=1)
_FEED_EVENTS = 3000
_TODAY = ("total_messages", "total_conversations", "token_usage")


async def view(connection: Connection, organization_id: int, time_zone: str, part: Part) -> tuple[View, AsOf]:
    """The view of a part as of the connection's snapshot."""
    as_of = await rollups.as_of(connection, organization_id)
    today = await _today(connection, organization_id, part, as_of.at, time_zone)
    made = View(part, today, as_of.revision)
    events = await _window_events(connection, organization_id, as_of)
    feed = await updates.latest_events(connection, organization_id, _FEED_EVENTS)
    inside = {event.event_key for event in events}
    everything = [*(event for event in reversed(feed) if event.event_key not in inside), *events]
    standings = await updates.standings(connection, organization_id, conversations(everything))
    made.remember(everything, standings, as_of.at)
    return made, as_of


async def _window_events(connection: Connection, organization_id: int, as_of: AsOf) -> list[Event]:
    """The events of the last hour. None of them was received before that hour, but for what an early clock allows."""
    since = as_of.at - _WINDOW
    first = await updates.first_revision_since(connection, organization_id, since - timerange.MAX_AHEAD)
    return await updates.occurred_since(connection, organization_id, first, since)


async def _today(connection: Connection, organization_id: int, part: Part, now: datetime, time_zone: str) -> Today:
    span = day_of(now, time_zone)
    values = sorted(part.agent_ids) or [part.channel]
    dimension = Dimension.AGENT if part.agent_ids else Dimension.CHANNEL if part.channel else Dimension.TOTAL
    selections = [
        Selection(point=point, dimension=dimension, value=value, span=span) for point, value in enumerate(values)
    ]
    wanted = figures.measure_numbers(_TODAY)
    found = await rollups.read(connection, organization_id, selections, wanted, bins=False)
    total = cells.Cell()
    for cell in found.values():
        total.add(cell)
    messages, conversations_started, tokens = (
        int(figures.figure(catalog.METRICS[name], total) or 0) for name in _TODAY
    )
    return Today(span=span, messages=messages, conversations=conversations_started, tokens=tokens)


def conversations(events: Iterable[Event]) -> set[bytes]:
    """The keys of the conversations that events belong to."""
    return {conversation_key_of(event.conversation_id) for event in events if event.conversation_id}
