"""AccountService: sessions, one-time codes, embed tokens and preferences."""

from datetime import timedelta
from typing import Any, TypeAlias

import grpc

from server.admin.sessions import SessionAdmin
from server.admission.query_slots import QuerySlots
from server.clock import Clock
from server.errors import Reason, Refused
from server.organizations.organization import OrganizationFacts
from server.query.queries import Queries
from server.rpc import account_conversion as conversion
from server.rpc import admin_conversion, callers, gate, session_conversion
from server.rpc.questions import shared
from server.tenancy.authentication import Authenticator
from server.tenancy.limits import DefaultLimits
from server.tenancy.principal import CallerKind, Principal
from server.tenancy.sign_ins import SignIns
from server.workspace.preferences import PreferenceChoices
from tallywire.v1 import account_service_pb2, account_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class AccountService(account_service_pb2_grpc.AccountServiceServicer):
    """The service for programs with people in front of them. clock has the database's time."""

    def __init__(
        self,
        authenticator: Authenticator,
        sign_ins: SignIns,
        sessions: SessionAdmin,
        preferences: PreferenceChoices,
        queries: Queries,
        limits: DefaultLimits,
        clock: Clock,
        slots: QuerySlots,
    ) -> None:
        self._authenticator = authenticator
        self._sign_ins = sign_ins
        self._sessions = sessions
        self._preferences = preferences
        self._queries = queries
        self._limits = limits
        self._clock = clock
        self._slots = slots  # for what makes credentials, fairly by organization

    async def SignIn(  # noqa: N802 - the name in the contract
        self, request: account_service_pb2.SignInRequest, context: _Context
    ) -> account_service_pb2.SignInResponse:
        """Exchanges a key or a code for a session. Nobody is known yet."""
        kind, text = conversion.credential(request)
        scopes = conversion.scopes(request.scopes)
        holder = await self._authenticator.exchanged(text)
        if holder is None or holder.kind is not kind:
            raise _bad(self._authenticator.refusal(text, callers.peer(context)), kind)
        gate.identify(holder)
        callers.check_network(holder, context)
        facts = await self._facts(holder)  # first: whoever is refused by an overloaded service keeps the code
        async with self._slots.slot(holder):
            made = await self._sign_ins.sign_in(holder, scopes, callers.actor_of(holder, context))
        if made is None:
            raise _bad(self._authenticator.refusal(text, callers.peer(context)), kind)
        session = self._session(made.principal, facts)
        return account_service_pb2.SignInResponse(credential=made.credential, session=session)

    async def SignOut(  # noqa: N802 - the name in the contract
        self, request: account_service_pb2.SignOutRequest, context: _Context
    ) -> account_service_pb2.SignOutResponse:
        """Ends the caller's session."""
        await self._sign_ins.sign_out(gate.caller().principal, gate.actor(context))
        return account_service_pb2.SignOutResponse()

    async def GetSession(  # noqa: N802 - the name in the contract
        self, request: account_service_pb2.GetSessionRequest, context: _Context
    ) -> account_service_pb2.GetSessionResponse:
        """Says who the caller is."""
        principal = gate.caller().principal
        facts = await self._facts(principal)
        return account_service_pb2.GetSessionResponse(session=self._session(principal, facts))

    async def CreateSignInCode(  # noqa: N802 - the name in the contract
        self, request: account_service_pb2.CreateSignInCodeRequest, context: _Context
    ) -> account_service_pb2.CreateSignInCodeResponse:
        """Makes a one-time code."""
        scopes, subject = conversion.scopes(request.scopes), conversion.subject(request.subject)
        principal = gate.caller().principal
        async with self._slots.slot(principal):
            made = await self._sign_ins.code(principal, scopes, subject, gate.actor(context))
        return account_service_pb2.CreateSignInCodeResponse(code=made.code, expires_at=shared.instant(made.expires_at))

    async def CreateEmbedToken(  # noqa: N802 - the name in the contract
        self, request: account_service_pb2.CreateEmbedTokenRequest, context: _Context
    ) -> account_service_pb2.CreateEmbedTokenResponse:
        """Makes a token for an embedded panel."""
        expires_at = self._clock.now() + timedelta(seconds=conversion.lifetime(request.lifetime_seconds))
        token, ends = self._sign_ins.embed_token(
            gate.caller().principal,
            conversion.conditions(request.filter),
            conversion.rpcs(request.rpcs),
            conversion.origins(request.origins),
            expires_at,
        )
        return account_service_pb2.CreateEmbedTokenResponse(token=token, expires_at=shared.instant(ends))

    async def GetPreferences(  # noqa: N802 - the name in the contract
        self, request: account_service_pb2.GetPreferencesRequest, context: _Context
    ) -> account_service_pb2.GetPreferencesResponse:
        """Returns what the caller's subject has chosen."""
        found = await self._preferences.get(gate.caller().principal)
        return account_service_pb2.GetPreferencesResponse(preferences=conversion.preferences(found))

    async def UpdatePreferences(  # noqa: N802 - the name in the contract
        self, request: account_service_pb2.UpdatePreferencesRequest, context: _Context
    ) -> account_service_pb2.UpdatePreferencesResponse:
        """Changes what the caller's subject has chosen."""
        changes = conversion.preference_changes(request)
        found = await self._preferences.change(gate.caller().principal, changes)
        return account_service_pb2.UpdatePreferencesResponse(preferences=conversion.preferences(found))

    async def ListOwnSessions(  # noqa: N802 - the name in the contract
        self, request: account_service_pb2.ListOwnSessionsRequest, context: _Context
    ) -> account_service_pb2.ListOwnSessionsResponse:
        """Returns a page of the sessions of the caller's subject."""
        principal = gate.caller().principal
        found = await self._sessions.own(principal, admin_conversion.page(request))
        return session_conversion.own_page(found, principal)

    async def RevokeOwnSession(  # noqa: N802 - the name in the contract
        self, request: account_service_pb2.RevokeOwnSessionRequest, context: _Context
    ) -> account_service_pb2.RevokeOwnSessionResponse:
        """Ends a session of the caller's subject."""
        principal, session_id = gate.caller().principal, session_conversion.session_id(request.session_id)
        ended = await self._sessions.revoke_own(principal, session_id, gate.actor(context))
        return account_service_pb2.RevokeOwnSessionResponse(session=session_conversion.session(ended, principal))

    async def RevokeOtherSessions(  # noqa: N802 - the name in the contract
        self, request: account_service_pb2.RevokeOtherSessionsRequest, context: _Context
    ) -> account_service_pb2.RevokeOtherSessionsResponse:
        """Ends the other sessions of the caller's subject."""
        count = await self._sessions.revoke_others(gate.caller().principal, gate.actor(context))
        return account_service_pb2.RevokeOtherSessionsResponse(revoked_count=count)

    async def _facts(self, principal: Principal) -> OrganizationFacts:
        async with self._queries.looking(principal) as driver:
            return await self._sign_ins.facts(driver, principal)

    def _session(self, principal: Principal, facts: OrganizationFacts) -> account_service_pb2.Session:
        handle = self._sign_ins.handle(principal)
        return conversion.session(principal, facts, handle, self._limits.of(principal.settings))


def _bad(refusal: Refused, kind: CallerKind) -> Refused:
    """Returns the refusal of a bad credential, in words about what was shown."""
    if refusal.reason is not Reason.CREDENTIALS_INVALID or kind is not CallerKind.CODE:
        return refusal
    return Refused(
        refusal.reason, "the sign-in code is unknown, older than 10 minutes, or was used before: ask for a new one"
    )
