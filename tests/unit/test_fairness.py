"""Fair slots: who gets the next one."""

import asyncio
import contextlib
import random

import pytest

from server.admission.fair_queue import MOST_SHARES, FairSlots, Shares, WaitedTooLong
from tests.support.waiting import PATIENCE


async def served(slots: FairSlots, wishes: list[tuple[int, float, int]]) -> list[int]:
    """The order in which wishes (organization, cost, weight), that come all at once, get their turn."""
    order: list[int] = []

    async def wish(organization: int, cost: float, weight: int) -> None:
        async with slots.slot(organization, cost=cost, weight=weight):
            order.append(organization)
            await asyncio.sleep(0)

    await asyncio.gather(*(wish(*one) for one in wishes))
    return order


async def test_a_newcomer_waits_for_one_turn_and_for_no_queue() -> None:
    order = await served(FairSlots(1), [(1, 1000, 1)] * 50 + [(2, 1, 1), (3, 1, 1)])
    assert order[0] == 1
    assert set(order[1:3]) == {2, 3}


async def test_turns_are_shared_by_what_they_cost() -> None:
    # One asks for much at a time, the other for little: both get as much, and not as many turns.
    order = await served(FairSlots(1), [(1, 10, 1)] * 20 + [(2, 1, 1)] * 200)
    half = order[:110]
    assert 8 <= half.count(1) <= 12


async def test_weights_are_shares() -> None:
    order = await served(FairSlots(1), [(1, 1, 3)] * 300 + [(2, 1, 1)] * 300)
    assert 145 <= order[:200].count(1) <= 155


async def test_within_an_organization_first_come_first_served() -> None:
    slots, order = FairSlots(2), []

    async def wish(number: int) -> None:
        async with slots.slot(1):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(wish(number) for number in range(20)))
    assert order == list(range(20))


async def test_patience() -> None:
    slots = FairSlots(1)
    async with slots.slot(1):
        with pytest.raises(WaitedTooLong):
            async with slots.slot(2, patience=0.01):
                pass
        assert slots.expected_wait(2) == 0
    async with slots.slot(2, patience=0.01):
        pass


async def test_the_expected_wait_is_that_of_the_whole_line() -> None:
    slots = FairSlots(1)

    async def wish() -> None:
        async with slots.slot(1):
            await asyncio.sleep(0.02)

    tasks = [asyncio.create_task(wish()) for _ in range(21)]
    await asyncio.sleep(0.1)
    left = sum(not task.done() for task in tasks)
    assert slots.expected_wait(1) > 0.02 * (left - 1)
    assert slots.expected_wait(2) == 0
    await asyncio.wait(tasks)
    assert slots.expected_wait(1) == 0


@pytest.mark.parametrize("seed", range(20))
async def test_never_too_many_and_nobody_forgotten_whoever_gives_up(seed: int) -> None:
    dice, slots, held, most = random.Random(seed), FairSlots(3), 0, 0

    async def wish() -> None:
        nonlocal held, most
        async with slots.slot(dice.randrange(5), cost=dice.random() * 10, weight=dice.randrange(1, 4)):
            held += 1
            most = max(most, held)
            try:
                for _ in range(dice.randrange(4)):
                    await asyncio.sleep(0)
            finally:
                held -= 1

    tasks = [asyncio.create_task(wish()) for _ in range(200)]
    for task in dice.sample(tasks, 80):
        await asyncio.sleep(0)
        task.cancel()
    async with asyncio.timeout(PATIENCE):
        await asyncio.wait(tasks)
    assert (held, most) == (0, 3)
    assert slots.waiting_organizations == 0
    async with asyncio.timeout(PATIENCE), contextlib.AsyncExitStack() as stack:
        for _ in range(3):  # all are free again
            await stack.enter_async_context(slots.slot(1))


async def test_nothing_is_kept_of_organizations_that_want_nothing_any_more() -> None:
    slots = FairSlots(2)
    async with slots.slot(0):  # never idle meanwhile, when everything would be forgotten
        for organization in range(1, 1001):
            async with slots.slot(organization):
                pass
        async with slots.slot(1001):
            tasks = [asyncio.create_task(_once(slots, organization)) for organization in range(2000, 3000)]
            await asyncio.sleep(0)
            assert slots.waiting_organizations == 1000
            for task in tasks[::2]:
                task.cancel()
        await asyncio.wait(tasks)
        assert slots.waiting_organizations == 0


def test_few_shares_are_remembered_and_of_those_who_are_furthest_ahead() -> None:
    shares = Shares()
    for organization in range(2 * MOST_SHARES):
        shares.begin(organization, 1000.0 if organization == 7 else 1.0)
        assert len(shares) <= MOST_SHARES
    assert shares.start(7) >= 1000


async def _once(slots: FairSlots, organization: int) -> None:
    async with slots.slot(organization):
        pass


async def test_who_gives_up_costs_the_same_however_many_wait_before_and_behind() -> None:
    slots = FairSlots(1)
    async with slots.slot(1):
        tasks = [asyncio.create_task(_once(slots, 1)) for _ in range(1000)]
        await asyncio.sleep(0)
        for task in tasks[1::2]:
            task.cancel()
        await asyncio.sleep(0)
        assert slots.waiting(1) == 500  # those that are left, at once
    await asyncio.wait(tasks)
    assert slots.waiting_organizations == 0
