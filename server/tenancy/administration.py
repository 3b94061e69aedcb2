"""Organizations: how they are made and found, and how their state and settings change."""

from collections.abc import Mapping

from server.catalog import pairs
from server.organizations import settings as organization_settings
from server.organizations.errors import (
    InvalidOrganizationName,
    OrganizationExists,
    OrganizationNotFound,
    OrganizationRevoked,
)
from server.organizations.organization import Organization, OrganizationState
from server.organizations.setting import Value
from server.organizations.settings import OrganizationSettings
from server.store import organizations
from server.store import pairs as stored_pairs
from server.store.database import Database


async def create_organization(database: Database, name: str, settings: OrganizationSettings) -> int:
    """Makes an organization and returns its id.

    Raises InvalidOrganizationName, InvalidSetting, and OrganizationExists if the name is taken.
    """
    if not name or len(name) > 100 or not name.isprintable():
        raise InvalidOrganizationName
    chosen = settings.checked()
    async with database.transaction() as driver:
        organization_id = await organizations.create(driver, name, chosen)
        if organization_id is not None:
            await stored_pairs.begin(driver, organization_id, pairs.numbers(chosen.pairs))
    if organization_id is None:
        raise OrganizationExists(name)
    return organization_id


async def organization(database: Database, name: str) -> Organization:
    """Returns the organization of that name; raises OrganizationNotFound."""
    async with database.transaction() as driver:
        found = await organizations.by_name(driver, name)
    if found is None:
        raise OrganizationNotFound(name)
    return found


async def set_state(database: Database, name: str, state: OrganizationState) -> None:
    """Suspends, resumes or revokes an organization; servers follow within 10 seconds. Revoking is final.

    Raises OrganizationRevoked if the organization was revoked before.
    """
    async with database.transaction() as driver:
        found = await organizations.set_state(driver, name, state)
    if not found:
        raise OrganizationRevoked(name)


async def change_settings(database: Database, name: str, chosen: Mapping[str, Value]) -> None:
    """Changes settings of an organization, by name; servers follow within 10 seconds.

    Raises InvalidSetting, OrganizationNotFound, and ValueError for a setting that cannot be changed.
    """
    changes = organization_settings.checked_changes(chosen)
    async with database.transaction() as driver:
        found = await organizations.change_settings(driver, name, changes)
        if found and "pairs" in changes:
            changed = await organizations.by_name(driver, name)
            assert changed is not None  # noqa: S101 - it has just been found
            await stored_pairs.declare(driver, changed.organization_id, pairs.numbers(changed.settings.pairs))
    if not found:
        raise OrganizationNotFound(name)
