"""Lanes: the calls of organizations that wait to be stored, and which of them make the next transaction.

A transaction stores either the calls of one organization, as many as fit, or those of several that have few events
each: a group. A transaction costs much the same whatever its size, so that without groups many small senders would
cost many times what a large one does. One group is under way at a time, and what arrives meanwhile makes the next one:
groups grow with the load, and an idle service adds no wait. After a transaction of calls with few events each, answers
bring new calls, which the next one gathers. Only where a group lasts long, since another server holds what one of its
organizations needs, does the next one begin beside it.

An organization that waits behind itself is heavy. Beside others its transactions are smaller, give way and rest.
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

MAX_BATCH_EVENTS = 1000
GROUP_EVENTS = 128  # of all its organizations, up to which one statement costs less than the round trips of many
_SMALL = 50  # of one organization, up to which it pays to share the statement with others
_LITTLE = 8  # events of a call on average, up to which it pays to wait for more calls
_HEAVY_EVENTS, _HEAVY_TIMES = 300, 4
_MODEST_EVENTS = 300  # of a heavy organization at a time, beside others
_LONG = 0.1  # seconds, after which a group does not keep the next one waiting any more
# Events that have to wait for a second batch of an organization to be prepared and sent while the first one commits:
# its revision waits for that commit, so that fewer had better come with the next batch.
_WORTH_PREPARING = 100


@dataclass(slots=True, kw_only=True)
class Call:
    """Events that are stored together, and where their sender waits for what becomes of them."""

    events: Sequence[Event]
    since: float
    done: "asyncio.Future[Submission]"


@dataclass(slots=True, kw_only=True)
class Lane:
    """The calls of one organization that wait for a transaction."""

    organization_id: int
    limits: OrganizationLimits
    waiting: deque[Call] = field(default_factory=deque)
    events: int = 0  # that are waiting
    under_way: int = 0  # transactions
    taken: int = 0  # events that are under way
    resting: bool = False  # it lets others go first
    asked: float = 0.0  # when it began to wait for its turn
    pace: float = 0.0  # seconds that the last batch took, with waiting for its turn
    tried_since: float | None = None  # when what is put back was tried first
    doubtful: bool = False  # that may have been stored all the same

    @property
    def is_small(self) -> bool:
        """True where what waits is little enough to share a statement. Never beside a transaction of its own, for whose
        revision the others of the group would have to wait.
        """
        return not self.under_way and self.tried_since is None and self.events <= _SMALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Calls of a lane that are stored by the same transaction."""

    lane: Lane
    calls: Sequence[Call]
    tried_since: float | None
    doubtful: bool

    @property
    def events(self) -> list[Event]:
        """Their events, one call after the other."""
        return [event for call in self.calls for event in call.events]

    @property
    def size(self) -> int:
        """How many events that are."""
        return sum(len(call.events) for call in self.calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a transaction is to store: of one organization, or as a group."""

    taken: Sequence[Taken]
    is_group: bool
    begun: float


class Lanes:
    """Decides what is stored next. Organizations take turns by what they store, divided by their weight."""

    def __init__(self, slots: int, may_join: Callable[[Lane], bool]) -> None:
        self._free = slots
        self._groups: list[float] = []  # when those under way began
        self._gathering = False
        self._may_join = may_join  # whether a small lane may be part of a group
        self._shares = Shares()
        self._small, self._others = Queue(self._shares), Queue(self._shares)
        self._lanes: dict[int, Lane] = {}
        self._not_light: set[int] = set()  # the lanes that others need not be let go before
        self._held_back: set[int] = set()  # the lanes with little that wait for gathered()
        self._events = 0  # that are waiting or under way, of all lanes

    def get(self, organization_id: int) -> Lane | None:
        """The lane of an organization that has anything waiting or under way."""
        return self._lanes.get(organization_id)

    @property
    def has_room(self) -> bool:
        """True while one more transaction may begin."""
        return self._free > 0

    @property
    def has_light(self) -> bool:
        """True while organizations have little waiting, or just something under way, that do not rest."""
        return len(self._lanes) > len(self._not_light)

    def is_heavy(self, organization_id: int) -> bool:
        """True where an organization waits behind itself: much of its own waits, and, by its weight, several times what
        others have on average. Where all send too much nobody is heavy, nor is who is merely late after a moment in
        which nothing went: if those rested, the service would stand still while all wait.
        """
        lane = self._lanes.get(organization_id)
        if lane is None or lane.events < _HEAVY_EVENTS:
            return False
        others = self._events - lane.events - lane.taken
        return lane.events * (len(self._lanes) - 1) >= _HEAVY_TIMES * lane.limits.weight * others

    def most(self, lane: Lane) -> int:
        """How many events of a lane a transaction takes now, unless its first call has more."""
        modest = self.has_light and self.is_heavy(lane.organization_id)
        return _MODEST_EVENTS if modest else MAX_BATCH_EVENTS

    def add(self, organization_id: int, limits: OrganizationLimits, call: Call) -> None:
        """A call begins to wait."""
        lane = self._lanes.get(organization_id)
        if lane is None:
            lane = self._lanes[organization_id] = Lane(organization_id=organization_id, limits=limits)
        lane.limits = limits
        lane.waiting.append(call)
        self._count(lane, len(call.events))
        self._offer(lane)

    def next(self) -> Batch | None:
        """Takes what is to be stored now; None where nothing may."""
        while self._free:
            queue = self._next_queue()
            if queue is None:
                return None
            lane = self._lanes.get(queue.take())
            if lane is None or not self._is_due(lane):
                if lane is not None:
                    self._offer(lane)
                continue
            if self._queue_of(lane) is not queue:  # it has changed while it waited
                self._queue_of(lane).put(lane.organization_id)
                continue
            self._free -= 1
            now = time.monotonic()
            if queue is self._others:
                return Batch(taken=[self._take(lane)], is_group=False, begun=now)
            self._groups.append(now)
            return Batch(taken=self._take_group(lane), is_group=True, begun=now)
        return None

    def patience(self) -> float | None:
        """For how many seconds next() would keep waiting what could be stored beside a group; None where nothing is."""
        if not self._free or not self._groups or self._small.first() is None:
            return None
        return max(0.0, self._groups[-1] + _LONG - time.monotonic())

    def put_back(self, taken: Taken, tried_since: float, *, doubtful: bool) -> None:
        """What a group has not stored, or doubtfully so, waits again, at the front, to be stored by itself."""
        lane = taken.lane
        lane.waiting.extendleft(reversed(taken.calls))
        self._count(lane, taken.size)
        lane.tried_since, lane.doubtful = tried_since, doubtful

    def done(self, batch: Batch) -> bool:
        """A batch is stored, or put back. True where calls with little wait for gathered() from now on."""
        self._free += 1
        calls, events = sum(len(taken.calls) for taken in batch.taken), sum(taken.size for taken in batch.taken)
        begins = not self._gathering and _is_little(calls, events)
        self._gathering = self._gathering or begins
        if batch.is_group:
            self._groups.remove(batch.begun)
        now = time.monotonic()
        for taken in batch.taken:
            lane = taken.lane
            lane.under_way -= 1
            lane.taken -= taken.size
            self._events -= taken.size
            lane.pace = now - lane.asked
            if lane.waiting:
                self._offer(lane)
            elif not lane.under_way:
                self._lanes.pop(lane.organization_id, None)
                self._not_light.discard(lane.organization_id)
        if not self._lanes:
            self._shares.clear()
        elif len(self._lanes) == 1:  # alone, it may have a second transaction
            self._offer(next(iter(self._lanes.values())))
        return begins

    def gathered(self) -> None:
        """The calls that were about to come have come."""
        self._gathering = False
        held_back, self._held_back = self._held_back, set()
        for organization_id in held_back:
            if (lane := self._lanes.get(organization_id)) is not None:
                self._offer(lane)

    def rest(self, lane: Lane) -> None:
        """A lane lets others go first, until go_on()."""
        lane.resting = True
        self._weigh(lane)

    def go_on(self, lane: Lane) -> None:
        """A lane does not rest any more."""
        lane.resting = False
        self._weigh(lane)

    def _count(self, lane: Lane, events: int) -> None:
        """So many more events of a lane wait."""
        lane.events += events
        self._events += events
        self._weigh(lane)

    def _weigh(self, lane: Lane) -> None:
        if lane.resting or lane.events >= _HEAVY_EVENTS:
            self._not_light.add(lane.organization_id)
        else:
            self._not_light.discard(lane.organization_id)

    def _offer(self, lane: Lane) -> None:
        if self._is_held_back(lane):
            self._held_back.add(lane.organization_id)
        elif self._is_due(lane):
            queue = self._queue_of(lane)
            if lane.organization_id not in queue:
                lane.asked = time.monotonic()
                queue.put(lane.organization_id)

    def _is_due(self, lane: Lane) -> bool:
        """True where what waits may be stored now. Little waits for gathered(). Beside a transaction of its own, only
        while no other organization wants anything: else their work goes on while this one's commits.
        """
        if self._is_held_back(lane):
            return False
        alone = len(self._lanes) == 1
        return bool(lane.waiting) and (
            not lane.under_way or (alone and lane.under_way == 1 and lane.events >= _WORTH_PREPARING)
        )

    def _is_held_back(self, lane: Lane) -> bool:
        return self._gathering and _is_little(len(lane.waiting), lane.events)

    def _queue_of(self, lane: Lane) -> Queue:
        return self._small if lane.is_small and self._may_join(lane) else self._others

    def _next_queue(self) -> Queue | None:
        may_begin = not self._groups or time.monotonic() >= self._groups[-1] + _LONG
        small = self._small.first() if may_begin else None
        other = self._others.first()
        if small is None or (other is not None and other < small):
            return self._others if other is not None else None
        return self._small

    def _take(self, lane: Lane) -> Taken:
        """The next calls that fit into one batch, at least one."""
        calls: list[Call] = []
        events = 0
        most = self.most(lane)
        while lane.waiting and (not calls or events + len(lane.waiting[0].events) <= most):
            calls.append(lane.waiting.popleft())
            events += len(calls[-1].events)
        lane.events -= events
        self._weigh(lane)
        lane.under_way += 1
        lane.taken += events
        tried_since, lane.tried_since = lane.tried_since, None
        doubtful, lane.doubtful = lane.doubtful, False
        self._shares.begin(lane.organization_id, events / lane.limits.weight)
        self._offer(lane)
        return Taken(lane=lane, calls=calls, tried_since=tried_since, doubtful=doubtful)

    def _take_group(self, lane: Lane) -> list[Taken]:
        """A small lane and those behind it, as long as they fit."""
        room = GROUP_EVENTS - lane.events
        group = [self._take(lane)]
        while room and (first := self._small.first()) is not None:
            other = self._lanes.get(first[1])
            if other is None or not self._is_due(other) or self._queue_of(other) is not self._small:
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
    """True where calls have so few events that their transaction costs the same with those of many more."""
    return events <= GROUP_EVENTS and events <= _LITTLE * calls
