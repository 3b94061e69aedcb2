"""Organizations as operators make, list and suspend them, and as their own admins see and change them."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping

from server.admin import whose
from server.admin.pages import AdminPage, AdminPages, AskedPage
from server.admission.query_slots import QuerySlots
from server.errors import Reason, Refused
from server.organizations.audit_trail import Actor
from server.organizations.organization import Organization, OrganizationState
from server.organizations.setting import Value
from server.organizations.settings import SETTINGS, OrganizationSettings
from server.store import organizations as stored
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.organizations import AskedFor
from server.tenancy import administration
from server.tenancy.principal import Principal


class OrganizationAdmin:
    """Makes, changes and lists organizations."""

    def __init__(self, database: Database, slots: QuerySlots, pages: AdminPages) -> None:
        self._database = database
        self._slots = slots
        self._pages = pages

    async def create(
        self, principal: Principal, name: str, settings: OrganizationSettings, request_id: str, by: Actor
    ) -> Organization:
        """Makes an organization and returns it, also where the same request has made it before."""
        whose.check_operator(principal)
        with whose.refusing(name):
            chosen = settings.checked()
        asked = AskedFor(request_id=request_id, digest=_digest(name, chosen)) if request_id else None
        async with self._slots.slot(principal):
            try:
                with whose.refusing(name):
                    return await self._create(name, chosen, asked, by)
            except Refused as refusal:
                if refusal.reason is not Reason.ORGANIZATION_EXISTS or asked is None:
                    raise
                made = await self._made_for(asked)
                if made is None:
                    raise
                return made

    async def _create(
        self, name: str, settings: OrganizationSettings, asked: AskedFor | None, by: Actor
    ) -> Organization:
        await administration.create_organization(self._database, name, settings, asked=asked, by=by)
        return await administration.organization(self._database, name)

    async def _made_for(self, asked: AskedFor) -> Organization | None:
        """Returns what the request has made before; None where it has made nothing. Refuses another request's id."""
        async with self._database.query(of=EVERY) as driver:
            made = await stored.made_for(driver, asked.request_id)
        if made is None:
            return None
        organization, digest = made
        if digest != asked.digest:
            raise Refused(
                Reason.ORGANIZATION_EXISTS,
                "request_id was used to make another organization: make a new id",
                field="request_id",
                metadata={"organization": organization.name},
            )
        return organization

    async def get(self, principal: Principal, name: str) -> Organization:
        """Returns an organization."""
        async with self._slots.slot(principal), self._database.query(of=whose.seen(principal)) as driver:
            return await whose.organization(driver, principal, name)

    async def listed(
        self, principal: Principal, state: OrganizationState | None, asked: AskedPage
    ) -> AdminPage[Organization]:
        """Returns a page of all organizations, oldest first."""
        whose.check_operator(principal)
        question = ("organizations", state)
        place = self._pages.place(principal, question, asked)
        after = int(place[0] or 0) if place else 0
        async with self._slots.slot(principal), self._database.query(of=whose.seen(principal)) as driver:
            found = await stored.page(driver, state, after, asked.size + 1)
        return self._pages.page(principal, question, asked, found, lambda one: [one.organization_id])

    async def update(
        self, principal: Principal, name: str, etag: str, changes: Mapping[str, Value], by: Actor
    ) -> Organization:
        """Changes settings and returns the organization; refuses what the caller may not change, and one that was
        changed since the etag was read, unless that is empty.
        """
        if not whose.is_operator(principal):
            _check_own(changes)

        def check(before: Organization) -> None:
            whose.check_etag(etag, before.etag, "organization.etag", "organization")

        async with self._slots.slot(principal):
            async with self._database.query(of=whose.seen(principal)) as driver:
                found = await whose.organization(driver, principal, name, field="organization.name")
            with whose.refusing(found.name):
                await administration.change_settings(self._database, found.name, changes, check=check, by=by)
                return await administration.organization(self._database, found.name)

    async def set_state(self, principal: Principal, name: str, state: OrganizationState, by: Actor) -> Organization:
        """Suspends or resumes an organization, and returns it."""
        whose.check_operator(principal)
        async with self._slots.slot(principal):
            async with self._database.query(of=whose.seen(principal)) as driver:
                found = await whose.organization(driver, principal, name)
            with whose.refusing(found.name):
                await administration.set_state(self._database, found.name, state, by=by)
                return await administration.organization(self._database, found.name)


def _check_own(changes: Mapping[str, Value]) -> None:
    """Refuses settings that an organization does not change itself."""
    for name in changes:
        if SETTINGS[name].operators_only:
            raise Refused(
                Reason.OPERATOR_REQUIRED,
                f"{name} is for operators to change",
                field=f"organization.settings.{name}",
                metadata={"setting": name},
            )


def _digest(name: str, settings: OrganizationSettings) -> bytes:
    content = json.dumps([name, dataclasses.asdict(settings)], sort_keys=True)
    return hashlib.sha256(content.encode()).digest()
