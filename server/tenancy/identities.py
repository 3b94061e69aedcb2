"""People with identity tokens as makers of calls: what their tokens prove, and what their organization says of them."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from server import errors, log_throttle
from server.clock import Clock
from server.errors import Reason, Refused
from server.organizations.api_key import ApiKey
from server.organizations.organization import Organization
from server.organizations.restriction import Restriction
from server.store import identities as stored
from server.store.database import Database, Driver
from server.store.identities import IdentityStanding, StandingAsked
from server.store.isolation import EVERY
from server.tenancy import roles
from server.tenancy.identity_tokens import BadToken, IdentityTokens, TokenFault, VerifiedIdentity
from server.tenancy.key_lookups import KeyLookups
from server.tenancy.principal import CallerIdentity, CallerKind, Principal, Scope

SUBJECT: Final = "user:oidc:"  # in front of subjects of people with tokens; no code can name one
_FRESH_SECONDS = 5.0  # of what is remembered of a token, and of a person
_MOST_TOKENS, _MOST_PEOPLE, _MOST_FAULTS, _MOST_WAITING = 20_000, 20_000, 1_000, 5_000
# A call in progress waits so long for a look-up of its maker, and goes on with the last result if there is none.
_CONFIRM_SECONDS = 1.0
_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """What the holder of a session may do now. role is empty where the scopes are not all of the role's."""

    scopes: frozenset[Scope]
    role: str
    restriction: Restriction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A good token, until it must be looked at again."""

    fresh_until: float
    ends_at: datetime
    principal: Principal  # one object for all calls with the token, since thousands may last


class Identities:
    """The check of identity tokens, with what is remembered of them by their digests."""

    def __init__(self, database: Database, clock: Clock, tokens: IdentityTokens) -> None:
        self._database = database
        self._clock = clock
        self._tokens = tokens
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()
        self._faults: OrderedDict[bytes, TokenFault] = OrderedDict()
        self._people: OrderedDict[StandingAsked, tuple[float, IdentityStanding | None]] = OrderedDict()
        self._lookups: KeyLookups[StandingAsked, IdentityStanding] = KeyLookups(
            self._look_up, pause=0.0, most=_MOST_WAITING
        )

    def start(self) -> None:
        """Begins to fetch the keys of all providers."""
        self._tokens.start()

    async def close(self) -> None:
        """Gives up what is under way."""
        await self._tokens.close()

    def known(self, token: str) -> Principal | None:
        """Returns the principal of a good token that was seen lately; None says nothing about the token."""
        seen = self._seen.get(_digest(token))
        if seen is None or seen.fresh_until < time.monotonic() or seen.ends_at <= self._clock.now():
            return None
        return seen.principal

    async def authenticate(self, token: str) -> Principal | None:
        """Returns the principal of a token, None where the token is bad. Refuses people of suspended organizations, and
        those who have no role.
        """
        try:
            return self.known(token) or await self._checked(token)
        except BadToken as bad:
            _remember(self._faults, _digest(token), bad.fault, _MOST_FAULTS)
            told: dict[str, Any] = {"provider": bad.provider} if bad.provider else {}
            told["fault"] = bad.fault.name.lower()
            log_throttle.write("info", "an identity token is refused", tuple(told.values()), **told)
            return None

    def why_bad(self, token: str) -> str:
        """Returns what is wrong with a token that was just found bad, for whoever sent it."""
        fault = self._faults.get(_digest(token), "it cannot be used here")
        return f"the identity token is not good: {fault}"

    async def confirm(self, token: str, last: Principal) -> Principal:
        """Returns the current principal of a call in progress; last is what an earlier check returned.

        Refuses a token that has expired, whose key its provider has withdrawn, or whose holder may not go on. While the
        database or the provider is away, the last result stands until the token expires.
        """
        known = self.known(token)
        if known is not None:
            return known
        seen = self._seen.get(_digest(token))
        ends_at = seen.ends_at if seen is not None else last.expires_at
        try:
            principal = await self._soon(token)
        except errors.StorageUnavailable:
            if ends_at is not None and self._clock.now() < ends_at:
                return last
            _remember(self._faults, _digest(token), TokenFault.EXPIRED, _MOST_FAULTS)
            principal = None
        if principal is None:
            raise Refused(Reason.CREDENTIALS_INVALID, self.why_bad(token))
        return principal

    async def holders(self, driver: Driver, found: Sequence[tuple[ApiKey, Organization]]) -> Mapping[str, Holder]:
        """Returns what the holders of sessions that come from tokens may do now, by the ids of the sessions, without
        those that may not go on: their provider is not trusted any more, or they have no role.
        """
        asked = {
            key.key_id: StandingAsked(organization=organization.name, member=key.identity.member, role=key.role)
            for key, organization in found
            if key.identity is not None
        }
        if not asked:
            return {}
        standings = await stored.standings(driver, list(dict.fromkeys(asked.values())))
        held = {
            key.key_id: self._holder(key, organization, standings.get(asked[key.key_id]))
            for key, organization in found
            if key.identity is not None
        }
        return {key_id: holder for key_id, holder in held.items() if holder is not None}

    def _holder(self, key: ApiKey, organization: Organization, standing: IdentityStanding | None) -> Holder | None:
        identity = key.identity
        provider = self._tokens.provider(identity.issuer) if identity is not None else None
        if identity is None or provider is None or standing is None or organization.name not in provider.reaches:
            return None
        if not standing.is_member and (identity.was_member or provider.require_membership):
            return None
        own = scopes_of(standing)
        scopes = _both(own, frozenset(scope for scope in Scope if scope in key.scopes))
        if not scopes:
            return None
        return Holder(
            scopes=scopes,
            role=standing.role if scopes == own else "",
            restriction=standing.restriction if standing.is_member else key.restriction,
        )

    async def _soon(self, token: str) -> Principal | None:
        """Authenticates a token. Raises StorageUnavailable if that takes long, or cannot be done now."""
        try:
            async with asyncio.timeout(_CONFIRM_SECONDS):
                return await self.authenticate(token)
        except TimeoutError:
            pass
        except Refused as refusal:
            if refusal.retry_after is None:
                raise
        raise errors.StorageUnavailable("nobody can be asked about a token")

    async def _checked(self, token: str) -> Principal:
        identity = await self._tokens.verified(token, self._clock.now())
        asked = StandingAsked(organization=identity.organization, member=identity.member, role=identity.role)
        until, standing = await self.standing(asked)
        if standing is None or standing.organization.state.is_over:
            raise BadToken(TokenFault.ORGANIZATION, identity.provider.name)
        if standing.organization.state.is_shut:
            raise Refused(Reason.TENANT_SUSPENDED, "the organization is suspended; ask the operator")
        principal = _principal(identity, standing)
        seen = _Seen(fresh_until=until, ends_at=identity.ends_at, principal=principal)
        _remember(self._seen, _digest(token), seen, _MOST_TOKENS)
        return principal

    async def standing(self, asked: StandingAsked) -> tuple[float, IdentityStanding | None]:
        """Returns what was known of somebody at most _FRESH_SECONDS ago, and until when it is taken for true."""
        remembered = self._people.get(asked)
        if remembered is not None and remembered[0] >= time.monotonic():
            return remembered
        until = time.monotonic() + _FRESH_SECONDS
        found = until, await self._lookups.find(asked)
        _remember(self._people, asked, found, _MOST_PEOPLE)
        return found

    async def _look_up(self, asked: Sequence[StandingAsked]) -> dict[StandingAsked, IdentityStanding]:
        async with self._database.transaction(of=EVERY) as driver:
            return await stored.standings(driver, asked)


def _principal(identity: VerifiedIdentity, standing: IdentityStanding) -> Principal:
    """Returns the maker of calls; refuses somebody without a role. What an organization says of its member counts, and
    not what claims say.
    """
    if not standing.is_member and identity.provider.require_membership:
        raise _no_role("its holder is no member of the organization")
    if not standing.role:
        raise _no_role("no claim of it gives a role in the organization")
    scopes = scopes_of(standing)
    if not scopes:
        raise _no_role(f"the organization has no role {standing.role!r}")
    return Principal(
        organization_id=standing.organization.organization_id,
        key_id=identity.id,
        scopes=scopes,
        settings=standing.organization.settings,
        expires_at=identity.expires_at,
        kind=CallerKind.IDENTITY_TOKEN,
        subject=_subject(identity),
        role=standing.role,
        restriction=standing.restriction if standing.is_member else _by_claims(identity, scopes),
        identity=CallerIdentity(
            issuer=identity.provider.issuer,
            subject=identity.subject,
            member=identity.member,
            is_member=standing.is_member,
            session_hours=identity.provider.session_hours,
        ),
    )


def scopes_of(standing: IdentityStanding) -> frozenset[Scope]:
    """Returns the scopes of somebody's role; none where there is no such role. A name of a built-in one means that."""
    built_in = roles.BUILT_IN.get(standing.role)
    return frozenset(scope for scope in Scope if scope in (standing.scopes or ())) if built_in is None else built_in


def _both(one: frozenset[Scope], other: frozenset[Scope]) -> frozenset[Scope]:
    """Returns the scopes that two sets allow; admin stands for all."""
    if Scope.ADMIN in one:
        return other
    return one if Scope.ADMIN in other else one & other


def _by_claims(identity: VerifiedIdentity, scopes: frozenset[Scope]) -> Restriction | None:
    try:
        found = identity.restriction
    except ValueError:
        raise _no_role("no claim of it names the teams that its holder may see") from None
    if found is not None and Scope.ADMIN in scopes:
        raise _no_role(f"the role {identity.role!r} is for the whole organization, and its holder may see teams alone")
    return found


def _subject(identity: VerifiedIdentity) -> str:
    """Returns whom personal things belong to: the same person at the same issuer, and nobody else."""
    issuer = hashlib.sha256(identity.provider.issuer.encode()).hexdigest()[:16]
    return f"{SUBJECT}{issuer}:{identity.subject}"


def _no_role(why: str) -> Refused:
    return Refused(Reason.NO_ROLE, f"the identity token is good, but {why}")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _remember(memory: "OrderedDict[_K, _V]", key: _K, value: _V, most: int) -> None:
    """Keeps a value; the value that was kept or renewed longest ago makes room for it."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > most:
        memory.popitem(last=False)
