"""Arrivals first: lets the event loop take in the calls that have come before the next piece of long work.

gRPC takes in one call for each turn of the loop. With long pieces of work in every turn, calls would pile up in gRPC
until their deadlines, where they cannot even be refused, while the server is busy with those that came long ago.
"""

import asyncio
import time

_BUSY_SECONDS = 0.005  # of work, after which the loop looks for calls
_PAUSE = 0.001
_MOST_PAUSES = 50  # however many calls come, some work is done


class Arrivals:
    """Counts calls as they come, and makes long work wait for those that are about to."""

    def __init__(self) -> None:
        self._count = 0
        self._busy = 0.0

    def note(self) -> None:
        """A call has come in."""
        self._count += 1

    def worked(self, begun: float) -> None:
        """Work has been done since an instant of time.perf_counter()."""
        self._busy += time.perf_counter() - begun

    async def lull(self) -> None:
        """Returns at once after little work; after more of it, once no further call has come in for a moment."""
        if self._busy < _BUSY_SECONDS:
            return
        self._busy = 0.0
        for _ in range(_MOST_PAUSES):
            seen, due = self._count, time.perf_counter() + _PAUSE
            await asyncio.sleep(_PAUSE)
            if self._count == seen and time.perf_counter() - due < _PAUSE:  # else there was no time for any to come
                return
