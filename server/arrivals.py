"""Arrivals first: lets the event loop take in the calls that have come before the next piece of long work.

gRPC takes in one call of a method at a time, and needs several turns of the loop for each. With long pieces of work in
every turn, calls would pile up in gRPC until their deadlines, where they cannot even be refused, while the server is
busy with those that came long ago.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator

_BUSY_SECONDS = 0.003  # of work, after which the loop looks for calls
# gRPC needs that many turns from when a call can be taken in to when it is noted, and a moment for its own threads.
_QUIET_TURNS = 8
_QUIET_SECONDS = 0.0002
_MOST_SECONDS = 0.01  # however many calls come, some work is done


class Arrivals:
    """Counts calls as they come, and makes long work wait for those that are about to."""

    def __init__(self) -> None:
        self._count = 0
        self._busy = 0.0

    def note(self) -> None:
        """A call has come in."""
        self._count += 1

    @contextlib.contextmanager
    def working(self) -> Iterator[Callable[[], Awaitable[None]]]:
        """Long work is done in the block. Gives what is to be awaited between its parts."""
        begun = time.perf_counter()

        async def breathe() -> None:
            nonlocal begun
            self._busy += time.perf_counter() - begun
            await self.lull()
            begun = time.perf_counter()

        try:
            yield breathe
        finally:
            self._busy += time.perf_counter() - begun

    async def lull(self) -> None:
        """Returns at once after little work; after more of it, once no further call comes in.

        The loop goes on meanwhile with whatever is ready. It waits for nothing: where there is nothing to do, work
        begins.
        """
        if self._busy < _BUSY_SECONDS:
            return
        self._busy = 0.0
        seen, turns = self._count, 0
        begun = quiet_since = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            if self._count != seen:
                seen, turns, quiet_since = self._count, 0, now
            turns += 1
            if (turns >= _QUIET_TURNS and now - quiet_since >= _QUIET_SECONDS) or now - begun >= _MOST_SECONDS:
                return
