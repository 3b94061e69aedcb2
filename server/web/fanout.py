"""One stream of the service for all who read the same: each reader gets the newest message, and there is no queue.

What is the same: organization, scopes, the part that somebody is restricted to, what a token is tied to, and the bytes
of the request. A stream of the service is read with the credential of one reader. When that is refused, its readers end
and another's takes over.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final

import grpc

from server import telemetry
from server.web import connect, methods, sessions
from server.web.connect import CallError
from server.web.sessions import Readers
from server.web.upstream import Upstream

_STATE: Final = b"\x0a"  # WatchMetricsResponse.state comes first; heartbeats have none
_REFUSED = frozenset({grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED})
_AGAIN_AFTER = 1.0  # seconds that a stream has lasted which is opened again when the service ends it


def draining() -> CallError:
    """Returns the end of all streams of a process that stops."""
    return connect.own_error(
        grpc.StatusCode.UNAVAILABLE, "this server is about to stop; connect again", "DRAINING", retry_after=0.5
    )


def _changed() -> CallError:
    """Returns the end of a stream whose reader may see something else now."""
    return connect.own_error(
        grpc.StatusCode.UNAVAILABLE, "what you may see has changed; connect again", "STREAM_AGE", retry_after=0.1
    )


@dataclass(slots=True, eq=False)
class _Place:
    """One reader: the newest message that it has not got, and its end."""

    credential: str
    message: bytes | None = None
    ended: CallError | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, message: bytes) -> None:
        """Puts a message in place of the one before; a heartbeat never takes the place of a state."""
        if self.message is None or message.startswith(_STATE) or not self.message.startswith(_STATE):
            self.message = message
        self.woken.set()

    def end(self, error: CallError) -> None:
        """Ends the reader, once."""
        self.ended = self.ended or error
        self.woken.set()

    async def next(self) -> bytes | CallError:
        """Waits for the newest message, or the end."""
        await self.woken.wait()
        if self.ended is not None:
            return self.ended
        message, self.message = self.message, None
        self.woken.clear()
        assert message is not None  # noqa: S101 - whoever wakes has put one
        return message


class _Shared:
    """One stream of the service, and those who read it."""

    def __init__(self, fan_out: "FanOut", key: tuple[bytes, bytes], request: bytes) -> None:
        self._fan_out = fan_out
        self._key = key
        self._request = request
        self._state: bytes | None = None
        self.places: list[_Place] = []
        self._task = asyncio.create_task(self._run())

    def enter(self, place: _Place) -> None:
        """Adds a reader, which gets the last state at once."""
        self.places.append(place)
        if self._state is not None:
            place.offer(self._state)

    def leave(self, place: _Place) -> None:
        """Removes a reader; with the last one the stream ends."""
        with contextlib.suppress(ValueError):
            self.places.remove(place)
        if not self.places:
            self._fan_out.forget(self._key, self)
            self._task.cancel()

    def end(self, error: CallError, credential: str | None = None) -> None:
        """Ends all readers, or those with a credential."""
        for place in [one for one in self.places if credential is None or one.credential == credential]:
            self.places.remove(place)
            place.end(error)

    async def _run(self) -> None:
        """Reads the service for as long as somebody reads here."""
        try:
            while self.places:
                credential = self.places[0].credential
                error = await self._read(credential)
                if error is None:
                    continue
                self.end(error, credential if error.code in _REFUSED else None)
        except Exception:
            self.end(connect.own_error(grpc.StatusCode.INTERNAL, "a fault of the server", "INTERNAL"))
            raise
        finally:
            self._fan_out.forget(self._key, self)

    async def _read(self, credential: str) -> CallError | None:
        """Reads one stream of the service to its end; returns None where it is to be opened again at once."""
        began, got = time.monotonic(), False
        try:
            async with self._fan_out.upstream.stream(methods.WATCH, self._request, credential) as call:
                async for message in call:
                    got = True
                    if message.startswith(_STATE):
                        self._state = message
                    for place in self.places:
                        place.offer(message)
                    if all(place.credential != credential for place in self.places):
                        return None  # whose it was has gone: another reader's takes over
        except grpc.aio.AioRpcError as failure:
            lasted = got and time.monotonic() - began > _AGAIN_AFTER
            if failure.code() is grpc.StatusCode.UNAVAILABLE and lasted:
                return None  # an old stream, or a server that stops: on another one, or soon on this
            return connect.error_of(failure)
        return None if got else connect.own_error(grpc.StatusCode.UNAVAILABLE, "the stream has ended", "DRAINING")


class FanOut:
    """The shared streams of this process."""

    def __init__(self, upstream: Upstream, readers: Readers) -> None:
        self.upstream = upstream
        self._readers = readers
        self._shared: dict[tuple[bytes, bytes], _Shared] = {}
        self._is_draining = False

    @property
    def open(self) -> int:
        """Returns how many streams of the service are open."""
        return len(self._shared)

    def forget(self, key: tuple[bytes, bytes], shared: _Shared) -> None:
        """Forgets a stream that has no readers."""
        if self._shared.get(key) is shared:
            del self._shared[key]
        telemetry.WEB_UPSTREAMS.set(len(self._shared))

    def drain(self) -> None:
        """Ends all readers, and lets in no further ones."""
        self._is_draining = True
        for shared in list(self._shared.values()):
            shared.end(draining())

    async def read(self, credential: str, request: bytes) -> AsyncGenerator[bytes | CallError]:
        """Yields the newest message again and again, and at last the error with which it ends."""
        if self._is_draining:
            yield draining()
            return
        try:
            reader = await self._readers.reader(credential)
        except grpc.aio.AioRpcError as failure:
            yield connect.error_of(failure)
            return
        key = (reader.shares, request)
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = _Shared(self, key, request)
            telemetry.WEB_UPSTREAMS.set(len(self._shared))
        place = _Place(credential)
        shared.enter(place)
        watch = asyncio.create_task(self._look_again(place, reader.shares))
        telemetry.WEB_READERS.inc()
        try:
            while True:
                found = await place.next()
                yield found
                if isinstance(found, CallError):
                    return
        finally:
            telemetry.WEB_READERS.dec()
            watch.cancel()
            shared.leave(place)

    async def _look_again(self, place: _Place, shares: bytes) -> None:
        """Ends a reader whose credential is refused, or is good for something else than it was. While the service is
        away, the last look stands.
        """
        while place.ended is None:
            await asyncio.sleep(sessions.FRESH_SECONDS)
            try:
                found = await self._readers.reader(place.credential)
            except grpc.aio.AioRpcError as failure:
                if failure.code() in _REFUSED:
                    place.end(connect.error_of(failure))
            else:
                if found.shares != shares:  # others read on here, who may see more, or less
                    place.end(_changed())
