"""Followers: work that is repeated whenever there may be something new, by one task, never twice at the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from server import errors, log_throttle

_SHORTEST_PAUSE = 0.02  # seconds: wake-ups of a burst of commits are gathered into a few runs


class Follower:
    """Work that is repeated after each wake-up, with a pause after each run.

    The pause is a multiple of the duration of the run: costly work takes a bounded share of the database, and cheap
    work is repeated soon. An error is logged, and the next wake-up runs the work again.
    """

    def __init__(
        self,
        work: Callable[[], Coroutine[Any, Any, None]],
        organization_id: int,
        *,
        pause: float,
        longest_pause: float,
    ) -> None:
        self._work = work
        self._organization_id = organization_id
        self._pause = pause
        self._longest_pause = longest_pause
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the task."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stops the task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Makes the work run, once more if it is running."""
        self._woken.set()

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._woken.wait()
            self._woken.clear()
            begun = loop.time()
            try:
                await self._work()
            except errors.StorageUnavailable as error:
                log_throttle.write("warning", "storage unavailable; subscriptions wait", str(error), reason=str(error))
            except Exception as error:  # noqa: BLE001 - whoever subscribes is not left without news
                log_throttle.write(
                    "error",
                    "following an organization failed; it goes on",
                    error=error,
                    organization_id=self._organization_id,
                )
            await asyncio.sleep(min(max(self._pause * (loop.time() - begun), _SHORTEST_PAUSE), self._longest_pause))
