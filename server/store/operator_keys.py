"""The credentials of operators."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from server.organizations.operator_key import OperatorKey
from server.store.database import Driver

_COLUMNS = "key_id, name, secret_hmac, pepper_id, created_at, expires_at, revoked_at, networks, last_used_at"


def _key(row: asyncpg.Record) -> OperatorKey:
    return OperatorKey(**{**row, "networks": tuple(row["networks"])})


async def add(driver: Driver, key: OperatorKey) -> None:
    """Stores a credential."""
    await driver.execute(
        "INSERT INTO operator_keys (key_id, name, secret_hmac, pepper_id, expires_at, networks)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        key.key_id,
        key.name,
        key.secret_hmac,
        key.pepper_id,
        key.expires_at,
        key.networks,
    )


async def by_ids(driver: Driver, key_ids: Sequence[str]) -> list[OperatorKey]:
    """Returns the credentials that have those ids."""
    rows = await driver.fetch(f"SELECT {_COLUMNS} FROM operator_keys WHERE key_id = ANY($1)", key_ids)  # noqa: S608 - names of columns
    return [_key(row) for row in rows]


async def listed(driver: Driver) -> list[OperatorKey]:
    """Returns every credential, oldest first."""
    rows = await driver.fetch(f"SELECT {_COLUMNS} FROM operator_keys ORDER BY created_at, key_id")  # noqa: S608 - names of columns
    return [_key(row) for row in rows]


async def revoke(driver: Driver, key_id: str) -> bool | None:
    """Revokes a credential for good; False where it was revoked before, None where there is none of that id."""
    row = await driver.fetchrow(
        "UPDATE operator_keys AS k SET revoked_at = coalesce(k.revoked_at, now())"
        " FROM (SELECT key_id, revoked_at FROM operator_keys WHERE key_id = $1 FOR UPDATE) AS before"
        " WHERE k.key_id = before.key_id RETURNING before.revoked_at IS NULL",
        key_id,
    )
    return None if row is None else bool(row[0])


async def note_use(driver: Driver, key_id: str, at: datetime) -> None:
    """Records that a credential was used."""
    await driver.execute(
        "UPDATE operator_keys SET last_used_at = $2 WHERE key_id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
        key_id,
        at,
    )


async def renew_hash(driver: Driver, key: OperatorKey, *, instead_of: str) -> None:
    """Stores a credential's hash of another pepper in place of that of the pepper with this id."""
    await driver.execute(
        "UPDATE operator_keys SET secret_hmac = $3, pepper_id = $4 WHERE key_id = $1 AND pepper_id = $2",
        key.key_id,
        instead_of,
        key.secret_hmac,
        key.pepper_id,
    )
