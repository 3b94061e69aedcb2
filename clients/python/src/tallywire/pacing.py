"""How many calls that send events a client has under way, once a server has said that it has too much to do.

A refusal costs a server almost as much as a small call. A client that goes on sending while it is refused makes the
overload worse, for itself first of all. So the calls of one client wait here for each other: one refusal holds all of
them back for as long as the server asks for, halves how many may be under way, and every success lets a few more in:
additive increase, multiplicative decrease (Chiu and Jain, 1989). A client that is never refused never waits.
"""

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

from tallywire import errors

_REASONS: Final = frozenset({"OVERLOADED", "EVENT_RATE"})  # other refusals say nothing about how much is sent
_MOST: Final = 100  # HTTP/2 lets no more calls of a connection be under way
_LOOK_AGAIN: Final = 1.0  # seconds
_LONGEST_HOLD: Final = 5.0


class GivenUp(Exception):
    """A turn does not come in time. Holds the refusal that calls wait for, an error of its own for each."""

    def __init__(self, refusal: errors.TallywireError) -> None:
        super().__init__(refusal.message)
        self.refusal = _copy(refusal)


def _copy(refusal: errors.TallywireError) -> errors.TallywireError:
    """The same without its traceback, which would keep a request and the frames of its sender alive."""
    return type(refusal)(
        refusal.message, refusal.code, refusal.reason, refusal.field, refusal.metadata, refusal.retry_after
    )


class Pace:
    """Decides; waiting is left to those who ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Holds nothing back."""
        self._clock = clock
        self._limit = math.inf
        self.under_way = 0
        self._held_until = -math.inf
        self._cut_at = -math.inf
        self.refusal: errors.TallywireError = errors.Unavailable("the server is overloaded")

    def wait(self) -> float:
        """Returns the seconds after which to ask again whether a call may begin, or when another one has ended.

        0 says that it may begin now.
        """
        if (held := self._held_until - self._clock()) > 0:
            return held
        return 0.0 if self.under_way + 1 <= self._limit else _LOOK_AGAIN

    def is_held_for(self, seconds: float) -> bool:
        """Returns whether no call can begin for so long."""
        return self._held_until - self._clock() >= seconds

    def begin(self) -> float:
        """Counts a call as under way and returns what is to be told when it has ended."""
        self.under_way += 1
        return self._clock()

    def end(self, begun: float, error: BaseException | None) -> None:
        """Takes note of how a call has ended."""
        self.under_way -= 1
        if error is None:
            self._limit += 1 / self._limit
            if self._limit > _MOST:
                self._limit = math.inf
        elif isinstance(error, errors.TallywireError) and error.reason in _REASONS:
            self.refusal = _copy(error)
            now = self._clock()
            self._held_until = max(self._held_until, now + _hold(error))
            if begun > self._cut_at:  # what was under way at the last cut says nothing about it
                self._cut_at = now
                self._limit = max(1.0, min(self._limit, self.under_way + 1) / 2)


def _hold(refusal: errors.TallywireError) -> float:
    """Seconds for which nothing is sent after a refusal: none where it asks not to be called again, or does not say.

    However long it asks for, a call now and then finds out whether that is still so.
    """
    asked = refusal.retry_after
    return min(asked, _LONGEST_HOLD) if asked is not None and math.isfinite(asked) else 0.0


@contextlib.contextmanager
def _told(end: Callable[[float, BaseException | None], None], begun: float) -> Iterator[None]:
    """Tells how the block has ended, and keeps no error."""
    try:
        yield
    except BaseException as error:
        end(begun, error)
        raise
    else:
        end(begun, None)


class AsyncTurns:
    """The turns of an AsyncClient's calls. While they wait, the last to come is the first to be served.

    Served in their order, all would wait until it is almost too late for them, and much would be sent in vain.
    """

    def __init__(self, pace: Pace | None = None) -> None:
        """Holds nothing back."""
        self._pace = pace or Pace()
        self._waiting: list[asyncio.Future[float]] = []
        self._timer: asyncio.TimerHandle | None = None

    @contextlib.asynccontextmanager
    async def turn(self, timeout: float) -> AsyncIterator[None]:
        """Holds a turn for the length of the block; GivenUp when none comes in that many seconds."""
        begun = await self._granted(timeout) if self._pace.wait() else self._pace.begin()
        with _told(self._end, begun):
            yield

    async def _granted(self, timeout: float) -> float:
        """Waits for a turn and returns when it began."""
        if self._pace.is_held_for(timeout):
            raise GivenUp(self._pace.refusal)
        granted: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append(granted)
        self._admit()
        try:
            async with asyncio.timeout(timeout):
                return await granted
        except BaseException as error:
            if granted in self._waiting:
                self._waiting.remove(granted)
            elif not granted.cancelled():
                self._end(granted.result(), error)  # granted in the moment in which it was given up
            if isinstance(error, TimeoutError):
                raise GivenUp(self._pace.refusal) from None
            raise

    def _end(self, begun: float, failure: BaseException | None) -> None:
        self._pace.end(begun, failure)
        self._admit()

    def _admit(self) -> None:
        """Grants as many turns as there may be now, and comes back when there may be more."""
        while self._waiting and not self._pace.wait():
            granted = self._waiting.pop()
            if not granted.done():
                granted.set_result(self._pace.begin())
        if self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pace.wait(), self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self._admit()


class Turns:
    """The same for a Client's calls, from whatever threads."""

    def __init__(self, pace: Pace | None = None) -> None:
        """Holds nothing back."""
        self._pace = pace or Pace()
        self._lock = threading.Lock()
        self._waiting: list[threading.Event] = []

    @contextlib.contextmanager
    def turn(self, timeout: float) -> Iterator[None]:
        """Holds a turn for the length of the block; GivenUp when none comes in that many seconds."""
        begun = self._begin(timeout)
        with _told(self._end, begun):
            yield

    def _end(self, begun: float, failure: BaseException | None) -> None:
        with self._lock:
            self._pace.end(begun, failure)
            self._wake()

    def _begin(self, timeout: float) -> float:
        """Waits for a turn and returns when it began."""
        give_up_at, woken = time.monotonic() + timeout, threading.Event()
        with self._lock:
            self._waiting.append(woken)
        try:
            while True:
                with self._lock:
                    seconds = self._pace.wait()
                    if not seconds and self._waiting[-1] is woken:
                        return self._pace.begin()
                    woken.clear()
                    left = give_up_at - time.monotonic()
                    held = self._pace.is_held_for(left)
                if left <= 0 or held:
                    raise GivenUp(self._pace.refusal)
                woken.wait(min(seconds or left, left))
        finally:
            with self._lock:
                self._waiting.remove(woken)
                self._wake()

    def _wake(self) -> None:
        """Wakes the last to come, where it may begin."""
        if self._waiting and not self._pace.wait():
            self._waiting[-1].set()
