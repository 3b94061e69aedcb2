"""What a worker folds: one organization because of a wake-up, or all that have deltas; both may run at once."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Iterator

import structlog

from server import errors, tracing
from server.rollups import fold
from server.store import rollups
from server.store.database import Database

CONCURRENCY = 3  # organizations at once; folding is mostly work of this process
_TURN_BATCHES = 5  # until it is another organization's turn
_SWEEP_SECONDS = 10.0
_COMPLAINT_SECONDS = 60.0
_LONGEST_WAIT_SECONDS = 0.5
_SLOT_SECONDS = 5.0  # who waits for longer is found again by the next sweep; arq ends jobs that take much longer
_log = structlog.get_logger(__name__)


class Folding:
    """Folds deltas for a worker process; a failure is logged and left to the next look."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._sweeping = False
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._complained_at = -_COMPLAINT_SECONDS

    async def organization(self, organization_id: int) -> int:
        """Folds an organization's deltas, up to a turn's worth, and returns how many."""
        total = 0
        with self._working(), contextlib.suppress(TimeoutError):
            async with self._slot():
                try:
                    for _ in range(_TURN_BATCHES):
                        with tracing.work("fold"):
                            folded = await fold.fold(self._database, organization_id)
                        total += folded
                        if folded < fold.BATCH_DELTAS:
                            break
                except Exception as error:  # noqa: BLE001 - whatever it is, others still have their turn
                    self._complain(error, organization_id=organization_id)
        return total

    async def wait_until_idle(self) -> None:
        """Returns once nothing is being folded, or after a moment: what is less urgent waits for that, not for ever."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                await self._idle.wait()

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """Holds one of the slots for the length of the block; TimeoutError where none becomes free in time."""
        async with asyncio.timeout(_SLOT_SECONDS):
            await self._slots.acquire()
        try:
            yield
        finally:
            self._slots.release()

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        """Something is folded in the block."""
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def due(self) -> int:
        """Folds what there is, for a limited time, and returns how many deltas; 0 where it already does."""
        if self._sweeping:
            return 0
        self._sweeping = True
        try:
            total, deadline = 0, time.monotonic() + _SWEEP_SECONDS
            while folded := await self._sweep(deadline):
                total += folded
            return total
        except errors.StorageUnavailable as error:
            self._complain(error)
            return 0
        finally:
            self._sweeping = False

    async def _sweep(self, deadline: float) -> int:
        """Gives every organization that has deltas a turn, in any order."""
        if time.monotonic() > deadline:
            return 0
        waiting = [one for some in await self._database.looks.over_all(rollups.unfolded) for one in some]
        random.shuffle(waiting)
        queue = iter(waiting)
        with self._working():
            async with asyncio.TaskGroup() as group:
                parts = [group.create_task(self._take(queue, deadline)) for _ in range(CONCURRENCY)]
        return sum(part.result() for part in parts)

    async def _take(self, queue: Iterator[int], deadline: float) -> int:
        total = 0
        for organization_id in queue:
            if time.monotonic() > deadline:
                break
            if not self._database.looks.leaves_out(organization_id):
                total += await self.organization(organization_id)
        return total

    def _complain(self, error: Exception, **where: int) -> None:
        """Logs a failure, once in a while: what is due is looked at every second."""
        if time.monotonic() - self._complained_at >= _COMPLAINT_SECONDS:
            self._complained_at = time.monotonic()
            _log.error("folding failed and is tried again", error=errors.describe(error), **where)
