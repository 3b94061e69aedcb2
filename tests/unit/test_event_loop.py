"""Long work lets calls in, in parts as at once."""

import asyncio

import pytest

from server.admission.event_loop import Arrivals


class Clock:
    """A clock that goes on by a step, of 20 µs, each time it is read, and where it is told to."""

    def __init__(self, step: float = 0.00002) -> None:
        self.now = 0.0
        self._step = step

    def __call__(self) -> float:
        self.now += self._step
        return self.now


async def test_long_work_lets_calls_in_that_have_come() -> None:
    clock = Clock()
    arrivals = Arrivals(clock)
    taken_in = 0

    async def take_in() -> None:
        nonlocal taken_in
        for _ in range(20):
            for _ in range(5):  # turns that gRPC needs for a call
                await asyncio.sleep(0)
            arrivals.note()
            taken_in += 1

    coming = asyncio.create_task(take_in())
    with arrivals.working() as yield_point:
        await yield_point()
        assert taken_in == 0  # little has been done
        clock.now += 0.01  # the work
        await yield_point()
        assert taken_in == 20
    await coming


async def test_work_that_waits_for_others_is_measured_without_its_waits() -> None:
    clock = Clock()
    arrivals, looks = Arrivals(clock), 0

    async def look() -> None:
        nonlocal looks
        looks += 1

    arrivals.let_calls_in = look  # type: ignore[method-assign]
    for _ in range(20):
        with arrivals.busy():
            pass
        clock.now += 1.0  # it waits, for the database say
        await arrivals.yield_to_calls()
    assert looks == 0
    with arrivals.busy():
        clock.now += 0.1
    await arrivals.yield_to_calls()
    assert looks == 1


async def test_it_looks_for_calls_less_often_while_none_come() -> None:
    clock = Clock()
    arrivals, looks = Arrivals(clock), 0

    async def one_turn() -> None:
        nonlocal looks
        looks += 1

    arrivals.let_calls_in = one_turn  # type: ignore[method-assign]

    async def work(milliseconds: int) -> int:
        before = looks
        for _ in range(milliseconds // 6):
            with arrivals.busy():
                clock.now += 0.006
            await arrivals.yield_to_calls()
        return looks - before

    assert await work(600) < 40
    rare = await work(600)
    assert rare <= 25

    async def brings_a_call() -> None:
        nonlocal looks
        looks += 1
        arrivals.note()

    arrivals.let_calls_in = brings_a_call  # type: ignore[method-assign]
    assert await work(600) > 3 * rare


async def test_calls_that_go_on_coming_do_not_stop_work() -> None:
    clock = Clock()
    arrivals = Arrivals(clock)

    async def take_in() -> None:
        while True:
            arrivals.note()
            await asyncio.sleep(0)

    coming = asyncio.create_task(take_in())
    try:
        async with asyncio.timeout(20):
            before = clock.now
            await arrivals.let_calls_in(0.5)
            assert clock.now - before == pytest.approx(0.5, abs=0.001)
            for _ in range(5):
                with arrivals.working():
                    clock.now += 0.01  # the work
                await arrivals.yield_to_calls()
    finally:
        coming.cancel()


async def test_calls_are_let_in_on_a_machine_that_gives_the_loop_a_turn_now_and_then() -> None:
    arrivals, taken_in = Arrivals(Clock(step=0.005)), 0

    async def take_in() -> None:
        nonlocal taken_in
        while True:
            for _ in range(5):  # turns that gRPC needs for a call
                await asyncio.sleep(0)
            arrivals.note()
            taken_in += 1

    coming = asyncio.create_task(take_in())
    try:
        async with asyncio.timeout(20):
            with arrivals.working() as yield_point:
                await yield_point()
            assert 2 <= taken_in <= 4  # and work goes on
            arrivals = Arrivals(Clock(step=0.06))
            await arrivals.let_calls_in()  # with turns that are slower still, it does not wait for so many
            assert taken_in <= 5
    finally:
        coming.cancel()
