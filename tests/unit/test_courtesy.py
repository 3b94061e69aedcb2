"""Whoever waits behind itself goes on later while others have something under way, but goes on."""

import asyncio
import time
from typing import Any, cast

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


async def test_it_waits_a_little_beside_others_and_not_alone() -> None:
    beside, alone = waiting(light=True), waiting(light=False)
    assert await seconds(beside.give_way(HEAVY)) >= ingest._COURTESY * 0.9
    assert await seconds(beside.give_way(LIGHT)) < ingest._COURTESY / 2
    assert await seconds(alone.give_way(HEAVY)) < ingest._COURTESY / 2


async def test_it_goes_on_as_soon_as_the_others_have_nothing_under_way() -> None:
    some = waiting(light=True)
    giving_way = asyncio.create_task(seconds(some.give_way(HEAVY)))
    await asyncio.sleep(0)
    some._calm.ring()
    assert await giving_way < ingest._COURTESY / 2


async def test_it_rests_until_the_others_are_done_within_bounds() -> None:
    beside, alone = waiting(light=True), waiting(light=False)
    longest = (1 + ingest._REST) * 0.02
    assert longest * 0.9 <= await seconds(beside._rest(HEAVY, 0.02)) < longest + 0.1
    assert await seconds(beside._rest(HEAVY, 60.0)) < 2 * ingest._LONGEST_REST + 0.1
    resting = asyncio.create_task(seconds(beside._rest(HEAVY, 0.05)))
    await asyncio.sleep(0.1)
    assert not resting.done()
    beside._calm.ring()
    assert 0.09 <= await resting < 0.25
    assert await seconds(beside._rest(LIGHT, 0.05)) < 0.02
    assert await seconds(alone._rest(HEAVY, 0.05)) < 0.02
    beside._lanes._free = 0
    assert await seconds(beside._rest(HEAVY, 0.05)) < 0.02, "nobody could begin meanwhile"
