"""Organizations and API keys: who calls, and what they may do."""

import asyncio
import base64
import dataclasses
import enum
import functools
import hmac
import secrets
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from server import errors, timerange
from server.clock import Clock
from server.errors import Reason, Refused
from server.store import organizations
from server.store.database import Database
from server.store.organizations import ApiKey, Organization, Settings, State

_PREFIX = "am"
_CACHE_SECONDS = 5.0  # a revoked key is refused everywhere within this and the time of one look-up
_CACHE_SIZE = 20_000
_BAD_KEYS_PER_WINDOW = 100
_WINDOW_SECONDS = 10.0
_WINDOWS = 10_000


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
    return NewKey(key_id=key_id, secret=f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(32)}")


def _key_id(credential: str) -> str | None:
    """The public id in a credential of the right form."""
    parts = credential.split("_", 2)
    well_formed = len(parts) == 3 and parts[0] == _PREFIX and len(parts[1]) == 16 and len(parts[2]) == 43
    return parts[1] if well_formed and credential.isascii() else None


@dataclasses.dataclass(slots=True, kw_only=True)
class _Cached:
    until: float
    key: ApiKey
    organization: Organization
    principal: Principal  # the same for all calls, so that a thousand that last hold it once


@dataclasses.dataclass(slots=True, kw_only=True)
class _Window:
    ends: float
    bad: int = 0


class Authenticator:
    """Tells who a credential belongs to, from a cache of a few seconds."""

    def __init__(self, database: Database, hashes: Secrets, clock: Clock) -> None:
        self._database = database
        self._hashes = hashes
        self._clock = clock
        self._cache: dict[bytes, _Cached] = {}
        self._windows: dict[str, _Window] = {}
        self._lookups: dict[bytes, asyncio.Task[_Cached | None]] = {}

    async def authenticate(self, credential: str, peer: str) -> Principal:
        """The principal of a credential; refuses bad ones, and addresses that send too many of those."""
        digest = self._hashes.key_hash(credential)
        cached = self._fresh(digest)
        if cached is None:
            self._check_rate(peer)
            cached = await self._look_up_once(credential, digest)
        if cached is None or not _is_usable(cached, self._clock.now()):
            self._note_bad(peer)
            raise Refused(Reason.CREDENTIALS_INVALID, "the API key is unknown, expired or revoked")
        if cached.organization.state is State.SUSPENDED:
            raise Refused(Reason.TENANT_SUSPENDED, "the organization is suspended; ask the operator")
        return cached.principal

    def known(self, credential: str) -> Principal | None:
        """The principal of a good credential that has been seen lately; None says nothing about it."""
        cached = self._fresh(self._hashes.key_hash(credential))
        if cached is None or cached.organization.state is not State.ACTIVE or not _is_usable(cached, self._clock.now()):
            return None
        return cached.principal

    def _fresh(self, digest: bytes) -> "_Cached | None":
        cached = self._cache.get(digest)
        return cached if cached is not None and cached.until >= time.monotonic() else None

    async def _look_up_once(self, credential: str, digest: bytes) -> "_Cached | None":
        """Looks a credential up; calls that come meanwhile with the same one share the answer."""
        key_id = _key_id(credential)
        if key_id is None:
            return None
        task = self._lookups.get(digest)
        if task is None:
            task = self._lookups[digest] = asyncio.create_task(self._look_up(key_id, digest))
            task.add_done_callback(functools.partial(self._looked_up, digest))
        return await asyncio.shield(task)

    def _looked_up(self, digest: bytes, task: "asyncio.Task[_Cached | None]") -> None:
        self._lookups.pop(digest, None)
        if not task.cancelled():
            task.exception()  # seen, also where every caller has gone meanwhile

    async def _look_up(self, key_id: str, digest: bytes) -> "_Cached | None":
        until = time.monotonic() + _CACHE_SECONDS
        async with self._database.transaction() as connection:
            found = await organizations.key_with_organization(connection, key_id)
        if found is None or not hmac.compare_digest(found[0].secret_hmac, digest):
            self._cache.pop(digest, None)
            return None
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        cached = self._cache[digest] = _cached(until, *found)
        return cached

    def _check_rate(self, peer: str) -> None:
        window = self._windows.get(peer)
        now = time.monotonic()
        if window and window.bad >= _BAD_KEYS_PER_WINDOW and now < window.ends:
            raise Refused(
                Reason.AUTH_RATE_LIMIT, "too many bad API keys from this address", retry_after=window.ends - now
            )

    def _note_bad(self, peer: str) -> None:
        now = time.monotonic()
        window = self._windows.get(peer)
        if window is None or window.ends <= now:
            if len(self._windows) >= _WINDOWS:
                self._windows = {name: one for name, one in self._windows.items() if one.ends > now}
            if len(self._windows) >= _WINDOWS:
                self._windows.clear()
            window = self._windows[peer] = _Window(ends=now + _WINDOW_SECONDS)
        window.bad += 1


def _cached(until: float, key: ApiKey, organization: Organization) -> _Cached:
    principal = Principal(
        organization_id=organization.organization_id,
        key_id=key.key_id,
        scopes=frozenset(map(Scope, key.scopes)),
        settings=organization.settings,
    )
    return _Cached(until=until, key=key, organization=organization, principal=principal)


def _is_usable(cached: _Cached, now: datetime) -> bool:
    key = cached.key
    expired = key.expires_at is not None and key.expires_at <= now
    return not expired and key.revoked_at is None and cached.organization.state is not State.REVOKED


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
