"""Whoever waits behind itself goes on later while others have something under way, but goes on."""

import asyncio
import time
from typing import Any, cast

import pytest
from test_lanes import add

from server import ingest
from server.arrivals import Arrivals
from server.ingest import Ingest

HEAVY, LIGHT = 1, 2


def waiting(*, light: bool) -> Ingest:
    """With calls of one that waits behind itself, and of another one if so said."""
    found = Ingest(cast("Any", None), Arrivals(), on_commit=lambda _: None, concurrency=1)
    for _ in range(20):
        add(found._lanes, HEAVY, 100)
    if light:
        add(found._lanes, LIGHT, 1)
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
    assert await seconds(waiting(light=True).give_way(HEAVY)) >= ingest._COURTESY * 0.9


async def test_nobody_else_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "_COURTESY", 60)
    monkeypatch.setattr(ingest, "_LONGEST_REST", 60)
    beside, alone = waiting(light=True), waiting(light=False)
    await soon(beside.give_way(LIGHT))
    await soon(beside._rest(LIGHT, 60))
    await soon(alone.give_way(HEAVY))
    await soon(alone._rest(HEAVY, 60))
    beside._lanes._free = 0
    await soon(beside.give_way(HEAVY))
    await soon(beside._rest(HEAVY, 60))


async def test_it_goes_on_as_soon_as_the_others_have_nothing_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "_COURTESY", 60)
    some = waiting(light=True)
    giving_way = asyncio.create_task(soon(some.give_way(HEAVY)))
    await asyncio.sleep(0)
    some._calm.ring()
    await giving_way


async def test_it_rests_until_the_others_are_done_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    beside = waiting(light=True)
    assert await seconds(beside._rest(HEAVY, 0.02)) >= (1 + ingest._REST) * 0.02 * 0.9
    monkeypatch.setattr(ingest, "_REST", 1e9)
    await soon(beside._rest(HEAVY, 60))
    monkeypatch.setattr(ingest, "_LONGEST_REST", 60)
    resting = asyncio.create_task(soon(beside._rest(HEAVY, 0.01)))
    while not beside._calm._waiting:  # noqa: ASYNC110 - nothing tells that it waits
        await asyncio.sleep(0.01)
    beside._calm.ring()
    await resting
