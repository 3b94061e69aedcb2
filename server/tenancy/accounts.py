"""Organizations and API keys: who calls, and what they may do."""

import base64
import dataclasses
import enum
import hmac
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from server import errors, timerange
from server.errors import Refused
from server.store import organizations
from server.store.database import Database
from server.store.organizations import ApiKey, Organization, Settings, State

KEY_PREFIX = "tw"


class Scope(enum.StrEnum):
    """What a key may do."""

    INGEST = "ingest"  # send events
    READ = "read"  # ask questions, and watch figures
    EVENTS = "events"  # see raw events with their properties, on top of read
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
    """Keyed hashes with the service's peppers, which live outside the database. The first one makes what is new; what
    the accepted ones have made is recognized, too.

    The pseudonyms of e-mail addresses and the fingerprints of events have a key of their own, since they must stay the
    same when the pepper changes.
    """

    def __init__(self, pepper: str, *, accepted: Collection[str] = (), pseudonym_key: str | None = None) -> None:
        peppers = [one.encode() for one in (pepper, *accepted)]
        self._pepper = peppers[0]
        self._peppers = {_pepper_id(one): one for one in peppers}
        self._pseudonym_keys = peppers if pseudonym_key is None else [pseudonym_key.encode()]
        self._pseudonym_key = self._pseudonym_keys[0]
        self.pepper_id = _pepper_id(self._pepper)  # tells peppers apart, and nothing about them

    def key_hash(self, secret: str) -> bytes:
        """What is stored of an API key, beside the pepper's id."""
        return _key_hash(self._pepper, secret)

    def opens(self, secret: str, key: ApiKey) -> bool:
        """True where it is the secret of that key."""
        pepper = self._peppers.get(key.pepper_id)
        return pepper is not None and hmac.compare_digest(_key_hash(pepper, secret), key.secret_hmac)

    def token_hash(self, content: bytes) -> bytes:
        """What proves that a token with this content was made here, in 16 bytes."""
        return _token_hash(self._pepper, content)

    def proves(self, proof: bytes, content: bytes) -> bool:
        """True where that is the proof that a token with this content was made here."""
        return any(hmac.compare_digest(proof, _token_hash(pepper, content)) for pepper in self._peppers.values())

    @property
    def pseudonym_check(self) -> bytes:
        """What tells whether two servers make the same pseudonyms."""
        return _pseudonym_check(self._pseudonym_key)

    def keep_pseudonyms(self, check: bytes) -> bool:
        """Goes on making the pseudonyms whose check that is; False where none of the keys at hand makes them."""
        for key in self._pseudonym_keys:
            if hmac.compare_digest(_pseudonym_check(key), check):
                self._pseudonym_key = key
                return True
        return False

    def content_key(self, organization_id: int) -> bytes:
        """The key of the fingerprints of an organization's events, which must stay the same as pseudonyms do."""
        return hmac.digest(self._pseudonym_key, f"content:{organization_id}".encode(), "sha256")

    def user_hash(self, organization_id: int, user_id: str) -> str:
        """What is stored in place of an e-mail address: the same for the same address, and only within an
        organization.
        """
        message = f"user:{organization_id}:{user_id.strip().casefold()}".encode()
        return "email-" + hmac.digest(self._pseudonym_key, message, "sha256").hex()[:32]


def _pepper_id(pepper: bytes) -> str:
    return hmac.digest(pepper, b"pepper-id", "sha256").hex()[:8]


def _key_hash(pepper: bytes, secret: str) -> bytes:
    return hmac.digest(pepper, b"api-key:" + secret.encode(), "sha256")


def _token_hash(pepper: bytes, content: bytes) -> bytes:
    return hmac.digest(pepper, b"token:" + content, "sha256")[:16]


def _pseudonym_check(key: bytes) -> bytes:
    return hmac.digest(key, b"pseudonym-check", "sha256")


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
                pepper_id=hashes.pepper_id,
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


async def change_settings(database: Database, name: str, chosen: Mapping[str, int | Sequence[str] | None]) -> None:
    """Changes settings of an organization, by their names; servers follow within 10 seconds."""
    async with database.transaction() as connection:
        found = await organizations.change_settings(connection, name, chosen)
    if not found:
        raise errors.SetupError(f"there is no organization named {name!r}; `organizations list` shows those there are")


async def pin_pseudonyms(database: Database, hashes: Secrets) -> None:
    """Makes sure that e-mail addresses get the pseudonyms that they have always had; SetupError where they would not.

    The first server of a deployment decides on their key.
    """
    async with database.transaction() as connection:
        pinned = await organizations.pin_pseudonyms(connection, hashes.pseudonym_check)
    if not hashes.keep_pseudonyms(pinned):
        raise errors.SetupError(
            "the pseudonyms of e-mail addresses in this database were made with another key, so every such user would"
            " count as a new one: add that key, once the value of TALLYWIRE_KEY_PEPPER, to"
            " TALLYWIRE_KEY_PEPPERS_ACCEPTED, or set TALLYWIRE_PSEUDONYM_KEY to it; if it is lost, run"
            " `python -m server pseudonyms forget`"
        )


async def forget_pseudonyms(database: Database) -> None:
    """Lets the next server that starts decide anew on the key of pseudonyms."""
    async with database.transaction() as connection:
        await organizations.forget_pseudonyms(connection)
