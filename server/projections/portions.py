"""Portions: how many revisions' events a step of a projection takes in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from server import timerange
from server.store.database import Driver
from server.store.projections import ProjectionPosition


class FollowedEvent(Protocol):
    """An event as a projection reads it, of which a portion needs to know when it was stored."""

    @property
    def revision(self) -> int:
        """Returns the revision that stored it."""

    @property
    def received_at(self) -> int:
        """Returns the time of that revision, in microseconds since 1970."""


EventT = TypeVar("EventT", bound=FollowedEvent)
# Of an organization after a position up to a revision, as many as a limit allows, in the order of revisions.
EventsAfter = Callable[[Driver, int, ProjectionPosition, int, int], Awaitable[Sequence[EventT]]]


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
    of one revision.
    """
    while True:
        events = await events_after(driver, organization_id, position, newest.revision, limit)
        if len(events) < limit:
            return Portion(events=events, reached=newest)
        last = events[-1].revision  # of which some may be missing
        whole = [event for event in events if event.revision < last]
        if whole:
            received_at = timerange.of_microseconds(whole[-1].received_at)
            return Portion(
                events=whole, reached=ProjectionPosition(revision=whole[-1].revision, revised_at=received_at)
            )
        limit *= 2
