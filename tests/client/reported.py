"""What middleware has reported to a scripted server, and peers that are driven step by step."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import scripted

import tallywire
from tallywire.v1 import event_pb2
from tests.support.waiting import until

Message = MutableMapping[str, Any]
App = Callable[..., Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A tracker for middleware, and the events that have come from it."""

    tracker: tallywire.Tracker
    script: scripted.Script

    def events(self) -> list[event_pb2.Event]:
        """All events so far, in their order."""
        assert self.tracker.flush(30)
        return list(self.script.stored.values())

    def calls(self) -> list[tuple[str, str, int]]:
        """Method, endpoint and status of the requests so far."""
        return [(event.api.method, event.api.endpoint, event.api.status_code) for event in self.events()]

    async def until(self, number: int) -> list[event_pb2.Event]:
        """All events, once there are so many."""
        await until(lambda: len(self.script.stored) + self.tracker.stats().pending >= number)
        events = await asyncio.to_thread(self.events)
        assert len(events) == number
        return events


@dataclass(kw_only=True)
class Peer:
    """The other end of an ASGI application: a server with one request, whose user may hang up."""

    path: str
    method: str = "GET"
    body: tuple[bytes, ...] = ()
    root_path: str = ""
    spec: str = "2.3"
    more: dict[str, Any] = field(default_factory=dict)
    sent: list[Message] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, app: App) -> int:
        """Sends the request, and returns the status of the answer."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": self.spec},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.root_path + self.path,
            "raw_path": (self.root_path + self.path).encode(),
            "query_string": b"",
            "root_path": self.root_path,
            "headers": [(b"host", b"testserver")],
            "client": ("127.0.0.1", 1),
            "server": ("testserver", 80),
            "state": {},
            **self.more,
        }
        pieces = list(self.body or (b"",))

        async def receive() -> Message:
            if pieces:
                piece = pieces.pop(0)
                return {"type": "http.request", "body": piece, "more_body": bool(pieces)}
            await self.hung_up.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if self.hung_up.is_set() and self.spec == "2.4":
                raise OSError("the peer hung up")
            self.sent.append(message)
            if message["type"] == "http.response.body" and message.get("body"):
                self.began.set()

        await app(scope, receive, send)
        return int(self.sent[0]["status"])


async def ask(app: App, path: str, method: str = "GET", **more: Any) -> int:
    """Asks an ASGI application once."""
    return await Peer(path=path, method=method, **more).ask(app)
