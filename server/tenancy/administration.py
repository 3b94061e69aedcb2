"""Organizations: making and finding them, and changing their state and settings."""

import dataclasses
from collections.abc import Mapping, Sequence

from server import errors, timerange
from server.errors import Refused
from server.organizations.organization import Organization, OrganizationState
from server.organizations.settings import OrganizationSettings
from server.store import organizations
from server.store.database import Database


async def create_organization(database: Database, name: str, settings: OrganizationSettings) -> int:
    """Makes an organization and returns its id."""
    if not name or len(name) > 100 or not name.isprintable():
        raise errors.SetupError("an organization's name has 1 to 100 printable characters")
    canonical = _zone_name(settings.time_zone)
    async with database.transaction() as connection:
        organization_id = await organizations.create(
            connection, name, dataclasses.replace(settings, time_zone=canonical)
        )
    if organization_id is None:
        raise errors.SetupError(f"there is an organization named {name!r} already")
    return organization_id


def _zone_name(name: str) -> str:
    try:
        return timerange.zone(name).key
    except Refused as refusal:
        raise errors.SetupError(f"{name!r}: {refusal.message.removeprefix('time_zone ')}") from None


async def organization(database: Database, name: str) -> Organization:
    """The organization of that name."""
    async with database.transaction() as connection:
        found = await organizations.by_name(connection, name)
    if found is None:
        raise errors.SetupError(f"there is no organization named {name!r}; `organizations list` shows those there are")
    return found


async def set_state(database: Database, name: str, state: OrganizationState) -> None:
    """Suspends, resumes or revokes an organization; servers follow within 10 seconds. Revoking is for good."""
    async with database.transaction() as connection:
        found = await organizations.set_state(connection, name, state)
    if not found:
        raise errors.SetupError(f"there is no organization named {name!r} that is not revoked")


async def change_settings(database: Database, name: str, chosen: Mapping[str, int | Sequence[str] | None]) -> None:
    """Changes settings of an organization, by their names; servers follow within 10 seconds."""
    async with database.transaction() as connection:
        found = await organizations.change_settings(connection, name, chosen)
    if not found:
        raise errors.SetupError(f"there is no organization named {name!r}; `organizations list` shows those there are")
