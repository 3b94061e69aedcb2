"""A client whose calls are refused for want of room sends less, for as long as it must, and then as much as before."""

import asyncio
import contextlib
import threading
import time
from concurrent import futures

import grpc
import pytest
import scripted
from google.rpc import code_pb2
from scripted import Fail

import tallywire
from tallywire import errors
from tallywire.concurrency_limit import AsyncCallSlots, CallSlots, ConcurrencyLimit, NoSlot

HELD = 0.5  # seconds


def refusal(retry_after: float | None = HELD, reason: str = "OVERLOADED") -> errors.Unavailable:
    return errors.Unavailable("too much", grpc.StatusCode.UNAVAILABLE, reason, retry_after=retry_after)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def begun(limit: ConcurrencyLimit, most: int = 1000) -> list[float]:
    """Begins as many calls as may begin."""
    found: list[float] = []
    while not limit.wait() and len(found) < most:
        found.append(limit.begin())
    return found


def test_a_refusal_holds_all_calls_and_halves_how_many_there_are() -> None:
    clock = Clock()
    limit = ConcurrencyLimit(clock)
    calls = begun(limit, 20)
    assert limit.wait() == 0
    for call in calls[:10]:
        limit.end(call, refusal())
    assert limit.wait() == HELD
    clock.now += HELD
    assert limit.wait() > 0, "ten are still under way, and ten is what there may be"
    assert not limit.is_held_for(0.001), "it is their ends that others wait for, and no time"
    limit.end(calls[10], None)
    assert len(begun(limit)) == 1
    for call in calls[11:]:
        limit.end(call, None)
    assert len(begun(limit)) == 9
    assert limit.under_way == 10


def test_calls_that_were_under_way_at_a_refusal_are_one_refusal() -> None:
    clock = Clock()
    limit = ConcurrencyLimit(clock)
    for call in begun(limit, 16):
        limit.end(call, refusal())
    for call_again in (8, 4):
        assert limit.wait() == HELD
        clock.now += HELD * 0.9
        assert begun(limit) == [], "none before its time"
        clock.now += HELD * 0.1
        calls = begun(limit)
        assert len(calls) == call_again
        assert limit.wait() > 0
        for call in calls:
            limit.end(call, refusal())


def test_successes_let_more_in_until_nothing_is_held_back() -> None:
    clock = Clock()
    limit = ConcurrencyLimit(clock)
    limit.end(limit.begin(), refusal())
    clock.now += HELD
    widest = []
    for _ in range(200):
        calls = begun(limit)
        widest.append(len(calls))
        for call in calls:
            limit.end(call, None)
    assert widest[0] == 1
    assert widest[:20] == sorted(widest[:20])
    assert widest[20] < 25, "by about one a round"
    assert widest[-1] == 1000


@pytest.mark.parametrize(
    "error",
    [
        None,
        ValueError(),
        refusal(reason="STORAGE_UNAVAILABLE"),
        refusal(reason="DRAINING"),
        errors.InvalidArgument("no", grpc.StatusCode.INVALID_ARGUMENT, "FIELD_REQUIRED"),
    ],
)
def test_other_ends_hold_nothing_back(error: Exception | None) -> None:
    limit = ConcurrencyLimit(Clock())
    limit.end(limit.begin(), error)
    assert not limit.is_held_for(0.001)
    calls = begun(limit)
    assert len(calls) == 1000
    limit.end(calls[0], refusal())
    assert (limit.wait(), limit.is_held_for(HELD)) == (HELD, True), "as a refusal for want of room does"


@pytest.mark.parametrize("retry_after", [None, float("inf")])
def test_a_refusal_without_a_time_holds_nothing_back_for_ever(retry_after: float | None) -> None:
    clock = Clock()
    limit = ConcurrencyLimit(clock)
    limit.end(limit.begin(), refusal(retry_after))
    assert not limit.is_held_for(0.001)
    (only,) = begun(limit)
    clock.now += 3600
    assert begun(limit) == [], "one at a time, until it has gone well"
    limit.end(only, None)
    assert len(begun(limit)) == 2


async def test_the_last_to_come_is_the_first_to_be_served() -> None:
    slots, order = AsyncCallSlots(), list[int]()

    async def call(number: int) -> None:
        async with slots.slot(5):
            order.append(number)
            await asyncio.sleep(0)

    with contextlib.suppress(errors.Unavailable):
        async with slots.slot(5):
            raise refusal(0.1)
    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(call(number))
    assert order == [4, 3, 2, 1, 0]


async def test_a_turn_that_does_not_come_is_given_up_with_the_refusal() -> None:
    slots = AsyncCallSlots()
    with contextlib.suppress(errors.Unavailable):
        async with slots.slot(5):
            raise refusal(0.4)
    found = []
    for _ in range(2):
        with pytest.raises(NoSlot) as given_up:
            async with slots.slot(0.05):
                pytest.fail("it is held back")
        found.append(given_up.value.refusal)
    assert [(one.reason, one.retry_after) for one in found] == [("OVERLOADED", 0.4)] * 2
    assert found[0] is not found[1]
    async with slots.slot(5):  # those who have given up are not in the way
        pass


async def test_a_call_that_is_cancelled_gives_its_turn_back() -> None:
    slots = AsyncCallSlots(limit := ConcurrencyLimit())
    with contextlib.suppress(errors.Unavailable):
        async with slots.slot(5):
            raise refusal(0.1)

    async def call() -> None:
        async with slots.slot(5):
            await asyncio.sleep(60)

    for wait in (0.0, 0.05, 0.2):  # while it waits, and while it is under way
        task = asyncio.create_task(call())
        await asyncio.sleep(wait)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    task = asyncio.create_task(call())
    await asyncio.sleep(0.2)
    second = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()
    second.cancel()  # in the moment in which it is granted
    await asyncio.gather(task, second, return_exceptions=True)
    async with asyncio.timeout(20), slots.slot(5):
        assert limit.under_way == 1
    assert limit.under_way == 0


async def test_a_turn_within_the_handling_of_an_error_is_an_ordinary_one() -> None:
    slots = AsyncCallSlots(limit := ConcurrencyLimit())
    try:
        async with slots.slot(5):
            raise refusal(0.1)
    except errors.Unavailable:
        async with slots.slot(5):
            assert limit.under_way == 1
    assert limit.under_way == 0


def test_threads_take_slots() -> None:
    slots, under_way, most = CallSlots(limit := ConcurrencyLimit()), 0, 0
    lock = threading.Lock()
    with contextlib.suppress(errors.Unavailable), slots.slot(5):
        raise refusal(0.2)
    begin = time.monotonic()

    def call(_: int) -> float:
        nonlocal under_way, most
        with slots.slot(10):
            at = time.monotonic() - begin
            with lock:
                under_way += 1
                most = max(most, under_way)
            time.sleep(0.01)
            with lock:
                under_way -= 1
        return at

    with futures.ThreadPoolExecutor(20) as pool:
        at = sorted(pool.map(call, range(60)))
    assert at[0] >= 0.19
    assert 1 < most < 15, "one at first, then more and more"
    assert limit.under_way == 0
    with contextlib.suppress(errors.Unavailable), slots.slot(5):
        raise refusal(5)
    with pytest.raises(NoSlot), slots.slot(0.05):
        pytest.fail("it is held back")


OVERLOADED = Fail(code=code_pb2.UNAVAILABLE, reason="OVERLOADED", retry_after=HELD, pushback=str(int(HELD * 1000)))


async def test_calls_of_an_asyncio_client_wait_together(running: scripted.Running, script: scripted.Script) -> None:
    script.play(OVERLOADED)
    async with tallywire.AsyncClient(running.address, api_key=scripted.KEY, timeout=10) as client:
        first = asyncio.create_task(client.track(tallywire.event("a.b")))
        while not script.requests:  # noqa: ASYNC110 - the script tells nobody
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        begin = time.monotonic()
        await client.track_batch([tallywire.event("a.b")])
        assert time.monotonic() - begin > HELD - 0.2
        await first
        assert len(script.requests) == 3
        script.play(OVERLOADED)
        with pytest.raises(errors.Unavailable) as refused:
            await client.track(tallywire.event("a.b"), timeout=HELD / 2)
        with pytest.raises(errors.Unavailable) as given_up:
            await client.track(tallywire.event("a.b"), timeout=HELD / 2)
    assert refused.value.reason == given_up.value.reason == "OVERLOADED"
    assert len(script.requests) == 4, "the last one was not sent"


async def test_what_is_given_up_after_a_try_says_that_it_may_be_stored(
    running: scripted.Running, script: scripted.Script
) -> None:
    lost = Fail(store=True, retry_after=0.3)
    slow_down = Fail(code=code_pb2.RESOURCE_EXHAUSTED, reason="EVENT_RATE", retry_after=60)
    script.play(lost, slow_down)
    async with tallywire.AsyncClient(running.address, api_key=scripted.KEY, timeout=2) as client:
        first = asyncio.create_task(client.track(tallywire.event("a.b")))
        while not script.requests:  # noqa: ASYNC110 - the script tells nobody
            await asyncio.sleep(0.01)
        with pytest.raises(errors.ResourceExhausted) as refused:
            await client.track(tallywire.event("a.b"))
        assert not refused.value.outcome_unknown
        with pytest.raises(errors.Unavailable) as unknown:
            await first
        assert unknown.value.outcome_unknown
        with pytest.raises(errors.ResourceExhausted):
            await client.track(tallywire.event("a.b"))  # nothing of it was ever sent
    assert len(script.requests) == 2


def test_calls_of_a_client_wait_together(client: tallywire.Client, script: scripted.Script) -> None:
    script.play(OVERLOADED)
    with futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.track, tallywire.event("a.b"))
        while not script.requests:
            time.sleep(0.01)
        time.sleep(0.1)
        begin = time.monotonic()
        client.metrics()
        assert time.monotonic() - begin < HELD - 0.2, "questions do not wait"
        client.track_batch([tallywire.event("a.b")])
        assert time.monotonic() - begin > HELD - 0.2
        first.result()
