"""The messages of updates are made once for all readers, and leave the event loop to others meanwhile."""

import asyncio
from collections.abc import Iterator
from typing import Any

from server import timerange
from server.events.event import Event
from server.realtime.update_cache import Batch, Recent, ShownEvents
from server.realtime.view import ViewFilter
from server.rpc import realtime_conversion
from server.store.updates import Update

_HEAVY = '{"list":[' + ",".join(['{"":null}'] * 1_600) + "]}"  # nearly as large as properties may be, and slow to read


def event(number: int, properties: str) -> Event:
    return Event(str(number), b"", 0, "message.sent", 0, *[""] * 8, {}, properties, ())


def batch(revision: int, count: int, properties: str) -> Batch:
    events = [event(number, properties) for number in range(count)]
    return Batch(update=Update(revision=revision, at=timerange.EPOCH, changes={}), events=events, whole=True)


class Counted:
    """What encodes updates, and how often it did."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *update: Any) -> Iterator[bytes]:
        self.count += 1
        return realtime_conversion.update(*update)


async def turns_during(work: Any) -> int:
    """How often others could run while something was awaited."""
    task, turns = asyncio.ensure_future(work), 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    await task
    return turns


async def test_others_run_between_heavy_events() -> None:
    recent = Recent(realtime_conversion.update)
    heavy, light = batch(1, 20, _HEAVY), batch(2, 20, "{}")
    recent.keep([heavy, light])
    assert await turns_during(recent.encoded(heavy, ViewFilter(), ShownEvents.WHOLE)) >= 20
    assert await turns_during(recent.encoded(light, ViewFilter(), ShownEvents.WHOLE)) <= 5


async def test_readers_that_come_together_get_what_is_made_once() -> None:
    encode = Counted()
    recent, update = Recent(encode), batch(1, 20, _HEAVY)
    recent.keep([update])
    answers = await asyncio.gather(*(recent.encoded(update, ViewFilter(), ShownEvents.WHOLE) for _ in range(10)))
    assert encode.count == 1
    assert all(answer is answers[0] for answer in answers)
    assert await recent.encoded(update, ViewFilter(), ShownEvents.WHOLE) is answers[0]


async def test_a_reader_that_leaves_meanwhile_takes_nothing_from_the_others() -> None:
    encode = Counted()
    recent, update = Recent(encode), batch(1, 20, _HEAVY)
    recent.keep([update])
    first, second = (
        asyncio.create_task(_encoded(recent, update)),
        asyncio.create_task(_encoded(recent, update)),
    )
    await asyncio.sleep(0)
    first.cancel()
    expected = [one for one in realtime_conversion.update(update, ViewFilter(), True) if one]
    assert list(await second) == expected
    assert encode.count == 2


async def _encoded(recent: Recent, update: Batch) -> Any:
    return await recent.encoded(update, ViewFilter(), ShownEvents.WHOLE)
