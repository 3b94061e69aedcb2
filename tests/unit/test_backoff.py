"""Whoever waits behind itself goes on later while others have something under way, but goes on."""

import asyncio
import time
from typing import Any, cast

import pytest
from test_scheduler import add

from server.admission.event_loop import Arrivals
from server.clock import Clock
from server.ingest import pipeline
from server.ingest.pipeline import Ingest
from server.ingest.scheduler import OrganizationQueue, TakenCalls

BACKLOGGED, PROMPT = 1, 2


def waiting(*, with_prompt: bool) -> Ingest:
    """With calls of one that waits behind itself, and of another one if so said."""
    found = Ingest(cast("Any", None), Arrivals(), Clock(), on_commit=lambda _: None, concurrency=1)
    for _ in range(20):
        add(found._scheduler, BACKLOGGED, 100)
    if with_prompt:
        add(found._scheduler, PROMPT, 1)
    return found


def queue(of: Ingest, organization: int) -> OrganizationQueue:
    found = of._scheduler.get(organization)
    assert found is not None
    return found


async def seconds(waits: Any) -> float:
    begun = time.monotonic()
    await waits
    return time.monotonic() - begun


async def soon(waits: Any) -> None:
    """Fails where it takes as long as what is set to a minute here."""
    async with asyncio.timeout(20):
        await waits


async def test_it_waits_a_little_beside_others() -> None:
    assert await seconds(waiting(with_prompt=True).back_off(BACKLOGGED)) >= pipeline._STEP_BACKOFF * 0.9


async def test_nobody_else_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_STEP_BACKOFF", 60)
    monkeypatch.setattr(pipeline, "_LONGEST_BACKOFF", 60)
    beside, alone = waiting(with_prompt=True), waiting(with_prompt=False)
    await soon(beside.back_off(PROMPT))
    await soon(beside._back_off(queue(beside, PROMPT), 60))
    await soon(alone.back_off(BACKLOGGED))
    await soon(alone._back_off(queue(alone, BACKLOGGED), 60))
    beside._scheduler._free = 0
    await soon(beside.back_off(BACKLOGGED))
    await soon(beside._back_off(queue(beside, BACKLOGGED), 60))


async def test_it_goes_on_as_soon_as_the_others_have_nothing_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_STEP_BACKOFF", 60)
    some = waiting(with_prompt=True)
    giving_way = asyncio.create_task(soon(some.back_off(BACKLOGGED)))
    await asyncio.sleep(0)
    some._short_queues_done.notify_all()
    await giving_way


async def test_it_rests_until_the_others_are_done_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    beside = waiting(with_prompt=True)
    least = pipeline._BACKOFF_TIMES * 0.02 + pipeline._LONGEST_BACKOFF
    assert await seconds(beside._back_off(queue(beside, BACKLOGGED), 0.02)) >= least * 0.9
    monkeypatch.setattr(pipeline, "_BACKOFF_TIMES", 1e9)
    await soon(beside._back_off(queue(beside, BACKLOGGED), 60))


async def test_those_that_rest_wait_for_others_and_not_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through transactions, in which nothing is done here."""
    monkeypatch.setattr(pipeline, "_LONGEST_BACKOFF", 60)
    some = Ingest(cast("Any", None), Arrivals(), Clock(), on_commit=lambda _: None, concurrency=20)
    stored, others_are_done, other_backlogged = list[int](), asyncio.Event(), 3

    async def settle(taken: TakenCalls) -> None:
        stored.append(taken.queue.organization_id)
        if taken.queue.organization_id not in (BACKLOGGED, other_backlogged):
            await others_are_done.wait()

    monkeypatch.setattr(some, "_settle", settle)
    for organization in (BACKLOGGED, other_backlogged):
        for _ in range(100):
            add(some._scheduler, organization, 100)
    for organization in range(10, 20):
        add(some._scheduler, organization, 60)
    some._dispatch()
    backlogged = [queue(some, organization) for organization in (BACKLOGGED, other_backlogged)]
    async with asyncio.timeout(20):
        while not (all(one.backing_off for one in backlogged) and len(some._short_queues_done._waiting) == 2):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    assert [stored.count(one) for one in (BACKLOGGED, other_backlogged)] == [1, 1]
    others_are_done.set()
    await soon(some.drain())
    assert not some._scheduler._queues
