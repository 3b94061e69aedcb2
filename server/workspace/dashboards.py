"""Dashboards: who sees, changes and deletes which. Changes of shared ones are in the audit trail."""

import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.admission.query_slots import QuerySlots
from server.errors import Reason, Refused
from server.organizations.audit_trail import Actor, Entry
from server.organizations.workspace import MOST_PERSONAL, MOST_SHARED, DashboardDraft, KeptDashboard
from server.store import workspace as stored
from server.store.database import Database, Driver
from server.tenancy import audit_trail, etags, sign_ins
from server.tenancy.principal import Principal, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """How a copy differs from its original; an empty title is that of the original."""

    title: str
    is_shared: bool


class SavedDashboards:
    """The dashboards of organizations. Those who change dashboards of one organization take turns."""

    def __init__(self, database: Database, slots: QuerySlots) -> None:
        self._database = database
        self._slots = slots

    async def listed(self, principal: Principal) -> Sequence[KeptDashboard]:
        """Returns all dashboards that the caller may see, without their contents, by title."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            return await stored.dashboards(driver, principal.organization_id, principal.subject)

    async def get(self, principal: Principal, dashboard_id: str, version: int | None = None) -> KeptDashboard:
        """Returns a dashboard, or an earlier version; refuses what the caller may not see."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            return await _found(driver, principal, dashboard_id, version)

    async def versions(self, principal: Principal, dashboard_id: str) -> Sequence[KeptDashboard]:
        """Returns the versions of a dashboard that the caller may see, newest first; refuses where there are none."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            found = await stored.versions(driver, principal.organization_id, principal.subject, dashboard_id)
        if not found:
            raise _not_found(dashboard_id)
        return found

    async def create(self, principal: Principal, draft: DashboardDraft, by: Actor) -> KeptDashboard:
        """Stores a new dashboard of the caller, and returns it."""
        _check_may_share(principal, draft.is_shared)
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            return await self._create(driver, principal, draft, by)

    async def duplicate(self, principal: Principal, dashboard_id: str, copy: Copy, by: Actor) -> KeptDashboard:
        """Stores a copy of a dashboard as a new one of the caller, and returns it."""
        _check_may_share(principal, copy.is_shared)
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            original = (await _found(driver, principal, dashboard_id)).version.draft
            draft = dataclasses.replace(original, title=copy.title or original.title, is_shared=copy.is_shared)
            return await self._create(driver, principal, draft, by)

    async def _create(self, driver: Driver, principal: Principal, draft: DashboardDraft, by: Actor) -> KeptDashboard:
        organization_id = principal.organization_id
        await stored.lock(driver, organization_id, "dashboards")
        await _check_room(driver, principal, is_shared=draft.is_shared)
        dashboard_id = secrets.token_hex(8)
        await stored.add(driver, organization_id, principal.subject, dashboard_id, draft)
        if draft.is_shared:
            entry = Entry(actor=by, action="dashboard.created", subject=dashboard_id, after=_told(draft))
            await audit_trail.record(driver, organization_id, entry)
        return await _found(driver, principal, dashboard_id)

    async def update(
        self, principal: Principal, dashboard_id: str, etag: str, draft: DashboardDraft, by: Actor
    ) -> KeptDashboard:
        """Stores a further version of a dashboard, and returns it; refuses what the caller may not change, and one that
        was changed since the version with this etag, unless that is empty.
        """
        organization_id = principal.organization_id
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            await stored.lock(driver, organization_id, "dashboards")
            before = await _found(driver, principal, dashboard_id)
            _check_may_share(principal, before.is_shared or draft.is_shared)
            etags.check(before.etag, etag, what="dashboard", field="dashboard.etag", by=before.version.updated_by)
            if before.is_shared != draft.is_shared:
                if before.owner != principal.subject:
                    raise Refused(
                        Reason.DASHBOARD_OWNER,
                        "only its owner can make a shared dashboard personal: duplicate it to have one of your own",
                        field="dashboard.visibility",
                        metadata={"owner": before.owner},
                    )
                await _check_room(driver, principal, is_shared=draft.is_shared)
            await stored.update(driver, organization_id, principal.subject, dashboard_id, before.newest + 1, draft)
            if before.is_shared or draft.is_shared:
                entry = Entry(
                    actor=by,
                    action="dashboard.updated",
                    subject=dashboard_id,
                    before=_told(before.version.draft, before.newest),
                    after=_told(draft, before.newest + 1),
                )
                await audit_trail.record(driver, organization_id, entry)
            return await _found(driver, principal, dashboard_id)

    async def delete(self, principal: Principal, dashboard_id: str, etag: str, by: Actor) -> None:
        """Deletes a dashboard; refuses as update does."""
        organization_id = principal.organization_id
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            await stored.lock(driver, organization_id, "dashboards")
            before = await _found(driver, principal, dashboard_id)
            _check_may_share(principal, before.is_shared)
            etags.check(before.etag, etag, what="dashboard", field="etag", by=before.version.updated_by)
            await stored.delete(driver, organization_id, dashboard_id)
            if before.is_shared:
                told = _told(before.version.draft, before.newest)
                entry = Entry(actor=by, action="dashboard.deleted", subject=dashboard_id, before=told)
                await audit_trail.record(driver, organization_id, entry)


def may_edit(principal: Principal, kept: KeptDashboard) -> bool:
    """Returns whether the caller may change and delete a dashboard that it sees."""
    return principal.may(Scope.EDIT) if kept.is_shared else kept.owner == principal.subject


def _check_may_share(principal: Principal, is_shared: bool) -> None:
    if is_shared and not principal.may(Scope.EDIT):
        raise sign_ins.missing(Scope.EDIT, what="a change of shared dashboards")


async def _check_room(driver: Driver, principal: Principal, *, is_shared: bool) -> None:
    most = MOST_SHARED if is_shared else MOST_PERSONAL
    found = await stored.number_of(driver, principal.organization_id, principal.subject, is_shared=is_shared)
    if found >= most:
        whose = "the organization has" if is_shared else "you have"
        kind = "shared" if is_shared else "personal"
        raise Refused(
            Reason.DASHBOARD_LIMIT,
            f"{whose} {most} {kind} dashboards, which is the most: delete one that nobody needs",
            metadata={"limit": str(most)},
        )


async def _found(driver: Driver, principal: Principal, dashboard_id: str, version: int | None = None) -> KeptDashboard:
    found = await stored.dashboard(driver, principal.organization_id, principal.subject, dashboard_id, version)
    if found is None:
        raise _not_found(dashboard_id, version)
    return found


def _not_found(dashboard_id: str, version: int | None = None) -> Refused:
    which = "" if version is None else f", or no version {version} of it"
    return Refused(
        Reason.DASHBOARD_NOT_FOUND,
        f"there is no dashboard {dashboard_id[:64]!r} that you may see{which}",
        field="dashboard_id",
        metadata={"dashboard": dashboard_id[:64]},
    )


def _told(draft: DashboardDraft, version: int = 1) -> Mapping[str, object]:
    """Returns a version as the audit trail tells it."""
    return {"title": draft.title, "tiles": draft.tiles, "shared": draft.is_shared, "version": version}
