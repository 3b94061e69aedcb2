"""Sessions of those who are signed in, as they see and end their own, and admins those of their organization."""

from collections.abc import Sequence
from datetime import timedelta

from server import timerange
from server.admin import whose
from server.admin.pages import AdminPage, AdminPages, AskedPage
from server.admission.query_slots import QuerySlots
from server.errors import Reason, Refused
from server.organizations.audit_trail import Actor
from server.store import session_lists
from server.store.database import Database, Driver
from server.store.session_lists import SessionPlace, StoredSession
from server.tenancy import signed_in
from server.tenancy.principal import CallerKind, Principal

_SHOWN = 64
Shown = StoredSession  # a session as it is shown


class SessionAdmin:
    """Lists and ends sessions."""

    def __init__(self, database: Database, slots: QuerySlots, pages: AdminPages) -> None:
        self._database = database
        self._slots = slots
        self._pages = pages

    async def own(self, principal: Principal, asked: AskedPage) -> AdminPage[Shown]:
        """Returns a page of the good sessions of the caller's subject, the newest first."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            return await self._page(driver, principal, principal.organization_id, asked, principal.subject, "")

    async def listed(
        self, principal: Principal, organization: str, asked: AskedPage, *, subject: str, key_id: str
    ) -> AdminPage[Shown]:
        """Returns a page of an organization's good sessions, the newest first: of a subject, or of a key, or all."""
        async with self._slots.slot(principal), self._database.query(of=whose.seen(principal)) as driver:
            owner = await whose.organization(driver, principal, organization)
            return await self._page(driver, principal, owner.organization_id, asked, subject, key_id)

    async def revoke_own(self, principal: Principal, session_id: str, by: Actor) -> Shown:
        """Ends a session of the caller's subject and returns it; to end it again changes nothing."""
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            return await _revoke(driver, principal.organization_id, session_id, by, principal.subject)

    async def revoke_others(self, principal: Principal, by: Actor) -> int:
        """Ends all sessions of the caller's subject but the one that makes the call; returns how many were ended."""
        keep = principal.key_id if principal.kind is CallerKind.SESSION else ""
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            owner, subject = principal.organization_id, principal.subject
            return len(await signed_in.end_others(driver, owner, subject, keep=keep, by=by))

    async def revoke(self, principal: Principal, organization: str, session_id: str, by: Actor) -> Shown:
        """Ends a session of an organization and returns it; to end it again changes nothing."""
        async with self._slots.slot(principal), self._database.transaction(of=whose.seen(principal)) as driver:
            owner = await whose.organization(driver, principal, organization)
            return await _revoke(driver, owner.organization_id, session_id, by)

    async def _page(
        self,
        driver: Driver,
        principal: Principal,
        organization_id: int,
        asked: AskedPage,
        subject: str,
        key_id: str,
    ) -> AdminPage[Shown]:
        question = ("sessions", organization_id, subject, key_id)
        place = self._pages.place(principal, question, asked)
        after = None if place is None else _place(*place)
        found = await session_lists.page(driver, organization_id, after, asked.size + 1, subject=subject, key_id=key_id)
        return self._pages.page(principal, question, asked, found, _place_of)


async def _revoke(
    driver: Driver, organization_id: int, session_id: str, by: Actor, subject: str | None = None
) -> Shown:
    ended = await signed_in.end(driver, organization_id, session_id, by=by, subject=subject)
    if ended is None:
        shown = session_id[:_SHOWN]
        raise Refused(
            Reason.SESSION_NOT_FOUND,
            f"there is no session {shown!r} that you may see, or it ended long ago",
            field="session_id",
            metadata={"session": shown},
        )
    return ended


def _place_of(one: Shown) -> Sequence[str | int | None]:
    return [(one.key.created_at - timerange.EPOCH) // timedelta(microseconds=1), one.key.key_id]


def _place(at: str | int | None, key_id: str | int | None) -> SessionPlace:
    return SessionPlace(created_at=timerange.EPOCH + timedelta(microseconds=int(at or 0)), key_id=str(key_id))
