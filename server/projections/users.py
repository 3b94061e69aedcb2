"""The projection of users: who was seen when, and what each did on each day."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime

from server import timerange
from server.events.event import conversation_key_of
from server.events.user_activity import Activity, Beginning, UserEvent
from server.projections import portions
from server.projections.portions import Portion
from server.projections.projection import Advance, Replacement
from server.store import organizations, projection_rows
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
        portion = await portions.read(stored.EVENTS, driver, rows.organization_id, position, newest, limit)
        activity = Activity.of(portion.events)
        if portion.events:
            await stored.PROFILES.merge(driver, rows, activity.profiles)
        if portion.replaced:
            await _take_back(driver, rows, activity, portion)
        elif portion.events:
            await _begin(driver, rows, activity)
        if activity.days:
            await stored.add_days(driver, rows, activity.days)
        if portion.replaced:
            await stored.remove_empty_days(driver, rows, activity.days)
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


async def _take_back(driver: Driver, rows: Rows, activity: Activity, portion: Portion[UserEvent]) -> None:
    """Takes away what replaced events have added to days, and makes anew what is known of their users, and how their
    conversations begin.
    """
    organization_id, until = rows.organization_id, portion.reached.revision
    activity.take_away(portion.replaced)
    conversations = {event.conversation_id for event in portion.replaced} - {""}
    if conversations:
        for one in conversations:
            activity.beginnings.pop(one, None)
        told = await _told_by(driver, organization_id, "conversation_id", conversations, 0, until)
        activity.beginnings |= told.beginnings
    await _begin(driver, rows, activity, anew=conversations)
    told_at = [(event.user_id, event.occurred_at) for event in portion.replaced]
    anew = await stored.PROFILES.decided_by(driver, rows, told_at)
    await make_anew(driver, rows, anew, until)


async def make_anew(driver: Driver, rows: Rows, first_known: Mapping[str, int], until: int) -> None:
    """Makes what is known of users what all raw events up to a revision tell; each is given with the earliest time that
    is known of it. What was known of times whose raw events may be gone stays.
    """
    if not first_known:
        return
    kept_from = timerange.instant(await organizations.raw_from(driver, rows.organization_id))
    ids, first_at = first_known.keys(), min(first_known.values())
    told = await _told_by(driver, rows.organization_id, "user_id", ids, first_at, until)
    await stored.PROFILES.replace(driver, rows, ids, told.profiles, kept_from)


async def _told_by(
    driver: Driver, organization_id: int, column: str, ids: Set[str], first_at: int, until: int
) -> Activity:
    """Returns what the events of some ids add up to, as they were at a revision."""
    activity = Activity()
    async for some in stored.EVENTS.portions_of_ids(driver, organization_id, column, ids, first_at, until):
        activity.add(some)
    return activity


async def _begin(driver: Driver, rows: Rows, activity: Activity, anew: Set[str] = frozenset()) -> None:
    """Stores which conversations begin, or begin earlier than was known, and counts each in its day alone. Those that
    are to be made anew begin as is told, whatever was known.
    """
    told = {conversation_key_of(one): begins for one, begins in activity.beginnings.items()}
    forced = {conversation_key_of(one) for one in anew}
    known = await stored.beginnings(driver, rows, told.keys() | forced) if told or forced else {}
    gone = forced - told.keys()
    for key in gone & known.keys():
        activity.day(known[key].day).conversations -= 1
    if gone:
        await stored.remove_beginnings(driver, rows, gone)
    new: dict[bytes, Beginning] = {}
    for key, begins in told.items():
        before = known.get(key)
        if before is None or begins < before or (key in forced and begins != before):
            new[key] = begins
            activity.begin(begins, before)
    if new:
        await stored.save_beginnings(driver, rows, new)
