"""Followers: work that is done again whenever there may be something new, by one task and never twice at once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from server import errors, log_throttle

_SHORTEST_REST = 0.02  # seconds: gathers what arrives, so that a burst of commits costs a few rounds


class Follower:
    """Does its work whenever it has been woken, whatever happens, and then rests for a number of times as long as the
    work took, so that costly work takes a bounded share of the database and nobody waits for long where it is cheap.
    """

    def __init__(
        self,
        work: Callable[[], Coroutine[Any, Any, None]],
        organization_id: int,
        *,
        rest: float,
        longest_rest: float,
    ) -> None:
        self._work = work
        self._organization_id = organization_id
        self._rest = rest
        self._longest_rest = longest_rest
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to follow."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Ends following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Has the work done, once more if it is under way."""
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
            await asyncio.sleep(min(max(self._rest * (loop.time() - begun), _SHORTEST_REST), self._longest_rest))
