"""API keys of an organization: pages of them, and what is looked up before one is made or revoked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from server import timerange
from server.organizations.api_key import ApiKey
from server.store.database import Driver
from server.store.organizations import KEY_COLUMNS, key_of_row

_GOOD = "k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())"
_KEYS = f"SELECT {KEY_COLUMNS} FROM api_keys k WHERE k.organization_id = $1 AND k.kind = 'key'"  # noqa: S608 - our columns


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """A place in the list of an organization's keys: behind the one that was made then and has this id."""

    created_at: datetime = timerange.EPOCH
    key_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingKey:
    """A key that ends soon. organization: None for a key of operators."""

    organization: str | None
    name: str
    expires_at: datetime


async def ending(driver: Driver, within: timedelta) -> list[EndingKey]:
    """Returns good keys of all organizations and of operators that end within some time, the next one first."""
    rows = await driver.fetch(
        "SELECT o.name AS organization, k.name, k.expires_at FROM api_keys k"  # noqa: S608 - ours
        " JOIN organizations o USING (organization_id)"
        f" WHERE k.kind = 'key' AND {_GOOD} AND k.expires_at < now() + $1::interval"
        " AND o.state NOT IN ('revoked', 'deleted')"
        " UNION ALL SELECT NULL, name, expires_at FROM operator_keys WHERE revoked_at IS NULL"
        " AND expires_at > now() AND expires_at < now() + $1::interval ORDER BY expires_at",
        within,
    )
    return [EndingKey(organization=row[0], name=row[1], expires_at=row[2]) for row in rows]


async def page(driver: Driver, organization_id: int, after: KeyPlace, limit: int, *, with_ended: bool) -> list[ApiKey]:
    """Returns API keys behind a place, oldest first, with or without those that have ended or were revoked."""
    rows = await driver.fetch(
        f"{_KEYS} AND (k.created_at, k.key_id) > ($2, $3) AND ($4 OR ({_GOOD}))"
        " ORDER BY k.created_at, k.key_id LIMIT $5",
        organization_id,
        after.created_at,
        after.key_id,
        with_ended,
        limit,
    )
    return [key_of_row(row) for row in rows]


async def by_id(driver: Driver, organization_id: int, key_id: str) -> ApiKey | None:
    """Returns an API key of an organization, good or not; None where it has none of that id."""
    row = await driver.fetchrow(f"{_KEYS} AND k.key_id = $2", organization_id, key_id)
    return key_of_row(row) if row else None


async def made_for(driver: Driver, organization_id: int, request_id: str) -> str | None:
    """Returns the id of the key that a request has made; None where none has."""
    found: str | None = await driver.fetchval(
        "SELECT key_id FROM api_keys WHERE organization_id = $1 AND request_id = $2", organization_id, request_id
    )
    return found


async def number_of_good(driver: Driver, organization_id: int) -> int:
    """Returns how many API keys of an organization are good."""
    found: int = await driver.fetchval(
        f"SELECT count(*) FROM api_keys k WHERE k.organization_id = $1 AND k.kind = 'key' AND {_GOOD}",  # noqa: S608 - ours
        organization_id,
    )
    return found


async def has_another(driver: Driver, key: ApiKey, scope: str) -> bool:
    """Returns whether the organization of a key has another good one with a scope, which ends no earlier."""
    found: bool = await driver.fetchval(
        "SELECT EXISTS (SELECT FROM api_keys k WHERE k.organization_id = $1 AND k.kind = 'key' AND k.key_id <> $2"  # noqa: S608 - ours
        f" AND $3 = ANY(k.scopes) AND {_GOOD}"
        " AND (k.expires_at IS NULL OR k.expires_at >= $4))",
        key.organization_id,
        key.key_id,
        scope,
        key.expires_at,
    )
    return found
