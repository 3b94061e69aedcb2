"""API keys: how they are made and revoked, which is in the audit trail."""

import base64
import dataclasses
import secrets
from collections.abc import Collection
from datetime import UTC, datetime

from server.organizations.api_key import ApiKey
from server.organizations.audit_trail import UNNAMED_OPERATOR, Actor, Entry
from server.organizations.errors import KeyNotFound, ScopesMissing
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
    by: Actor = UNNAMED_OPERATOR,
) -> NewKey:
    """Makes an API key; its secret is in the result and nowhere else.

    Raises OrganizationNotFound, and ScopesMissing for a key without scopes.
    """
    if not scopes:
        raise ScopesMissing
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
            ),
        )
        told = {"name": name, "scopes": sorted(scopes), "expires_at": expires_at and expires_at.isoformat()}
        entry = Entry(actor=by, action="key.created", subject=key.key_id, after=told)
        await audit_trail.record(driver, owner.organization_id, entry)
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
