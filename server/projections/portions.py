"""Portions: how many revisions' events a step of a projection takes in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.store.database import Driver
from server.store.following import EventReader
from server.store.projections import ProjectionPosition

EventT = TypeVar("EventT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion(Generic[EventT]):
    """The events of some revisions, all that there are, and the position that they lead to. replaced are what those
    events were, of earlier revisions, that these revisions have corrected or retracted.
    """

    events: Sequence[EventT]
    replaced: Sequence[EventT]
    reached: ProjectionPosition


async def read(
    reader: EventReader[EventT],
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
        found = await reader.after(driver, organization_id, position, newest.revision, limit)
        reached = found.reached or newest
        if reached.revision > position.revision:
            replaced = await reader.replaced(driver, organization_id, position, reached.revision)
            return Portion(events=found.events, replaced=replaced, reached=reached)
        limit *= 2
