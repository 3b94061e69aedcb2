"""Members of an organization: who they are, and what they may do."""

from dataclasses import dataclass

from server.admin import roles, whose
from server.admin.pages import AdminPage, AdminPages, AskedPage
from server.admission.query_slots import QuerySlots
from server.errors import Reason, Refused
from server.organizations import restriction as restrictions
from server.organizations.audit_trail import Actor, Entry
from server.organizations.memberships import MOST_MEMBERS, Membership
from server.organizations.restriction import Restriction
from server.store import memberships as stored
from server.store.database import Database, Driver
from server.tenancy import audit_trail
from server.tenancy.principal import Principal, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberDraft:
    """A member as somebody wants it."""

    subject: str
    name: str
    role: str
    restriction: Restriction | None
    etag: str


class MemberAdmin:
    """Lists, makes and removes members. Changes of one organization take turns."""

    def __init__(self, database: Database, slots: QuerySlots, pages: AdminPages) -> None:
        self._database = database
        self._slots = slots
        self._pages = pages

    async def listed(self, principal: Principal, organization: str, asked: AskedPage) -> AdminPage[Membership]:
        """Returns a page of members, by subject."""
        async with self._slots.slot(principal), self._database.query(of=whose.seen(principal)) as driver:
            owner = await whose.organization(driver, principal, organization)
            question = ("members", owner.organization_id)
            place = self._pages.place(principal, question, asked)
            after = str(place[0]) if place else ""
            found = await stored.members(driver, owner.organization_id, after, asked.size + 1)
        return self._pages.page(principal, question, asked, found, lambda one: [one.subject])

    async def get(self, principal: Principal, organization: str, subject: str) -> Membership:
        """Returns a member; refuses a subject that is none."""
        async with self._slots.slot(principal), self._database.query(of=whose.seen(principal)) as driver:
            owner = await whose.organization(driver, principal, organization)
            return await _found(driver, owner.organization_id, subject)

    async def put(self, principal: Principal, organization: str, draft: MemberDraft, by: Actor) -> Membership:
        """Makes or changes a member and returns it; refuses a role with scopes that the caller lacks, and one that was
        changed since the etag was read, unless that is empty.
        """
        async with self._slots.slot(principal), self._database.transaction(of=whose.seen(principal)) as driver:
            owner = await whose.organization(driver, principal, organization, hold=True)
            organization_id = owner.organization_id
            scopes = await roles.scopes_of(driver, organization_id, draft.role, "member.role")
            _check_restriction(draft.restriction, is_admin=Scope.ADMIN in scopes)
            whose.check_may_give(principal, scopes, None, "member")
            before = await stored.member(driver, organization_id, draft.subject)
            whose.check_etag(draft.etag, before.etag if before else "", "member.etag", "member")
            if before is None and await stored.number_of_members(driver, organization_id) >= MOST_MEMBERS:
                raise Refused(
                    Reason.MEMBER_LIMIT,
                    f"the organization has {MOST_MEMBERS:,} members, which is the most: remove one",
                    metadata={"limit": str(MOST_MEMBERS)},
                )
            after = await stored.put_member(
                driver, organization_id, draft.subject, draft.name, draft.role, draft.restriction
            )
            entry = Entry(
                actor=by,
                action="member.changed" if before else "member.added",
                subject=draft.subject,
                before=_told(before) if before else None,
                after=_told(after),
            )
            await audit_trail.record(driver, organization_id, entry)
            return after

    async def remove(self, principal: Principal, organization: str, subject: str, etag: str, by: Actor) -> None:
        """Removes a member; refuses as put does."""
        async with self._slots.slot(principal), self._database.transaction(of=whose.seen(principal)) as driver:
            owner = await whose.organization(driver, principal, organization, hold=True)
            before = await _found(driver, owner.organization_id, subject)
            whose.check_etag(etag, before.etag, "etag", "member")
            await stored.remove_member(driver, owner.organization_id, subject)
            entry = Entry(actor=by, action="member.removed", subject=subject, before=_told(before))
            await audit_trail.record(driver, owner.organization_id, entry)


async def _found(driver: Driver, organization_id: int, subject: str) -> Membership:
    found = await stored.member(driver, organization_id, subject)
    if found is None:
        raise Refused(Reason.MEMBER_NOT_FOUND, "the organization has no member of this subject", field="subject")
    return found


def _check_restriction(restriction: Restriction | None, *, is_admin: bool) -> None:
    if restriction is None:
        return
    why = restrictions.problem(restriction.dimension, restriction.values)
    if not why and is_admin:
        why = "whoever has the scope admin may see the whole organization: leave the restriction out"
    if why:
        raise Refused(Reason.INVALID_VALUE, why, field="member.restriction")


def _told(member: Membership) -> dict[str, object]:
    told: dict[str, object] = {"name": member.name, "role": member.role}
    if member.restriction is not None:
        told["restriction"] = {member.restriction.dimension: member.restriction.values}
    return told
