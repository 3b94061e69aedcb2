"""Ends sessions for good: those of somebody, or of an organization. Servers refuse them within 10 seconds."""

from collections.abc import Sequence
from typing import Final

from server.organizations.audit_trail import Actor, Entry
from server.organizations.errors import SessionNotFound
from server.store import organizations, session_lists
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.store.session_lists import StoredSession
from server.tenancy import audit_trail

_REVOKED: Final = "session.revoked"


async def end(
    driver: Driver, organization_id: int, session_id: str, *, by: Actor, subject: str | None = None
) -> StoredSession | None:
    """Ends a session of an organization, or of a subject of it, and returns it as it is then; None where there is none
    of that id. To end it again changes nothing.
    """
    # It is looked up before it is held: others' credentials are not even locked.
    before = await session_lists.by_id(driver, organization_id, session_id, subject=subject)
    if before is None:
        return None
    ended = await organizations.revoke_key(driver, session_id)
    if ended is not None and ended.is_new:
        await audit_trail.record(driver, organization_id, _entry(session_id, before.key.owner, by))
    return await session_lists.by_id(driver, organization_id, session_id)


async def end_others(driver: Driver, organization_id: int, subject: str, *, keep: str, by: Actor) -> Sequence[str]:
    """Ends all good sessions of a subject but one, and returns their ids."""
    ended = sorted(await session_lists.revoke_others(driver, organization_id, subject, keep))
    await audit_trail.record_all(driver, organization_id, [_entry(one, subject, by) for one in ended])
    return ended


async def end_anywhere(database: Database, session_id: str, *, by: Actor) -> None:
    """Ends a session of whichever organization it is. Raises SessionNotFound."""
    async with database.transaction(of=EVERY) as driver:
        known = await organizations.keys_with_organizations(driver, [session_id])
        if not known or await end(driver, known[0][0].organization_id, session_id, by=by) is None:
            raise SessionNotFound(session_id)


def _entry(session_id: str, subject: str, by: Actor) -> Entry:
    return Entry(actor=by, action=_REVOKED, subject=session_id, after={"subject": subject})
