"""API keys: how they are made and revoked, which is in the audit trail."""

import base64
import dataclasses
import secrets
from collections.abc import Collection
from datetime import UTC, datetime

from server.organizations import networks as networks_of_keys
from server.organizations import restriction as restrictions
from server.organizations.api_key import ApiKey
from server.organizations.audit_trail import UNNAMED_OPERATOR, Actor, Entry
from server.organizations.errors import InvalidKey, KeyNotFound, ScopesMissing
from server.organizations.restriction import Restriction
from server.store import organizations
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.tenancy import administration, audit_trail
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope

KEY_PREFIX = "tw"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made. The secret is shown once and not kept."""

    key_id: str
    secret: str


def new_key(prefix: str = KEY_PREFIX) -> NewKey:
    """Returns a credential of 256 random bits, behind a public id by which it can be listed and revoked."""
    key_id = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return NewKey(key_id=key_id, secret=f"{prefix}_{key_id}_{secrets.token_urlsafe(32)}")


async def create_key(
    database: Database,
    hashes: KeyedHashes,
    organization_name: str,
    *,
    name: str,
    scopes: Collection[Scope],
    expires_at: datetime | None = None,
    role: str = "",
    restriction: Restriction | None = None,
    networks: Collection[str] = (),
    by: Actor = UNNAMED_OPERATOR,
) -> NewKey:
    """Makes an API key; its secret is in the result and nowhere else. role is the name of the role that the scopes are
    of.

    Raises OrganizationNotFound, ScopesMissing for a key without scopes, and InvalidKey.
    """
    wanted = checked(
        WantedKey(
            name=name,
            scopes=tuple(sorted(scopes)),
            expires_at=expires_at,
            role=role,
            restriction=restriction,
            networks=tuple(networks),
        )
    )
    owner = await administration.organization(database, organization_name)
    async with database.transaction(of=owner.organization_id) as driver:
        return await add_key(driver, hashes, owner.organization_id, wanted, by=by)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WantedKey:
    """What a key is to be. role is the name of the role that the scopes are of; empty where they were chosen."""

    name: str
    scopes: tuple[Scope, ...]
    expires_at: datetime | None
    role: str
    restriction: Restriction | None
    networks: tuple[str, ...]


def checked(wanted: WantedKey) -> WantedKey:
    """Returns what a key is to be as it is stored. Raises ScopesMissing and InvalidKey."""
    if not wanted.scopes:
        raise ScopesMissing
    _check_restriction(wanted.scopes, wanted.restriction)
    return dataclasses.replace(wanted, networks=checked_networks(wanted.networks))


async def add_key(
    driver: Driver,
    hashes: KeyedHashes,
    organization_id: int,
    wanted: WantedKey,
    *,
    by: Actor,
    request_id: str | None = None,
) -> NewKey:
    """Makes a key of an organization that is checked, in the caller's transaction."""
    key = new_key()
    kept = ApiKey(
        key_id=key.key_id,
        organization_id=organization_id,
        name=wanted.name,
        secret_hmac=hashes.key_hash(key.secret),
        pepper_id=hashes.pepper_id,
        scopes=wanted.scopes,
        created_at=datetime.now(UTC),
        expires_at=wanted.expires_at,
        revoked_at=None,
        role=wanted.role,
        restriction=wanted.restriction,
        networks=wanted.networks,
    )
    await organizations.add_key(driver, kept, request_id)
    entry = Entry(actor=by, action="key.created", subject=key.key_id, after=_told(wanted))
    await audit_trail.record(driver, organization_id, entry)
    return key


async def rotate_key(
    database: Database, hashes: KeyedHashes, key_id: str, *, old_ends_at: datetime, by: Actor = UNNAMED_OPERATOR
) -> NewKey:
    """Makes a key that may do what another one may, which ends then, with the sessions that come from it. Raises
    KeyNotFound for a key that is not there, or has ended.
    """
    async with database.transaction(of=EVERY) as driver:
        before = await organizations.held_key(driver, key_id)
        if before is None:
            raise KeyNotFound(key_id)
        return await succeed(driver, hashes, before, old_ends_at=old_ends_at, by=by)


async def succeed(
    driver: Driver,
    hashes: KeyedHashes,
    before: ApiKey,
    *,
    old_ends_at: datetime,
    by: Actor,
    request_id: str | None = None,
) -> NewKey:
    """Makes the successor of a key that is held, in the caller's transaction."""
    key = new_key()
    hmac = hashes.key_hash(key.secret)
    after = dataclasses.replace(before, key_id=key.key_id, secret_hmac=hmac, pepper_id=hashes.pepper_id)
    await organizations.add_key(driver, after, request_id)
    await organizations.end_key(driver, before.key_id, old_ends_at)
    told = {"instead_of": before.key_id, "old_ends_at": old_ends_at.isoformat()}
    entry = Entry(actor=by, action="key.rotated", subject=key.key_id, after=told)
    await audit_trail.record(driver, before.organization_id, entry)
    return key


async def revoke_key(database: Database, key_id: str, *, by: Actor = UNNAMED_OPERATOR) -> None:
    """Revokes a key for good; servers refuse it within 10 seconds. Raises KeyNotFound."""
    async with database.transaction(of=EVERY) as driver:
        found = await end(driver, key_id, by=by)
    if not found:
        raise KeyNotFound(key_id)


async def end(driver: Driver, key_id: str, *, by: Actor) -> bool:
    """Revokes a key for good in the caller's transaction; False where there is none of that id."""
    found = await organizations.revoke_key(driver, key_id)
    if found is not None and found.is_new:
        entry = Entry(actor=by, action="key.revoked", subject=key_id)
        await audit_trail.record(driver, found.organization_id, entry)
    return found is not None


def checked_networks(texts: Collection[str]) -> tuple[str, ...]:
    """Returns networks as they are stored, each once. Raises InvalidKey."""
    if len(texts) > networks_of_keys.MOST:
        raise InvalidKey(f"a key is tied to at most {networks_of_keys.MOST} networks")
    found = {}
    for text in texts:
        network = networks_of_keys.normal(text)
        if network is None:
            raise InvalidKey(f"{text[:64]!r} is no network such as 10.0.0.0/8 or 2001:db8::/32")
        found[network] = True
    return tuple(found)


def _check_restriction(scopes: Collection[Scope], restriction: Restriction | None) -> None:
    if restriction is None:
        return
    if why := restrictions.problem(restriction.dimension, restriction.values):
        raise InvalidKey(why)
    if Scope.ADMIN in scopes:
        raise InvalidKey("whoever has the scope admin may see the whole organization: leave the restriction out")


def _told(wanted: WantedKey) -> dict[str, object]:
    """Returns what the audit trail says of a key."""
    told: dict[str, object] = {"name": wanted.name, "scopes": sorted(wanted.scopes)}
    told["expires_at"] = wanted.expires_at and wanted.expires_at.isoformat()
    if wanted.role:
        told["role"] = wanted.role
    if wanted.restriction is not None:
        told["restriction"] = {wanted.restriction.dimension: wanted.restriction.values}
    if wanted.networks:
        told["networks"] = list(wanted.networks)
    return told
