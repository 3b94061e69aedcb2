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
from server.store.database import Database
from server.tenancy import administration, audit_trail
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope

KEY_PREFIX = "tw"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made. The secret is shown once and not kept."""

    key_id: str
    secret: str


def new_key() -> NewKey:
    """Returns a credential of 256 random bits, behind a public id by which it can be listed and revoked."""
    key_id = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return NewKey(key_id=key_id, secret=f"{KEY_PREFIX}_{key_id}_{secrets.token_urlsafe(32)}")


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
    if not scopes:
        raise ScopesMissing
    tied = _checked_networks(networks)
    _check_restriction(scopes, restriction)
    owner = await administration.organization(database, organization_name)
    key = new_key()
    async with database.transaction() as driver:
        await organizations.add_key(
            driver,
            ApiKey(
                key_id=key.key_id,
                organization_id=owner.organization_id,
                name=name,
                secret_hmac=hashes.key_hash(key.secret),
                pepper_id=hashes.pepper_id,
                scopes=tuple(sorted(scopes)),
                created_at=datetime.now(UTC),
                expires_at=expires_at,
                revoked_at=None,
                role=role,
                restriction=restriction,
                networks=tied,
            ),
        )
        told = _told(name, scopes, expires_at, role, restriction, tied)
        entry = Entry(actor=by, action="key.created", subject=key.key_id, after=told)
        await audit_trail.record(driver, owner.organization_id, entry)
    return key


async def rotate_key(
    database: Database, hashes: KeyedHashes, key_id: str, *, old_ends_at: datetime, by: Actor = UNNAMED_OPERATOR
) -> NewKey:
    """Makes a key that may do what another one may, which ends then, with the sessions that come from it. Raises
    KeyNotFound for a key that is not there, or has ended.
    """
    key = new_key()
    async with database.transaction() as driver:
        before = await organizations.held_key(driver, key_id)
        if before is None:
            raise KeyNotFound(key_id)
        hmac = hashes.key_hash(key.secret)
        after = dataclasses.replace(before, key_id=key.key_id, secret_hmac=hmac, pepper_id=hashes.pepper_id)
        await organizations.add_key(driver, after)
        await organizations.end_key(driver, key_id, old_ends_at)
        told = {"instead_of": key_id, "old_ends_at": old_ends_at.isoformat()}
        entry = Entry(actor=by, action="key.rotated", subject=key.key_id, after=told)
        await audit_trail.record(driver, before.organization_id, entry)
    return key


async def revoke_key(database: Database, key_id: str, *, by: Actor = UNNAMED_OPERATOR) -> None:
    """Revokes a key for good; servers refuse it within 10 seconds. Raises KeyNotFound."""
    async with database.transaction() as driver:
        found = await organizations.revoke_key(driver, key_id)
        if found is not None and found.is_new:
            entry = Entry(actor=by, action="key.revoked", subject=key_id)
            await audit_trail.record(driver, found.organization_id, entry)
    if found is None:
        raise KeyNotFound(key_id)


def _checked_networks(texts: Collection[str]) -> tuple[str, ...]:
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


def _told(
    name: str,
    scopes: Collection[Scope],
    expires_at: datetime | None,
    role: str,
    restriction: Restriction | None,
    tied: Collection[str],
) -> dict[str, object]:
    """Returns what the audit trail says of a key."""
    told: dict[str, object] = {"name": name, "scopes": sorted(scopes)}
    told["expires_at"] = expires_at and expires_at.isoformat()
    if role:
        told["role"] = role
    if restriction is not None:
        told["restriction"] = {restriction.dimension: restriction.values}
    if tied:
        told["networks"] = list(tied)
    return told
