"""The scheduler of ingest: a queue of calls for each organization, and which calls make the next transaction.

A transaction stores either the calls of one organization, as many as fit, or a group: the calls of several
organizations that have few events each. A transaction costs much the same whatever its size, so many small senders
without groups would cost many times what one large sender does. One group is under way at a time, and the calls that
arrive meanwhile make the next one: groups grow with the load, and an idle service adds no wait. The answers to small
calls bring new calls, so after a small transaction the next one waits until those have arrived. A group that lasts
long, because another server holds a lock that it needs, does not keep the next group waiting.

An organization is backlogged when it has at least 300 events queued and four times the weighted average of the others.
While others have short queues, a backlogged organization gets smaller transactions and backs off between them.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from server.admission.fair_queue import Queue, Shares
from server.events.event import Event
from server.ingest.results import Submission
from server.tenancy.limits import OrganizationLimits
from server.tracing import Spanned

MAX_BATCH_EVENTS = 1000
GROUP_EVENTS = 128  # of a group: up to there one statement costs less than the round trips of many
_SMALL = 50  # events of an organization, up to which sharing a statement with others pays
_LITTLE = 8  # events of a call on average, up to which waiting for more calls pays
_BACKLOG_EVENTS, _BACKLOG_TIMES = 300, 4  # what makes an organization backlogged
_BACKLOGGED_BATCH_EVENTS = 300  # of a backlogged organization in a transaction, while others have short queues
_LONG = 0.1  # seconds, after which a group no longer keeps the next one waiting
# Events that make it worth preparing and sending a second batch of an organization while its first one commits. The
# second waits for that commit because of its revision, so fewer events had better join the next batch.
_WORTH_PREPARING = 100


@dataclass(slots=True, kw_only=True)
class WaitingCall:
    """A call's events, which are stored together, and the future on which its sender waits."""

    events: Sequence[Event]
    since: float
    done: "asyncio.Future[Submission]"
    span: Spanned | None = None  # of its call


@dataclass(slots=True, kw_only=True)
class OrganizationQueue:
    """The calls of one organization that wait for a transaction, and how its transactions stand."""

    organization_id: int
    limits: OrganizationLimits
    waiting: deque[WaitingCall] = field(default_factory=deque)
    events: int = 0  # that are waiting
    under_way: int = 0  # transactions
    taken: int = 0  # events that are under way
    backing_off: bool = False  # others go first
    asked: float = 0.0  # when it began to wait for its turn
    pace: float = 0.0  # seconds that the last batch took, with waiting for its turn
    tried_since: float | None = None  # when the calls that were put back were tried first

    @property
    def is_small(self) -> bool:
        """True where few enough events wait to share a statement with other organizations.

        Never while a transaction of its own is under way: the others of the group would wait for its revision.
        """
        return not self.under_way and self.tried_since is None and self.events <= _SMALL


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenCalls:
    """Calls of a queue that the same transaction stores."""

    queue: OrganizationQueue
    calls: Sequence[WaitingCall]
    tried_since: float | None

    @property
    def events(self) -> list[Event]:
        """The events of the calls, one call after the other."""
        return [event for call in self.calls for event in call.events]

    @property
    def size(self) -> int:
        """The number of those events."""
        return sum(len(call.events) for call in self.calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBatch:
    """The calls that a transaction stores: of one organization, or of a group."""

    taken: Sequence[TakenCalls]
    is_group: bool
    begun: float


class Scheduler:
    """Decides which calls are stored next: organizations take turns by the events they store, divided by weight."""

    def __init__(self, slots: int, may_join: Callable[[OrganizationQueue], bool]) -> None:
        self._free = slots
        self._groups: list[float] = []  # when those under way began
        self._gathering = False
        self._may_join = may_join  # whether a small queue may join a group
        self._shares = Shares()
        self._small, self._others = Queue(self._shares), Queue(self._shares)
        self._queues: dict[int, OrganizationQueue] = {}
        self._long_or_backing_off: set[int] = set()  # the queues that nobody backs off for
        self._held_back: set[int] = set()  # the queues with few events that wait for gathered()
        self._events = 0  # waiting or under way, of all queues

    def widen(self, slots: int) -> None:
        """Lets so many more transactions begin."""
        self._free += slots

    def get(self, organization_id: int) -> OrganizationQueue | None:
        """Returns the queue of an organization that has calls waiting or under way."""
        return self._queues.get(organization_id)

    @property
    def has_room(self) -> bool:
        """True while one more transaction may begin."""
        return self._free > 0

    @property
    def has_short_queues(self) -> bool:
        """True while an organization that does not back off has few events waiting, or only events under way."""
        return len(self._queues) > len(self._long_or_backing_off)

    def is_backlogged(self, organization_id: int) -> bool:
        """True where an organization has many events queued, and several times the weighted average of the others.

        If every organization is overloaded, none is backlogged; neither is one that is only catching up after a stall.
        If those backed off, the service would stand still while everybody waits.
        """
        queue = self._queues.get(organization_id)
        if queue is None or queue.events < _BACKLOG_EVENTS:
            return False
        others = self._events - queue.events - queue.taken
        return queue.events * (len(self._queues) - 1) >= _BACKLOG_TIMES * queue.limits.weight * others

    def batch_limit(self, queue: OrganizationQueue) -> int:
        """Returns how many events of a queue a transaction takes now, unless its first call has more."""
        smaller = self.has_short_queues and self.is_backlogged(queue.organization_id)
        return _BACKLOGGED_BATCH_EVENTS if smaller else MAX_BATCH_EVENTS

    def add(self, organization_id: int, limits: OrganizationLimits, call: WaitingCall) -> None:
        """Queues a call."""
        queue = self._queues.get(organization_id)
        if queue is None:
            queue = self._queues[organization_id] = OrganizationQueue(organization_id=organization_id, limits=limits)
        queue.limits = limits
        queue.waiting.append(call)
        self._count(queue, len(call.events))
        self._offer(queue)

    def next(self) -> WriteBatch | None:
        """Takes the calls that are to be stored now; None where no transaction may begin."""
        while self._free:
            turns = self._next_turns()
            if turns is None:
                return None
            queue = self._queues.get(turns.take())
            if queue is None or not self._is_due(queue):
                if queue is not None:
                    self._offer(queue)
                continue
            if self._turns_of(queue) is not turns:  # the queue has changed while it waited
                self._turns_of(queue).put(queue.organization_id)
                continue
            self._free -= 1
            now = time.monotonic()
            if turns is self._others:
                return WriteBatch(taken=[self._take(queue)], is_group=False, begun=now)
            self._groups.append(now)
            return WriteBatch(taken=self._take_group(queue), is_group=True, begun=now)
        return None

    def seconds_to_next_group(self) -> float | None:
        """Returns in how many seconds next() would begin a group beside a long one; None where none waits for that."""
        if not self._free or not self._groups or self._small.first() is None:
            return None
        return max(0.0, self._groups[-1] + _LONG - time.monotonic())

    def put_back(self, taken: TakenCalls, tried_since: float) -> None:
        """Queues calls that a group has not stored, or perhaps not, again: at the front, to be stored by themselves."""
        queue = taken.queue
        queue.waiting.extendleft(reversed(taken.calls))
        self._count(queue, taken.size)
        queue.tried_since = tried_since

    def done(self, batch: WriteBatch) -> bool:
        """Ends a batch that is stored or put back. True where small calls wait for gathered() from now on."""
        self._free += 1
        calls, events = sum(len(taken.calls) for taken in batch.taken), sum(taken.size for taken in batch.taken)
        begins = not self._gathering and _is_little(calls, events)
        self._gathering = self._gathering or begins
        if batch.is_group:
            self._groups.remove(batch.begun)
        now = time.monotonic()
        for taken in batch.taken:
            queue = taken.queue
            queue.under_way -= 1
            queue.taken -= taken.size
            self._events -= taken.size
            queue.pace = now - queue.asked
            if queue.waiting:
                self._offer(queue)
            elif not queue.under_way:
                self._queues.pop(queue.organization_id, None)
                self._long_or_backing_off.discard(queue.organization_id)
        if not self._queues:
            self._shares.clear()
        elif len(self._queues) == 1:  # alone, it may have a second transaction
            self._offer(next(iter(self._queues.values())))
        return begins

    def gathered(self) -> None:
        """Ends the wait for the calls that were about to come."""
        self._gathering = False
        held_back, self._held_back = self._held_back, set()
        for organization_id in held_back:
            if (queue := self._queues.get(organization_id)) is not None:
                self._offer(queue)

    def back_off(self, queue: OrganizationQueue) -> None:
        """Marks a queue that lets others go first, until resume()."""
        queue.backing_off = True
        self._classify(queue)

    def resume(self, queue: OrganizationQueue) -> None:
        """Ends the backoff of a queue."""
        queue.backing_off = False
        self._classify(queue)

    def _count(self, queue: OrganizationQueue, events: int) -> None:
        """Counts events that a queue has more."""
        queue.events += events
        self._events += events
        self._classify(queue)

    def _classify(self, queue: OrganizationQueue) -> None:
        if queue.backing_off or queue.events >= _BACKLOG_EVENTS:
            self._long_or_backing_off.add(queue.organization_id)
        else:
            self._long_or_backing_off.discard(queue.organization_id)

    def _offer(self, queue: OrganizationQueue) -> None:
        if self._is_held_back(queue):
            self._held_back.add(queue.organization_id)
        elif self._is_due(queue):
            turns = self._turns_of(queue)
            if queue.organization_id not in turns:
                queue.asked = time.monotonic()
                turns.put(queue.organization_id)

    def _is_due(self, queue: OrganizationQueue) -> bool:
        """True where the calls of a queue may be stored now.

        Few events wait for gathered(). A second transaction of an organization begins only while no other one wants
        anything: otherwise the others are served while the first one commits.
        """
        if self._is_held_back(queue):
            return False
        alone = len(self._queues) == 1
        return bool(queue.waiting) and (
            not queue.under_way or (alone and queue.under_way == 1 and queue.events >= _WORTH_PREPARING)
        )

    def _is_held_back(self, queue: OrganizationQueue) -> bool:
        return self._gathering and _is_little(len(queue.waiting), queue.events)

    def _turns_of(self, queue: OrganizationQueue) -> Queue:
        return self._small if queue.is_small and self._may_join(queue) else self._others

    def _next_turns(self) -> Queue | None:
        may_begin = not self._groups or time.monotonic() >= self._groups[-1] + _LONG
        small = self._small.first() if may_begin else None
        other = self._others.first()
        if small is None or (other is not None and other < small):
            return self._others if other is not None else None
        return self._small

    def _take(self, queue: OrganizationQueue) -> TakenCalls:
        """Takes the next calls that fit into one batch, at least one."""
        calls: list[WaitingCall] = []
        events = 0
        most = self.batch_limit(queue)
        while queue.waiting and (not calls or events + len(queue.waiting[0].events) <= most):
            calls.append(queue.waiting.popleft())
            events += len(calls[-1].events)
        queue.events -= events
        self._classify(queue)
        queue.under_way += 1
        queue.taken += events
        tried_since, queue.tried_since = queue.tried_since, None
        self._shares.begin(queue.organization_id, events / queue.limits.weight)
        self._offer(queue)
        return TakenCalls(queue=queue, calls=calls, tried_since=tried_since)

    def _take_group(self, queue: OrganizationQueue) -> list[TakenCalls]:
        """Takes a small queue and those behind it, as long as they fit."""
        room = GROUP_EVENTS - queue.events
        group = [self._take(queue)]
        while room and (first := self._small.first()) is not None:
            other = self._queues.get(first[1])
            if other is None or not self._is_due(other) or self._turns_of(other) is not self._small:
                self._small.take()
                if other is not None:
                    self._offer(other)
                continue
            if other.events > room:
                break
            self._small.take()
            room -= other.events
            group.append(self._take(other))
        return group


def _is_little(calls: int, events: int) -> bool:
    """True where calls have so few events that their transaction would cost the same with many more calls."""
    return events <= GROUP_EVENTS and events <= _LITTLE * calls
