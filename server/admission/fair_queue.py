"""Fair queueing: a few slots that many organizations share, by weight and by the cost of what they do with a slot.

Start-time fair queueing (Goyal, Vin and Cheng, 1996). Every organization has a virtual time, which advances by the cost
of each slot that it gets, divided by its weight. A free slot goes to the waiting organization with the least virtual
time. So an organization that asks for much only delays itself, and one that asks for little waits for the slots in use
but not for the queues of others.
"""

import asyncio
import contextlib
import heapq
import operator
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from server.slow_questions import Spent, spending

MOST_SHARES = 1000  # that are remembered


class WaitedTooLong(Exception):
    """No slot became free in time."""


class Shares:
    """The virtual times of organizations."""

    def __init__(self) -> None:
        self._now = 0.0  # when the latest slot was granted, in virtual time
        self._finish: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._finish)

    def start(self, organization_id: int) -> float:
        """Returns the virtual time at which an organization's next slot would begin; the least one is next."""
        return max(self._now, self._finish.get(organization_id, 0.0))

    def begin(self, organization_id: int, cost: float) -> None:
        """Records that an organization gets a slot; cost is divided by the organization's weight already."""
        self._now = self.start(organization_id)
        self._finish[organization_id] = self._now + cost
        if len(self._finish) > MOST_SHARES:  # keeps those furthest ahead, since forgetting the others changes little
            self._finish = dict(heapq.nlargest(MOST_SHARES // 2, self._finish.items(), key=operator.itemgetter(1)))

    def clear(self) -> None:
        """Resets all virtual times, once no organization wants a slot."""
        self._now = 0.0
        self._finish.clear()


class Queue:
    """The organizations that wait, each once, ordered by their virtual times."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._heap: list[tuple[float, int]] = []
        self._queued: set[int] = set()

    def __contains__(self, organization_id: int) -> bool:
        return organization_id in self._queued

    def put(self, organization_id: int) -> None:
        """Adds an organization unless it is in the queue."""
        if organization_id not in self._queued:
            self._queued.add(organization_id)
            heapq.heappush(self._heap, (self._shares.start(organization_id), organization_id))

    def first(self) -> tuple[float, int] | None:
        """Returns the virtual time of the first organization, and its id; None if the queue is empty."""
        return self._heap[0] if self._heap else None

    def take(self) -> int:
        """Removes the first organization and returns its id."""
        _, organization_id = heapq.heappop(self._heap)
        self._queued.remove(organization_id)
        return organization_id


@dataclass(slots=True, kw_only=True)
class _Waiter:
    since: float
    place: int  # in the queue, from 1, when it came
    cost: float


@dataclass(slots=True, kw_only=True)
class _CallQueue:
    """The waiting calls of one organization, at least one, by their futures."""

    waiting: "OrderedDict[asyncio.Future[None], _Waiter]" = field(default_factory=OrderedDict)
    pace: float = 0.0  # seconds per place, as the last call that got a slot waited

    def first(self) -> _Waiter:
        """Returns the call that has waited longest."""
        return next(iter(self.waiting.values()))


class FairSlots:
    """A number of slots, shared fairly between organizations; within one, first come first served."""

    def __init__(self, slots: int) -> None:
        self._slots = self._free = slots
        self._shares = Shares()
        self._queue = Queue(self._shares)
        self._calls: dict[int, _CallQueue] = {}

    @contextlib.asynccontextmanager
    async def slot(
        self, organization_id: int, *, cost: float = 1.0, weight: int = 1, patience: float | None = None
    ) -> AsyncIterator[None]:
        """Holds a slot for the length of the block. cost may be in any unit, the same for all calls.

        Raises WaitedTooLong after patience seconds without a slot.
        """
        if patience is None:
            await self._acquire(organization_id, cost / weight)
        else:
            try:
                with spending(Spent.WAITING):
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
        return len(self._calls)

    def waiting(self, organization_id: int) -> int:
        """Returns how many of an organization wait for a slot."""
        calls = self._calls.get(organization_id)
        return 0 if calls is None else len(calls.waiting)

    def expected_wait(self, organization_id: int) -> float:
        """Returns for how many seconds one more call of the organization would wait, judged by its last calls."""
        calls = self._calls.get(organization_id)
        if calls is None:
            return 0.0
        return max(time.monotonic() - calls.first().since, calls.pace * (len(calls.waiting) + 1))

    async def _acquire(self, organization_id: int, cost: float) -> None:
        if self._free and self._queue.first() is None:
            self._free -= 1
            self._shares.begin(organization_id, cost)
            return
        calls = self._calls.setdefault(organization_id, _CallQueue())
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        calls.waiting[granted] = _Waiter(since=time.monotonic(), place=len(calls.waiting) + 1, cost=cost)
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
        """Removes a call from its queue, if it is still there, and the queue with its last call."""
        if (calls := self._calls.get(organization_id)) is not None:
            calls.waiting.pop(granted, None)
            if not calls.waiting:
                del self._calls[organization_id]

    def _release(self) -> None:
        while self._queue.first() is not None:
            organization_id = self._queue.take()
            if (calls := self._calls.get(organization_id)) is None:  # all of its calls have given up
                continue
            granted, waiter = next(iter(calls.waiting.items()))
            self._leave(organization_id, granted)
            if not granted.cancelled():
                calls.pace = (time.monotonic() - waiter.since) / waiter.place
                self._shares.begin(organization_id, waiter.cost)
            if calls.waiting:
                self._queue.put(organization_id)
            if not granted.cancelled():
                granted.set_result(None)
                return
        self._free += 1
        if self._free == self._slots:  # idle: no organization is ahead of another
            self._shares.clear()
