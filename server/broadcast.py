"""A bell: wakes all who wait for it, or each after the time that it is willing to wait.

There are thousands who wait, each for as long as it is subscribed: a waiter costs a future and a timer, and no more.
"""

import asyncio


class Bell:
    """Waits that end together."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}  # in the order in which they came

    async def wait(self, seconds: float) -> None:
        """Returns when the bell rings the next time, or after that many seconds."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _wake, waiter)
        self._waiting[waiter] = None
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiting.pop(waiter, None)

    def ring(self) -> None:
        """Wakes all who wait, in the order in which they came."""
        waiting, self._waiting = self._waiting, {}
        for waiter in waiting:
            _wake(waiter)


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
