"""When to try a call again, and after how long: decisions without any waiting."""

import dataclasses
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc

from tallywire import errors

FIRST_BACKOFF: Final = 0.1
MAX_BACKOFF: Final = 5.0

_CODE = grpc.StatusCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is tried again: clients/conformance/SPEC.md says the same for all languages.

    retryable: statuses that are tried again with backoff.
    named_time: statuses that are tried again if the server names a time (RetryInfo).
    attempt: seconds that a single try may take. One with events may wait for a connection, and its time of sending gets
        old meanwhile.
    most: tries in all where the server names no time; None for any number.
    sends_events: whether the limit on calls in flight applies.
    """

    retryable: frozenset[grpc.StatusCode]
    named_time: frozenset[grpc.StatusCode]
    attempt: float = 30.0
    most: int | None = None
    sends_events: bool = False

    def waits_as_asked(self, error: errors.TallywireError) -> bool:
        """Returns whether the time that the error names is worth waiting for."""
        return error.code in self.named_time or error.reason == "OVERLOADED"


_EVENTS: Final = frozenset({_CODE.UNAVAILABLE, _CODE.DEADLINE_EXCEEDED, _CODE.CANCELLED})
_REFUSED: Final = frozenset({_CODE.RESOURCE_EXHAUSTED})
# Events: their ids make it safe.
INGEST: Final = Policy(retryable=_EVENTS, named_time=_EVENTS | _REFUSED, sends_events=True)
INGEST_ONE: Final = dataclasses.replace(INGEST, attempt=10.0)
# Events that nobody waits for: every status that leaves the outcome unknown.
BACKGROUND: Final = dataclasses.replace(
    INGEST, retryable=frozenset(_CODE) - errors.NOTHING_STORED - {_CODE.OK}, sends_events=False
)
# A stream is replaced after two minutes, so that one that died silently is noticed.
STREAM: Final = dataclasses.replace(INGEST, attempt=120.0, sends_events=False)
QUERY: Final = Policy(retryable=frozenset({_CODE.UNAVAILABLE}), named_time=frozenset(_CODE), most=3)
# Changes: only where the server says that it has done nothing.
CHANGE: Final = Policy(retryable=frozenset(), named_time=_REFUSED)
SUBSCRIPTION: Final = Policy(
    retryable=frozenset({_CODE.UNAVAILABLE}), named_time=_REFUSED | {_CODE.UNAVAILABLE}, attempt=math.inf
)


def of_method(name: str) -> Policy:
    """Returns the policy of a unary RPC by its name, such as GetOverview."""
    if name in ("TrackEvents", "CorrectEvents", "RetractEvents"):
        return INGEST
    if name == "TrackEvent":
        return INGEST_ONE
    return QUERY if name.startswith(("Get", "List", "Query")) else CHANGE


@dataclass(slots=True, kw_only=True)
class Attempts:
    """The attempts of one call against one total deadline: `timeout`, in seconds."""

    timeout: float
    policy: Policy
    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    deadline: float = 0.0
    last: errors.TallywireError | None = None
    unknown: errors.TallywireError | None = None

    def __post_init__(self) -> None:
        """Starts the clock."""
        self.restart()

    def restart(self) -> None:
        """Forgets failures and gives the full time again, after progress was made."""
        self.failures = 0
        self.last = self.unknown = None
        self.deadline = self.clock() + self.timeout

    def next_timeout(self) -> float:
        """Returns the seconds that the next try may take; a tiny positive number when time is up."""
        return max(0.001, min(self.policy.attempt, self.deadline - self.clock()))

    def next_wait(self, error: errors.TallywireError) -> float | None:
        """Returns the seconds to wait before trying again, or None if the error is final or too little time is left.

        Backoff is jittered between a half and the whole. A RetryInfo is the least wait, with up to a fifth on top so
        that callers that were refused together do not come back together.
        """
        asked = error.retry_after if self.policy.waits_as_asked(error) else None
        if asked is None and not self._backs_off(error):
            return None
        # Jitter, not a secret: hence the ordinary generator.
        wait = random.uniform(0.5, 1.0) * min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** min(self.failures, 16))  # noqa: S311
        if asked is not None:
            wait = asked * random.uniform(1.0, 1.2)  # noqa: S311
        self.failures += 1
        if error.code is not grpc.StatusCode.DEADLINE_EXCEEDED:
            self.last = error
        if error.outcome_unknown:
            self.unknown = error
        return wait if self.clock() + wait < self.deadline else None

    def _backs_off(self, error: errors.TallywireError) -> bool:
        """Returns whether another try is made although the server names no time for it."""
        most = self.policy.most
        return error.code in self.policy.retryable and (most is None or self.failures + 1 < most)

    def given_up(self, refusal: errors.TallywireError) -> errors.TallywireError:
        """Returns the error to raise where no further try is made: one that leaves the outcome open, if any does."""
        return self.unknown or refusal

    def wait_or_raise(self, error: errors.TallywireError, *, closed: bool) -> float:
        """Returns the seconds to wait before the next try. Raises the error of the whole call if there is none."""
        if closed:
            raise errors.closed() from error.__cause__
        wait = self.next_wait(error)
        if wait is None:
            raise self.verdict(error) from error.__cause__
        return wait

    def verdict(self, error: errors.TallywireError) -> errors.TallywireError:
        """Returns the error to raise: if the last try only ran out of time, the server's answer to an earlier one."""
        if error.code is grpc.StatusCode.DEADLINE_EXCEEDED and self.last is not None:
            return self.last
        return error


def is_over(begun: float, timeout: float) -> bool:
    """Returns whether the time of a try that began then is over; gRPC may be a little earlier than this clock."""
    return time.monotonic() - begun >= timeout - 0.05
