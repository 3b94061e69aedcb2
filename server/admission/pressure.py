"""The load of this process: the lag of its event loop, and the memory that it holds."""

import asyncio
import contextlib
import os
import time
from collections import deque
from pathlib import Path

from server import telemetry
from server.admission.memory_shortage import Shortage

_EVERY = 0.1
# The lag is the least of so many samples in a row: one slow moment of the machine is no overload.
_SAMPLES = 3
_PAGES = Path("/proc/self/statm")


class Pressure:
    """The measured lag and memory. On systems other than Linux memory counts as 0."""

    def __init__(self, shortage: Shortage) -> None:
        self.shortage = shortage
        self._lags: deque[float] = deque((0.0,), maxlen=_SAMPLES)
        self._task: asyncio.Task[None] | None = None
        self.resident_bytes = 0

    @property
    def lag(self) -> float:
        """Returns by how many seconds the event loop is late: the least of the last samples."""
        return min(self._lags)

    def start(self) -> None:
        """Starts to measure."""
        self._weigh()
        self._task = asyncio.create_task(self._measure())

    async def close(self) -> None:
        """Stops measuring."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _measure(self) -> None:
        while True:
            due = time.monotonic() + _EVERY
            await asyncio.sleep(_EVERY)
            lag = max(0.0, time.monotonic() - due)
            self._lags.append(lag)
            telemetry.LOOP_LAG.set(lag)
            self._weigh()

    def _weigh(self) -> None:
        self.resident_bytes = _resident_bytes()
        self.shortage.look(self.resident_bytes)


def _resident_bytes() -> int:
    with contextlib.suppress(OSError):
        return int(_PAGES.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
