"""GetEvent: an event as it counts now, and what it was before it was corrected or retracted."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.errors import Reason, Refused
from server.query.queries import Queries
from server.store import replaced_events
from server.store.replaced_events import EarlierEvent, StoredEvent
from server.tenancy.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHistory:
    """An event and what it was before, newest first. now is None for one that was retracted."""

    now: StoredEvent | None
    earlier: Sequence[EarlierEvent]


async def answer(queries: Queries, principal: Principal, key: bytes) -> EventHistory:
    """Returns the event of a key; refuses one of which there is no raw event, and was none that is still kept."""
    organization_id = principal.organization_id
    async with queries.looking(principal) as driver:
        hours = await replaced_events.hours(driver, organization_id, [key])
        found = await replaced_events.read(driver, organization_id, [key], hours)
        earlier = await replaced_events.history(driver, organization_id, key)
    if not found and not earlier:
        raise Refused(Reason.EVENT_NOT_FOUND, "there is no such event, or it is no longer kept", field="event_id")
    return EventHistory(now=found.get(key), earlier=earlier)
