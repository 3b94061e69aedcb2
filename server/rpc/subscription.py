"""The stream of one subscription: its writes, its lifetime, and the token that it leaves."""

import time
from collections.abc import Coroutine
from typing import Any, TypeAlias

import grpc

from server.broadcast import Broadcast
from server.errors import Reason, Refused
from server.realtime.resume_tokens import Tokens
from server.rpc import endings, gate
from server.rpc.endings import Lifetime

_ASK_SECONDS = 1.0  # between two checks of a caller's key
_RESUME_TOKEN = "resume-token"  # noqa: S105 - the name of a trailer
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Draining:
    """The state of a server that is about to stop."""

    def __init__(self) -> None:
        self._begun = Broadcast()
        self.has_begun = False

    def begin(self) -> None:
        """Marks the server as stopping and wakes every pause."""
        self.has_begun = True
        self._begun.notify_all()

    def check(self) -> None:
        """Raises the refusal that ends subscriptions once the server is stopping."""
        if self.has_begun:
            raise endings.draining()

    def pause(self, seconds: float) -> Coroutine[None, None, None]:
        """Waits for so many seconds, or until the server is stopping."""
        return self._begun.wait(0.0 if self.has_begun else seconds)


class Stream:
    """The stream of a subscriber. revision is the subscriber's position, and portions is how many portions of the next
    update it has got.

    It writes to the context instead of yielding, so that it can refuse a client that has stopped reading. Thousands of
    streams last, so it holds little.
    """

    __slots__ = ("_context", "_draining", "_guard", "_lifetime", "_write_seconds", "portions", "revision", "tokens")

    def __init__(
        self, context: Context, tokens: Tokens, draining: Draining, lifetime: Lifetime, *, write_seconds: float
    ) -> None:
        self._context = context
        self._lifetime = lifetime
        self._draining = draining
        self._write_seconds = write_seconds
        self._guard = Guard()
        self.tokens = tokens
        self.revision = self.portions = 0

    @property
    def user_details(self) -> bool:
        """Returns whether the organization keeps what events say about users, as of the last check."""
        return self._guard.principal.settings.keep_user_details

    def leave_token(self) -> None:
        """Sends the resume token as a trailer when the stream ends."""
        self._context.set_trailing_metadata(((_RESUME_TOKEN, self.tokens.after(self.revision)),))

    async def write(self, message: bytes) -> None:
        """Sends a message, however long the client takes to read it.

        A write is never cut short, since gRPC sends no status after an unfinished message. Meanwhile nothing else is
        sent, and the subscription counts against the limits.
        """
        begun = time.monotonic()
        await self._context.write(message)
        if time.monotonic() - begun > self._write_seconds:
            raise Refused(Reason.SLOW_CONSUMER, "the messages are not being read")

    async def check(self) -> None:
        """Ends the subscription if the server stops, its time is over, or its key is no longer valid."""
        self._draining.check()
        self._lifetime.check()
        await self._guard.check()

    def patience(self, seconds: float) -> float:
        """Returns the smaller of the given seconds and those until the end of the subscription."""
        return self._lifetime.within(seconds) or 0.0

    def pause(self, seconds: float) -> Coroutine[None, None, None]:
        """Waits for so many seconds, or until the server is stopping."""
        return self._draining.pause(seconds)


class Guard:
    """The periodic check whether a caller may go on; principal is who that was when it was made last."""

    __slots__ = ("_ask_at", "principal")

    def __init__(self) -> None:
        self._ask_at = 0.0
        self.principal = gate.caller().principal

    async def check(self) -> None:
        """Refuses a caller whose key is no longer valid, looked up once a second at most."""
        if time.monotonic() >= self._ask_at:
            self.principal = await gate.caller().authenticate()
            self._ask_at = time.monotonic() + _ASK_SECONDS
