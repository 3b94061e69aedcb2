"""Members of organizations, and roles that organizations have made."""

from collections.abc import Sequence

import asyncpg

from server.organizations.memberships import CustomRole, Membership
from server.organizations.restriction import Restriction
from server.store import statements
from server.store.database import Driver

_MEMBER = "subject, name, role, restricted_dimension, restricted_values, created_at, updated_at"
_ROLE = "name, description, scopes, created_at, updated_at"


def _member(organization_id: int, row: asyncpg.Record) -> Membership:
    dimension = row["restricted_dimension"]
    values = tuple(row["restricted_values"])
    return Membership(
        organization_id=organization_id,
        subject=row["subject"],
        name=row["name"],
        role=row["role"],
        restriction=Restriction(dimension=dimension, values=values) if dimension else None,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _role(organization_id: int, row: asyncpg.Record) -> CustomRole:
    return CustomRole(
        organization_id=organization_id,
        name=row["name"],
        description=row["description"],
        scopes=tuple(row["scopes"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def member(driver: Driver, organization_id: int, subject: str) -> Membership | None:
    """Returns a member by its subject; None where there is none."""
    row = await driver.fetchrow(
        f"SELECT {_MEMBER} FROM memberships WHERE organization_id = $1 AND subject = $2",  # noqa: S608 - names of columns
        organization_id,
        subject,
    )
    return _member(organization_id, row) if row else None


async def members(driver: Driver, organization_id: int, after: str, limit: int) -> list[Membership]:
    """Returns members after a subject, in the order of subjects."""
    rows = await driver.fetch(
        f"SELECT {_MEMBER} FROM memberships WHERE organization_id = $1 AND subject > $2"  # noqa: S608 - names of columns
        " ORDER BY subject LIMIT $3",
        organization_id,
        after,
        limit,
    )
    return [_member(organization_id, row) for row in rows]


async def number_of_members(driver: Driver, organization_id: int) -> int:
    """Returns how many members an organization has."""
    found: int = await driver.fetchval("SELECT count(*) FROM memberships WHERE organization_id = $1", organization_id)
    return found


async def put_member(
    driver: Driver, organization_id: int, subject: str, name: str, role: str, restriction: Restriction | None
) -> Membership:
    """Makes a member, or changes the one of that subject."""
    [row] = await driver.fetch(
        "INSERT INTO memberships AS m (organization_id, subject, name, role, restricted_dimension, restricted_values)"  # noqa: S608 - names of columns
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (organization_id, subject) DO UPDATE SET name = excluded.name,"
        " role = excluded.role, restricted_dimension = excluded.restricted_dimension,"
        f" restricted_values = excluded.restricted_values, updated_at = excluded.updated_at RETURNING {_MEMBER}",
        organization_id,
        subject,
        name,
        role,
        restriction.dimension if restriction else "",
        restriction.values if restriction else (),
    )
    return _member(organization_id, row)


async def remove_member(driver: Driver, organization_id: int, subject: str) -> bool:
    """Removes a member; False where there is none."""
    status = await driver.execute(
        "DELETE FROM memberships WHERE organization_id = $1 AND subject = $2", organization_id, subject
    )
    return statements.rows(status) > 0


async def role(driver: Driver, organization_id: int, name: str) -> CustomRole | None:
    """Returns a role that the organization has made; None where there is none of that name."""
    row = await driver.fetchrow(
        f"SELECT {_ROLE} FROM custom_roles WHERE organization_id = $1 AND name = $2",  # noqa: S608 - names of columns
        organization_id,
        name,
    )
    return _role(organization_id, row) if row else None


async def roles(driver: Driver, organization_id: int) -> list[CustomRole]:
    """Returns the roles that an organization has made, by name."""
    rows = await driver.fetch(
        f"SELECT {_ROLE} FROM custom_roles WHERE organization_id = $1 ORDER BY name",  # noqa: S608 - names of columns
        organization_id,
    )
    return [_role(organization_id, row) for row in rows]


async def put_role(
    driver: Driver, organization_id: int, name: str, description: str, scopes: Sequence[str]
) -> CustomRole:
    """Makes a role, or changes the one of that name."""
    [row] = await driver.fetch(
        "INSERT INTO custom_roles (organization_id, name, description, scopes) VALUES ($1, $2, $3, $4)"  # noqa: S608 - names of columns
        " ON CONFLICT (organization_id, name) DO UPDATE SET description = excluded.description,"
        f" scopes = excluded.scopes, updated_at = excluded.updated_at RETURNING {_ROLE}",
        organization_id,
        name,
        description,
        scopes,
    )
    return _role(organization_id, row)


async def remove_role(driver: Driver, organization_id: int, name: str) -> bool:
    """Removes a role that nobody has; False where somebody has it, or there is none of that name."""
    status = await driver.execute(
        "DELETE FROM custom_roles WHERE organization_id = $1 AND name = $2 AND NOT EXISTS"
        " (SELECT FROM memberships WHERE organization_id = $1 AND role = $2)",
        organization_id,
        name,
    )
    return statements.rows(status) > 0
