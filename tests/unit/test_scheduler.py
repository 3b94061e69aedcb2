"""The scheduler of ingest: what is stored next, and with whom."""

import asyncio
import random
from collections.abc import Callable
from typing import NoReturn

import pytest

from server.events.event import Event
from server.ingest import scheduler
from server.ingest.scheduler import OrganizationQueue, Scheduler, WaitingCall, WriteBatch
from server.tenancy.limits import OrganizationLimits

ANYBODY: Callable[[OrganizationQueue], bool] = lambda queue: True  # noqa: E731


MANY = scheduler._SMALL + 1  # events of one organization, with which it shares no statement


def call(events: int) -> WaitingCall:
    some = [Event(str(n), b"", 0, "", 0, "", "", "", "", "", "", "", "", {}, "", ()) for n in range(events)]
    return WaitingCall(events=some, since=0.0, done=asyncio.Future())


def add(to: Scheduler, organization: int, events: int = 1, *, weight: int = 1) -> None:
    to.add(organization, OrganizationLimits(weight=weight), call(events))


def begun(from_: Scheduler) -> list[tuple[bool, dict[int, int]]]:
    """The batches that begin now: whether each is a group, and how many events of which organization it has."""
    return [shape(batch) for batch in batches(from_)]


def batches(from_: Scheduler) -> list[WriteBatch]:
    found = []
    while (batch := from_.next()) is not None:
        found.append(batch)
    return found


def shape(batch: WriteBatch) -> tuple[bool, dict[int, int]]:
    return batch.is_group, {taken.queue.organization_id: len(taken.events) for taken in batch.taken}


def finish(in_: Scheduler, batch: WriteBatch) -> None:
    """A batch is stored, and all calls that were about to come have come."""
    in_.done(batch)
    in_.gathered()


async def test_after_little_the_next_waits_for_what_is_about_to_come() -> None:
    some = Scheduler(3, ANYBODY)
    add(some, 1)
    (group,) = batches(some)
    add(some, 1)
    add(some, 2, MANY)
    assert begun(some) == [(False, {2: MANY})]
    assert some.done(group)
    add(some, 3, scheduler.GROUP_EVENTS + 1)
    add(some, 4)
    assert begun(some) == [(False, {3: scheduler.GROUP_EVENTS + 1})]
    some.gathered()
    ((is_group, events),) = begun(some)
    assert is_group
    assert events == {1: 1, 4: 1}


@pytest.mark.parametrize("events", [scheduler.GROUP_EVENTS + 1, scheduler._LITTLE + 1])
async def test_after_much_the_next_begins_at_once(events: int) -> None:
    some = Scheduler(1, ANYBODY)
    add(some, 1, events)
    (alone,) = batches(some)
    add(some, 2)
    assert not some.done(alone)
    assert begun(some) == [(True, {2: 1})]


async def test_a_call_with_much_does_not_wait_for_what_is_about_to_come() -> None:
    some = Scheduler(3, ANYBODY)
    add(some, 1)
    (group,) = batches(some)
    assert some.done(group)
    add(some, 2, scheduler._LITTLE + 1)
    add(some, 3, scheduler._LITTLE)
    assert begun(some) == [(True, {2: scheduler._LITTLE + 1})]


async def test_small_ones_make_a_group_and_what_comes_meanwhile_the_next() -> None:
    some = Scheduler(3, ANYBODY)
    for organization in range(5):
        add(some, organization, 2)
    (group,) = batches(some)
    assert shape(group) == (True, dict.fromkeys(range(5), 2))
    add(some, 7)
    add(some, 3)
    assert not batches(some)
    finish(some, group)
    assert begun(some) == [(True, {7: 1, 3: 1})] or begun(some) == [(True, {3: 1, 7: 1})]


async def test_what_is_large_or_unlikely_to_be_new_goes_alone() -> None:
    some = Scheduler(9, lambda queue: queue.organization_id != 3)
    add(some, 1, MANY)
    add(some, 2, MANY - 1)
    add(some, 3)
    assert sorted(begun(some), key=str) == sorted([(False, {1: MANY}), (True, {2: MANY - 1}), (False, {3: 1})], key=str)


async def test_a_group_is_bounded_and_the_rest_is_next() -> None:
    some = Scheduler(9, ANYBODY)
    for organization in range(10):
        add(some, organization, scheduler.GROUP_EVENTS // 4)
    (group,) = batches(some)
    assert len(group.taken) == 4
    finish(some, group)
    (following,) = batches(some)
    assert not {one.queue.organization_id for one in group.taken} & {
        one.queue.organization_id for one in following.taken
    }


async def test_an_organization_with_a_transaction_under_way_is_in_no_group() -> None:
    some = Scheduler(9, ANYBODY)
    add(some, 1, MANY)
    (alone,) = batches(some)
    add(some, 1)
    add(some, 2)
    (group,) = batches(some)
    assert shape(group) == (True, {2: 1})
    finish(some, group)
    finish(some, alone)
    assert begun(some) == [(True, {1: 1})]


async def test_a_group_that_lasts_keeps_the_next_one_waiting_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(scheduler.time, "monotonic", lambda: now)
    some = Scheduler(3, ANYBODY)
    add(some, 1)
    (first,) = batches(some)
    assert some.seconds_to_next_group() is None
    add(some, 2)
    assert not batches(some)
    patience = some.seconds_to_next_group()
    assert patience is not None
    now += patience
    assert begun(some) == [(True, {2: 1})]
    finish(some, first)
    add(some, 1)
    assert not batches(some)  # the second is still young


async def test_what_is_put_back_goes_alone_and_first() -> None:
    some = Scheduler(9, ANYBODY)
    add(some, 1, 2)
    add(some, 2, 2)
    (group,) = batches(some)
    first, second = group.taken
    add(some, first.queue.organization_id, 3)
    some.put_back(first, tried_since=5.0, maybe_stored=True)
    finish(some, group)
    (again,) = batches(some)
    assert not again.is_group
    (taken,) = again.taken
    assert [len(one.events) for one in taken.calls] == [2, 3]
    assert (taken.tried_since, second.tried_since) == (5.0, None)
    assert (taken.maybe_stored, first.queue.maybe_stored, second.maybe_stored) == (True, False, False)


async def test_large_and_small_ones_take_turns_by_what_they_store() -> None:
    some = Scheduler(1, ANYBODY)
    for _ in range(4):
        add(some, 1, 1000)
    for organization in range(2, 12):
        add(some, organization)
    order = []
    while found := batches(some):
        order.append(shape(found[0]))
        finish(some, found[0])
        add(some, 2)
        if len(order) == 6:
            break
    assert not order[0][0]  # the one that came first
    assert all(is_group for is_group, _ in order[1:])  # the others have had less all the while


async def test_weights_count() -> None:
    some, order = Scheduler(1, ANYBODY), []
    for organization, weight in ((1, 3), (2, 1)):
        for _ in range(40):
            add(some, organization, 1000, weight=weight)
    for _ in range(40):
        (batch,) = batches(some)
        order += shape(batch)[1]
        finish(some, batch)
    assert 28 <= order.count(1) <= 32


async def test_a_second_batch_of_an_organization_where_many_events_wait() -> None:
    some = Scheduler(9, ANYBODY)
    add(some, 1, 1000)
    add(some, 1, 99)
    (first,) = batches(some)
    assert shape(first)[1] == {1: 1000}
    assert not batches(some)
    add(some, 1, 1)
    assert begun(some) == [(False, {1: 100})]
    add(some, 1, 1000)
    assert not batches(some)
    finish(some, first)
    assert begun(some) == [(False, {1: 1000})]


async def test_whoever_waits_behind_itself_is_heavy_and_takes_less_beside_others() -> None:
    some = Scheduler(1, ANYBODY)
    for _ in range(20):
        add(some, 1, 100)
    assert some.is_backlogged(1)
    assert not some.has_short_queues
    (batch,) = batches(some)
    assert shape(batch) == (False, {1: scheduler.MAX_BATCH_EVENTS}), "alone it takes as much as there may be"
    add(some, 2, 200)
    assert some.has_short_queues
    assert not some.is_backlogged(2)
    assert not some.is_backlogged(3), "it has nothing"
    finish(some, batch)
    sizes = dict[int, int]()
    while batch := some.next():
        sizes.update(shape(batch)[1])
        finish(some, batch)
        if 2 not in sizes:
            assert sizes == {1: scheduler._BACKLOGGED_BATCH_EVENTS}
    assert sizes[2] == 200


async def test_where_all_send_too_much_nobody_is_backlogged() -> None:
    some = Scheduler(1, ANYBODY)
    for organization in range(10):
        for _ in range(20):
            add(some, organization, 100)
    assert not any(some.is_backlogged(organization) for organization in range(10))


async def test_whose_turn_it_is_just_now_does_not_make_another_heavy() -> None:
    some = Scheduler(9, ANYBODY)
    for organization in (0, 1):
        for _ in range(9):
            add(some, organization, 100)
        assert some.next()
    for _ in range(10):
        add(some, 2, 100)
    assert not some.is_backlogged(2), "what is under way counts"


async def test_what_it_has_under_way_itself_does_not_make_it_lighter() -> None:
    some = Scheduler(1, ANYBODY)
    for _ in range(20):
        add(some, 1, 100)
    assert some.next()
    add(some, 2, 100)
    assert some.is_backlogged(1)


async def test_two_can_be_heavy_beside_others() -> None:
    some = Scheduler(1, ANYBODY)
    for organization in range(2):
        for _ in range(50):
            add(some, organization, 100)
    for organization in range(2, 10):
        add(some, organization, 100)
    assert [some.is_backlogged(organization) for organization in range(3)] == [True, True, False]
    assert some.has_short_queues
    for organization in range(2, 10):
        found = some.get(organization)
        assert found is not None
        some.back_off(found)
    assert not some.has_short_queues, "backlogged organizations do not wait for each other"


async def test_whoever_has_more_weight_may_have_more_waiting() -> None:
    some = Scheduler(1, ANYBODY)
    for _ in range(20):
        add(some, 1, 100, weight=5)
        add(some, 2, 100)
    for organization in range(3, 9):
        add(some, organization, 50)
    assert [some.is_backlogged(1), some.is_backlogged(2)] == [False, True]


async def test_little_is_not_heavy_however_little_others_have() -> None:
    some = Scheduler(1, ANYBODY)
    add(some, 1, 1)
    add(some, 2, scheduler._BACKLOG_EVENTS - 1)
    assert not some.is_backlogged(2)
    add(some, 2, 1)
    assert some.is_backlogged(2)


async def test_what_is_put_back_counts_until_it_is_stored() -> None:
    some = Scheduler(9, ANYBODY)
    for organization in range(3):
        add(some, organization, 30)
    (group,) = batches(some)
    assert some._events == 90
    for taken in group.taken:
        some.put_back(taken, 1.0, maybe_stored=False)
    finish(some, group)
    assert some._events == 90
    for batch in batches(some):
        finish(some, batch)
    assert some._events == 0


class Unwalked(dict[int, OrganizationQueue]):
    """Scheduler that nobody may walk over."""

    def __iter__(self) -> NoReturn:
        raise AssertionError("all queues are walked over")

    keys = values = items = __iter__  # type: ignore[assignment]


async def test_what_a_transaction_costs_does_not_depend_on_how_many_lanes_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some, offered, offer = Scheduler(3, ANYBODY), 0, Scheduler._offer
    some._queues = Unwalked()

    def counted(self: Scheduler, queue: OrganizationQueue) -> None:
        nonlocal offered
        offered += 1
        offer(self, queue)

    for organization in range(1000):  # each waits behind a transaction of its own, in queues of its own
        add(some, organization, MANY)
    under_way = batches(some)
    add(some, 2000)
    monkeypatch.setattr(Scheduler, "_offer", counted)
    for _ in range(20):
        finish(some, under_way.pop(0))
        under_way += batches(some)
        assert some.has_short_queues
        some.batch_limit(under_way[-1].taken[0].queue)
    assert offered < 200


async def test_nothing_is_kept_of_lanes_that_have_nothing() -> None:
    some = Scheduler(3, ANYBODY)
    for organization in range(100):
        add(some, organization, 2 * scheduler.MAX_BATCH_EVENTS if organization % 2 else 1)
        add(some, organization)
    while found := batches(some):
        for batch in found:
            some.back_off(batch.taken[0].queue)
            some.resume(batch.taken[0].queue)
            finish(some, batch)
    assert not some._queues
    assert not some._long_or_backing_off
    assert not some._held_back
    assert not some.has_short_queues


@pytest.mark.parametrize("seed", range(20))
async def test_light_is_what_has_little_and_does_not_rest(seed: int) -> None:
    dice, some = random.Random(seed), Scheduler(4, ANYBODY)
    under_way = list[WriteBatch]()
    for _ in range(300):
        match dice.randrange(4):
            case 0:
                add(some, dice.randrange(6), dice.choice((1, MANY, 200, 900)))
            case 1:
                under_way += batches(some)
            case 2 if under_way:
                batch = under_way.pop(dice.randrange(len(under_way)))
                if dice.random() < 0.2:
                    for taken in batch.taken:
                        some.put_back(taken, 0.0, maybe_stored=True)
                finish(some, batch)
            case _:
                for queue in list(some._queues.values()):
                    dice.choice((some.back_off, some.resume))(queue)
        assert some.has_short_queues == any(
            queue.events < scheduler._BACKLOG_EVENTS and not queue.backing_off for queue in some._queues.values()
        )
