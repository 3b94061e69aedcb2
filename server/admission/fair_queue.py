"""Fair sharing: a few slots that many organizations want, in turns weighted by what each turn costs.

Start-time fair queueing (Goyal, Vin and Cheng, 1996). Every organization has a virtual time that advances by what its
turns cost, divided by its weight, and a free slot goes to whoever is furthest behind. So an organization that asks for
much waits behind itself, and one that comes newly waits for a turn that has begun and not for anybody's queue.
"""

import asyncio
import contextlib
import heapq
import operator
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

MOST_SHARES = 1000  # that are remembered


class WaitedTooLong(Exception):
    """No slot became free in time."""


class Shares:
    """The virtual times of organizations."""

    def __init__(self) -> None:
        self._now = 0.0  # the start of the latest turn
        self._finish: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._finish)

    def start(self, organization_id: int) -> float:
        """The virtual time at which the next turn of an organization would start: the least one is next."""
        return max(self._now, self._finish.get(organization_id, 0.0))

    def begin(self, organization_id: int, cost: float) -> None:
        """A turn begins; cost is what it costs, divided by the organization's weight."""
        self._now = self.start(organization_id)
        self._finish[organization_id] = self._now + cost
        if len(self._finish) > MOST_SHARES:  # keeps those who are furthest ahead: the others lose little by it
            self._finish = dict(heapq.nlargest(MOST_SHARES // 2, self._finish.items(), key=operator.itemgetter(1)))

    def clear(self) -> None:
        """Makes everybody even, once nobody wants anything."""
        self._now = 0.0
        self._finish.clear()


class Queue:
    """Organizations that wait, each once, in the order of their next turns by virtual time."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._heap: list[tuple[float, int]] = []
        self._queued: set[int] = set()

    def __contains__(self, organization_id: int) -> bool:
        return organization_id in self._queued

    def put(self, organization_id: int) -> None:
        """Adds an organization that does not wait here yet."""
        if organization_id not in self._queued:
            self._queued.add(organization_id)
            heapq.heappush(self._heap, (self._shares.start(organization_id), organization_id))

    def first(self) -> tuple[float, int] | None:
        """The start of the next turn and whose it is."""
        return self._heap[0] if self._heap else None

    def take(self) -> int:
        """Removes and returns whose turn is next."""
        _, organization_id = heapq.heappop(self._heap)
        self._queued.remove(organization_id)
        return organization_id


@dataclass(slots=True, kw_only=True)
class _Waiter:
    since: float
    place: int  # in line, from 1, when it came
    cost: float


@dataclass(slots=True, kw_only=True)
class _Line:
    """Those of one organization that wait, one at least, by what they wait for."""

    waiting: "OrderedDict[asyncio.Future[None], _Waiter]" = field(default_factory=OrderedDict)
    pace: float = 0.0  # seconds per place, of the last one that was served

    def first(self) -> _Waiter:
        """Who is next."""
        return next(iter(self.waiting.values()))


class FairSlots:
    """At most so many slots at once, shared fairly between organizations; within one, first come first served."""

    def __init__(self, slots: int) -> None:
        self._slots = self._free = slots
        self._shares = Shares()
        self._queue = Queue(self._shares)
        self._lines: dict[int, _Line] = {}

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

    @property
    def waiting_organizations(self) -> int:
        """Returns how many organizations wait for a slot."""
        return len(self._lines)

    def waiting(self, organization_id: int) -> int:
        """Returns how many of an organization wait for a slot."""
        line = self._lines.get(organization_id)
        return 0 if line is None else len(line.waiting)

    def expected_wait(self, organization_id: int) -> float:
        """For how many seconds one more of the organization would wait, by what the last ones did."""
        line = self._lines.get(organization_id)
        if line is None:
            return 0.0
        return max(time.monotonic() - line.first().since, line.pace * (len(line.waiting) + 1))

    async def _acquire(self, organization_id: int, cost: float) -> None:
        if self._free and self._queue.first() is None:
            self._free -= 1
            self._shares.begin(organization_id, cost)
            return
        line = self._lines.setdefault(organization_id, _Line())
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.waiting[granted] = _Waiter(since=time.monotonic(), place=len(line.waiting) + 1, cost=cost)
        self._queue.put(organization_id)
        try:
            await granted
        except asyncio.CancelledError:
            if granted.cancelled():
                self._leave(organization_id, granted)
            else:
                self._release()  # granted just before
            raise

    def _leave(self, organization_id: int, granted: "asyncio.Future[None]") -> None:
        """Takes somebody out of the line, who may have left before; the line goes with the last one."""
        if (line := self._lines.get(organization_id)) is not None:
            line.waiting.pop(granted, None)
            if not line.waiting:
                del self._lines[organization_id]

    def _release(self) -> None:
        while self._queue.first() is not None:
            organization_id = self._queue.take()
            if (line := self._lines.get(organization_id)) is None:  # all have given up
                continue
            granted, waiter = next(iter(line.waiting.items()))
            self._leave(organization_id, granted)
            if not granted.cancelled():
                line.pace = (time.monotonic() - waiter.since) / waiter.place
                self._shares.begin(organization_id, waiter.cost)
            if line.waiting:
                self._queue.put(organization_id)
            if not granted.cancelled():
                granted.set_result(None)
                return
        self._free += 1
        if self._free == self._slots:  # idle: everybody is even
            self._shares.clear()
