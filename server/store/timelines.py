"""The raw events of a conversation, in the order in which they occurred."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from server import timerange
from server.events.conversation import Conversation
from server.events.event import Event
from server.store import events as stored_events
from server.store.database import Driver

_BEFORE_IT_OCCURS = timedelta(days=1)
_OF_ONE = (
    "organization_id = $1 AND conversation_id = $2 AND occurred_at >= $3 AND occurred_at <= $4 AND received_at >= $5"
    " AND occurred_at > '-infinity'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePlace:
    """A place in the events of a conversation: after one of them."""

    occurred_at: int
    revision: int
    event_key: bytes


async def page(
    driver: Driver, organization_id: int, of: Conversation, revision: int, after: TimelinePlace | None, limit: int
) -> list[tuple[int, Event]]:
    """Returns events of a conversation up to a revision, each with its own, in the order in which they occurred: those
    after a place, as many as a limit allows.
    """
    first = of.first_at if after is None else after.occurred_at
    rows = await driver.fetch(
        f"SELECT {stored_events.SELECTED} FROM events WHERE {_OF_ONE} AND revision <= $6"  # noqa: S608 - constants
        " AND (occurred_at, revision, event_key) > ($7, $8, $9)"
        " ORDER BY occurred_at, revision, event_key LIMIT $10",
        *_of_one(organization_id, of, first),
        revision,
        timerange.of_microseconds(first),
        -1 if after is None else after.revision,
        b"" if after is None else after.event_key,
        limit,
    )
    return [(row["revision"], stored_events.read(tuple(row))) for row in rows]


async def count(driver: Driver, organization_id: int, of: Conversation) -> int:
    """Returns how many events of a conversation are still kept."""
    statement = f"SELECT count(*) FROM events WHERE {_OF_ONE}"  # noqa: S608 - a constant of this file
    found: int = await driver.fetchval(statement, *_of_one(organization_id, of, of.first_at))
    return found


def _of_one(organization_id: int, of: Conversation, first: int) -> tuple[object, ...]:
    received_from = max(timerange.EPOCH, timerange.of_microseconds(of.first_at) - _BEFORE_IT_OCCURS)
    return organization_id, of.conversation_id, timerange.of_microseconds(first), _last(of), received_from


def _last(of: Conversation) -> datetime:
    return timerange.of_microseconds(of.first_at if of.last_event_at is None else of.last_event_at)
