"""Accounts: sign-in links and embed tokens for people, made by a backend that holds a key."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import grpc

from tallywire import retries
from tallywire.v1 import account_service_pb2, account_service_pb2_grpc

# What a client calls a method with, as its questions do.
Call = Callable[["grpc.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None], Any]
PAGE: Final = 1_000


def code_request(subject: str, scopes: Sequence[str]) -> account_service_pb2.CreateSignInCodeRequest:
    """Returns the request for a one-time code."""
    return account_service_pb2.CreateSignInCodeRequest(subject=subject, scopes=scopes)


def token_request(
    origins: Sequence[str], where: Mapping[str, str] | None, rpcs: Sequence[str], lifetime: timedelta | None
) -> account_service_pb2.CreateEmbedTokenRequest:
    """Returns the request for an embed token."""
    if isinstance(origins, str):
        raise TypeError("origins is a sequence, not one text")
    request = account_service_pb2.CreateEmbedTokenRequest(origins=origins, rpcs=rpcs)
    for dimension, value in (where or {}).items():
        request.filter.dimensions.add(dimension=dimension, value=value)
    if lifetime is not None:
        request.lifetime_seconds = int(lifetime.total_seconds())
    return request


class Accounts:
    """What is made for people, as `client.accounts`."""

    def __init__(self, channel: grpc.Channel, call: Call) -> None:
        self._stub = account_service_pb2_grpc.AccountServiceStub(channel)
        self._call = call

    def session(self, *, timeout: float | None = None) -> account_service_pb2.Session:
        """Returns what this client's key is: its scopes, its organization's zone, currency, first event and limits."""
        request = account_service_pb2.GetSessionRequest()
        found: account_service_pb2.Session = self._call(
            self._stub.GetSession, lambda: request, retries.QUERY, timeout
        ).session
        return found

    def sign_in_code(
        self, *, subject: str = "", scopes: Sequence[str] = (), timeout: float | None = None
    ) -> account_service_pb2.CreateSignInCodeResponse:
        """Returns a code that signs in to the pages once, within 10 minutes, by the link ORIGIN/#code=CODE.

        scopes: at most those of the key; without, all that pages need. subject: whom the session is for, as your own
        system names people; that needs the scope admin. Raises PermissionDenied for more than the key may.
        """
        request = code_request(subject, scopes)
        found: account_service_pb2.CreateSignInCodeResponse = self._call(
            self._stub.CreateSignInCode, lambda: request, retries.CHANGE, timeout
        )
        return found

    def embed_token(
        self,
        origins: Sequence[str],
        *,
        where: Mapping[str, str] | None = None,
        rpcs: Sequence[str] = (),
        lifetime: timedelta | None = None,
        timeout: float | None = None,
    ) -> account_service_pb2.CreateEmbedTokenResponse:
        """Returns a token for a panel within your own page, at ORIGIN/embed/panel#t=TOKEN.

        origins: the pages that may show it, as ["https://app.example.com"]. where: one value of a dimension, or of two,
        as {"agent": "bot-1"}, to which the token is tied. rpcs: those that it may call; without, all that panels need.
        lifetime: 1 minute to 1 hour; without, 1 hour. Raises InvalidArgument for what makes no sense.
        """
        request = token_request(origins, where, rpcs, lifetime)
        found: account_service_pb2.CreateEmbedTokenResponse = self._call(
            self._stub.CreateEmbedToken, lambda: request, retries.CHANGE, timeout
        )
        return found

    def sessions(self, *, timeout: float | None = None) -> Iterator[account_service_pb2.SignedInSession]:
        """Yields the sessions that are good of whoever this client's key stands for, the newest first."""
        request = account_service_pb2.ListOwnSessionsRequest(page_size=PAGE)
        while True:
            page = self._call(self._stub.ListOwnSessions, lambda: request, retries.QUERY, timeout)
            yield from page.sessions
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def revoke_session(self, session_id: str, *, timeout: float | None = None) -> account_service_pb2.SignedInSession:
        """Ends one of them for good and returns it. Raises NotFound if there is none of this id."""
        request = account_service_pb2.RevokeOwnSessionRequest(session_id=session_id)
        found: account_service_pb2.SignedInSession = self._call(
            self._stub.RevokeOwnSession, lambda: request, retries.CHANGE, timeout
        ).session
        return found

    def revoke_other_sessions(self, *, timeout: float | None = None) -> int:
        """Ends all of them but the one that this client calls with, if it does; returns how many were ended."""
        request = account_service_pb2.RevokeOtherSessionsRequest()
        found: int = self._call(self._stub.RevokeOtherSessions, lambda: request, retries.CHANGE, timeout).revoked_count
        return found
