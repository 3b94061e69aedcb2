"""One subscription's stream: what is written to it, how long it may go on, and where it says that it ended."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any, TypeAlias

import grpc

from server import errors
from server.errors import Reason, Refused
from server.resume import Tokens
from server.rpc import gate

# While the database is away, the last answer about a key is believed for that long, and asked for again that often.
_GRACE_SECONDS, _ASK_AGAIN_SECONDS = 300.0, 2.0
_ASK_SECONDS = 1.0  # between two questions about a caller to whom much is sent
_RESUME_TOKEN = "resume-token"  # noqa: S105 - the name of a trailer
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Stream:
    """Writes to the context and does not yield, so that a reader that has stopped can be told so. revision is where the
    subscriber stands.
    """

    def __init__(self, context: Context, tokens: Tokens, draining: asyncio.Event, *, write_seconds: float) -> None:
        self._context = context
        self._draining = draining
        self._write_seconds = write_seconds
        self._guard = Guard()
        self.tokens = tokens
        self.revision = 0

    @contextlib.contextmanager
    def resumable(self) -> Iterator[None]:
        """Tells in a trailer where to go on, however the stream ends."""
        try:
            yield
        finally:
            self._context.set_trailing_metadata(((_RESUME_TOKEN, self.tokens.after(self.revision)),))

    async def write(self, message: bytes) -> None:
        """Sends a message, however long the client takes to read. It is never cut short: gRPC sends no status past a
        message that it has begun. While it waits nothing else is sent, and the subscription counts against the limits.
        """
        begun = time.monotonic()
        await self._context.write(message)
        if time.monotonic() - begun > self._write_seconds:
            raise Refused(Reason.SLOW_CONSUMER, "the messages are not being read")

    async def check(self) -> None:
        """Ends the subscription where the server drains or the key may not be used any more."""
        if self._draining.is_set():
            raise draining()
        await self._guard.check()

    async def pause(self, seconds: float) -> None:
        """Waits between two messages, but not longer than the server does."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._draining.wait()


class Guard:
    """Asks now and then whether a caller may go on. The last answer stands for a time with the database away."""

    def __init__(self) -> None:
        self._answered_at = time.monotonic()
        self._ask_at = 0.0

    async def check(self) -> None:
        """Refuses a caller who may not go on."""
        now = time.monotonic()
        if now < self._ask_at:
            return
        try:
            await gate.caller().authenticate()
        except errors.StorageUnavailable:
            now = time.monotonic()
            if now > self._answered_at + _GRACE_SECONDS:
                raise
            self._ask_at = now + _ASK_AGAIN_SECONDS
        else:
            self._answered_at = time.monotonic()
            self._ask_at = self._answered_at + _ASK_SECONDS


def draining() -> Refused:
    """How subscriptions end before the server stops."""
    return Refused(Reason.DRAINING, "the server is about to stop; connect again", retry_after=0.5)
