"""Sign-in at an identity provider (OpenID Connect): the code flow with PKCE, state and nonce.

The provider's token goes to the service, which alone decides whether it is good and makes the session. What comes back
from a provider is nothing but the sign-in that this browser has begun: its cookie is sealed, and read once.
"""

import html
import json
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import grpc
from google.rpc import error_details_pb2

from server import log_throttle, telemetry
from server.web import connect, flows, methods, sessions
from server.web.documents import ProviderAway
from server.web.flows import Flow, FlowCookie
from server.web.headers import PublicSite
from server.web.openid_clients import BadExchange, OpenIdClient
from server.web.sessions import Guesses
from server.web.upstream import Upstream
from tallywire.v1 import account_service_pb2

Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

_PREFIX: Final = "/auth/"
CALLBACK: Final = "/auth/callback"
_START, _PROVIDERS = "/auth/start", "/auth/providers"
_CALL_SECONDS: Final = 30.0
_MOST_EXCHANGES: Final = 50  # at once
_MOST_PARAMETERS: Final = 20
_LONGEST_CODE: Final = 4_096
_NEVER: Final = (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthVisit:
    """A request of a browser that signs in at a provider, with the names of its headers small."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    address: str
    send: Send

    def parameters(self) -> Mapping[str, str]:
        """Returns what stands in the query; nothing that stands there twice."""
        try:
            found = urllib.parse.parse_qs(self.query, max_num_fields=_MOST_PARAMETERS)
        except ValueError:
            return {}
        return {name: values[0] for name, values in found.items() if len(values) == 1}


class _NotSignedIn(Exception):
    """Nobody is signed in: what the person is told. wrong: it counts as a wrong sign-in."""

    def __init__(self, status: int, title: str, text: str, *, wrong: bool = False, retry_after: float = 0.0) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.text = text
        self.wrong = wrong
        self.retry_after = retry_after


def takes(path: str) -> bool:
    """Returns whether a path is one of these."""
    return path.startswith(_PREFIX)


class OpenIdPages:
    """Answers requests for them."""

    def __init__(
        self, upstream: Upstream, site: PublicSite, clients: Sequence[OpenIdClient], key: str | None, guesses: Guesses
    ) -> None:
        self._upstream = upstream
        self._site = site
        self._clients = {one.provider.name: one for one in clients}
        self._cookie = FlowCookie(site, key)
        self._guesses = guesses
        self._exchanges = 0
        offered = [{"name": name, "label": one.label} for name, one in self._clients.items()]
        self._offered = json.dumps({"providers": offered}).encode()

    async def answer(self, visit: AuthVisit) -> None:
        """Answers a request."""
        is_back = visit.path == CALLBACK and self._cookie.is_in(visit.headers)
        done = [(b"set-cookie", self._cookie.removed())] if is_back else []  # a sign-in comes back once
        try:
            if visit.method != "GET":
                raise _NotSignedIn(405, "That is no way to sign in", "Open the page in a browser.")
            if visit.path == _PROVIDERS:
                headers = [(b"content-type", b"application/json"), (b"cache-control", b"public, max-age=60")]
                await self._send(visit, 200, headers, self._offered)
            elif visit.path == _START:
                await self._start(visit)
            elif visit.path == CALLBACK:
                await self._callback(visit)
            else:
                raise _NotSignedIn(404, "There is no such page", "Begin with the page for signing in.")
        except _NotSignedIn as failure:
            if failure.wrong:
                self._guesses.note(visit.address)
            await self._page(visit, failure, done)

    async def _start(self, visit: AuthVisit) -> None:
        """Sends the browser to a provider."""
        if (elsewhere := self._elsewhere(visit)) is not None:
            await self._redirect(visit, elsewhere, [])
            return
        asked = visit.parameters()
        client = self._clients.get(asked.get("provider", ""))
        if client is None:
            raise _NotSignedIn(404, "There is no such provider", "Choose one on the page for signing in.")
        flow = flows.begun(client.provider.name, asked.get("to", "/"))
        try:
            url = await client.start_url(flow)
        except ProviderAway as error:
            raise _away(client, error) from None
        await self._redirect(visit, url, [(b"set-cookie", self._cookie.set(flow))])

    def _elsewhere(self, visit: AuthVisit) -> str | None:
        """Returns where to begin instead: providers lead back to one origin, and cookies of another stay there."""
        origin = f"http://{visit.headers.get('host', '').lower()}"
        is_alias = origin in self._site.aliases and origin != self._site.origin
        asked = urllib.parse.urlencode(visit.parameters())
        return f"{self._site.origin}{_START}?{asked}" if is_alias and not self._site.is_secure else None

    async def _callback(self, visit: AuthVisit) -> None:
        """Signs in whom a provider has sent back."""
        if (refusal := self._guesses.refusal(visit.address)) is not None:
            raise _NotSignedIn(429, "Too many tries", "Wait a minute.", retry_after=refusal.retry_after or 1.0)
        told = visit.parameters()
        flow = self._flow(visit, told)
        client = self._clients.get(flow.provider)
        if client is None:
            raise _NotSignedIn(400, "There is no such provider", "Choose one on the page for signing in.")
        if self._exchanges >= _MOST_EXCHANGES:
            raise _NotSignedIn(503, "Too many people sign in at once", "Try again in a minute.", retry_after=5.0)
        self._exchanges += 1
        try:
            token = await self._token(client, flow, told)
        except ProviderAway as error:
            raise _away(client, error) from None
        except BadExchange as error:
            _note_failure(client, str(error))
            text = f"What {client.label} answers is not good. Sign in again; if that fails, tell your administrator."
            raise _NotSignedIn(401, "You are not signed in", text, wrong=True) from None
        finally:
            self._exchanges -= 1
        credential = await self._session(client, token)
        cookies = [
            (b"set-cookie", self._site.session_cookie(credential, sessions.COOKIE_SECONDS)),
            (b"set-cookie", self._cookie.removed()),
        ]
        await self._redirect(visit, flow.to, cookies)

    def _flow(self, visit: AuthVisit, told: Mapping[str, str]) -> Flow:
        """Returns the sign-in that a browser comes back with, once the state says that it is this one."""
        flow = self._cookie.flow(visit.headers)
        if flow is None:  # of another browser, over, or a cross-site request: nobody has guessed anything
            text = "It took longer than ten minutes, was finished before, or began in another browser. Sign in again."
            raise _NotSignedIn(400, "This sign-in is over", text)
        if not flows.is_equal(told.get("state", ""), flow.state):
            text = "The answer belongs to another sign-in, perhaps of another tab. Sign in again."
            raise _NotSignedIn(400, "You are not signed in", text, wrong=True)
        return flow

    async def _token(self, client: OpenIdClient, flow: Flow, told: Mapping[str, str]) -> str:
        if not await client.is_its_answer(told.get("iss")):
            raise BadExchange("the answer names another issuer, or none")
        if "error" in told:
            code = told["error"] if flows.ERROR.fullmatch(told["error"]) else "an error"
            _note_failure(client, f"it answers with {code}")
            text = f"{client.label} says {code}. Sign in again, or ask whoever sees to your account there."
            raise _NotSignedIn(403, f"{client.label} has not signed you in", text)
        code = told.get("code", "")
        if not code or len(code) > _LONGEST_CODE:
            raise BadExchange("the answer has no code")
        return await client.identity_token(code, flow)

    async def _session(self, client: OpenIdClient, token: str) -> str:
        """Returns the credential of a new session."""
        request = account_service_pb2.SignInRequest(identity_token=token).SerializeToString()
        try:
            answer = await self._upstream.ask(methods.SIGN_IN, request, None, _CALL_SECONDS)
        except grpc.aio.AioRpcError as failure:
            error = connect.error_of(failure)
            telemetry.WEB_CALLS.labels(methods.SIGN_IN, error.code.name).inc()
            _note_failure(client, f"the service answers {error.code.name} {_reason(error)}".rstrip())
            raise _refused(client, error) from None
        telemetry.WEB_CALLS.labels(methods.SIGN_IN, grpc.StatusCode.OK.name).inc()
        made = sessions.signed_in(answer)
        if made is None:
            raise _NotSignedIn(500, "You are not signed in", "The service has answered without a session.")
        return made.credential

    # Answers

    async def _redirect(self, visit: AuthVisit, to: str, headers: _Headers) -> None:
        await self._send(visit, 303, [(b"location", to.encode()), _NEVER, *headers], b"")

    async def _page(self, visit: AuthVisit, failure: _NotSignedIn, headers: _Headers) -> None:
        title, text = html.escape(failure.title), html.escape(failure.text)
        body = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f'<title>{title}</title><h1>{title}</h1><p>{text}</p><p><a href="/">Sign in</a></p></html>\n'
        )
        found = [(b"content-type", b"text/html; charset=utf-8"), _NEVER, *headers]
        if failure.retry_after:
            found.append((b"retry-after", str(max(1, round(failure.retry_after + 0.5))).encode()))
        await self._send(visit, failure.status, found, body.encode())

    async def _send(self, visit: AuthVisit, status: int, headers: _Headers, body: bytes) -> None:
        length = (b"content-length", str(len(body)).encode())
        start = {"status": status, "headers": [*headers, *self._site.headers(), length]}
        await visit.send({"type": "http.response.start", **start})
        telemetry.WEB_SENT_BYTES.inc(0 if visit.method == "HEAD" else len(body))
        await visit.send({"type": "http.response.body", "body": b"" if visit.method == "HEAD" else body})


def _note_failure(client: OpenIdClient, why: str) -> None:
    """Writes why a sign-in has failed, for operators; nothing of codes, tokens and whoever it was."""
    name = client.provider.name
    event = "a sign-in at an identity provider has failed"
    log_throttle.write("warning", event, (name, why), provider=name, why=why)


def _away(client: OpenIdClient, error: ProviderAway) -> _NotSignedIn:
    _note_failure(client, str(error))
    text = "Try again in a minute, or sign in another way."
    return _NotSignedIn(503, f"{client.label} does not answer", text, retry_after=10.0)


def _reason(error: connect.CallError) -> str:
    info = error_details_pb2.ErrorInfo()
    return next((info.reason for one in error.details if one.Unpack(info)), "")


def _refused(client: OpenIdClient, error: connect.CallError) -> _NotSignedIn:
    """Returns what the person is told where the service makes no session."""
    known = f"{client.label} knows you, and this service does not let you in"
    if _reason(error) == "NO_ROLE":
        return _NotSignedIn(403, known, "You have no role here. Ask an administrator of your organization for one.")
    match error.code:
        case grpc.StatusCode.UNAUTHENTICATED:
            text = f"{error.message}. Sign in again; if that fails, tell your administrator."
            return _NotSignedIn(401, "You are not signed in", text, wrong=True)
        case grpc.StatusCode.PERMISSION_DENIED | grpc.StatusCode.FAILED_PRECONDITION:
            return _NotSignedIn(403, known, f"{error.message}.")
        case _:
            text = "Try again in a minute."
            return _NotSignedIn(503, "The service does not answer", text, retry_after=error.retry_after or 5.0)
