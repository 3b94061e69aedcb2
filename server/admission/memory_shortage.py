"""Shortage of memory: what the server does while the process holds more memory than its limit.

Resident memory says little about what is needed: freed memory can stay with the process for long, and refusing calls
returns none of it. So above the limit the server collects garbage, returns free pages to the system, and logs the
shortage. Meanwhile admission leaves less room, which only affects organizations with much in flight.
"""

import time
from collections.abc import Callable

import structlog

from server import telemetry
from server.admission import memory

_RELIEF = 0.95  # of the limit, below which the shortage is over
_RELEASE_SECONDS = 10.0  # between two attempts to free memory,
_RELEASE_SHARE = 50  # or this multiple of the duration of one: collecting much memory stops the event loop
_AGAIN_SECONDS = 60.0  # between two lines of the log about one shortage
_log = structlog.get_logger(__name__)


class Shortage:
    """The state of being short of memory. limit is in bytes; with 0 memory is never short."""

    def __init__(
        self,
        limit: int,
        *,
        release: Callable[[], None] = memory.release,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._release = release
        self._clock = clock
        self._since = self._say_at = self._release_at = 0.0
        self._refused = 0
        self.is_on = False

    def refused(self) -> None:
        """Counts a call that was refused because memory is short."""
        self._refused += 1

    def look(self, resident: int) -> None:
        """Compares the memory that the process holds with the limit, and acts on it."""
        if not self._limit:
            return
        now = self._clock()
        if not self.is_on and resident > self._limit:
            self._since = self._say_at = now
            self._set(on=True)
        elif self.is_on and resident < self._limit * _RELIEF:
            self._set(on=False)
            seconds, refused = round(now - self._since), self._refused
            _log.info("memory is below its limit again", seconds=seconds, calls_refused=refused, **self._mib(resident))
            self._refused = 0
        if self.is_on:
            self._relieve(now, resident)

    def _set(self, *, on: bool) -> None:
        self.is_on = on
        telemetry.MEMORY_SHORT.set(on)

    def _relieve(self, now: float, resident: int) -> None:
        if now >= self._say_at:
            self._say_at = now + _AGAIN_SECONDS
            _log.warning(
                "short of memory: organizations with much under way are refused",
                setting="TALLYWIRE_MAX_MEMORY_MIB",
                calls_refused=self._refused,
                **self._mib(resident),
            )
        if now >= self._release_at:
            self._release()
            self._release_at = self._clock() + max(_RELEASE_SECONDS, _RELEASE_SHARE * (self._clock() - now))

    def _mib(self, resident: int) -> dict[str, int]:
        return {"resident_mib": resident >> 20, "limit_mib": self._limit >> 20}
