"""Organizations: how they are made and found, and how their state and settings change.

What is changed is in the audit trail, under whoever is named as by.
"""

import dataclasses
import unicodedata
from collections.abc import Callable, Mapping

from server.catalog import pairs
from server.organizations import settings as organization_settings
from server.organizations.audit_trail import UNNAMED_OPERATOR, Actor, Entry
from server.organizations.errors import (
    InvalidOrganizationName,
    OrganizationDeleting,
    OrganizationExists,
    OrganizationNotFound,
    OrganizationRevoked,
)
from server.organizations.organization import Organization, OrganizationState
from server.organizations.setting import Value
from server.organizations.settings import OrganizationSettings
from server.store import calendars, organizations
from server.store import pairs as stored_pairs
from server.store.bi import logins
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.organizations import AskedFor
from server.tenancy import audit_trail, organization_deletions


async def create_organization(
    database: Database,
    name: str,
    settings: OrganizationSettings,
    *,
    asked: AskedFor | None = None,
    by: Actor = UNNAMED_OPERATOR,
) -> int:
    """Makes an organization and returns its id.

    Raises InvalidOrganizationName, InvalidSetting, and OrganizationExists if the name, or the id of the request, is
    taken.
    """
    # Two names that look the same would be taken for each other, where an operator or a file names one of them.
    if not name or len(name) > 100 or not name.isprintable() or name != unicodedata.normalize("NFC", name.strip()):
        raise InvalidOrganizationName
    chosen = settings.checked()
    async with database.transaction(of=EVERY) as driver:
        organization_id = await organizations.create(driver, name, chosen, asked)
        if organization_id is not None:
            await stored_pairs.begin(driver, organization_id, pairs.numbers(chosen.pairs))
            made = Entry(actor=by, action="organization.created", subject=name, after=dataclasses.asdict(chosen))
            await audit_trail.record(driver, organization_id, made)
    if organization_id is None:
        raise OrganizationExists(name)
    return organization_id


async def organization(database: Database, name: str) -> Organization:
    """Returns the organization of that name; raises OrganizationNotFound."""
    async with database.transaction(of=EVERY) as driver:
        found = await organizations.by_name(driver, name)
    if found is None:
        raise OrganizationNotFound(name)
    return found


async def set_state(database: Database, name: str, state: OrganizationState, *, by: Actor = UNNAMED_OPERATOR) -> None:
    """Suspends, resumes or revokes an organization; servers follow within 10 seconds. Revoking is final, and takes the
    login for BI away. Resuming takes a deletion back.

    Raises OrganizationRevoked if the organization was revoked before, and OrganizationDeleting if it is to be deleted
    and not to be resumed.
    """
    async with database.transaction(of=EVERY) as driver:
        before = await organizations.held_by_name(driver, name)
        if before is not None and before.state is OrganizationState.DELETING:
            if state is not OrganizationState.ACTIVE:
                raise OrganizationDeleting(name)
            await organization_deletions.take_back(driver, before, by=by)
            return
        if before is None or not await organizations.set_state(driver, name, state):
            raise OrganizationRevoked(name)
        if before.state is not state:
            if state is OrganizationState.REVOKED:
                await logins.take(driver, before.organization_id)
            entry = Entry(
                actor=by,
                action=_STATE_ACTIONS[state],
                subject=name,
                before={"state": before.state.value},
                after={"state": state.value},
            )
            await audit_trail.record(driver, before.organization_id, entry)


_STATE_ACTIONS = {
    OrganizationState.ACTIVE: "organization.resumed",
    OrganizationState.SUSPENDED: "organization.suspended",
    OrganizationState.REVOKED: "organization.revoked",
}


def _anything(_: Organization) -> None:
    """Refuses nothing."""


async def change_settings(
    database: Database,
    name: str,
    chosen: Mapping[str, Value],
    *,
    check: Callable[[Organization], None] = _anything,
    by: Actor = UNNAMED_OPERATOR,
) -> None:
    """Changes settings of an organization, by name; servers follow within 10 seconds. check sees the organization as it
    is before, which nobody else changes meanwhile, and may raise.

    Raises InvalidSetting, OrganizationNotFound, and ValueError for a setting that cannot be changed.
    """
    changes = organization_settings.checked_changes(chosen)
    async with database.transaction(of=EVERY) as driver:
        before = await organizations.held_by_name(driver, name)
        if before is None:
            raise OrganizationNotFound(name)
        check(before)
        await organizations.change_settings(driver, name, changes)
        if "time_zone" in changes and await logins.is_given(driver, before.organization_id):
            await calendars.ensure(driver, str(changes["time_zone"]))
        if "pairs" in changes:
            changed = await organizations.by_name(driver, name)
            assert changed is not None  # noqa: S101 - it is held
            await stored_pairs.declare(driver, changed.organization_id, pairs.numbers(changed.settings.pairs))
        known = {one: getattr(before.settings, one) for one in changes}
        differing = {one for one in changes if changes[one] != known[one]}
        if differing:
            entry = Entry(
                actor=by,
                action="organization.settings_changed",
                subject=name,
                before={one: known[one] for one in differing},
                after={one: changes[one] for one in differing},
            )
            await audit_trail.record(driver, before.organization_id, entry)
