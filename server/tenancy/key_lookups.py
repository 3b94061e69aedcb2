"""Look-ups of API keys, or of people, in the database: one statement at a time for all callers who wait."""

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from server import errors

_Key = TypeVar("_Key", bound=Hashable)
_Found = TypeVar("_Found")


class KeyLookups(Generic[_Key, _Found]):
    """Look-ups of keys by id. Calls that come while a statement runs share the next one.

    So a flood of unknown ids makes statements longer, not more, and a caller waits for two statements at most, and for
    the pause between them. pause is the shortest time between two statements, in seconds; most is how many ids may
    wait.
    """

    def __init__(
        self, ask: Callable[[Sequence[_Key]], Awaitable[Mapping[_Key, _Found]]], *, pause: float, most: int
    ) -> None:
        self._ask = ask
        self._pause = pause
        self._most = most
        self._waiting: dict[_Key, asyncio.Future[_Found | None]] = {}
        self._asked: dict[_Key, asyncio.Future[_Found | None]] = {}  # by the statement that runs
        self._worker: asyncio.Task[None] | None = None
        self._next_at = 0.0

    async def find(self, key_id: _Key) -> _Found | None:
        """Returns what is known of a key; None if no key has that id.

        Raises StorageUnavailable, and StorageBusy if too many ids wait.
        """
        future = self._asked.get(key_id) or self._waiting.get(key_id)
        if future is None:
            if len(self._waiting) >= self._most:
                raise errors.StorageBusy("too many credentials are waiting to be looked up")
            future = self._waiting[key_id] = asyncio.get_running_loop().create_future()
            future.add_done_callback(_seen)
            if self._worker is None:
                self._worker = asyncio.create_task(self._work())
        return await asyncio.shield(future)

    async def _work(self) -> None:
        """Runs statements until no id waits."""
        try:
            while self._waiting:
                await asyncio.sleep(self._next_at - time.monotonic())
                self._asked, self._waiting = self._waiting, {}
                await self._answer(self._asked)
                self._asked, self._next_at = {}, time.monotonic() + self._pause
        finally:
            for future in (*self._asked.values(), *self._waiting.values()):
                future.cancel()  # where this task was cancelled; those that have their answer keep it
            self._asked, self._waiting, self._worker = {}, {}, None

    async def _answer(self, asked: "Mapping[_Key, asyncio.Future[_Found | None]]") -> None:
        try:
            found = await self._ask(tuple(asked))
        except Exception as error:  # noqa: BLE001 - whoever waits raises it
            for future in asked.values():
                future.set_exception(copy.copy(error))  # one each: a raised exception holds on to its caller's frames
        else:
            for key_id, future in asked.items():
                future.set_result(found.get(key_id))


def _seen(future: "asyncio.Future[_Found | None]") -> None:
    """Marks an exception as retrieved, also if every caller has gone."""
    if not future.cancelled():
        future.exception()
