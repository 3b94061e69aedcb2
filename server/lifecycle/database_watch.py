"""The watch on the database while a server serves: whether it can be used, and its settings."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from server import errors, log_throttle
from server.clock import Clock
from server.lifecycle import preconditions
from server.store import diagnosis, schema
from server.store.database import Condition, Database

_LOOK_SECONDS = 2.0
_PARTITIONS_SECONDS = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseState:
    """What one look at the database found."""

    epoch: str | None = None  # None where the database cannot be asked
    misfit: str | None = None  # why this code cannot run on the schema
    weak_settings: tuple[str, ...] = ()  # with which acknowledged events could be lost

    @property
    def is_usable(self) -> bool:
        """Returns whether events can be stored and questions answered."""
        return self.epoch is not None and self.misfit is None and not self.weak_settings


class DatabaseWatch:
    """A look at the database every two seconds, which sets the clock and makes the partitions of the days ahead.

    on_look is called before each look, on_state with what was found.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        on_look: Callable[[], Awaitable[None]],
        on_state: Callable[[DatabaseState], Awaitable[None]],
    ) -> None:
        self._database = database
        self._clock = clock
        self._on_look = on_look
        self._on_state = on_state
        self._partitions_due = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts to look; the partitions have just been made."""
        self._partitions_due = asyncio.get_running_loop().time() + _PARTITIONS_SECONDS
        self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stops looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._on_look()
            try:
                condition = await self._database.condition()
                self._clock.set(condition.now)
                await self._on_state(await self._state(condition))
                await self._ensure_partitions(condition)
            except errors.StorageUnavailable as error:
                log_throttle.write("warning", "storage unavailable", str(error), reason=str(error))
                await self._on_state(DatabaseState())
            except Exception as error:  # noqa: BLE001 - the watch outlives whatever happens
                log_throttle.write("error", "the watch on the database failed; it goes on", error=error)

    async def _state(self, condition: Condition) -> DatabaseState:
        found = await schema.current(self._database)
        if found is None:
            raise errors.StorageUnavailable("the database has no schema; is it being restored?")
        return DatabaseState(
            epoch=found.epoch, misfit=diagnosis.schema_fault(found), weak_settings=condition.weak_settings
        )

    async def _ensure_partitions(self, condition: Condition) -> None:
        now = asyncio.get_running_loop().time()
        if now > self._partitions_due:
            await preconditions.ensure_partitions(self._database, condition)
            self._partitions_due = now + _PARTITIONS_SECONDS
