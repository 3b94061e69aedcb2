"""What the database says of the deployment: its name, its schema, which code may run on that, and its epoch.

An epoch is a time in which revisions only grow. It ends when the database is restored to an earlier point: revisions
that come then have the numbers of others that were.
"""

import uuid
from dataclasses import dataclass

from server.store.database import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One look at it. Schemas are named by their migration, in four digits, so that they compare as texts."""

    deployment_id: str  # which no other deployment has
    schema: str
    oldest_code: str  # the oldest schema whose code may run on this database
    epoch: str  # which no other had


async def look(driver: Driver) -> Deployment | None:
    """The deployment of a database; None where it has never been migrated."""
    if not await driver.fetchval(_IS_MIGRATED):
        return None
    row = await driver.fetchrow(_LOOK)
    if row is None:
        return None  # while it is being restored
    return Deployment(
        deployment_id=str(row["deployment_id"]),
        schema=row["version_num"],
        oldest_code=row["oldest_code"],
        epoch=row["epoch"],
    )


async def epoch(driver: Driver) -> str:
    """The epoch of a snapshot."""
    return str(await driver.fetchval(_EPOCH))


async def begin_epoch(driver: Driver) -> str:
    """Begins a new epoch and returns its name."""
    return str(await driver.fetchval(_BEGIN_EPOCH, uuid.uuid4()))


_IS_MIGRATED = "SELECT to_regclass('alembic_version') IS NOT NULL AND to_regclass('deployment') IS NOT NULL"
_LOOK = "SELECT deployment_id, version_num, oldest_code, epoch::text FROM deployment, alembic_version"
_EPOCH = "SELECT epoch::text FROM deployment WHERE only_row"
_BEGIN_EPOCH = "UPDATE deployment SET epoch = $1 RETURNING epoch::text"
_PIN = "UPDATE deployment SET pseudonym_check = coalesce(pseudonym_check, $1) RETURNING pseudonym_check"


async def pin_pseudonyms(driver: Driver, check: bytes) -> bytes:
    """Returns the check of the deployment's pseudonyms, which is this one where there was none.

    Writes only then: a write goes to every node of a cluster, and processes start while one is away, too.
    """
    pinned = await pseudonym_check(driver) or await driver.fetchval(_PIN, check)
    assert isinstance(pinned, bytes)  # noqa: S101 - the deployment's row is there: its schema was looked at
    return pinned


async def pseudonym_check(driver: Driver) -> bytes | None:
    """Returns the check of the deployment's pseudonyms; None where no server has decided on their key yet."""
    pinned: bytes | None = await driver.fetchval("SELECT pseudonym_check FROM deployment")
    return pinned


async def forget_pseudonyms(driver: Driver) -> None:
    """Removes the check of the deployment's pseudonyms."""
    await driver.execute("UPDATE deployment SET pseudonym_check = NULL")


async def keys_by_pepper(driver: Driver) -> dict[str, int]:
    """Returns how many usable credentials each pepper keys, by the id of the pepper."""
    rows = await driver.fetch(
        "SELECT pepper_id, count(*) AS keys FROM ("
        " SELECT k.pepper_id FROM api_keys k JOIN organizations o USING (organization_id)"
        " WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())"
        " AND o.state NOT IN ('revoked', 'deleted')"
        " UNION ALL SELECT pepper_id FROM operator_keys WHERE revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > now())) AS good GROUP BY pepper_id ORDER BY pepper_id"
    )
    return {row["pepper_id"]: row["keys"] for row in rows}
