"""One subscription's stream: what is written to it, how long it may go on, and where it says that it ended."""

import time
from collections.abc import Coroutine
from typing import Any, TypeAlias

import grpc

from server.broadcast import Broadcast
from server.errors import Reason, Refused
from server.realtime.resume_tokens import Tokens
from server.rpc import endings, gate
from server.rpc.endings import Lifetime

_ASK_SECONDS = 1.0  # between two questions about a caller to whom much is sent
_RESUME_TOKEN = "resume-token"  # noqa: S105 - the name of a trailer
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Draining:
    """Whether the server is about to stop."""

    def __init__(self) -> None:
        self._begun = Broadcast()
        self.has_begun = False

    def begin(self) -> None:
        """Wakes all who pause."""
        self.has_begun = True
        self._begun.notify_all()

    def check(self) -> None:
        """Refuses once it has begun: how subscriptions end."""
        if self.has_begun:
            raise endings.draining()

    def pause(self, seconds: float) -> Coroutine[None, None, None]:
        """Waits so long, but not longer than the server does."""
        return self._begun.wait(0.0 if self.has_begun else seconds)


class Stream:
    """Writes to the context and does not yield, so that a reader that has stopped can be told so. revision is where the
    subscriber stands. There are thousands, and they last: it holds little.
    """

    __slots__ = ("_context", "_draining", "_guard", "_lifetime", "_write_seconds", "revision", "tokens")

    def __init__(
        self, context: Context, tokens: Tokens, draining: Draining, lifetime: Lifetime, *, write_seconds: float
    ) -> None:
        self._context = context
        self._lifetime = lifetime
        self._draining = draining
        self._write_seconds = write_seconds
        self._guard = Guard()
        self.tokens = tokens
        self.revision = 0

    def leave_token(self) -> None:
        """Tells in a trailer where to go on, once the stream has ended, however it has."""
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
        """Ends the subscription where the server drains, its time is over, or the key may not be used any more."""
        self._draining.check()
        self._lifetime.check()
        await self._guard.check()

    def patience(self, seconds: float) -> float:
        """So many seconds, or those up to the end of the subscription if they are fewer."""
        return self._lifetime.within(seconds) or 0.0

    def pause(self, seconds: float) -> Coroutine[None, None, None]:
        """Waits between two messages, but not longer than the server does."""
        return self._draining.pause(seconds)


class Guard:
    """Asks now and then whether a caller may go on."""

    __slots__ = ("_ask_at",)

    def __init__(self) -> None:
        self._ask_at = 0.0

    async def check(self) -> None:
        """Refuses a caller who may not go on."""
        if time.monotonic() >= self._ask_at:
            await gate.caller().authenticate()
            self._ask_at = time.monotonic() + _ASK_SECONDS
