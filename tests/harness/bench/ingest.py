"""Batches of 500 events of many organizations, unique, live, durable, until acknowledged: TrackEvents, StreamEvents."""

import time
from collections.abc import Sequence

from tests.harness.bench import sending, writing
from tests.harness.bench.made import live
from tests.harness.bench.report import Figure, at_least, at_most, of_rounds
from tests.harness.bench.suite import Bench
from tests.harness.bench.world import World

_RATE = f"{sending.IN_FLIGHT} in flight, events/s"
_COPY = f"COPY of the same rows, a transaction per batch, {writing.CONNECTIONS} connections, rows/s"


def _events(bench: Bench) -> int:
    return bench.of(40_000, 5_000)


async def ingest(bench: Bench) -> Sequence[Figure]:
    """TrackEvents beside a bare COPY."""
    ours, bare = [], []
    async with bench.world("ingest") as world, world.server() as served:
        keys = await bench.senders(world, served)
        for number in bench.rounds:
            await bench.load.run(sending.make_batches, "ingest", live(_events(bench), number), keys)
            since = await _fresh(world)
            ours.append(await bench.load.run(sending.send_batches, served.address, "ingest"))
            bare.append(await _copy(bench, world, since))
    what = f"TrackEvents, batches of {sending.BATCH}, {bench.tenants} organizations, {_RATE}"
    return [_beside_copy("ingest", what, ours, bare)]


async def stream(bench: Bench) -> Sequence[Figure]:
    """StreamEvents beside a bare COPY."""
    ours, bare = [], []
    async with bench.world("stream") as world, world.server() as served:
        keys = await bench.senders(world, served)
        for number in bench.rounds:
            await bench.load.run(sending.make_stream_batches, "stream", live(_events(bench), number), keys)
            since = await _fresh(world)
            ours.append(await bench.load.run(sending.send_streams, served.address, "stream"))
            bare.append(await _copy(bench, world, since))
    what = f"StreamEvents, batches of {sending.BATCH}, {bench.tenants} streams, {_RATE}"
    return [_beside_copy("stream", what, ours, bare)]


async def replay(bench: Bench) -> Sequence[Figure]:
    """The same batches a second time, all of them duplicates."""
    first, again = [], []
    async with bench.world("replay") as world, world.server() as served:
        keys = await bench.senders(world, served)
        for number in bench.rounds:
            await bench.load.run(sending.make_batches, "replay", live(_events(bench), number), keys)
            await world.checkpoint()
            first.append(await bench.load.run(sending.send_batches, served.address, "replay"))
            await world.checkpoint()
            again.append(await bench.load.run(sending.send_batches, served.address, "replay", sending.DUPLICATE))
    return [
        Figure(
            name="replay",
            what="the same batches sent again by TrackEvents, every event a DUPLICATE, events/s",
            against="their first delivery, events/s",
            unit="events/s",
            measured=again,
            yardstick=first,
            result=of_rounds(again, first),
            must=at_least(1),
            aim=at_least(2),
        )
    ]


async def memory(bench: Bench) -> Sequence[Figure]:
    """The most memory that the server holds while events come in at full rate."""
    async with bench.world("memory") as world, world.server() as served:
        keys = await bench.senders(world, served)
        peaks = []
        for number in range(bench.of(3, 1)):
            await bench.load.run(sending.make_batches, "memory", live(2 * _events(bench), number), keys)
            await bench.load.run(sending.send_batches, served.address, "memory")
            peaks.append(served.peak_megabytes())
    return [
        Figure(
            name="memory",
            what=f"peak resident memory of the server under ingest at full rate, {bench.tenants} organizations, MB",
            against="",
            unit="MB",
            measured=peaks,
            result=max(peaks),
            result_unit="MB",
            must=at_most(250),
            aim=at_most(150),
        )
    ]


async def _fresh(world: World) -> float:
    """Makes both sides begin alike, and returns a time before whatever is stored from now on."""
    await world.checkpoint()
    return time.time()


async def _copy(bench: Bench, world: World, since: float) -> float:
    await world.checkpoint()
    return await bench.load.run(writing.copy, world.dsn, since)


def _beside_copy(name: str, what: str, ours: Sequence[float], bare: Sequence[float]) -> Figure:
    return Figure(
        name=name,
        what=what,
        against=_COPY,
        unit="per second",
        measured=ours,
        yardstick=bare,
        result=of_rounds(ours, bare),
        must=at_least(0.3),
        aim=at_least(0.5),
    )
