"""Returns the memory of clients that have left to the system.

The C library keeps freed pages below the top of its heap until it is asked to release them. A thousand subscriptions
leave some 18 MiB there, which would stay resident for as long as the server runs.
"""

import asyncio
import ctypes
import gc
import threading
from collections.abc import Callable

RELEASE_SECONDS = 1.0  # after the last departure, so that many that leave together cost one release
LEAST = 50  # departures for which a release pays


def release() -> None:
    """Returns free memory to the system, in a thread of its own, where the C library is GNU's; else does nothing."""
    gc.collect()  # frees cycles and free lists; objects from before the start are frozen
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
    """A count of the clients that have left; memory is released once many have left and none has for a while."""

    def __init__(self, release: Callable[[], None] = release) -> None:
        self._release = release
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def note(self) -> None:
        """Counts a client that has left."""
        self._count += 1
        if self._count >= LEAST:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(RELEASE_SECONDS, self._release_now)

    def _release_now(self) -> None:
        self._count, self._timer = 0, None
        self._release()
