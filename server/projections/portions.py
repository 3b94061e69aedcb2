"""Portions: how many revisions' events a step of a projection takes in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.store.database import Driver
from server.store.following import FollowedEvents
from server.store.projections import ProjectionPosition

EventT = TypeVar("EventT")
# Of an organization after a position up to a revision, as many as a limit allows, in the order of revisions.
EventsAfter = Callable[[Driver, int, ProjectionPosition, int, int], Awaitable[FollowedEvents[EventT]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion(Generic[EventT]):
    """The events of some revisions, all that there are, and the position that they lead to."""

    events: Sequence[EventT]
    reached: ProjectionPosition


async def read(
    events_after: EventsAfter[EventT],
    driver: Driver,
    organization_id: int,
    position: ProjectionPosition,
    newest: ProjectionPosition,
    limit: int,
) -> Portion[EventT]:
    """Reads the events after a position, up to the newest revision or about as many as a limit allows: at least those
    of one revision. It gets on over events that are not followed, too, a bounded number of them.
    """
    while True:
        found = await events_after(driver, organization_id, position, newest.revision, limit)
        if found.reached is None:
            return Portion(events=found.events, reached=newest)
        if found.reached.revision > position.revision:
            return Portion(events=found.events, reached=found.reached)
        limit *= 2
