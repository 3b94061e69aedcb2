"""Whoever waits behind itself goes on later while others have something under way, but goes on."""

import asyncio
import time
from typing import Any, cast

import pytest
from test_lanes import add

from server.admission.event_loop import Arrivals
from server.clock import Clock
from server.ingest import pipeline
from server.ingest.pipeline import Ingest
from server.ingest.scheduler import Lane, Taken

HEAVY, LIGHT = 1, 2


def waiting(*, light: bool) -> Ingest:
    """With calls of one that waits behind itself, and of another one if so said."""
    found = Ingest(cast("Any", None), Arrivals(), Clock(), on_commit=lambda _: None, concurrency=1)
    for _ in range(20):
        add(found._lanes, HEAVY, 100)
    if light:
        add(found._lanes, LIGHT, 1)
    return found


def lane(of: Ingest, organization: int) -> Lane:
    found = of._lanes.get(organization)
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
    assert await seconds(waiting(light=True).give_way(HEAVY)) >= pipeline._COURTESY * 0.9


async def test_nobody_else_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_COURTESY", 60)
    monkeypatch.setattr(pipeline, "_LONGEST_REST", 60)
    beside, alone = waiting(light=True), waiting(light=False)
    await soon(beside.give_way(LIGHT))
    await soon(beside._rest(lane(beside, LIGHT), 60))
    await soon(alone.give_way(HEAVY))
    await soon(alone._rest(lane(alone, HEAVY), 60))
    beside._lanes._free = 0
    await soon(beside.give_way(HEAVY))
    await soon(beside._rest(lane(beside, HEAVY), 60))


async def test_it_goes_on_as_soon_as_the_others_have_nothing_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_COURTESY", 60)
    some = waiting(light=True)
    giving_way = asyncio.create_task(soon(some.give_way(HEAVY)))
    await asyncio.sleep(0)
    some._calm.notify_all()
    await giving_way


async def test_it_rests_until_the_others_are_done_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    beside = waiting(light=True)
    least = pipeline._REST * 0.02 + pipeline._LONGEST_REST
    assert await seconds(beside._rest(lane(beside, HEAVY), 0.02)) >= least * 0.9
    monkeypatch.setattr(pipeline, "_REST", 1e9)
    await soon(beside._rest(lane(beside, HEAVY), 60))


async def test_those_that_rest_wait_for_others_and_not_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through transactions, in which nothing is done here."""
    monkeypatch.setattr(pipeline, "_LONGEST_REST", 60)
    some = Ingest(cast("Any", None), Arrivals(), Clock(), on_commit=lambda _: None, concurrency=20)
    stored, others_are_done, other_heavy = list[int](), asyncio.Event(), 3

    async def settle(taken: Taken) -> None:
        stored.append(taken.lane.organization_id)
        if taken.lane.organization_id not in (HEAVY, other_heavy):
            await others_are_done.wait()

    monkeypatch.setattr(some, "_settle", settle)
    for organization in (HEAVY, other_heavy):
        for _ in range(100):
            add(some._lanes, organization, 100)
    for organization in range(10, 20):
        add(some._lanes, organization, 60)
    some._dispatch()
    heavy = [lane(some, organization) for organization in (HEAVY, other_heavy)]
    async with asyncio.timeout(20):
        while not (all(one.resting for one in heavy) and len(some._calm._waiting) == 2):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    assert [stored.count(one) for one in (HEAVY, other_heavy)] == [1, 1]
    others_are_done.set()
    await soon(some.drain())
    assert not some._lanes._lanes
