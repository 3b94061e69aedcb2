"""ASGI middleware: Starlette, FastAPI, Litestar, Django and any other application."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from tallywire import tracker
from tallywire.middleware import asgi_routes, reports

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class AsgiMiddleware:
    """An ASGI application that reports each HTTP request of another one as `api.called`.

    `route` returns the template of a request from its scope, after the application has routed it; without one, the
    templates of Starlette, FastAPI, Litestar and (with DjangoRoute) Django are known. `who` returns who a request is
    about, from the same scope: `lambda scope: {"user_id": scope["state"]["user_id"]}`. Both are called in the loop
    when the response has ended, so they must not block.

    A request whose path matches one of the patterns of `exclude` is not reported. With a `sample_rate` below 1 each is
    with that probability. WebSockets are not reported. What the application and the server see is unchanged.
    """

    def __init__(
        self,
        app: App,
        *,
        tracker: tracker.Tracker,
        route: Callable[[Scope], str | None] | None = None,
        who: reports.WhoOf | None = None,
        exclude: Iterable[str] = reports.HEALTH_CHECKS,
        sample_rate: float = 1.0,
    ) -> None:
        self._app = app
        self._route = route
        self._reports = reports.Reports(tracker, who, exclude, sample_rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application, and reports the request."""
        if scope["type"] != "http" or not self._reports.wants(scope["path"]):
            await self._app(scope, receive, send)
            return
        call = _Request(self._reports, self._route, scope, receive, send)
        try:
            await self._app(scope, call.receive, call.send)
        except BaseException as error:
            call.failed(error)
            raise
        call.returned()


class _Request:
    """A request under way."""

    def __init__(
        self,
        to: reports.Reports,
        route: Callable[[Scope], str | None] | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._reports = to
        self._route = route
        self._scope = scope
        self._receive = receive
        self._send = send
        self._started = time.perf_counter()
        self._root: str = scope.get("root_path", "")  # routers of mounts add to it, in the same scope
        self._status: int | None = None
        self._received: int | None = None
        self._sent: int | None = 0
        self._gone = False
        self._ended = False

    async def receive(self) -> Message:
        """Receives for the application: notes how many bytes came, and whether the peer hung up."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._received = (self._received or 0) + len(message.get("body") or b"")
        elif message["type"] == "http.disconnect":
            self._gone = True
        return message

    async def send(self, message: Message) -> None:
        """Sends for the application: notes the status and the bytes, and reports once the last of them is sent."""
        try:
            await self._send(message)
        except OSError:  # what servers raise where the peer hung up
            self._gone = True
            raise
        kind = message["type"]
        if kind == "http.response.start":
            self._status = message["status"]
        elif kind == "http.response.body":
            if self._sent is not None:
                self._sent += len(message.get("body") or b"")
            if not message.get("more_body", False):
                self.returned(complete=True)
        elif kind in ("http.response.pathsend", "http.response.zerocopysend"):
            self._sent = None  # the server knows
            if not message.get("more_body", False):
                self.returned(complete=True)

    def returned(self, *, complete: bool = False) -> None:
        """Reports a response that is complete, or one of an application that has returned."""
        if self._gone:
            self._end(reports.GONE)
        else:
            self._end(self._status if complete and self._status is not None else reports.FAILED)

    def failed(self, error: BaseException) -> None:
        """Reports a request whose application has raised something, unless its response was complete before."""
        self._end(reports.GONE if self._gone or isinstance(error, asyncio.CancelledError) else reports.FAILED)

    def _end(self, status: int) -> None:
        if self._ended:
            return
        self._ended = True
        latency_ms = reports.milliseconds_since(self._started)
        self._reports.send(
            "api.called",
            self._reports.who(self._scope),
            endpoint=self._endpoint(),
            method=reports.http_method(self._scope["method"]),
            status_code=status,
            latency_ms=latency_ms,
            request_bytes=self._received,
            response_bytes=self._sent,
        )

    def _endpoint(self) -> str:
        if self._route is not None:
            return self._reports.endpoint(self._route, self._scope)
        return self._reports.endpoint(asgi_routes.template, self._scope, self._root)
