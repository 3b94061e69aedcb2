"""Roles: those that every organization has, and its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.admin import whose
from server.admission.query_slots import QuerySlots
from server.errors import Reason, Refused
from server.organizations.audit_trail import Actor, Entry
from server.organizations.memberships import MOST_ROLES, CustomRole
from server.store import memberships as stored
from server.store.database import Database, Driver
from server.tenancy import audit_trail
from server.tenancy import roles as built_in
from server.tenancy.principal import Principal, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDraft:
    """A role as somebody wants it."""

    name: str
    description: str
    scopes: tuple[Scope, ...]
    etag: str


class RoleAdmin:
    """Lists, makes and deletes roles. Changes of one organization take turns."""

    def __init__(self, database: Database, slots: QuerySlots) -> None:
        self._database = database
        self._slots = slots

    async def listed(self, principal: Principal, organization: str) -> Sequence[CustomRole]:
        """Returns the roles that an organization has made, by name."""
        async with self._slots.slot(principal), self._database.query(of=whose.seen(principal)) as driver:
            owner = await whose.organization(driver, principal, organization)
            return await stored.roles(driver, owner.organization_id)

    async def put(self, principal: Principal, organization: str, draft: RoleDraft, by: Actor) -> CustomRole:
        """Makes or changes a role and returns it; refuses scopes that the caller lacks, and one that was changed since
        the etag was read, unless that is empty.
        """
        _check_own(draft.name, "role.name")
        whose.check_may_give(principal, draft.scopes, None, "role")
        async with self._slots.slot(principal), self._database.transaction(of=whose.seen(principal)) as driver:
            owner = await whose.organization(driver, principal, organization, hold=True)
            before = await stored.role(driver, owner.organization_id, draft.name)
            whose.check_etag(draft.etag, before.etag if before else "", "role.etag", "role")
            if before is None and len(await stored.roles(driver, owner.organization_id)) >= MOST_ROLES:
                raise Refused(
                    Reason.ROLE_LIMIT,
                    f"the organization has {MOST_ROLES} roles, which is the most: delete one that nobody needs",
                    metadata={"limit": str(MOST_ROLES)},
                )
            after = await stored.put_role(
                driver, owner.organization_id, draft.name, draft.description, sorted(draft.scopes)
            )
            entry = Entry(
                actor=by,
                action="role.changed" if before else "role.created",
                subject=draft.name,
                before=_told(before) if before else None,
                after=_told(after),
            )
            await audit_trail.record(driver, owner.organization_id, entry)
            return after

    async def delete(self, principal: Principal, organization: str, name: str, etag: str, by: Actor) -> None:
        """Deletes a role that nobody has; refuses as put does."""
        _check_own(name, "name")
        async with self._slots.slot(principal), self._database.transaction(of=whose.seen(principal)) as driver:
            owner = await whose.organization(driver, principal, organization, hold=True)
            before = await stored.role(driver, owner.organization_id, name)
            if before is None:
                raise not_found(name, "name")
            whose.check_etag(etag, before.etag, "etag", "role")
            if not await stored.remove_role(driver, owner.organization_id, name):
                raise Refused(
                    Reason.ROLE_IN_USE,
                    f"members have the role {name!r}: give them another one first",
                    field="name",
                    metadata={"role": name},
                )
            entry = Entry(actor=by, action="role.deleted", subject=name, before=_told(before))
            await audit_trail.record(driver, owner.organization_id, entry)


async def scopes_of(driver: Driver, organization_id: int, name: str, field: str) -> tuple[Scope, ...]:
    """Returns the scopes of a role, built-in or the organization's own; refuses a name that is none."""
    scopes = built_in.BUILT_IN.get(name)
    if scopes is None:
        own = await stored.role(driver, organization_id, name)
        if own is None:
            raise not_found(name, field)
        scopes = frozenset(scope for scope in Scope if scope in own.scopes)
    return tuple(sorted(scopes))


def not_found(name: str, field: str) -> Refused:
    """Returns the refusal of a role that is not there."""
    return Refused(
        Reason.ROLE_NOT_FOUND,
        f"the organization has no role {name[:64]!r}",
        field=field,
        metadata={"role": name[:64]},
    )


def _check_own(name: str, field: str) -> None:
    if name in built_in.BUILT_IN:
        raise Refused(Reason.INVALID_VALUE, f"{name} is built in, and stays as it is", field=field)


def _told(role: CustomRole) -> dict[str, object]:
    return {"description": role.description, "scopes": list(role.scopes)}
