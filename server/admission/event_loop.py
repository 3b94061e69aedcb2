"""Incoming calls first: long work yields to the event loop until the calls that have arrived are let in.

gRPC lets in one call of a method at a time, and needs several iterations of the loop for each. With long work in every
iteration, calls would queue in gRPC until their deadlines, where the server cannot even refuse them.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator

_BUSY_SECONDS = 0.005  # of work before it yields to calls; twice as long after each time without any,
_MOST_BUSY_SECONDS = 0.02  # up to this
_IDLE_ITERATIONS = 8  # gRPC needs seven from a call that can be let in to note()
_IDLE_SECONDS = 0.0002  # after a call gRPC's threads need a moment before the next one
# However many calls come, work goes on after this time. On a machine short of processors the loop may have run once in
# that time, so it also gets a number of iterations, within a limit of time of their own.
_MOST_SECONDS = 0.01
_LEAST_ITERATIONS = 16
_SLOW_SECONDS = 0.1


class Arrivals:
    """A count of incoming calls, and the yield point at which long work waits for them."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._count = 0
        self._busy = 0.0
        self._patience = _BUSY_SECONDS  # after how much work it looks next
        self._over: asyncio.Event | None = None  # set once no further call comes in, while work waits for that

    def note(self) -> None:
        """Counts a call that has come in."""
        self._count += 1

    @contextlib.contextmanager
    def working(self) -> Iterator[Callable[[], Awaitable[None]]]:
        """Measures long work in the block. Gives a function that the work awaits between its parts."""
        begun = self._clock()

        async def yield_point() -> None:
            nonlocal begun
            self._busy += self._clock() - begun
            await self.yield_to_calls()
            begun = self._clock()

        try:
            yield yield_point
        finally:
            self._busy += self._clock() - begun

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Counts the time of the block as work that keeps the event loop busy."""
        begun = self._clock()
        try:
            yield
        finally:
            self._busy += self._clock() - begun

    async def yield_to_calls(self) -> None:
        """Returns at once after little work; after more of it, once no further call comes in.

        All long work waits meanwhile, and the event loop runs whatever else is ready. Without incoming calls the wait
        ends after a few iterations of the loop.
        """
        while self._busy >= self._patience:
            if self._over is not None:
                await self._over.wait()
                continue
            self._over = asyncio.Event()
            seen = self._count
            try:
                await self.let_calls_in()
            finally:
                self._busy = 0.0
                self._patience = _BUSY_SECONDS if self._count > seen else min(2 * self._patience, _MOST_BUSY_SECONDS)
                self._over.set()
                self._over = None
            return

    async def let_calls_in(self, most: float = _MOST_SECONDS) -> None:
        """Returns once no further call comes in, or after that many seconds; later if the event loop is slow."""
        seen, idle, total = self._count, 0, 0
        begun, not_before = self._clock(), 0.0
        while True:
            await asyncio.sleep(0)
            now = self._clock()
            if self._count != seen:
                seen, idle, not_before = self._count, 0, now + _IDLE_SECONDS
            idle += 1
            total += 1
            enough = now - begun >= (most if total >= _LEAST_ITERATIONS else max(most, _SLOW_SECONDS))
            if enough or (idle >= _IDLE_ITERATIONS and now >= not_before):
                return
