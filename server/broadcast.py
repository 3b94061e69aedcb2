"""A condition without a lock: one notification wakes every waiter, and each waiter has a timeout of its own.

Thousands may wait, one per subscription. A waiter costs a future and a timer, and no more.
"""

import asyncio


class Broadcast:
    """A notification that ends all waits for it at once."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}  # in the order in which they came

    async def wait(self, seconds: float) -> None:
        """Returns at the next `notify_all`, or after that many seconds."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _wake, waiter)
        self._waiting[waiter] = None
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiting.pop(waiter, None)

    def notify_all(self) -> None:
        """Wakes every waiter, in the order in which they came."""
        waiting, self._waiting = self._waiting, {}
        for waiter in waiting:
            _wake(waiter)


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
