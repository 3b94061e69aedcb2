"""The scheduler of ingest by its promises: fair shares, nobody starves, groups grow with the load, constant time.

No test depends on where exactly a small queue ends and a backlog begins: one event is few, MAX_BATCH_EVENTS are many.
"""

import asyncio
import random
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from server.admission import fair_queue
from server.events.event import Event
from server.ingest import scheduler
from server.ingest.scheduler import (
    GROUP_EVENTS,
    MAX_BATCH_EVENTS,
    OrganizationQueue,
    Scheduler,
    WaitingCall,
    WriteBatch,
)
from server.tenancy.limits import OrganizationLimits

MANY = MAX_BATCH_EVENTS // 2  # events of one organization, with which it shares no statement


def _event() -> Event:
    given: dict[str, Any] = dict.fromkeys(Event._fields, "")
    given.update(event_key=b"", fingerprint=0, occurred_at=0, detail={}, warnings=())
    return Event(**given)


_EVENT = _event()


def call(events: int) -> WaitingCall:
    done = asyncio.get_running_loop().create_future()
    return WaitingCall(events=[_EVENT] * events, since=0.0, done=done)


def make(slots: int, may_join: Callable[[OrganizationQueue], bool] = lambda _: True) -> Scheduler:
    return Scheduler(slots, may_join)


def add(to: Scheduler, organization: int, events: int = 1, *, calls: int = 1, weight: int = 1) -> None:
    for _ in range(calls):
        to.add(organization, OrganizationLimits(weight=weight), call(events))


def batches(of: Scheduler) -> list[WriteBatch]:
    """The transactions that begin now."""
    return list(iter(of.next, None))


def stored(batch: WriteBatch) -> dict[int, int]:
    """How many events of each organization a transaction stores."""
    return {taken.queue.organization_id: taken.size for taken in batch.taken}


def finish(of: Scheduler, batch: WriteBatch) -> None:
    """A transaction ends, and all calls that were about to come have come."""
    of.done(batch)
    of.gathered()


class Database:
    """Runs the transactions of a scheduler, the oldest first."""

    def __init__(self, of: Scheduler) -> None:
        self._scheduler = of
        self._under_way = deque[WriteBatch]()
        self.events = Counter[int]()

    def transaction(self) -> WriteBatch | None:
        """Begins what may begin, ends one transaction and returns it; None where nothing is under way."""
        self._under_way += batches(self._scheduler)
        if not self._under_way:
            return None
        batch = self._under_way.popleft()
        self.events.update(stored(batch))
        finish(self._scheduler, batch)
        return batch

    def transactions(self) -> int:
        """Runs until nothing is left, and returns how many transactions that took."""
        return sum(1 for _ in iter(self.transaction, None))


async def test_an_idle_service_adds_no_wait() -> None:
    some = make(3)
    add(some, 1)
    assert [stored(batch) for batch in batches(some)] == [{1: 1}]


async def test_groups_grow_with_the_load() -> None:
    for organizations in (1, 10, 100):
        some = make(3)
        add(some, 0)
        (first,) = batches(some)
        for organization in range(1, organizations + 1):
            add(some, organization)
        assert batches(some) == [], "what comes while a group is under way makes the next one"
        finish(some, first)
        (group,) = batches(some)
        assert group.is_group
        assert len(group.taken) == organizations


async def test_a_group_is_bounded() -> None:
    some = make(1)
    for organization in range(2 * GROUP_EVENTS):
        add(some, organization)
    database = Database(some)
    while (batch := database.transaction()) is not None:
        assert sum(stored(batch).values()) <= GROUP_EVENTS
    assert database.events == dict.fromkeys(range(2 * GROUP_EVENTS), 1)


async def test_what_is_large_or_may_not_join_goes_alone() -> None:
    some = make(9, lambda queue: queue.organization_id != 3)
    for organization, events in ((1, MANY), (2, 1), (3, 1), (4, 1)):
        add(some, organization, events)
    found = {frozenset(stored(batch)): batch.is_group for batch in batches(some)}
    assert found == {frozenset((1,)): False, frozenset((2, 4)): True, frozenset((3,)): False}


async def test_an_organization_with_a_transaction_under_way_joins_no_group() -> None:
    some = make(9)
    add(some, 1, MANY)
    (alone,) = batches(some)
    add(some, 1)
    add(some, 2)
    assert [stored(batch) for batch in batches(some)] == [{2: 1}]
    finish(some, alone)
    assert [stored(batch) for batch in batches(some)] == [], "the next group waits for the one under way"


async def test_a_group_that_lasts_does_not_keep_the_next_one_waiting() -> None:
    some = make(3)
    add(some, 1)
    (lasting,) = batches(some)
    assert some.seconds_to_next_group() is None, "nothing waits for it"
    add(some, 2)
    assert batches(some) == []
    seconds = some.seconds_to_next_group()
    assert seconds is not None
    await asyncio.sleep(seconds + 0.01)
    assert [stored(batch) for batch in batches(some)] == [{2: 1}]
    finish(some, lasting)


async def test_after_few_events_the_next_transaction_waits_for_the_calls_that_are_about_to_come() -> None:
    some = make(3)
    add(some, 1)
    (group,) = batches(some)
    assert some.done(group)
    add(some, 2)
    add(some, 3, MANY)
    assert [stored(batch) for batch in batches(some)] == [{3: MANY}], "a call with many events does not wait"
    add(some, 4)
    some.gathered()
    assert [stored(batch) for batch in batches(some)] == [{2: 1, 4: 1}]


async def test_after_many_events_the_next_transaction_begins_at_once() -> None:
    some = make(1)
    add(some, 1, MANY)
    (batch,) = batches(some)
    add(some, 2)
    assert not some.done(batch)
    assert [stored(batch) for batch in batches(some)] == [{2: 1}]


async def test_what_is_put_back_goes_first_and_alone() -> None:
    some = make(9)
    for organization in (1, 2):
        add(some, organization, 2)
    (group,) = batches(some)
    first, second = group.taken
    add(some, first.queue.organization_id, 3)
    some.put_back(first, tried_since=5.0)
    finish(some, group)
    (again,) = batches(some)
    (taken,) = again.taken
    assert not again.is_group
    assert [len(one.events) for one in taken.calls] == [2, 3]
    assert taken.tried_since == 5.0
    assert second.tried_since is None
    finish(some, again)
    add(some, first.queue.organization_id)
    ((taken,),) = (batch.taken for batch in batches(some))
    assert taken.tried_since is None, "what comes later was never tried"


@pytest.mark.parametrize("weight", [1, 3])
async def test_shares_are_fair_by_weight(weight: int) -> None:
    some = make(1)
    add(some, 1, MANY, calls=400, weight=weight)
    add(some, 2, MANY, calls=400)
    database = Database(some)
    for _ in range(100):
        database.transaction()
    assert database.events[1] / database.events[2] == pytest.approx(weight, rel=0.2)


async def test_nobody_starves() -> None:
    some, floods = make(1), range(1, 6)
    for organization in floods:
        add(some, organization, MAX_BATCH_EVENTS, calls=50)
    database, waits = Database(some), []
    for _ in range(20):
        add(some, 100)
        before, waited = database.events[100], 0
        while database.events[100] == before:
            database.transaction()
            waited += 1
        waits.append(waited)
    assert max(waits) <= len(floods) + 1, "no more than one transaction of everybody else goes first"
    for organization in floods:
        assert database.events[organization] > 0


async def test_the_calls_of_an_organization_are_stored_in_their_order() -> None:
    some = make(4)
    add(some, 1, MANY, calls=10)
    queue = some.get(1)
    assert queue is not None
    calls, taken = list(queue.waiting), list[WaitingCall]()
    database = Database(some)
    while (batch := database.transaction()) is not None:
        taken += [one for part in batch.taken for one in part.calls]
    assert taken == calls


async def test_only_an_organization_that_is_alone_has_two_transactions() -> None:
    some = make(9)
    add(some, 1, MAX_BATCH_EVENTS, calls=9)
    assert [stored(batch) for batch in batches(some)] == [{1: MAX_BATCH_EVENTS}] * 2
    some = make(9)
    for organization in (1, 2):
        add(some, organization, MAX_BATCH_EVENTS, calls=9)
    assert sorted(map(str, map(stored, batches(some)))) == sorted(str({one: MAX_BATCH_EVENTS}) for one in (1, 2))


async def test_an_organization_is_backlogged_by_what_others_have() -> None:
    some = make(1)
    add(some, 1, MANY, calls=20)
    add(some, 2)
    assert some.is_backlogged(1)
    assert not some.is_backlogged(2)
    assert not some.is_backlogged(3), "it has nothing queued"
    for organization in range(2, 10):
        add(some, organization, MANY, calls=20)
    assert not any(map(some.is_backlogged, range(10))), "where all are overloaded none is throttled"


async def test_few_events_are_no_backlog_however_few_others_have() -> None:
    some = make(1)
    add(some, 1)
    add(some, 2, 10)
    assert not some.is_backlogged(2)


async def test_more_weight_may_have_more_queued() -> None:
    some = make(1)
    add(some, 1, MANY, calls=4, weight=50)
    add(some, 2, MANY, calls=4)
    for organization in range(3, 9):
        add(some, organization, 50)
    assert [some.is_backlogged(1), some.is_backlogged(2)] == [False, True]


async def test_what_others_have_under_way_counts() -> None:
    some = make(9)
    for organization in (1, 2):
        add(some, organization, MAX_BATCH_EVENTS)
    assert len(batches(some)) == 2
    add(some, 3, MAX_BATCH_EVENTS)
    assert not some.is_backlogged(3)


async def test_a_backlogged_organization_takes_less_beside_others() -> None:
    some = make(1)
    add(some, 1, 100, calls=100)
    (alone,) = batches(some)
    assert stored(alone) == {1: MAX_BATCH_EVENTS}
    add(some, 2, MANY)
    finish(some, alone)
    database = Database(some)
    while some.get(2) is not None:
        batch = database.transaction()
        assert batch is not None
        assert stored(batch).get(1, 0) < MAX_BATCH_EVENTS
    assert database.transactions() > 0
    assert database.events[1] == 100 * 100 - MAX_BATCH_EVENTS, "and all of it is stored"


async def test_those_that_back_off_do_not_wait_for_each_other() -> None:
    some = make(9)
    for organization in (1, 2):
        add(some, organization, MANY, calls=20)
    assert not some.has_short_queues
    add(some, 3)
    assert some.has_short_queues
    queue = some.get(3)
    assert queue is not None
    some.back_off(queue)
    assert not some.has_short_queues
    some.resume(queue)
    assert some.has_short_queues


@pytest.mark.parametrize("seed", range(20))
async def test_every_call_is_stored_once_and_nothing_is_kept(seed: int) -> None:
    dice, some = random.Random(seed), make(4)
    under_way, wanted, got = list[WriteBatch](), Counter[int](), Counter[int]()
    for step in range(400):
        match dice.randrange(3) if step < 300 else 2:
            case 0:
                organization, events = dice.randrange(6), dice.choice((1, 60, 200, 900))
                add(some, organization, events)
                wanted[organization] += events
            case 1:
                under_way += batches(some)
                assert len(under_way) <= 4
            case _:
                under_way += batches(some)
                if not under_way:
                    continue
                batch = under_way.pop(dice.randrange(len(under_way)))
                for taken in batch.taken:
                    if step < 300 and dice.random() < 0.2:
                        some.put_back(taken, 0.0)
                    else:
                        got[taken.queue.organization_id] += taken.size
                finish(some, batch)
    assert not under_way
    assert got == wanted
    assert [some.get(organization) for organization in range(6)] == [None] * 6
    assert not some.has_short_queues


@contextmanager
def counted_lines() -> Iterator[list[int]]:
    """Counts the lines that the scheduler executes in the block."""
    files, lines, before = {scheduler.__file__, fair_queue.__file__}, [0], sys.gettrace()

    def trace(frame: FrameType, what: str, _: object) -> Any:
        if frame.f_code.co_filename in files:
            lines[0] += what == "line"
            return trace
        return None

    sys.settrace(trace)
    try:
        yield lines
    finally:
        sys.settrace(before)


async def test_a_transaction_costs_the_same_however_many_organizations_wait() -> None:
    costs = []
    for organizations in (100, 3000):
        some = make(3)
        for organization in range(organizations):
            add(some, organization, 60)
        database = Database(some)
        database.transaction()
        with counted_lines() as lines:
            for _ in range(20):
                database.transaction()
                some.is_backlogged(organizations - 1)
        costs.append(lines[0])
    assert costs[1] < 1.5 * costs[0]
