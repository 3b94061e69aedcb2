"""Accounts for asyncio code."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import grpc
import grpc.aio

from tallywire import accounts, aio_stubs, retries
from tallywire.v1 import account_service_pb2

Call = Callable[
    ["grpc.aio.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None],
    Awaitable[Any],
]


class AsyncAccounts:
    """What is made for people, as `client.accounts` of an AsyncClient."""

    def __init__(self, bound: Callable[[], aio_stubs.Stubs], call: Call) -> None:
        self._bound = bound
        self._call = call

    async def session(self, *, timeout: float | None = None) -> account_service_pb2.Session:
        """Returns what this client's key is, as Accounts.session() does."""
        request = account_service_pb2.GetSessionRequest()
        method = self._bound().accounts.GetSession
        found: account_service_pb2.Session = (await self._call(method, lambda: request, retries.QUERY, timeout)).session
        return found

    async def sign_in_code(
        self, *, subject: str = "", scopes: Sequence[str] = (), timeout: float | None = None
    ) -> account_service_pb2.CreateSignInCodeResponse:
        """Returns a code that signs in once, as Accounts.sign_in_code() does."""
        request = accounts.code_request(subject, scopes)
        method = self._bound().accounts.CreateSignInCode
        found: account_service_pb2.CreateSignInCodeResponse = await self._call(
            method, lambda: request, retries.CHANGE, timeout
        )
        return found

    async def embed_token(
        self,
        origins: Sequence[str],
        *,
        where: Mapping[str, str] | None = None,
        rpcs: Sequence[str] = (),
        lifetime: timedelta | None = None,
        timeout: float | None = None,
    ) -> account_service_pb2.CreateEmbedTokenResponse:
        """Returns a token for a panel, as Accounts.embed_token() does."""
        request = accounts.token_request(origins, where, rpcs, lifetime)
        method = self._bound().accounts.CreateEmbedToken
        found: account_service_pb2.CreateEmbedTokenResponse = await self._call(
            method, lambda: request, retries.CHANGE, timeout
        )
        return found

    async def sessions(self, *, timeout: float | None = None) -> AsyncIterator[account_service_pb2.SignedInSession]:
        """Yields the sessions that are good of whoever this client's key stands for, as Accounts.sessions() does."""
        request = account_service_pb2.ListOwnSessionsRequest(page_size=accounts.PAGE)
        while True:
            page = await self._call(self._bound().accounts.ListOwnSessions, lambda: request, retries.QUERY, timeout)
            for one in page.sessions:
                yield one
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def revoke_session(
        self, session_id: str, *, timeout: float | None = None
    ) -> account_service_pb2.SignedInSession:
        """Ends one of them for good, as Accounts.revoke_session() does."""
        request = account_service_pb2.RevokeOwnSessionRequest(session_id=session_id)
        method = self._bound().accounts.RevokeOwnSession
        found: account_service_pb2.SignedInSession = (
            await self._call(method, lambda: request, retries.CHANGE, timeout)
        ).session
        return found

    async def revoke_other_sessions(self, *, timeout: float | None = None) -> int:
        """Ends all of them but the one that this client calls with, as Accounts.revoke_other_sessions() does."""
        request = account_service_pb2.RevokeOtherSessionsRequest()
        method = self._bound().accounts.RevokeOtherSessions
        found: int = (await self._call(method, lambda: request, retries.CHANGE, timeout)).revoked_count
        return found
