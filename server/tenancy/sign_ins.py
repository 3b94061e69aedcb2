"""Sign-ins: an API key, a one-time code or an identity token is exchanged for a session, which is a short-lived key of
the same table.

Sessions and codes come from an API key, their parent, whoever makes them: none outlives it. A session that comes from
an identity token has no parent: it follows its holder's membership. What happens is in the audit trail.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from server.errors import Reason, Refused
from server.organizations.api_key import (
    CODE_LIFETIME,
    SESSION_IDLE,
    SESSION_LIFETIME,
    ApiKey,
    KeyKind,
    SignedInIdentity,
)
from server.organizations.audit_trail import Actor, Entry
from server.organizations.organization import OrganizationFacts
from server.store import organizations
from server.store import sign_ins as stored
from server.store.database import Database, Driver
from server.tenancy import administration, api_keys, audit_trail, embed_tokens
from server.tenancy.embed_tokens import EmbedTokens
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import CallerIdentity, CallerKind, EmbedGrant, Principal, Scope

_MOST_SESSIONS, _MOST_CODES = 1_000, 100  # of a key; the oldest make room
_MOST_SESSIONS_OF_A_PERSON = 100  # whom an identity provider knows
_BY: Final = {
    CallerKind.API_KEY: "api key",
    CallerKind.CODE: "one-time code",
    CallerKind.IDENTITY_TOKEN: "identity token",
}
_NOT_FOR_PAGES: Final = frozenset({Scope.INGEST, Scope.BACKFILL})  # unless they are asked for
NAMED: Final = "user:"  # in front of the names of people in subjects


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A new session: its credential, which is shown once, and its principal."""

    credential: str
    principal: Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeCode:
    """A new code, which is shown once."""

    code: str
    expires_at: datetime


class _CodeUsed(Exception):
    """A one-time code was used before."""


class SignIns:
    """Makes and ends sessions, and makes codes and embed tokens."""

    def __init__(self, database: Database, hashes: KeyedHashes) -> None:
        self._database = database
        self._hashes = hashes
        self._embeds = EmbedTokens(hashes)

    async def sign_in(self, principal: Principal, scopes: Collection[Scope], by: Actor) -> SignedIn | None:
        """Makes a session for the holder of a key or a code, and uses the code up; None where the code was used before,
        or the key is not good any more. scopes are those that are wanted; none: those that pages need. Refuses scopes
        that the holder does not have.
        """
        try:
            return await self._sign_in(principal, _chosen(principal, scopes), by)
        except _CodeUsed:  # which has undone the session
            return None

    async def _sign_in(self, principal: Principal, chosen: Collection[Scope], by: Actor) -> SignedIn | None:
        """Makes a session. The parent is held first, as those who revoke it do: nobody waits for each other."""
        async with self._database.transaction(of=principal.organization_id) as driver:
            if principal.identity is not None:
                key, secret = await self._add_of_identity(driver, principal, principal.identity, chosen)
            else:
                key, secret = await self._add(driver, principal, KeyKind.SESSION, chosen, principal.subject)
            if key is None:
                return None
            if principal.kind is CallerKind.CODE and not await stored.use_code(driver, principal.key_id):
                raise _CodeUsed
            told = {"subject": key.owner, "scopes": sorted(chosen), "by": _BY[principal.kind]}
            if principal.parent_key_id:
                told["key"] = principal.parent_key_id
            entry = Entry(actor=by, action="session.created", subject=key.key_id, after=told)
            await audit_trail.record(driver, principal.organization_id, entry)
        return SignedIn(
            credential=secret,
            principal=Principal(
                organization_id=principal.organization_id,
                key_id=key.key_id,
                scopes=frozenset(chosen),
                settings=principal.settings,
                expires_at=key.expires_at,
                idle_until=key.idle_until,
                kind=CallerKind.SESSION,
                parent_key_id=principal.parent_key_id or key.key_id,
                subject=key.owner,
                role=key.role if principal.scopes == chosen else "",
                restriction=key.restriction,
                identity=principal.identity,
            ),
        )

    async def sign_out(self, principal: Principal, by: Actor) -> None:
        """Ends the session of the caller; whoever has no session keeps what it has."""
        if principal.kind is not CallerKind.SESSION:
            return
        async with self._database.transaction(of=principal.organization_id) as driver:
            found = await organizations.revoke_key(driver, principal.key_id)
            if found is not None and found.is_new:
                entry = Entry(actor=by, action="session.ended", subject=principal.key_id)
                await audit_trail.record(driver, principal.organization_id, entry)

    async def code(self, principal: Principal, scopes: Collection[Scope], subject: str, by: Actor) -> OneTimeCode:
        """Makes a one-time code of the caller's key, for somebody by name or for the key itself; refuses callers that
        are no API keys, and scopes that the key does not have.
        """
        if principal.kind is not CallerKind.API_KEY:
            raise Refused(Reason.KEY_REQUIRED, "sign-in codes are made with an API key, not with what comes from one")
        if subject and not principal.may(Scope.ADMIN):
            raise missing(Scope.ADMIN, "subject")
        chosen = _chosen(principal, scopes)
        async with self._database.transaction(of=principal.organization_id) as driver:
            owner = NAMED + subject if subject else ""
            key, secret = await self._add(driver, principal, KeyKind.CODE, chosen, owner)
            if key is None:
                raise Refused(Reason.CREDENTIALS_INVALID, "the API key has just been revoked, or has expired")
            told = {"subject": key.owner, "scopes": sorted(chosen)}
            entry = Entry(actor=by, action="sign_in_code.created", subject=key.key_id, after=told)
            await audit_trail.record(driver, principal.organization_id, entry)
        assert key.expires_at is not None  # noqa: S101 - codes end
        return OneTimeCode(code=secret, expires_at=key.expires_at)

    def embed_token(
        self,
        principal: Principal,
        conditions: tuple[tuple[str, str], ...],
        rpcs: tuple[str, ...],
        origins: tuple[str, ...],
        expires_at: datetime,
    ) -> tuple[str, datetime]:
        """Returns a token for an embedded panel, and when it ends: never later than the caller's own credential.
        Refuses callers whose credential is not stored: the token could not end with it.
        """
        if principal.kind in (CallerKind.IDENTITY_TOKEN, CallerKind.CERTIFICATE):
            raise Refused(Reason.KEY_REQUIRED, "embed tokens are made with an API key or a session")
        ends = min(filter(None, (expires_at, principal.expires_at))).replace(microsecond=0)  # as tokens tell it
        grant = EmbedGrant(
            token_id=embed_tokens.token_id(),
            organization_id=principal.organization_id,
            maker_id=principal.key_id,
            conditions=conditions,
            rpcs=rpcs,
            origins=origins,
            expires_at=ends,
        )
        token = self._embeds.token(grant)
        if token is None:
            raise Refused(Reason.FIELD_TOO_LONG, "filter and origins are too long for a token", field="origins")
        return token, ends

    async def facts(self, driver: Driver, principal: Principal) -> OrganizationFacts:
        """Returns what pages show of the caller's organization."""
        return await stored.facts(driver, principal.organization_id)

    def handle(self, principal: Principal) -> str:
        """Returns what is equal for all callers of an organization, and tells nothing about it."""
        return self._hashes.token_hash(b"organization:%d" % principal.organization_id).hex()

    async def _add(
        self, driver: Driver, principal: Principal, kind: KeyKind, scopes: Collection[Scope], subject: str
    ) -> tuple[ApiKey | None, str]:
        """Stores a session or a code of the caller's key; None where that key is not good any more."""
        parent_id = principal.parent_key_id
        parent = await stored.hold_parent(driver, parent_id)
        if parent is None:
            return None, ""
        is_session = kind is KeyKind.SESSION
        await stored.make_room(driver, parent_id, kind, _MOST_SESSIONS if is_session else _MOST_CODES)
        new = api_keys.new_key()
        lifetime: timedelta = SESSION_LIFETIME if is_session else CODE_LIFETIME
        key = ApiKey(
            key_id=new.key_id,
            organization_id=principal.organization_id,
            name="",
            secret_hmac=self._hashes.key_hash(new.secret),
            pepper_id=self._hashes.pepper_id,
            scopes=tuple(sorted(scopes)),
            created_at=parent.now,
            expires_at=min(filter(None, (parent.now + lifetime, parent.expires_at))),
            revoked_at=None,
            kind=kind,
            parent_key_id=parent_id,
            subject="" if subject == f"key:{parent_id}" else subject,
            idle_until=parent.now + SESSION_IDLE if is_session else None,
            role=principal.role if frozenset(scopes) == principal.scopes else "",
            restriction=principal.restriction,
        )
        await organizations.add_key(driver, key)
        return key, new.secret

    async def _add_of_identity(
        self, driver: Driver, principal: Principal, identity: CallerIdentity, scopes: Collection[Scope]
    ) -> tuple[ApiKey | None, str]:
        """Stores a session of somebody whom an identity provider knows."""
        now = await stored.make_room_of_identity(
            driver, principal.organization_id, principal.subject, _MOST_SESSIONS_OF_A_PERSON
        )
        new = api_keys.new_key()
        key = ApiKey(
            key_id=new.key_id,
            organization_id=principal.organization_id,
            name="",
            secret_hmac=self._hashes.key_hash(new.secret),
            pepper_id=self._hashes.pepper_id,
            scopes=tuple(sorted(scopes)),
            created_at=now,
            expires_at=now + min(SESSION_LIFETIME, timedelta(hours=identity.session_hours)),
            revoked_at=None,
            kind=KeyKind.SESSION,
            subject=principal.subject,
            idle_until=now + SESSION_IDLE,
            role=principal.role,  # whose scopes are looked up again
            restriction=principal.restriction,
            identity=SignedInIdentity(
                issuer=identity.issuer,
                subject=identity.subject,
                member=identity.member,
                was_member=identity.is_member,
            ),
        )
        await organizations.add_key(driver, key)
        return key, new.secret


async def first_code(database: Database, hashes: KeyedHashes, organization_name: str, by: Actor) -> OneTimeCode | None:
    """Makes a code for whoever operates the deployment, of the newest key of an organization that may read; None where
    it has none. Raises OrganizationNotFound.
    """
    owner = await administration.organization(database, organization_name)
    async with database.transaction(of=owner.organization_id) as driver:
        known = await organizations.keys(driver, owner.organization_id)
        now = (await stored.facts(driver, owner.organization_id)).now
    good = [
        one
        for one in known
        if one.revoked_at is None
        and (one.expires_at is None or one.expires_at > now)
        and {Scope.READ, Scope.ADMIN} & set(one.scopes)
    ]
    if not good:
        return None
    key = good[-1]
    holder = Principal(
        organization_id=owner.organization_id,
        key_id=key.key_id,
        scopes=frozenset(scope for scope in Scope if scope in key.scopes),
        settings=owner.settings,
        parent_key_id=key.key_id,
        subject=key.owner,
        role=key.role,
        restriction=key.restriction,
    )
    return await SignIns(database, hashes).code(holder, (), "", by)


def missing(scope: Scope, field: str = "", *, what: str = "") -> Refused:
    """Returns the refusal of a caller without a scope that a field, or what is to be done, needs."""
    why = f", which {what or field} needs" if what or field else ""
    return Refused(
        Reason.SCOPE_MISSING,
        f"the API key does not have the scope {scope}{why}",
        field=field,
        metadata={"scope": scope},
    )


def _chosen(principal: Principal, wanted: Collection[Scope]) -> frozenset[Scope]:
    """Returns the scopes of a session or a code; refuses those that its maker lacks, and any without read."""
    for one in wanted:
        if not principal.may(one):
            raise missing(one, "scopes")
    own = principal.scopes if principal.kind is CallerKind.CODE else principal.scopes - _NOT_FOR_PAGES
    chosen = frozenset(wanted) or own
    if not chosen & {Scope.READ, Scope.ADMIN}:
        raise missing(Scope.READ)
    return chosen
