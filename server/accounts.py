"""Organizations and API keys: who calls, and what they may do."""

import base64
import dataclasses
import enum
import hmac
import secrets
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from server import errors, timerange
from server.errors import Refused
from server.store import organizations
from server.store.database import Database
from server.store.organizations import ApiKey, Organization, Settings, State

KEY_PREFIX = "am"


class Scope(enum.StrEnum):
    """What a key may do."""

    INGEST = "ingest"  # send events
    READ = "read"  # ask questions
    BACKFILL = "backfill"  # send events of any age since 2000, on top of ingest
    ADMIN = "admin"  # everything, and what changes the organization


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who makes a call. The organization is taken from here and from nowhere else."""

    organization_id: int
    key_id: str
    scopes: frozenset[Scope]
    settings: Settings
    expires_at: datetime | None = None  # of the key

    def may(self, scope: Scope) -> bool:
        """True where the key has the scope, or all of them."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made. The secret is told once and is not kept."""

    key_id: str
    secret: str


class Secrets:
    """Keyed hashes with the service's pepper, which lives outside the database."""

    def __init__(self, pepper: str) -> None:
        self._pepper = pepper.encode()

    def key_hash(self, secret: str) -> bytes:
        """What is stored of an API key."""
        return hmac.digest(self._pepper, b"api-key:" + secret.encode(), "sha256")

    def token_hash(self, content: bytes) -> bytes:
        """What proves that a token was made here."""
        return hmac.digest(self._pepper, b"token:" + content, "sha256")

    def user_hash(self, organization_id: int, user_id: str) -> str:
        """What is stored in place of an e-mail address: the same for the same address, and only within an
        organization.
        """
        message = f"user:{organization_id}:{user_id.strip().casefold()}".encode()
        return "email-" + hmac.digest(self._pepper, message, "sha256").hex()[:32]


def new_key() -> NewKey:
    """A key of 256 random bits, with a public id in front by which it can be listed and revoked."""
    key_id = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return NewKey(key_id=key_id, secret=f"{KEY_PREFIX}_{key_id}_{secrets.token_urlsafe(32)}")


async def create_organization(database: Database, name: str, settings: Settings) -> int:
    """Makes an organization and returns its id."""
    if not name or len(name) > 100 or not name.isprintable():
        raise errors.SetupError("an organization's name has 1 to 100 printable characters")
    canonical = _zone_name(settings.time_zone)
    async with database.transaction() as connection:
        organization_id = await organizations.create(
            connection, name, dataclasses.replace(settings, time_zone=canonical)
        )
    if organization_id is None:
        raise errors.SetupError(f"there is an organization named {name!r} already")
    return organization_id


def _zone_name(name: str) -> str:
    try:
        return timerange.zone(name).key
    except Refused as refusal:
        raise errors.SetupError(f"{name!r}: {refusal.message.removeprefix('time_zone ')}") from None


async def organization(database: Database, name: str) -> Organization:
    """The organization of that name."""
    async with database.transaction() as connection:
        found = await organizations.by_name(connection, name)
    if found is None:
        raise errors.SetupError(f"there is no organization named {name!r}; `organizations list` shows those there are")
    return found


async def create_key(
    database: Database,
    hashes: Secrets,
    organization_name: str,
    *,
    name: str,
    scopes: Collection[Scope],
    expires_at: datetime | None = None,
) -> NewKey:
    """Makes an API key; the secret is in the result and nowhere else."""
    if not scopes:
        raise errors.SetupError("a key needs at least one scope")
    owner = await organization(database, organization_name)
    key = new_key()
    async with database.transaction() as connection:
        await organizations.add_key(
            connection,
            ApiKey(
                key_id=key.key_id,
                organization_id=owner.organization_id,
                name=name,
                secret_hmac=hashes.key_hash(key.secret),
                scopes=tuple(sorted(scopes)),
                created_at=datetime.now(UTC),
                expires_at=expires_at,
                revoked_at=None,
            ),
        )
    return key


async def revoke_key(database: Database, key_id: str) -> None:
    """Revokes a key for good; servers refuse it within 10 seconds."""
    async with database.transaction() as connection:
        found = await organizations.revoke_key(connection, key_id)
    if not found:
        raise errors.SetupError(f"there is no key with the id {key_id!r}")


async def set_state(database: Database, name: str, state: State) -> None:
    """Suspends, resumes or revokes an organization; servers follow within 10 seconds. Revoking is for good."""
    async with database.transaction() as connection:
        found = await organizations.set_state(connection, name, state)
    if not found:
        raise errors.SetupError(f"there is no organization named {name!r} that is not revoked")


async def set_limits(database: Database, name: str, limits: Mapping[str, int | None]) -> None:
    """Changes limits of an organization, by the names of its settings; servers follow within 10 seconds."""
    async with database.transaction() as connection:
        found = await organizations.set_limits(connection, name, limits)
    if not found:
        raise errors.SetupError(f"there is no organization named {name!r}; `organizations list` shows those there are")
