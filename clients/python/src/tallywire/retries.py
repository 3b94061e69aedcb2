"""When to try a call again, and after how long: decisions without any waiting."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc

from tallywire import errors

FIRST_BACKOFF: Final = 0.1
MAX_BACKOFF: Final = 5.0

# With a RetryInfo these are worth waiting for, whatever the call. RESOURCE_EXHAUSTED is so only with one.
_WITH_RETRY_INFO: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED})

# Questions: the service config has already tried UNAVAILABLE again.
QUERY: Final[frozenset[grpc.StatusCode]] = frozenset()
# Events: their ids make it safe. A server that stops cancels what reaches it too late.
INGEST: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})
# Seconds for one try with events: it may wait for a connection, and its time of sending gets old meanwhile.
STAMP_AGE: Final = 30.0
# Events that nobody waits for: every status that leaves the outcome unknown.
BACKGROUND: Final = frozenset(grpc.StatusCode) - errors.NOTHING_STORED - {grpc.StatusCode.OK}


@dataclass(slots=True, kw_only=True)
class Attempts:
    """The attempts of one call against one total deadline.

    `timeout` is the total in seconds, `attempt` the most that a single try may take, `retryable` the statuses that are
    tried again even without a RetryInfo.
    """

    timeout: float
    attempt: float
    retryable: frozenset[grpc.StatusCode]
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
        return max(0.001, min(self.attempt, self.deadline - self.clock()))

    def next_wait(self, error: errors.TallywireError) -> float | None:
        """Returns the seconds to wait before trying again, or None if the error is final or too little time is left.

        Backoff is jittered between a half and the whole. A RetryInfo is the least wait, with up to a fifth on top so
        that callers that were refused together do not come back together.
        """
        asked = error.retry_after if error.code in _WITH_RETRY_INFO else None
        if asked is None and error.code not in self.retryable:
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


def of_call(timeout: float, retryable: frozenset[grpc.StatusCode]) -> Attempts:
    """Returns the attempts of a unary call; one try with events ends before its time of sending is too old."""
    attempt = min(timeout, STAMP_AGE) if retryable is INGEST else timeout
    return Attempts(timeout=timeout, attempt=attempt, retryable=retryable)
