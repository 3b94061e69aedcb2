"""The projection of agents: what each is called, what kind it is and since when that is known, and when it was seen."""

from collections.abc import Sequence
from datetime import datetime

from server import timerange
from server.events import agent_profile
from server.events.agent_profile import AgentEvent, AgentProfile
from server.projections import portions
from server.projections.projection import Advance, Replacement
from server.store import agents as stored
from server.store import organizations, projection_rows
from server.store.database import Driver
from server.store.projections import ProjectionPosition, Rows


class Agents:
    """Follows the agents of an organization."""

    name = "agents"
    is_realtime = False
    needs: Sequence[str] = ()

    async def advance(
        self, driver: Driver, rows: Rows, position: ProjectionPosition, newest: ProjectionPosition, limit: int
    ) -> Advance:
        """Takes in the events of agents after a position."""
        portion = await portions.read(stored.EVENTS, driver, rows.organization_id, position, newest, limit)
        told: dict[str, AgentProfile] = {}
        for event in portion.events:
            known = told.get(event.agent_id)
            if known is None:
                told[event.agent_id] = AgentProfile.of(event)
            else:
                known.take(event)
        if told:
            await _take_kinds(driver, rows, portion.events)
            await stored.TABLE.merge(driver, rows, told)
        if portion.replaced:  # none of them describes its agent
            seen = [(event.agent_id, event.occurred_at) for event in portion.replaced]
            anew = await stored.TABLE.decided_by(driver, rows, seen)
            kept_from = timerange.instant(await organizations.raw_from(driver, rows.organization_id))
            await stored.see_again(driver, rows, anew, portion.reached.revision, kept_from)
        return Advance(position=portion.reached, events=sum(event.events for event in portion.events), changes={})

    async def replace(
        self, driver: Driver, valid: Rows, filled: Rows, complete_from: datetime | None, after: bytes
    ) -> Replacement:
        """Lets agents that were filled anew take the place of those that are valid, all at once."""
        if complete_from is not None:
            await stored.keep(driver, valid, filled, complete_from)
        return Replacement(valid=filled)

    async def remove_others(self, driver: Driver, valid: Rows, latest: int, limit: int) -> int:
        """Removes agents of other versions than the valid one."""
        return await projection_rows.remove_others(driver, stored.TABLES, valid, latest, limit)


async def _take_kinds(driver: Driver, rows: Rows, events: Sequence[AgentEvent]) -> None:
    """Stores which kinds become known by events; what was told before them is what the rows say."""
    telling = [event for event in events if agent_profile.tells_kind(event)]
    if telling:
        before = await stored.told_kinds(driver, rows, {event.agent_id for event in telling})
        await stored.add_kinds(driver, rows, agent_profile.kind_changes(before, telling))
