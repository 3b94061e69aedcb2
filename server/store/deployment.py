"""What the database says of the deployment: its name, its schema, and which code may run on that."""

from dataclasses import dataclass

import sqlalchemy as sa

from server.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One look at it. Schemas are named by their migration, in four digits, so that they compare as texts."""

    deployment_id: str  # which no other deployment has
    schema: str
    oldest_code: str  # the oldest schema whose code may run on this database


async def look(connection: Connection) -> Deployment | None:
    """The deployment of a database; None where it has never been migrated."""
    if not await connection.scalar(_IS_MIGRATED):
        return None
    row = (await connection.execute(_LOOK)).one()
    return Deployment(deployment_id=str(row.deployment_id), schema=row.version_num, oldest_code=row.oldest_code)


_IS_MIGRATED = sa.text("SELECT to_regclass('alembic_version') IS NOT NULL AND to_regclass('deployment') IS NOT NULL")
_LOOK = sa.text("SELECT deployment_id, version_num, oldest_code FROM deployment, alembic_version")
