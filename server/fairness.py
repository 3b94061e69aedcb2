"""Fair sharing: a few slots that many organizations want, in turns weighted by what each turn costs.

Start-time fair queueing (Goyal, Vin and Cheng, 1996). Every organization has a virtual time that advances by what its
turns cost, divided by its weight, and a free slot goes to whoever is furthest behind. So an organization that asks for
much waits behind itself, and one that comes newly waits for a turn that has begun and not for anybody's queue.
"""

import asyncio
import contextlib
import heapq
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


class WaitedTooLong(Exception):
    """No slot became free in time."""


@dataclass(slots=True, kw_only=True)
class _Waiter:
    since: float
    place: int  # in line, from 1, when it came
    cost: float
    granted: "asyncio.Future[None]"


@dataclass(slots=True, kw_only=True)
class _Line:
    """Those of one organization that wait, and where its virtual time stands."""

    waiting: deque[_Waiter] = field(default_factory=deque)
    finish: float = 0.0
    pace: float = 0.0  # seconds per place, of the last one that was served
    queued: bool = False  # it stands in the heap

    def first(self) -> _Waiter | None:
        """Who is next; those that have given up are dropped."""
        while self.waiting and self.waiting[0].granted.cancelled():
            self.waiting.popleft()
        return self.waiting[0] if self.waiting else None


class FairSlots:
    """At most so many slots at once, shared fairly between organizations; within one, first come first served."""

    def __init__(self, slots: int) -> None:
        self._slots = self._free = slots
        self._now = 0.0  # virtual time: the start of the latest turn
        self._lines: dict[int, _Line] = {}
        self._heap: list[tuple[float, int]] = []  # organizations that wait, by the start of their next turn

    @contextlib.asynccontextmanager
    async def slot(
        self, organization_id: int, *, cost: float = 1.0, weight: int = 1, patience: float | None = None
    ) -> AsyncIterator[None]:
        """Holds a slot for the length of the block. cost is in any unit that all turns share. WaitedTooLong after
        patience seconds without one.
        """
        if patience is None:
            await self._acquire(organization_id, cost / weight)
        else:
            try:
                async with asyncio.timeout(patience):
                    await self._acquire(organization_id, cost / weight)
            except TimeoutError:
                raise WaitedTooLong from None
        try:
            yield
        finally:
            self._release()

    def expected_wait(self, organization_id: int) -> float:
        """For how many seconds one more of the organization would wait, by what the last ones did."""
        line = self._lines.get(organization_id)
        first = line.first() if line is not None else None
        if line is None or first is None:
            return 0.0
        return max(time.monotonic() - first.since, line.pace * (len(line.waiting) + 1))

    async def _acquire(self, organization_id: int, cost: float) -> None:
        line = self._lines.setdefault(organization_id, _Line())
        if self._free and not self._heap:
            self._free -= 1
            self._begin(line, cost)
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(since=time.monotonic(), place=len(line.waiting) + 1, cost=cost, granted=granted)
        line.waiting.append(waiter)
        self._enter(organization_id, line)
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if not waiter.granted.cancelled():
                self._release()  # granted just before
            raise

    def _release(self) -> None:
        while self._heap:
            _, organization_id = heapq.heappop(self._heap)
            line = self._lines[organization_id]
            line.queued = False
            waiter = line.first()
            if waiter is None:
                continue
            line.waiting.popleft()
            line.pace = (time.monotonic() - waiter.since) / waiter.place
            self._begin(line, waiter.cost)
            self._enter(organization_id, line)
            waiter.granted.set_result(None)
            return
        self._free += 1
        if self._free == self._slots:  # idle: everybody is even
            self._lines.clear()
            self._now = 0.0

    def _begin(self, line: _Line, cost: float) -> None:
        self._now = max(self._now, line.finish)
        line.finish = self._now + cost

    def _enter(self, organization_id: int, line: _Line) -> None:
        if line.waiting and not line.queued:
            line.queued = True
            heapq.heappush(self._heap, (max(self._now, line.finish), organization_id))
