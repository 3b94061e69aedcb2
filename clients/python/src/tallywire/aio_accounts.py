"""Accounts for asyncio code."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
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
