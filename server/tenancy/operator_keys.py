"""Credentials of operators: how they are made, revoked and checked.

They have a form, a table and look-ups of their own, so that neither kind of credentials is ever taken for the other.
"""

import contextlib
import dataclasses
import re
import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from server import errors
from server.clock import Clock
from server.organizations.audit_trail import Actor, Entry
from server.organizations.errors import KeyNotFound
from server.organizations.operator_key import OperatorKey
from server.organizations.settings import OrganizationSettings
from server.store import operator_keys as stored
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import api_keys, audit_trail
from server.tenancy.api_keys import NewKey
from server.tenancy.key_lookups import KeyLookups
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import CallerKind, Principal

PREFIX: Final = "two"
_CREDENTIAL = re.compile(rf"{PREFIX}_([a-z2-7]{{16}})_[A-Za-z0-9_-]{{43}}")
_FRESH_SECONDS = 5.0  # a revoked key is refused everywhere after this and one look-up
_MOST_KEYS = 1_000  # that are remembered, and as many ids that are none
_MOST_WAITING = 1_000
_STRANGERS_PAUSE = 0.05  # between two look-ups of ids that were never seen, which bounds the cost of a flood
_USED_EVERY = timedelta(minutes=10)
_V = TypeVar("_V")


async def create(
    database: Database,
    hashes: KeyedHashes,
    name: str,
    *,
    expires_at: datetime | None = None,
    networks: Collection[str] = (),
    by: Actor,
) -> NewKey:
    """Makes an operator's key; its secret is in the result and nowhere else. Raises InvalidKey."""
    tied = api_keys.checked_networks(networks)
    key = api_keys.new_key(PREFIX)
    async with database.transaction(of=EVERY) as driver:
        await stored.add(
            driver,
            OperatorKey(
                key_id=key.key_id,
                name=name,
                secret_hmac=hashes.key_hash(key.secret),
                pepper_id=hashes.pepper_id,
                created_at=datetime.now(UTC),
                expires_at=expires_at,
                revoked_at=None,
                networks=tied,
            ),
        )
        told = {"name": name, "expires_at": expires_at and expires_at.isoformat(), "networks": list(tied)}
        entry = Entry(actor=by, action="operator_key.created", subject=key.key_id, after=told)
        await audit_trail.record(driver, audit_trail.SERVICE, entry)
    return key


async def revoke(database: Database, key_id: str, *, by: Actor) -> None:
    """Revokes an operator's key for good; servers refuse it within 10 seconds. Raises KeyNotFound."""
    async with database.transaction(of=EVERY) as driver:
        is_new = await stored.revoke(driver, key_id)
        if is_new:
            entry = Entry(actor=by, action="operator_key.revoked", subject=key_id)
            await audit_trail.record(driver, audit_trail.SERVICE, entry)
    if is_new is None:
        raise KeyNotFound(key_id)


def is_form(credential: str) -> bool:
    """Returns whether a credential claims to be an operator's, good or not."""
    return credential.startswith(f"{PREFIX}_")


def key_id(credential: str) -> str | None:
    """Returns the public id in a credential of the right form."""
    found = _CREDENTIAL.fullmatch(credential)
    return found[1] if found else None


@dataclass(slots=True, kw_only=True)
class _Known:
    """A key of the database, as it was when it was read."""

    fresh_until: float
    key: OperatorKey


class OperatorKeys:
    """The check of operators' credentials, as Authenticator does it for those of organizations: a wrong secret for a
    known id costs a comparison, and ids that were never seen share a statement.
    """

    def __init__(self, database: Database, hashes: KeyedHashes, clock: Clock) -> None:
        self._database = database
        self._hashes = hashes
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()  # until when an id is taken for none
        self._again = KeyLookups(self._look_up, pause=0.0, most=_MOST_KEYS)
        self._strangers = KeyLookups(self._look_up, pause=_STRANGERS_PAUSE, most=_MOST_WAITING)

    async def authenticate(self, credential: str) -> Principal | None:
        """Returns the principal of a credential; None if it is bad."""
        wanted = key_id(credential)
        known = await self._current(wanted) if wanted is not None else None
        if known is None:
            return None
        principal = self._principal(known, credential)
        if principal is not None:
            await self._keep_up(known, credential)
        return principal

    def known(self, credential: str) -> Principal | None:
        """Returns the principal of a good credential that was seen lately; None says nothing about the credential."""
        known = self._known.get(key_id(credential) or "")
        if known is None or known.fresh_until < time.monotonic():
            return None
        return self._principal(known, credential)

    def _principal(self, known: _Known, credential: str) -> Principal | None:
        key = known.key
        if not self._hashes.opens(credential, key) or not key.is_good(self._clock.now()):
            return None
        return Principal(
            organization_id=audit_trail.SERVICE,
            key_id=key.key_id,
            scopes=frozenset(),  # it may do what operators may, and has none of an organization's
            settings=_NO_SETTINGS,
            expires_at=key.expires_at,
            kind=CallerKind.OPERATOR,
            parent_key_id=key.key_id,
            networks=key.networks,
        )

    async def _keep_up(self, known: _Known, credential: str) -> None:
        """Writes down now and then that a key is used, and its hash with the newest pepper."""
        before, now = known.key, self._clock.now()
        is_noted = before.last_used_at is not None and now - before.last_used_at < _USED_EVERY
        is_renewed = before.pepper_id == self._hashes.pepper_id
        if is_noted and is_renewed:
            return
        known.key = dataclasses.replace(
            before,
            last_used_at=now,
            secret_hmac=self._hashes.key_hash(credential),
            pepper_id=self._hashes.pepper_id,
        )
        with contextlib.suppress(errors.StorageUnavailable):  # it is tried again after the next look-up
            async with self._database.transaction(of=EVERY) as driver:
                if not is_renewed:
                    await stored.renew_hash(driver, known.key, instead_of=before.pepper_id)
                if not is_noted:
                    await stored.note_use(driver, before.key_id, now)

    async def _current(self, wanted: str) -> _Known | None:
        known, now = self._known.get(wanted), time.monotonic()
        if known is None:
            return None if self._unknown.get(wanted, 0.0) >= now else await self._strangers.find(wanted)
        return known if known.fresh_until >= now else await self._again.find(wanted)

    async def _look_up(self, key_ids: Sequence[str]) -> dict[str, _Known]:
        """Reads keys from the database, and remembers what was found for each."""
        until = time.monotonic() + _FRESH_SECONDS
        async with self._database.transaction(of=EVERY) as driver:
            found = await stored.by_ids(driver, key_ids)
        known = {key.key_id: _Known(fresh_until=until, key=key) for key in found}
        for one in key_ids:
            if one in known:
                _remember(self._known, one, known[one])
            else:
                self._known.pop(one, None)
                _remember(self._unknown, one, until)
        return known


_NO_SETTINGS: Final = OrganizationSettings()


def _remember(memory: "OrderedDict[str, _V]", key: str, value: _V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _MOST_KEYS:
        memory.popitem(last=False)
