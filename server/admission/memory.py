"""Gives the memory of those who have left back to the system.

The C library keeps the pages of what is freed below the top of its heap until it is asked to let go of them. A thousand
subscriptions have some 18 MiB in there, which would stay resident for as long as the server runs.
"""

import asyncio
import ctypes
import gc
import threading
from collections.abc import Callable

REST_SECONDS = 1.0  # without a departure, so that a crowd that leaves costs one release
LEAST = 50  # departures that are worth it


def release() -> None:
    """Returns free memory to the system, from a thread of its own: with the GNU C library, else it does nothing."""
    gc.collect()  # what is left of them in cycles and free lists; what was there at the start is frozen
    if (trim := _trim()) is not None:
        # It takes milliseconds, in which the interpreter goes on.
        threading.Thread(target=trim, args=(0,), name="release memory", daemon=True).start()


def _trim() -> Callable[[int], int] | None:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    trim.argtypes = (ctypes.c_size_t,)
    return trim


class Departures:
    """Counts those who leave, and releases memory once many have and nobody has for a while."""

    def __init__(self, release: Callable[[], None] = release) -> None:
        self._release = release
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def note(self) -> None:
        """Somebody has left."""
        self._count += 1
        if self._count >= LEAST:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(REST_SECONDS, self._rest)

    def _rest(self) -> None:
        self._count, self._timer = 0, None
        self._release()
