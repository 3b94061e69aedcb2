"""Arrivals first: long work yields to the event loop until the calls that have come are taken in.

gRPC takes in one call of a method at a time, and needs several turns of the loop for each. With long work in every
turn, calls would pile up in gRPC until their deadlines, where the server cannot even refuse them.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator

_BUSY_SECONDS = 0.005  # of work, after which the loop looks for calls; longer each time that there are none,
_MOST_BUSY_SECONDS = 0.02  # up to this
_IDLE_TURNS = 8  # gRPC needs seven from when a call can be taken in to when it is noted
_IDLE_SECONDS = 0.0002  # and after a call a moment for its own threads, before there can be another
# However many calls come, some work is done: after that time, in which a machine that is short of processors may have
# given the loop one turn, and that many turns, which must not take for ever either.
_MOST_SECONDS = 0.01
_LEAST_TURNS = 16
_SLOW_TURNS_SECONDS = 0.1


class Arrivals:
    """Counts calls as they come, and makes long work wait for those that are about to."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._count = 0
        self._busy = 0.0
        self._patience = _BUSY_SECONDS  # after how much work it looks next
        self._over: asyncio.Event | None = None  # set once no further call comes in, while work waits for that

    def note(self) -> None:
        """A call has come in."""
        self._count += 1

    @contextlib.contextmanager
    def working(self) -> Iterator[Callable[[], Awaitable[None]]]:
        """Long work is done in the block. Gives what is to be awaited between its parts."""
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

        All long work waits meanwhile, and the loop goes on with whatever else is ready. It waits for nothing: where
        there is nothing to do, work begins.
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
        """Returns once no further call comes in, or after that many seconds, or later if turns are slow."""
        seen, turns, all_turns = self._count, 0, 0
        begun, not_before = self._clock(), 0.0
        while True:
            await asyncio.sleep(0)
            now = self._clock()
            if self._count != seen:
                seen, turns, not_before = self._count, 0, now + _IDLE_SECONDS
            turns += 1
            all_turns += 1
            enough = now - begun >= (most if all_turns >= _LEAST_TURNS else max(most, _SLOW_TURNS_SECONDS))
            if enough or (turns >= _IDLE_TURNS and now >= not_before):
                return
