"""Events as projections read them: those after a position, in the order of revisions."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Generic, TypeVar

import asyncpg

from server import timerange
from server.store import statements
from server.store.database import Driver
from server.store.projections import ProjectionPosition
from server.store.statements import Statement

# How many events are looked at for each that is wanted: an organization may have many that a projection passes over.
_LOOKED_AT = 10
_event_type = itemgetter(4)
EventT = TypeVar("EventT")


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedEvents(Generic[EventT]):
    """The events after a position up to a revision, in the order of revisions. Where that was too much for one
    statement they are those up to another position: the one that was reached.
    """

    events: Sequence[EventT]
    reached: ProjectionPosition | None = None


def statement(columns: Sequence[str], condition: str) -> Statement:
    """Returns the statement that reads events with a condition, which may have parameters of its own. Its rows begin
    with revision, time of receipt and of occurrence in microseconds, key and type; the columns come behind.
    """
    return statements.load("events_after", COLUMNS=", ".join(columns), CONDITION=f"({condition})")


async def read(
    driver: Driver,
    chosen: Statement,
    make: Callable[[Iterable[Any]], EventT],
    organization_id: int,
    position: ProjectionPosition,
    until: int,
    limit: int,
    **more: object,
) -> FollowedEvents[EventT]:
    """Returns what is made of the rows of events after a position up to a revision, as many as a limit allows. What it
    looks at is bounded by the limit, too. more are the parameters of the condition.
    """
    arguments = chosen.arguments(
        organization_id=organization_id,
        revision=position.revision,
        revised_at=position.revised_at,
        until=until,
        limit=limit,
        looked_at=limit * _LOOKED_AT,
        **more,
    )
    return read_off(await driver.fetch(chosen.text, *arguments), make, limit)


def read_off(
    rows: Sequence[asyncpg.Record], make: Callable[[Iterable[Any]], EventT], limit: int
) -> FollowedEvents[EventT]:
    """Returns what is made of rows that begin as those of such a statement do, of which a limit allows so many."""
    if len(rows) < limit and None not in map(_event_type, rows):
        return FollowedEvents(events=list(map(make, rows)))
    unread, received_at = rows[-1][0], rows[-1][1]  # a revision of which some may be missing
    return FollowedEvents(
        events=[make(row) for row in rows if row[0] < unread],
        reached=ProjectionPosition(revision=unread - 1, revised_at=timerange.of_microseconds(received_at)),
    )
