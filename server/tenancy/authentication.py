"""Authentication: which organization a credential belongs to, remembered for a few seconds.

A flood of bad credentials does not delay callers with good ones.
"""

import asyncio
import contextlib
import dataclasses
import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from server import errors
from server.clock import Clock
from server.errors import Reason, Refused
from server.organizations.api_key import SESSION_IDLE, ApiKey, KeyKind, SignedInIdentity
from server.organizations.audit_trail import Actor, ActorKind
from server.organizations.organization import Organization, OrganizationState
from server.store import organizations, sign_ins
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import api_keys, bad_credentials, embed_tokens, identity_tokens, operator_keys
from server.tenancy.access_notes import AccessNotes
from server.tenancy.bad_credentials import BadCredentials
from server.tenancy.embed_tokens import EmbedTokens
from server.tenancy.identities import Holder, Identities
from server.tenancy.key_lookups import KeyLookups
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.operator_keys import OperatorKeys
from server.tenancy.principal import CallerIdentity, CallerKind, EmbedGrant, Principal, Scope

_FRESH_SECONDS = 5.0  # a revoked key is refused everywhere after this and one look-up
_MOST_KEYS = 20_000  # that are remembered, and as many ids that are none
# Look-ups of ids that were never seen share a statement every so many seconds, which bounds the cost of a flood.
_STRANGERS_PAUSE = 0.05
_MOST_WAITING = 5_000
# A call in progress waits so long for a look-up of its key, and goes on with the last result if there is none.
_CONFIRM_SECONDS, _ASK_AGAIN_SECONDS = 1.0, 2.0
# A session that is used is kept awake, but is not written at each call.
_AWAKE_EVERY = timedelta(minutes=10)
# When a key was last used is told as exactly as this.
_USED_EVERY = timedelta(minutes=10)

_K = TypeVar("_K")
_V = TypeVar("_V")
_CREDENTIAL = re.compile(rf"{api_keys.KEY_PREFIX}_([a-z2-7]{{16}})_[A-Za-z0-9_-]{{43}}")


@dataclass(slots=True, kw_only=True)
class _Known:
    """A key of the database, as it was when it was read."""

    fresh_until: float
    key: ApiKey
    organization: Organization
    principal: Principal  # one object for all calls of the key, since thousands may last


class Authenticator:
    """The check of credentials, with what is remembered of keys.

    Keys are remembered by id: a wrong secret for a known id costs a comparison, and so does an id that was just found
    not to exist. Ids that were never seen share a statement; known keys do not wait behind them.
    identities knows the tokens of identity providers; without it there are none.
    """

    def __init__(
        self,
        database: Database,
        hashes: KeyedHashes,
        clock: Clock,
        identities: Identities | None = None,
        *,
        notes: AccessNotes | None = None,
    ) -> None:
        self._notes = notes  # of what is shown of credentials that are known, and is not good
        self._database = database
        self._hashes = hashes
        self._clock = clock
        self._identities = identities
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()  # until when an id is taken for none
        self._again: KeyLookups[str, _Known] = KeyLookups(self._look_up, pause=0.0, most=_MOST_KEYS)
        self._strangers: KeyLookups[str, _Known] = KeyLookups(self._look_up, pause=_STRANGERS_PAUSE, most=_MOST_WAITING)
        self._embeds = EmbedTokens(hashes)
        self._operators = OperatorKeys(database, hashes, clock)
        self._bad = BadCredentials()
        self._ask_again_at = 0.0

    async def authenticate(self, credential: str) -> Principal | None:
        """Returns the principal of a credential that makes calls; None if the credential is bad."""
        if operator_keys.is_form(credential):
            return await self._operators.authenticate(credential)
        if (identities := self._identities_for(credential)) is not None:
            return await identities.authenticate(credential)
        known, principal = await self._found(credential)
        if known is None or principal is None or principal.kind is CallerKind.CODE:
            return None
        if principal.kind is CallerKind.SESSION:
            principal = await self._stay_awake(known, principal)
        await self._note_use(known)
        return principal

    async def exchanged(self, credential: str) -> Principal | None:
        """Returns the principal of a credential that signs in: of an API key, of an identity token, or of a one-time
        code, which may have been used; None if it is bad.
        """
        if (identities := self._identities_for(credential)) is not None:
            return await identities.authenticate(credential)
        _, principal = await self._found(credential)
        if principal is None or principal.kind not in (CallerKind.API_KEY, CallerKind.CODE):
            return None
        return principal

    def _identities_for(self, credential: str) -> Identities | None:
        return self._identities if identity_tokens.is_token(credential) else None

    async def _found(self, credential: str) -> tuple[_Known | None, Principal | None]:
        """Returns what is known of a credential, and its principal if it is good."""
        row_id, grant = self._row(credential)
        known = await self._current(row_id) if row_id is not None else None
        principal = self._principal(known, credential, grant)
        is_own = known is not None and principal is not None and grant is None
        if known is not None and is_own and known.key.pepper_id != self._hashes.pepper_id:
            await self._renew(known, credential)
        return known, principal

    def _row(self, credential: str) -> tuple[str | None, EmbedGrant | None]:
        """Returns the id of the row that a credential stands on, and what it grants if it is an embed token."""
        if credential.startswith(embed_tokens.PREFIX):
            grant = self._embeds.opened(credential)
            return (None, None) if grant is None else (grant.maker_id, grant)
        return _key_id(credential), None

    def refusal(self, credential: str, peer: str) -> Refused:
        """Counts a bad credential and returns its refusal; a peer that repeats one too often is asked to wait. The
        audit trail gets a note where the credential names one that there is, or was.
        """
        if (identities := self._identities_for(credential)) is not None:
            return self._bad.refusal(peer, bad_credentials.TOKENS, identities.why_bad(credential))
        key_id = self._row(credential)[0]
        known = self._known.get(key_id or "")
        if known is not None and self._notes is not None:
            guesser = Actor(kind=ActorKind.SERVICE, id="authentication", peer=peer.partition(":")[2] or peer)
            self._notes.note(known.organization.organization_id, guesser, "credential.refused", known.key.key_id)
        return self._bad.refusal(peer, operator_keys.key_id(credential) or key_id)

    async def confirm(self, credential: str, last: Principal) -> Principal:
        """Returns the current principal of a call in progress; last is what an earlier check returned.

        Refuses a key that was revoked or has expired, or whose organization was suspended or revoked. While the
        database is away, the last result stands.
        """
        if operator_keys.is_form(credential):
            return await self._confirm_operator(credential)
        if (identities := self._identities_for(credential)) is not None:
            return await identities.confirm(credential, last)
        try:
            known = await self._current_soon(last.key_id)
        except errors.StorageUnavailable:
            known = self._known.get(last.key_id)
            if known is None and not any(_is_past(at, self._clock.now()) for at in (last.expires_at, last.idle_until)):
                return last
        principal = self._principal(known, credential, self._row(credential)[1])
        if principal is None:
            raise _invalid()
        return principal

    async def _confirm_operator(self, credential: str) -> Principal:
        principal = await self._operators.authenticate(credential)
        if principal is None:
            raise _invalid()
        return principal

    def known(self, credential: str) -> Principal | None:
        """Returns the principal of a good credential that was seen lately; None says nothing about the credential."""
        if operator_keys.is_form(credential):
            return self._operators.known(credential)
        if (identities := self._identities_for(credential)) is not None:
            return identities.known(credential)
        row_id, grant = self._row(credential)
        known = self._known.get(row_id or "")
        if known is None or known.fresh_until < time.monotonic() or known.key.kind is KeyKind.CODE:
            return None
        if known.organization.state is not OrganizationState.ACTIVE:
            return None
        if grant is None and self._awake_until(known.key) is not None:
            return None  # which authenticate() writes down
        return self._principal(known, credential, grant)

    def _principal(self, known: _Known | None, credential: str, grant: EmbedGrant | None) -> Principal | None:
        """Returns the principal if the credential matches the key and the key is valid, else None; refuses suspended
        organizations. An embed token was proved when it was opened, and its key must still be good.
        """
        if known is None or (grant is None and not self._hashes.opens(credential, known.key)):
            return None
        state, now = known.organization.state, self._clock.now()
        if known.key.revoked_at is not None or state.is_over:
            return None
        if _is_past(known.key.ends_at, now):
            return None
        if grant is not None and (
            _is_past(grant.expires_at, now) or grant.organization_id != known.organization.organization_id
        ):
            return None
        if state.is_shut:
            raise Refused(Reason.TENANT_SUSPENDED, "the organization is suspended; ask the operator")
        return known.principal if grant is None else _embedded(known.principal, grant)

    async def _stay_awake(self, known: _Known, principal: Principal) -> Principal:
        """Lets a session that is used go on; returns its principal."""
        until = self._awake_until(known.key)
        if until is None:
            return principal
        known.key = dataclasses.replace(known.key, idle_until=until)
        known.principal = dataclasses.replace(principal, idle_until=until)
        with contextlib.suppress(errors.StorageUnavailable):  # it is tried again after the next look-up
            async with self._database.transaction(of=principal.organization_id) as driver:
                await sign_ins.stay_awake(driver, known.key.key_id, until)
        return known.principal

    async def _note_use(self, known: _Known) -> None:
        """Writes down now and then that a credential is used."""
        now = self._clock.now()
        if known.key.last_used_at is not None and now - known.key.last_used_at < _USED_EVERY:
            return
        known.key = dataclasses.replace(known.key, last_used_at=now)
        with contextlib.suppress(errors.StorageUnavailable):  # it is tried again after the next look-up
            async with self._database.transaction(of=known.key.organization_id) as driver:
                await organizations.note_use(driver, known.key.key_id, now)

    def _awake_until(self, key: ApiKey) -> datetime | None:
        """Returns until when a session that is used now goes on; None: that need not be written down yet, or it is no
        session.
        """
        until = self._clock.now() + SESSION_IDLE
        return None if key.idle_until is None or until - key.idle_until < _AWAKE_EVERY else until

    async def _renew(self, known: _Known, credential: str) -> None:
        """Stores a key's hash with the newest pepper, so that the older pepper can be retired."""
        before = known.key
        known.key = dataclasses.replace(
            before, secret_hmac=self._hashes.key_hash(credential), pepper_id=self._hashes.pepper_id
        )
        with contextlib.suppress(errors.StorageUnavailable):  # it is tried again after the next look-up
            async with self._database.transaction(of=known.key.organization_id) as driver:
                await organizations.renew_key_hash(driver, known.key, instead_of=before.pepper_id)

    async def _current_soon(self, key_id: str) -> _Known | None:
        """Returns what is known of a key. Raises StorageUnavailable if reading it takes long or has just failed."""
        fresh = self._known.get(key_id)
        if fresh is not None and fresh.fresh_until >= time.monotonic():
            return fresh
        if time.monotonic() < self._ask_again_at:
            raise errors.StorageUnavailable("the database could not be asked just now")
        try:
            async with asyncio.timeout(_CONFIRM_SECONDS):
                return await self._current(key_id)
        except (TimeoutError, errors.StorageUnavailable):
            self._ask_again_at = time.monotonic() + _ASK_AGAIN_SECONDS
            raise errors.StorageUnavailable("the database cannot be asked about a key") from None

    async def _current(self, key_id: str) -> _Known | None:
        """Returns what was known of a key at most _FRESH_SECONDS ago; None if no key has that id."""
        known, now = self._known.get(key_id), time.monotonic()
        if known is None:
            return None if self._unknown.get(key_id, 0.0) >= now else await self._strangers.find(key_id)
        return known if known.fresh_until >= now else await self._again.find(key_id)

    async def _look_up(self, key_ids: Sequence[str]) -> dict[str, _Known]:
        """Reads keys from the database, and remembers what was found for each."""
        until = time.monotonic() + _FRESH_SECONDS
        async with self._database.transaction(of=EVERY) as driver:
            found = await organizations.keys_with_organizations(driver, key_ids)
            held = {} if self._identities is None else await self._identities.holders(driver, found)
        known = {
            key.key_id: _known(until, _held(key, held.get(key.key_id)), organization) for key, organization in found
        }
        for key_id in key_ids:
            if key_id in known:
                _remember(self._known, key_id, known[key_id])
            else:
                self._known.pop(key_id, None)
                _remember(self._unknown, key_id, until)
        return known


def _invalid() -> Refused:
    return Refused(Reason.CREDENTIALS_INVALID, bad_credentials.INVALID)


def _key_id(credential: str) -> str | None:
    """Returns the public id in a credential of the right form."""
    found = _CREDENTIAL.fullmatch(credential)
    return found[1] if found else None


def _held(key: ApiKey, holder: Holder | None) -> ApiKey:
    """Returns a key with what its holder may do now, where an identity provider knows them; without a holder it is as
    if revoked.
    """
    if key.identity is None:
        return key
    if holder is None:
        return dataclasses.replace(key, revoked_at=key.revoked_at or key.created_at)
    return dataclasses.replace(
        key, scopes=tuple(sorted(holder.scopes)), role=holder.role, restriction=holder.restriction
    )


def _known(fresh_until: float, key: ApiKey, organization: Organization) -> _Known:
    principal = Principal(
        organization_id=organization.organization_id,
        key_id=key.key_id,
        scopes=frozenset(scope for scope in Scope if scope in key.scopes),  # unknown ones belong to a newer version
        settings=organization.settings,
        expires_at=key.expires_at,
        idle_until=key.idle_until,
        kind=_KINDS[key.kind],
        parent_key_id=key.parent_key_id or key.key_id,
        subject=key.owner,
        role=key.role,
        restriction=key.restriction,
        networks=key.networks,
        identity=None if key.identity is None else _identity(key.identity),
    )
    return _Known(fresh_until=fresh_until, key=key, organization=organization, principal=principal)


def _identity(of: SignedInIdentity) -> CallerIdentity:
    return CallerIdentity(issuer=of.issuer, subject=of.subject, member=of.member, is_member=of.was_member)


_KINDS = {
    KeyKind.KEY: CallerKind.API_KEY,
    KeyKind.SESSION: CallerKind.SESSION,
    KeyKind.CODE: CallerKind.CODE,
}


def _embedded(maker: Principal, grant: EmbedGrant) -> Principal:
    """Returns the principal of an embed token: it may read, if its maker may, and has nothing personal."""
    return dataclasses.replace(
        maker,
        kind=CallerKind.EMBEDDED,
        scopes=frozenset({Scope.READ}) if maker.may(Scope.READ) else frozenset(),
        expires_at=grant.expires_at,
        idle_until=None,
        subject="",
        networks=(),  # of those who made it, not of those who look
        embed=grant,
    )


def _is_past(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now


def _remember(memory: "OrderedDict[_K, _V]", key: _K, value: _V, *, most: int = _MOST_KEYS) -> None:
    """Keeps a value; the value that was kept or renewed longest ago makes room for it."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > most:
        memory.popitem(last=False)
