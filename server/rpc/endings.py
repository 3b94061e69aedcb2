"""How the server ends streams that did nothing wrong, so that their clients go on with a new stream."""

import math
import random
import time
from dataclasses import dataclass
from typing import Any, Self, TypeAlias, cast

import grpc

from server.errors import Reason, Refused
from server.settings import Settings

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

# A stream ends before the grace of its connection, at a random time, so that not all end together.
_EARLIEST, _LATEST = 0.7, 0.9
# gRPC ends a stream at its caller's deadline without trailers, so the server ends it earlier, by the smaller of these.
_MARGIN_SECONDS, _MARGIN_SHARE = 1.0, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """The limits of a stream of events, in seconds; 0 means no limit."""

    age: float = 0
    idle: float = 0  # without a whole message
    acknowledgement: float = 60  # until one is read

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Returns the limits that the operator has set.

        Streams end before gRPC cuts the connection that holds them.
        """
        age = settings.connection_grace_seconds if settings.max_connection_seconds else 0
        return cls(age=age, idle=settings.max_stream_idle_seconds)


class Lifetime:
    """The time until a stream must end: by the age of streams, or just before its caller's deadline."""

    __slots__ = ("_by_deadline", "_ends_at")

    def __init__(self, context: _Context, age: float) -> None:
        now, left = time.monotonic(), cast("float | None", context.time_remaining())
        self._ends_at = now + age * random.uniform(_EARLIEST, _LATEST) if age else math.inf  # noqa: S311 - jitter
        deadline = math.inf if left is None else now + left - min(_MARGIN_SECONDS, left * _MARGIN_SHARE)
        self._by_deadline = deadline < self._ends_at
        self._ends_at = min(self._ends_at, deadline)

    def within(self, seconds: float) -> float | None:
        """Returns the smaller of the given seconds and those that are left. Given as 0, or returned as None, there is
        no limit.
        """
        left = min(self._ends_at - time.monotonic(), seconds or math.inf)
        return None if left == math.inf else max(left, 0.0)

    def check(self) -> None:
        """Raises a refusal once the time is over."""
        if time.monotonic() < self._ends_at:
            return
        if self._by_deadline:
            raise Refused(Reason.DEADLINE, "the caller's deadline is about to pass")
        raise Refused(
            Reason.STREAM_AGE, "the stream has lasted as long as one may: go on with a new one", retry_after=0.1
        )


def draining() -> Refused:
    """Returns the refusal that ends all streams of a server that stops."""
    return Refused(Reason.DRAINING, "the server is about to stop; connect again", retry_after=0.5)


def idle() -> Refused:
    """Returns the refusal that ends a stream on which nothing arrives."""
    return Refused(
        Reason.STREAM_IDLE, "no whole message has come for too long: open a stream when there is one", retry_after=0.1
    )
