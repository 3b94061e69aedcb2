"""Organizations, their settings and their API keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from server.organizations.api_key import ApiKey, KeyKind, SignedInIdentity
from server.organizations.organization import Organization, OrganizationState
from server.organizations.restriction import Restriction
from server.organizations.setting import Value
from server.organizations.settings import OrganizationSettings
from server.store import setting_columns, statements
from server.store.database import Driver

_SETTINGS = setting_columns.names(OrganizationSettings)
_ORGANIZATION = (
    f"o.organization_id, o.name, o.state, {', '.join(f'o.{one}' for one in _SETTINGS)}, o.raw_from_bucket,"
    " o.created_at, o.delete_after"
)
_THERE = "o.state <> 'deleted'"  # what is left of a deleted one is not found by anybody
KEY_COLUMNS = (
    "k.key_id, k.organization_id, k.name AS key_name, k.secret_hmac, k.pepper_id, k.scopes,"
    " k.created_at AS key_created_at, k.expires_at, k.revoked_at, k.kind, k.parent_key_id, k.subject, k.idle_until,"
    " k.role, k.restricted_dimension, k.restricted_values, k.networks, k.last_used_at, k.identity_issuer,"
    " k.identity_subject, k.identity_member, k.identity_was_member"
)


def organization_of(row: asyncpg.Record) -> Organization:
    """Returns the organization that a row holds."""
    return Organization(
        organization_id=row["organization_id"],
        name=row["name"],
        state=OrganizationState(row["state"]),
        settings=setting_columns.read(OrganizationSettings, row),
        raw_from_bucket=row["raw_from_bucket"],
        created_at=row["created_at"],
        delete_after=row["delete_after"],
    )


def key_of_row(row: asyncpg.Record) -> ApiKey:
    """Returns the credential of a row of KEY_COLUMNS."""
    return ApiKey(
        key_id=row["key_id"],
        organization_id=row["organization_id"],
        name=row["key_name"],
        secret_hmac=row["secret_hmac"],
        pepper_id=row["pepper_id"],
        scopes=tuple(row["scopes"]),
        created_at=row["key_created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        kind=KeyKind(row["kind"]),
        parent_key_id=row["parent_key_id"],
        subject=row["subject"],
        idle_until=row["idle_until"],
        role=row["role"],
        restriction=_restriction(row["restricted_dimension"], row["restricted_values"]),
        networks=tuple(map(str, row["networks"])),
        last_used_at=row["last_used_at"],
        identity=_identity(row),
    )


def _identity(row: asyncpg.Record) -> SignedInIdentity | None:
    if not row["identity_issuer"]:
        return None
    return SignedInIdentity(
        issuer=row["identity_issuer"],
        subject=row["identity_subject"],
        member=row["identity_member"],
        was_member=row["identity_was_member"],
    )


def _restriction(dimension: str, values: Sequence[str]) -> Restriction | None:
    return Restriction(dimension=dimension, values=tuple(values)) if dimension else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFor:
    """The request that makes something: the id that its caller gave it, and a digest of what was asked for."""

    request_id: str
    digest: bytes


async def create(
    driver: Driver, name: str, settings: OrganizationSettings, asked: AskedFor | None = None
) -> int | None:
    """Makes an organization and returns its id; None where the name, or the id of the request, is taken."""
    chosen = {one: getattr(settings, one) for one in _SETTINGS}
    told = {"request_id": asked and asked.request_id, "request_digest": asked and asked.digest}
    arguments = _CREATE.arguments(name=name, **told, **setting_columns.written(chosen))
    organization_id: int | None = await driver.fetchval(_CREATE.text, *arguments)
    return organization_id


_CREATE = statements.numbered(
    f"INSERT INTO organizations (name, request_id, request_digest, {', '.join(_SETTINGS)})"  # noqa: S608 - names of columns
    f" VALUES (:name, :request_id, :request_digest, {', '.join(f':{one}' for one in _SETTINGS)})"
    " ON CONFLICT DO NOTHING RETURNING organization_id"
)


async def made_for(driver: Driver, request_id: str) -> tuple[Organization, bytes] | None:
    """Returns the organization that a request has made, and the digest of what that asked for; None where none has."""
    row = await driver.fetchrow(
        f"SELECT {_ORGANIZATION}, o.request_digest FROM organizations o WHERE o.request_id = $1",  # noqa: S608
        request_id,
    )
    return (organization_of(row), bytes(row["request_digest"])) if row else None


async def change_settings(driver: Driver, name: str, chosen: Mapping[str, Value]) -> bool:
    """Changes settings of an organization, by their names; False where there is none of that name."""
    if not chosen or not chosen.keys() <= set(_SETTINGS):  # the names become part of the statement
        raise ValueError(f"no settings: {', '.join(chosen) or 'none'}")
    changes = ", ".join(f"{one} = :{one}" for one in chosen)
    statement = statements.numbered(f"UPDATE organizations SET {changes} WHERE name = :organization_name")  # noqa: S608
    arguments = statement.arguments(organization_name=name, **setting_columns.written(chosen))
    return statements.rows(await driver.execute(statement.text, *arguments)) > 0


async def events_of_month(driver: Driver, only: Sequence[int] | None = None) -> dict[int, int]:
    """Returns how many events each organization has stored in this month of UTC, without those that have none; of all,
    or of some alone.
    """
    rows = await driver.fetch(
        "SELECT organization_id, month_events FROM revisions WHERE month_events > 0"
        " AND date_trunc('month', revised_at AT TIME ZONE 'UTC') = date_trunc('month', now() AT TIME ZONE 'UTC')"
        " AND ($1::integer[] IS NULL OR organization_id = ANY($1))",
        only,
    )
    return {row["organization_id"]: row["month_events"] for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInMonth:
    """How many events of the quota an organization had stored in a calendar month of UTC up to an instant of it."""

    events: int
    at: datetime


async def stored_in_month(driver: Driver, organization_id: int) -> StoredInMonth | None:
    """Returns what the newest revision has counted of its month; None where there is no revision yet."""
    row = await driver.fetchrow(
        "SELECT month_events, revised_at FROM revisions WHERE organization_id = $1", organization_id
    )
    return StoredInMonth(events=row[0], at=row[1]) if row else None


async def minutes_until_idle(driver: Driver) -> dict[int, int]:
    """Returns the minutes after which conversations end as idle, of those organizations that have chosen it."""
    rows = await driver.fetch(
        "SELECT organization_id, close_idle_after FROM organizations"
        " WHERE close_idle_after IS NOT NULL AND state IN ('active', 'suspended')"
    )
    return {row["organization_id"]: row["close_idle_after"] for row in rows}


async def by_name(driver: Driver, name: str) -> Organization | None:
    """Returns the organization of that name; None where there is none."""
    row = await driver.fetchrow(f"SELECT {_ORGANIZATION} FROM organizations o WHERE o.name = $1 AND {_THERE}", name)  # noqa: S608
    return organization_of(row) if row else None


async def by_id(driver: Driver, organization_id: int, *, even_deleted: bool = False) -> Organization | None:
    """Returns the organization of that id; None where there is none, or where it is deleted unless that is wanted."""
    row = await driver.fetchrow(
        f"SELECT {_ORGANIZATION} FROM organizations o WHERE o.organization_id = $1 AND ($2 OR {_THERE})",  # noqa: S608
        organization_id,
        even_deleted,
    )
    return organization_of(row) if row else None


async def held_by_name(driver: Driver, name: str) -> Organization | None:
    """Returns the organization of that name, which nobody else changes until COMMIT; None where there is none."""
    row = await driver.fetchrow(
        f"SELECT {_ORGANIZATION} FROM organizations o WHERE o.name = $1 AND {_THERE} FOR NO KEY UPDATE",  # noqa: S608
        name,
    )
    return organization_of(row) if row else None


async def listed(driver: Driver) -> list[Organization]:
    """Returns every organization that is not deleted, by id."""
    rows = await driver.fetch(
        f"SELECT {_ORGANIZATION} FROM organizations o WHERE {_THERE} ORDER BY o.organization_id"  # noqa: S608
    )
    return [organization_of(row) for row in rows]


async def page(driver: Driver, state: OrganizationState | None, after: int, limit: int) -> list[Organization]:
    """Returns organizations after an id, by id. None: in whatever state but that of deleted ones."""
    rows = await driver.fetch(
        f"SELECT {_ORGANIZATION} FROM organizations o WHERE o.organization_id > $1"  # noqa: S608
        f" AND CASE WHEN $2::text IS NULL THEN {_THERE} ELSE o.state = $2 END ORDER BY o.organization_id LIMIT $3",
        after,
        state and state.value,
        limit,
    )
    return [organization_of(row) for row in rows]


async def set_state(driver: Driver, name: str, state: OrganizationState) -> bool:
    """Changes whether an organization may use the service; False where there is none of that name."""
    changed = await driver.execute(
        "UPDATE organizations SET state = $2 WHERE name = $1 AND state IN ('active', 'suspended')", name, state.value
    )
    return statements.rows(changed) > 0


async def raise_raw_from(driver: Driver, organization_id: int, bucket: int) -> None:
    """Records that raw events that occurred before a quarter hour may be gone."""
    await driver.execute(
        "UPDATE organizations SET raw_from_bucket = greatest(raw_from_bucket, $2) WHERE organization_id = $1",
        organization_id,
        bucket,
    )


async def hold(driver: Driver, organization_id: int) -> bool:
    """Holds an organization until COMMIT, once whoever holds it has committed; False where there is none. Until then
    its raw events stay complete as far back as they are, since raise_raw_from() waits; ingest does not.
    """
    held = await driver.fetchrow(
        "SELECT set_config('idle_in_transaction_session_timeout', '10min', true) FROM organizations"
        " WHERE organization_id = $1 FOR NO KEY UPDATE",
        organization_id,
    )
    return held is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Which of an organization's raw events and keys there must still be, at the database's time."""

    now: datetime
    raw_from_bucket: int
    key_retention_days: int | None


async def kept(driver: Driver, organization_id: int) -> Kept | None:
    """Returns what must still be there; None where there is no such organization."""
    async with driver.with_all_tables() as found:
        row = await found.fetchrow(
            "SELECT now(), raw_from_bucket, key_retention_days FROM organizations WHERE organization_id = $1",
            organization_id,
        )
    return Kept(now=row[0], raw_from_bucket=row[1], key_retention_days=row[2]) if row else None


async def raw_from(driver: Driver, organization_id: int) -> int:
    """Returns the quarter hour from which on all raw events of an organization are kept."""
    async with driver.with_all_tables() as found:
        bucket: int | None = await found.fetchval(
            "SELECT raw_from_bucket FROM organizations WHERE organization_id = $1", organization_id
        )
    return 0 if bucket is None else bucket


async def time_zone(driver: Driver, organization_id: int) -> str | None:
    """Returns the time zone of an organization; None where there is no such organization."""
    found: str | None = await driver.fetchval(
        "SELECT time_zone FROM organizations WHERE organization_id = $1", organization_id
    )
    return found


async def is_revoked(driver: Driver, organization_id: int) -> bool:
    """Returns whether an organization is revoked or deleted, or not there."""
    found: bool | None = await driver.fetchval(
        "SELECT state IN ('revoked', 'deleted') FROM organizations WHERE organization_id = $1", organization_id
    )
    return found is not False


async def add_key(driver: Driver, key: ApiKey, request_id: str | None = None) -> None:
    """Stores a credential. request_id is that of the call that makes it."""
    await driver.execute(
        "INSERT INTO api_keys (key_id, organization_id, name, secret_hmac, pepper_id, scopes, expires_at, kind,"
        " parent_key_id, subject, idle_until, role, restricted_dimension, restricted_values, networks, request_id,"
        " identity_issuer, identity_subject, identity_member, identity_was_member)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        key.key_id,
        key.organization_id,
        key.name,
        key.secret_hmac,
        key.pepper_id,
        key.scopes,
        key.expires_at,
        key.kind.value,
        key.parent_key_id,
        key.subject,
        key.idle_until,
        key.role,
        key.restriction.dimension if key.restriction else "",
        key.restriction.values if key.restriction else (),
        key.networks,
        request_id,
        key.identity.issuer if key.identity else "",
        key.identity.subject if key.identity else "",
        key.identity.member if key.identity else "",
        key.identity is not None and key.identity.was_member,
    )


async def note_use(driver: Driver, key_id: str, at: datetime) -> None:
    """Records that a credential was used."""
    await driver.execute(
        "UPDATE api_keys SET last_used_at = $2 WHERE key_id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
        key_id,
        at,
    )


async def keys_with_organizations(driver: Driver, key_ids: Sequence[str]) -> list[tuple[ApiKey, Organization]]:
    """Returns the credentials that have those ids, each with its organization."""
    rows = await driver.fetch(
        f"SELECT {_ORGANIZATION}, {KEY_COLUMNS}"  # noqa: S608
        " FROM api_keys k JOIN organizations o USING (organization_id) WHERE k.key_id = ANY($1)",
        key_ids,
    )
    return [(key_of_row(row), organization_of(row)) for row in rows]


async def keys(driver: Driver, organization_id: int) -> Sequence[ApiKey]:
    """Returns the organization's API keys, oldest first, without sessions and codes that come from them."""
    rows = await driver.fetch(
        f"SELECT {KEY_COLUMNS} FROM api_keys k"  # noqa: S608
        " WHERE organization_id = $1 AND kind = 'key' ORDER BY k.created_at, k.key_id",
        organization_id,
    )
    return [key_of_row(row) for row in rows]


async def held_key(driver: Driver, key_id: str) -> ApiKey | None:
    """Returns an API key that is good, which nobody else changes until COMMIT; None where there is none."""
    row = await driver.fetchrow(
        f"SELECT {KEY_COLUMNS} FROM api_keys k WHERE key_id = $1 AND kind = 'key' AND revoked_at IS NULL"  # noqa: S608
        " AND (expires_at IS NULL OR expires_at > now()) FOR UPDATE",
        key_id,
    )
    return key_of_row(row) if row else None


async def end_key(driver: Driver, key_id: str, at: datetime) -> None:
    """Ends a credential at a time, and those that come from it, unless they end earlier."""
    await driver.execute(
        "UPDATE api_keys SET expires_at = least(expires_at, $2) WHERE key_id = $1 OR parent_key_id = $1", key_id, at
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """A credential that is revoked: whose it is, and whether it was not before."""

    organization_id: int
    is_new: bool


async def revoke_key(driver: Driver, key_id: str) -> Revoked | None:
    """Revokes a credential for good, and those that come from it; None where there is none of that id."""
    row = await driver.fetchrow(
        "UPDATE api_keys AS k SET revoked_at = coalesce(k.revoked_at, now())"
        " FROM (SELECT key_id, revoked_at FROM api_keys WHERE key_id = $1 FOR UPDATE) AS before"
        " WHERE k.key_id = before.key_id RETURNING k.organization_id, before.revoked_at IS NULL",
        key_id,
    )
    if row is None:
        return None
    # A statement of its own: it sees the sessions of those who signed in while this one waited for the row.
    await driver.execute(
        "UPDATE api_keys SET revoked_at = now() WHERE parent_key_id = $1 AND revoked_at IS NULL", key_id
    )
    return Revoked(organization_id=row[0], is_new=row[1])


async def renew_key_hash(driver: Driver, key: ApiKey, *, instead_of: str) -> None:
    """Stores a credential's hash of another pepper in place of that of the pepper with this id."""
    await driver.execute(
        "UPDATE api_keys SET secret_hmac = $3, pepper_id = $4 WHERE key_id = $1 AND pepper_id = $2",
        key.key_id,
        instead_of,
        key.secret_hmac,
        key.pepper_id,
    )
