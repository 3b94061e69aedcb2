"""How the server ends streams that have done nothing wrong, so that their clients go on with another one."""

import math
import random
import time
from dataclasses import dataclass
from typing import Any, Self, TypeAlias, cast

import grpc

from server.errors import Reason, Refused
from server.settings import Settings

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

# A stream ends by itself before the grace of its connection is over, and not all that began together at once.
_EARLIEST, _LATEST = 0.7, 0.9
# A caller's deadline ends a stream without trailers: the server ends it so much before, by whichever is less.
_MARGIN_SECONDS, _MARGIN_SHARE = 1.0, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """What a stream of events may take. In seconds; 0: no limit."""

    age: float = 0
    idle: float = 0  # without a whole message
    acknowledgement: float = 60  # until one is read

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Returns the limits that the operator has set.

        What is left of a connection that is to end is over before gRPC cuts it.
        """
        age = settings.connection_grace_seconds if settings.max_connection_seconds else 0
        return cls(age=age, idle=settings.max_stream_idle_seconds)


class Lifetime:
    """How long a stream may last: up to the age of streams, or to just before its caller's deadline."""

    __slots__ = ("_by_deadline", "_ends_at")

    def __init__(self, context: _Context, age: float) -> None:
        now, left = time.monotonic(), cast("float | None", context.time_remaining())
        self._ends_at = now + age * random.uniform(_EARLIEST, _LATEST) if age else math.inf  # noqa: S311 - jitter
        deadline = math.inf if left is None else now + left - min(_MARGIN_SECONDS, left * _MARGIN_SHARE)
        self._by_deadline = deadline < self._ends_at
        self._ends_at = min(self._ends_at, deadline)

    def within(self, seconds: float) -> float | None:
        """So many seconds, or those that are left if they are fewer. 0, and the answer None, stand for no limit."""
        left = min(self._ends_at - time.monotonic(), seconds or math.inf)
        return None if left == math.inf else max(left, 0.0)

    def check(self) -> None:
        """Refuses to go on once the time is over."""
        if time.monotonic() < self._ends_at:
            return
        if self._by_deadline:
            raise Refused(Reason.DEADLINE, "the caller's deadline is about to pass")
        raise Refused(
            Reason.STREAM_AGE, "the stream has lasted as long as one may: go on with a new one", retry_after=0.1
        )


def draining() -> Refused:
    """The end of all streams of a server that stops."""
    return Refused(Reason.DRAINING, "the server is about to stop; connect again", retry_after=0.5)


def idle() -> Refused:
    """The end of a stream on which nothing comes."""
    return Refused(
        Reason.STREAM_IDLE, "no whole message has come for too long: open a stream when there is one", retry_after=0.1
    )
