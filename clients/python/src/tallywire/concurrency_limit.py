"""A limit on how many calls with events a client has in flight, once a server has refused one for overload.

A refusal costs a server almost as much as a small call. A client that goes on sending while the server refuses makes
the overload worse, for itself first of all. So the calls of one client share a limit: a refusal holds all of them back
for as long as the server asks, and halves how many may be in flight; every success raises the limit a little. This is
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


class NoSlot(Exception):
    """The error when no slot became free in time; `refusal` is a copy of the refusal that all calls wait for."""

    def __init__(self, refusal: errors.TallywireError) -> None:
        super().__init__(refusal.message)
        self.refusal = _copy(refusal)


def _copy(refusal: errors.TallywireError) -> errors.TallywireError:
    """Returns a copy without the traceback, which would keep a request and the frames of its sender alive."""
    return type(refusal)(
        refusal.message, refusal.code, refusal.reason, refusal.field, refusal.metadata, refusal.retry_after
    )


class ConcurrencyLimit:
    """The number of calls that may be in flight. It decides only; the classes of slots wait."""

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
        """Counts a call as in flight. Returns what end() needs to know of its begin."""
        self.under_way += 1
        return self._clock()

    def end(self, begun: float, error: BaseException | None) -> None:
        """Counts a call as ended, and adapts the limit to how it has ended."""
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
    """Returns the seconds for which nothing is sent after a refusal: 0 without a RetryInfo, or with one for ever.

    A hold is short, however long the server asks for: a call now and then finds out whether the overload is over.
    """
    asked = refusal.retry_after
    return min(asked, _LONGEST_HOLD) if asked is not None and math.isfinite(asked) else 0.0


@contextlib.contextmanager
def _reporting(end: Callable[[float, BaseException | None], None], begun: float) -> Iterator[None]:
    """Reports how the block ended, and keeps no reference to its error."""
    try:
        yield
    except BaseException as error:
        end(begun, error)
        raise
    else:
        end(begun, None)


class AsyncCallSlots:
    """The slots of an AsyncClient's calls. The newest call that waits gets the next slot.

    In order of arrival, every call would wait until its timeout is nearly over, and much would be sent in vain.
    """

    def __init__(self, limit: ConcurrencyLimit | None = None) -> None:
        """Holds nothing back."""
        self._limit = limit or ConcurrencyLimit()
        self._waiting: list[asyncio.Future[float]] = []
        self._timer: asyncio.TimerHandle | None = None

    @contextlib.asynccontextmanager
    async def slot(self, timeout: float) -> AsyncIterator[None]:
        """Holds a slot for the length of the block. Raises NoSlot when none is free within `timeout` seconds."""
        begun = await self._granted(timeout) if self._limit.wait() else self._limit.begin()
        with _reporting(self._end, begun):
            yield

    async def _granted(self, timeout: float) -> float:
        """Waits for a slot and returns when the call began."""
        if self._limit.is_held_for(timeout):
            raise NoSlot(self._limit.refusal)
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
                self._end(granted.result(), error)  # granted in the moment in which the caller stopped waiting
            if isinstance(error, TimeoutError):
                raise NoSlot(self._limit.refusal) from None
            raise

    def _end(self, begun: float, failure: BaseException | None) -> None:
        self._limit.end(begun, failure)
        self._admit()

    def _admit(self) -> None:
        """Grants the slots that are free now, and looks again when more may be."""
        while self._waiting and not self._limit.wait():
            granted = self._waiting.pop()
            if not granted.done():
                granted.set_result(self._limit.begin())
        if self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._limit.wait(), self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self._admit()


class CallSlots:
    """The slots of a Client's calls, which may come from several threads. The newest that waits gets the next slot."""

    def __init__(self, limit: ConcurrencyLimit | None = None) -> None:
        """Holds nothing back."""
        self._limit = limit or ConcurrencyLimit()
        self._lock = threading.Lock()
        self._waiting: list[threading.Event] = []

    @contextlib.contextmanager
    def slot(self, timeout: float) -> Iterator[None]:
        """Holds a slot for the length of the block. Raises NoSlot when none is free within `timeout` seconds."""
        begun = self._begin(timeout)
        with _reporting(self._end, begun):
            yield

    def _end(self, begun: float, failure: BaseException | None) -> None:
        with self._lock:
            self._limit.end(begun, failure)
            self._wake()

    def _begin(self, timeout: float) -> float:
        """Waits for a slot and returns when the call began."""
        give_up_at, woken = time.monotonic() + timeout, threading.Event()
        with self._lock:
            self._waiting.append(woken)
        try:
            while True:
                with self._lock:
                    seconds = self._limit.wait()
                    if not seconds and self._waiting[-1] is woken:
                        return self._limit.begin()
                    woken.clear()
                    left = give_up_at - time.monotonic()
                    held = self._limit.is_held_for(left)
                if left <= 0 or held:
                    raise NoSlot(self._limit.refusal)
                woken.wait(min(seconds or left, left))
        finally:
            with self._lock:
                self._waiting.remove(woken)
                self._wake()

    def _wake(self) -> None:
        """Wakes the newest call that waits, if it may begin."""
        if self._waiting and not self._limit.wait():
            self._waiting[-1].set()
