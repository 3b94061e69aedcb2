"""Organizations, their settings and their API keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from server.organizations.api_key import ApiKey
from server.organizations.organization import Organization, OrganizationState
from server.organizations.setting import Value
from server.organizations.settings import OrganizationSettings
from server.store import setting_columns
from server.store.database import Driver

_SETTINGS = setting_columns.names(OrganizationSettings)
_ORGANIZATION = (
    f"o.organization_id, o.name, o.state, {', '.join(f'o.{one}' for one in _SETTINGS)}, o.raw_from_bucket, o.created_at"
)
_API_KEY = (
    "k.key_id, k.organization_id, k.name AS key_name, k.secret_hmac, k.pepper_id, k.scopes,"
    " k.created_at AS key_created_at, k.expires_at, k.revoked_at"
)


def _organization(row: sa.Row[tuple[object, ...]]) -> Organization:
    return Organization(
        organization_id=row.organization_id,
        name=row.name,
        state=OrganizationState(row.state),
        settings=setting_columns.read(OrganizationSettings, row),
        raw_from_bucket=row.raw_from_bucket,
        created_at=row.created_at,
    )


def _api_key(row: sa.Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        organization_id=row.organization_id,
        name=row.key_name,
        secret_hmac=row.secret_hmac,
        pepper_id=row.pepper_id,
        scopes=tuple(row.scopes),
        created_at=row.key_created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


async def create(connection: AsyncConnection, name: str, settings: OrganizationSettings) -> int | None:
    """Makes an organization and returns its id; None where the name is taken."""
    chosen = {one: getattr(settings, one) for one in _SETTINGS}
    organization_id: int | None = await connection.scalar(
        sa.text(
            f"INSERT INTO organizations (name, {', '.join(_SETTINGS)})"  # noqa: S608
            f" VALUES (:name, {', '.join(f':{one}' for one in _SETTINGS)})"
            " ON CONFLICT (name) DO NOTHING RETURNING organization_id"
        ),
        {"name": name, **setting_columns.written(chosen)},
    )
    return organization_id


async def change_settings(connection: AsyncConnection, name: str, chosen: Mapping[str, Value]) -> bool:
    """Changes settings of an organization, by their names; False where there is none of that name."""
    if not chosen or not chosen.keys() <= set(_SETTINGS):  # the names become part of the statement
        raise ValueError(f"no settings: {', '.join(chosen) or 'none'}")
    changes = ", ".join(f"{one} = :{one}" for one in chosen)
    result = await connection.execute(
        sa.text(f"UPDATE organizations SET {changes} WHERE name = :organization_name"),  # noqa: S608
        {"organization_name": name, **setting_columns.written(chosen)},
    )
    return result.rowcount > 0


async def events_of_month(connection: AsyncConnection) -> dict[int, int]:
    """Returns how many events each organization has stored in this month of UTC, without those that have none."""
    rows = await connection.execute(
        sa.text(
            "SELECT organization_id, month_events FROM revisions WHERE month_events > 0"
            " AND date_trunc('month', revised_at AT TIME ZONE 'UTC') = date_trunc('month', now() AT TIME ZONE 'UTC')"
        )
    )
    return {row.organization_id: row.month_events for row in rows}


async def by_name(connection: AsyncConnection, name: str) -> Organization | None:
    """Returns the organization of that name; None where there is none."""
    row = (
        await connection.execute(
            sa.text(f"SELECT {_ORGANIZATION} FROM organizations o WHERE o.name = :name"),  # noqa: S608
            {"name": name},
        )
    ).one_or_none()
    return _organization(row) if row else None


async def listed(connection: AsyncConnection) -> list[Organization]:
    """Returns every organization, by id."""
    rows = await connection.execute(
        sa.text(f"SELECT {_ORGANIZATION} FROM organizations o ORDER BY o.organization_id")  # noqa: S608
    )
    return [_organization(row) for row in rows]


async def set_state(connection: AsyncConnection, name: str, state: OrganizationState) -> bool:
    """Changes whether an organization may use the service; False where there is none of that name."""
    result = await connection.execute(
        sa.text("UPDATE organizations SET state = :state WHERE name = :name AND state <> 'revoked'"),
        {"name": name, "state": state.value},
    )
    return result.rowcount > 0


async def raise_raw_from(connection: AsyncConnection, organization_id: int, bucket: int) -> None:
    """Records that raw events that occurred before a quarter hour may be gone."""
    await connection.execute(
        sa.text(
            "UPDATE organizations SET raw_from_bucket = greatest(raw_from_bucket, :bucket)"
            " WHERE organization_id = :organization"
        ),
        {"organization": organization_id, "bucket": bucket},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Which of an organization's raw events and keys there must still be, at the database's time."""

    now: datetime
    raw_from_bucket: int
    key_retention_days: int | None


async def kept(driver: Driver, organization_id: int) -> Kept | None:
    """Returns what must still be there; None where there is no such organization."""
    row = await driver.fetchrow(
        "SELECT now(), raw_from_bucket, key_retention_days FROM organizations WHERE organization_id = $1",
        organization_id,
    )
    return Kept(now=row[0], raw_from_bucket=row[1], key_retention_days=row[2]) if row else None


async def add_key(connection: AsyncConnection, key: ApiKey) -> None:
    """Stores a credential."""
    await connection.execute(
        sa.text(
            "INSERT INTO api_keys (key_id, organization_id, name, secret_hmac, pepper_id, scopes, expires_at)"
            " VALUES (:key_id, :organization, :name, :secret_hmac, :pepper_id, :scopes, :expires_at)"
        ),
        {
            "key_id": key.key_id,
            "organization": key.organization_id,
            "name": key.name,
            "secret_hmac": key.secret_hmac,
            "pepper_id": key.pepper_id,
            "scopes": list(key.scopes),
            "expires_at": key.expires_at,
        },
    )


async def keys_with_organizations(
    connection: AsyncConnection, key_ids: Sequence[str]
) -> list[tuple[ApiKey, Organization]]:
    """Returns the credentials that have those ids, each with its organization."""
    rows = await connection.execute(
        sa.text(
            f"SELECT {_ORGANIZATION}, {_API_KEY}"  # noqa: S608
            " FROM api_keys k JOIN organizations o USING (organization_id) WHERE k.key_id = ANY(:key_ids)"
        ),
        {"key_ids": list(key_ids)},
    )
    return [(_api_key(row), _organization(row)) for row in rows]


async def keys(connection: AsyncConnection, organization_id: int) -> Sequence[ApiKey]:
    """Returns the organization's credentials, oldest first."""
    rows = await connection.execute(
        sa.text(
            f"SELECT {_API_KEY} FROM api_keys k WHERE organization_id = :organization"  # noqa: S608
            " ORDER BY k.created_at, k.key_id"
        ),
        {"organization": organization_id},
    )
    return [_api_key(row) for row in rows]


async def revoke_key(connection: AsyncConnection, key_id: str) -> bool:
    """Revokes a credential for good; False where there is none of that id."""
    result = await connection.execute(
        sa.text("UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = :key_id"),
        {"key_id": key_id},
    )
    return result.rowcount > 0


async def renew_key_hash(connection: AsyncConnection, key: ApiKey, *, instead_of: str) -> None:
    """Stores a credential's hash of another pepper in place of that of the pepper with this id."""
    await connection.execute(
        sa.text(
            "UPDATE api_keys SET secret_hmac = :secret_hmac, pepper_id = :pepper_id"
            " WHERE key_id = :key_id AND pepper_id = :instead_of"
        ),
        {
            "key_id": key.key_id,
            "secret_hmac": key.secret_hmac,
            "pepper_id": key.pepper_id,
            "instead_of": instead_of,
        },
    )


async def keys_by_pepper(connection: AsyncConnection) -> dict[str, int]:
    """Returns how many usable credentials each pepper keys, by the id of the pepper."""
    rows = await connection.execute(
        sa.text(
            "SELECT k.pepper_id, count(*) AS keys FROM api_keys k JOIN organizations o USING (organization_id)"
            " WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) AND o.state <> 'revoked'"
            " GROUP BY k.pepper_id ORDER BY k.pepper_id"
        )
    )
    return {row.pepper_id: row.keys for row in rows}


async def pin_pseudonyms(connection: AsyncConnection, check: bytes) -> bytes:
    """Returns the check of the deployment's pseudonyms, which is this one where there was none."""
    pinned: bytes = await connection.scalar(
        sa.text("UPDATE deployment SET pseudonym_check = coalesce(pseudonym_check, :check) RETURNING pseudonym_check"),
        {"check": check},
    )
    return pinned


async def forget_pseudonyms(connection: AsyncConnection) -> None:
    """Removes the check of the deployment's pseudonyms."""
    await connection.execute(sa.text("UPDATE deployment SET pseudonym_check = NULL"))
