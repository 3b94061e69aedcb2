"""The projection of users: who was seen when, and what each did on each day."""

from collections.abc import Sequence
from datetime import datetime

from server.events.event import conversation_key_of
from server.events.user_activity import Activity, Beginning
from server.projections import portions
from server.projections.projection import Advance, Replacement
from server.store import projection_rows
from server.store import users as stored
from server.store.database import Driver
from server.store.projections import ProjectionPosition, Rows


class Users:
    """Follows the users of an organization."""

    name = "users"
    is_realtime = False
    needs: Sequence[str] = ()

    async def advance(
        self, driver: Driver, rows: Rows, position: ProjectionPosition, newest: ProjectionPosition, limit: int
    ) -> Advance:
        """Takes in the events of users after a position."""
        portion = await portions.read(stored.events_after, driver, rows.organization_id, position, newest, limit)
        if portion.events:
            activity = Activity.of(portion.events)
            await stored.PROFILES.merge(driver, rows, activity.profiles)
            await _begin(driver, rows, activity)
            await stored.add_days(driver, rows, activity.days)
        return Advance(position=portion.reached, events=len(portion.events), changes={})

    async def replace(
        self, driver: Driver, valid: Rows, filled: Rows, complete_from: datetime | None, after: bytes
    ) -> Replacement:
        """Lets users that were filled anew take the place of those that are valid, all at once."""
        if complete_from is not None:
            await stored.keep(driver, valid, filled, complete_from)
        return Replacement(valid=filled)

    async def remove_others(self, driver: Driver, valid: Rows, latest: int, limit: int) -> int:
        """Removes users of other versions than the valid one."""
        return await projection_rows.remove_others(driver, stored.TABLES, valid, latest, limit)


async def _begin(driver: Driver, rows: Rows, activity: Activity) -> None:
    """Stores which conversations begin, or begin earlier than was known, and counts each in its day alone."""
    told = {conversation_key_of(one): begins for one, begins in activity.beginnings.items()}
    known = await stored.beginnings(driver, rows, told) if told else {}
    new: dict[bytes, Beginning] = {}
    for key, begins in told.items():
        before = known.get(key)
        if before is None or begins < before:
            new[key] = begins
            activity.begin(begins, before)
    if new:
        await stored.save_beginnings(driver, rows, new)
