"""The web process's application: pages, health, and calls of pages, which become calls of the service."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import grpc

from server import telemetry
from server.web import caught_mail, connect, fanout, links, methods, openid, pages, sessions
from server.web.connect import CallError
from server.web.fanout import FanOut
from server.web.headers import PublicSite
from server.web.openid import AuthVisit, OpenIdPages
from server.web.openid_clients import OpenIdClient
from server.web.pages import Asset, Pages
from server.web.sessions import Guesses, Readers
from server.web.upstream import Upstream

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

MOST_BYTES: Final = 1024 * 1024  # of a request
_CALL_SECONDS = 30.0
_BODY_SECONDS = 20.0  # until a request has come
_SEND_SECONDS = 60.0  # until a reader has taken a message; then it is gone
_SMALL = 1024  # bytes of an answer that are not worth compression
_RPC = "/tallywire.v1."
_ASSETS = "/assets/"
_PANEL_PATH = "/embed/panel"
_TOKEN_PREFIX = "twe_"  # noqa: S105 - of embed tokens; keys never come in a header
_ROBOTS = b"User-agent: *\nDisallow: /\n"
_NEVER, _ALWAYS = b"no-store", b"public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """A request, with the names of its headers small."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    address: str
    receive: Receive
    send: Send

    @property
    def takes_gzip(self) -> bool:
        """Returns whether the answer may be compressed."""
        return "gzip" in self.headers.get("accept-encoding", "")


class _Gone(Exception):
    """The browser has gone, or does not send or take what it should."""


class App:
    """The ASGI application."""

    def __init__(
        self,
        upstream: Upstream,
        site: PublicSite,
        built: Pages,
        mail: Path | None = None,
        clients: Sequence[OpenIdClient] = (),
        sign_in_key: str | None = None,
    ) -> None:
        self._upstream = upstream
        self._site = site
        self._pages = built
        self._mail = mail
        self._guesses = Guesses()
        self._links = links.LinkPages(upstream, site)
        self._openid = OpenIdPages(upstream, site, clients, sign_in_key, self._guesses)
        self.fan_out = FanOut(upstream, Readers(upstream))
        self._is_draining = False

    def drain(self) -> None:
        """Ends all streams, so that pages connect elsewhere."""
        self._is_draining = True
        self.fan_out.drain()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            return
        request = _Request(
            method=scope["method"],
            path=scope["path"],
            query=scope.get("query_string", b"").decode("latin-1"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            address=(scope.get("client") or ("",))[0],
            receive=receive,
            send=send,
        )
        with contextlib.suppress(_Gone):
            if request.path.startswith(_RPC):
                await self._call(request)
            elif links.takes(request.path):
                await self._links.answer(request.method, request.path, request.receive, request.send)
            elif openid.takes(request.path):
                await self._openid.answer(_visit(request))
            elif request.method in ("GET", "HEAD"):
                await self._page(request)
            else:
                await self._text(request, 405, b"method not allowed\n")

    # Pages

    async def _page(self, request: _Request) -> None:
        built = self._pages
        if request.path == "/healthz":
            is_serving = await self._upstream.is_serving()
            said = b"serving\n" if is_serving else b"the service does not answer\n"
            await self._text(request, 200 if is_serving else 503, said)
        elif request.path == "/robots.txt":
            await self._text(request, 200, _ROBOTS)
        elif request.path.startswith(_ASSETS):
            found = built.assets.get(request.path)
            if found is None:
                await self._text(request, 404, b"no such file\n")
            else:
                await self._asset(request, found, _ALWAYS)
        elif request.path.startswith(caught_mail.PATH):
            await self._caught_mail(request)
        elif request.path == _PANEL_PATH:
            await self._html(request, built.panel, is_panel=True)
        elif "." in request.path.rpartition("/")[2]:
            await self._text(request, 404, b"no such file\n")
        else:
            await self._html(request, built.app_at(request.path))

    async def _caught_mail(self, request: _Request) -> None:
        try:
            found = await caught_mail.answer(self._mail, self._upstream, request.path, self._credential(request))
        except grpc.aio.AioRpcError as failure:
            await self._fail(request, connect.error_of(failure))
            return
        if not found.is_html:
            await self._respond(
                request, 200, found.body, [(b"content-type", b"application/json"), (b"cache-control", _NEVER)]
            )
            return
        headers = [*caught_mail.HTML_HEADERS, (b"content-length", str(len(found.body)).encode())]
        await request.send({"type": "http.response.start", "status": 200, "headers": headers})
        await request.send({"type": "http.response.body", "body": found.body})

    async def _html(self, request: _Request, page: Asset | None, *, is_panel: bool = False) -> None:
        if page is None:
            await self._text(request, 503, f"{pages.NOT_BUILT}\n".encode())
        else:
            await self._asset(request, page, b"no-cache", is_panel=is_panel)

    async def _asset(self, request: _Request, found: Asset, cache: bytes, *, is_panel: bool = False) -> None:
        headers = [
            (b"content-type", found.content_type.encode()),
            (b"cache-control", cache),
            (b"vary", b"accept-encoding"),
        ]
        body = found.plain
        if found.compressed is not None and request.takes_gzip:
            body = found.compressed
            headers.append((b"content-encoding", b"gzip"))
        await self._respond(request, 200, body, headers, is_panel=is_panel)

    async def _text(self, request: _Request, status: int, body: bytes) -> None:
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", _NEVER)]
        await self._respond(request, status, body, headers)

    async def _respond(
        self, request: _Request, status: int, body: bytes, headers: _Headers, *, is_panel: bool = False
    ) -> None:
        own = self._site.headers(is_panel=is_panel)
        length = (b"content-length", str(len(body)).encode())
        await request.send({"type": "http.response.start", "status": status, "headers": [*headers, *own, length]})
        sent = b"" if request.method == "HEAD" else body
        telemetry.WEB_SENT_BYTES.inc(len(sent))
        await request.send({"type": "http.response.body", "body": sent})

    # Calls

    async def _call(self, request: _Request) -> None:
        """Answers a call of a page, once it is known that it is one."""
        is_stream = request.path in methods.STREAMS
        if not is_stream and request.path not in methods.UNARY:
            await self._refuse(request, grpc.StatusCode.UNIMPLEMENTED, "pages have no such call", status=404)
            return
        if request.method != "POST":
            await self._refuse(request, grpc.StatusCode.UNIMPLEMENTED, "calls are POST requests", status=405)
            return
        if not self._site.is_own(request.headers):
            telemetry.WEB_FORGED.inc()
            await self._refuse(request, grpc.StatusCode.PERMISSION_DENIED, "the request comes from another site")
            return
        wanted = connect.STREAM_TYPE if is_stream else connect.UNARY_TYPE
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != wanted:
            await self._refuse(request, grpc.StatusCode.INVALID_ARGUMENT, f"content-type must be {wanted}", status=415)
            return
        seconds = connect.timeout(request.headers.get("connect-timeout-ms", ""), _CALL_SECONDS)
        body = await self._body(request)
        if body is None:
            await self._refuse(request, grpc.StatusCode.RESOURCE_EXHAUSTED, f"more than {MOST_BYTES} bytes", status=413)
        elif seconds is None:
            await self._refuse(request, grpc.StatusCode.INVALID_ARGUMENT, "connect-timeout-ms is no number")
        elif is_stream:
            await self._stream(request, body)
        else:
            await self._unary(request, body, seconds)

    async def _refuse(self, request: _Request, code: grpc.StatusCode, message: str, *, status: int = 0) -> None:
        await self._fail(request, CallError(code=code, message=message, http_status=status))

    async def _fail(self, request: _Request, error: CallError, headers: _Headers = ()) -> None:
        known = request.path if request.path in methods.UNARY | methods.STREAMS else "other"
        telemetry.WEB_CALLS.labels(known, error.code.name).inc()
        found = [(b"content-type", b"application/json"), (b"cache-control", _NEVER), *headers]
        if error.retry_after is not None and error.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            found.append((b"retry-after", str(max(1, round(error.retry_after + 0.5))).encode()))
        await self._respond(request, error.status, error.body(), found)

    async def _body(self, request: _Request) -> bytes | None:
        """Returns the body of a request; None where it is too large."""
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES:
            return None
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                while True:
                    message = await request.receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    body += message.get("body", b"")
                    if len(body) > MOST_BYTES:
                        return None
                    if not message.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            raise _Gone from None

    def _credential(self, request: _Request) -> str | None:
        """Returns what a call is made with: the token of a panel, which is told in a header, or else the session. None
        also for what no metadata of gRPC can hold, and so is no credential.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme:
            found = token if scheme.lower() == "bearer" and token.startswith(_TOKEN_PREFIX) else None
        else:
            found = self._site.credential(request.headers)
        return found if found is not None and found.isascii() and found.isprintable() else None

    async def _unary(self, request: _Request, body: bytes, seconds: float) -> None:
        credential = None if request.path == methods.SIGN_IN else self._credential(request)
        if request.path == methods.SIGN_IN and (refusal := self._guesses.refusal(request.address)):
            await self._fail(request, refusal)
            return
        headers: list[tuple[bytes, bytes]] = []
        if request.path == methods.SIGN_OUT:
            headers.append((b"set-cookie", self._site.session_cookie("", 0)))
        try:
            answer = await self._until_gone(request, self._upstream.ask(request.path, body, credential, seconds))
        except grpc.aio.AioRpcError as failure:
            error = connect.error_of(failure)
            if request.path == methods.SIGN_IN and error.code is grpc.StatusCode.UNAUTHENTICATED:
                self._guesses.note(request.address)
            await self._fail(request, error, headers)
            return
        if request.path == methods.SIGN_IN:
            made = sessions.signed_in(answer)
            if made is None:
                await self._refuse(request, grpc.StatusCode.INTERNAL, "the service has answered without a session")
                return
            answer = made.answer
            headers.append((b"set-cookie", self._site.session_cookie(made.credential, sessions.COOKIE_SECONDS)))
        telemetry.WEB_CALLS.labels(request.path, grpc.StatusCode.OK.name).inc()
        headers += [(b"content-type", connect.UNARY_TYPE.encode()), (b"cache-control", _NEVER)]
        if len(answer) > _SMALL and request.takes_gzip:
            answer = gzip.compress(answer, 1, mtime=0)
            headers.append((b"content-encoding", b"gzip"))
        await self._respond(request, 200, answer, headers)

    async def _until_gone(self, request: _Request, work: Awaitable[bytes]) -> bytes:
        """Returns what comes of a call; cancels it where the browser goes before."""
        call, gone = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(request.receive))
        try:
            await asyncio.wait({call, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not call.done():
                raise _Gone
            return call.result()
        finally:
            gone.cancel()
            call.cancel()

    # Streams

    async def _stream(self, request: _Request, body: bytes) -> None:
        """Sends the messages of a stream until it ends, the browser goes or stops reading, or this process stops."""
        message, credential = connect.unwrapped(body), self._credential(request)
        if message is None:
            await self._refuse(request, grpc.StatusCode.INVALID_ARGUMENT, "not one message, uncompressed")
            return
        headers = [
            (b"content-type", connect.STREAM_TYPE.encode()),
            (b"cache-control", _NEVER),
            (b"x-accel-buffering", b"no"),  # proxies must not collect messages
        ]
        start = {"type": "http.response.start", "status": 200, "headers": [*headers, *self._site.headers()]}
        await request.send(start)
        code = grpc.StatusCode.OK
        sending = asyncio.current_task()
        assert sending is not None  # noqa: S101 - this is a coroutine
        gone = asyncio.ensure_future(_disconnected(request.receive))
        gone.add_done_callback(lambda done: done.cancelled() or sending.cancel())
        try:
            async with contextlib.aclosing(self._messages(request.path, message, credential)) as found:
                async for one in found:
                    if isinstance(one, CallError):
                        code = one.code
                        await self._send_part(request, connect.end(one), more=False)
                        return
                    await self._send_part(request, connect.envelope(one), more=True)
            await self._send_part(request, connect.end(), more=False)
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            if not gone.done():
                raise
            sending.uncancel()
        finally:
            gone.cancel()
            telemetry.WEB_CALLS.labels(request.path, code.name).inc()

    async def _messages(self, method: str, request: bytes, credential: str | None) -> AsyncGenerator[bytes | CallError]:
        if method == methods.WATCH and credential is not None:
            async with contextlib.aclosing(self.fan_out.read(credential, request)) as shared:
                async for one in shared:
                    yield one
            return
        if self._is_draining:
            yield fanout.draining()
            return
        try:
            async with self._upstream.stream(method, request, credential) as call:
                async for message in call:
                    yield message
                    if self._is_draining:
                        yield fanout.draining()
                        return
        except grpc.aio.AioRpcError as failure:
            yield connect.error_of(failure)

    async def _send_part(self, request: _Request, part: bytes, *, more: bool) -> None:
        """Sends a part of a stream; whoever does not take it for long is gone."""
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await request.send({"type": "http.response.body", "body": part, "more_body": more})
        except TimeoutError:
            raise _Gone from None
        telemetry.WEB_SENT_BYTES.inc(len(part))


def _visit(request: _Request) -> AuthVisit:
    return AuthVisit(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        address=request.address,
        send=request.send,
    )


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
