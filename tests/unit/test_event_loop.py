"""Long work lets calls in, in parts as at once."""

import asyncio
import contextlib
import time
from typing import Any

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


async def test_work_in_parts_behaves_as_the_same_work_at_once() -> None:
    arrivals, waits, seen = Arrivals(), asyncio.Event(), list[str]()

    async def work() -> str:
        time.sleep(0.01)  # noqa: ASYNC251 - the work
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(5)
        with pytest.raises(ZeroDivisionError):
            await fails()
        try:
            waits.set()
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        return "never"

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    async def answers() -> int:
        return await asyncio.sleep(0, 42)

    assert await arrivals.between(answers(), arrivals.yield_to_calls) == 42
    task = asyncio.ensure_future(_awaited(arrivals, work()))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


async def _awaited(arrivals: Arrivals, work: Any) -> Any:
    return await arrivals.between(work, arrivals.yield_to_calls)


async def test_each_step_of_long_work_gives_way() -> None:
    arrivals, seen = Arrivals(), list[str]()

    async def gives_way() -> None:
        seen.append("gives way")
        await asyncio.sleep(0)

    async def work() -> None:
        for step in ("one", "two"):
            seen.append(step)
            await asyncio.sleep(0)

    await arrivals.between(work(), gives_way)
    assert seen == ["gives way", "one", "gives way", "two", "gives way"]


async def test_it_looks_for_calls_less_often_while_none_come() -> None:
    arrivals, looks = Arrivals(), 0

    async def one_turn() -> None:
        nonlocal looks
        looks += 1

    arrivals.let_calls_in = one_turn  # type: ignore[method-assign]

    async def work(milliseconds: int) -> int:
        before = looks
        for _ in range(milliseconds // 6):
            arrivals._busy += 0.006
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
