"""Single events by TrackEvent: how many a second, and how long one takes at half of that."""

import statistics
import time
from collections.abc import Sequence

from tests.harness.bench import processes, sending, writing
from tests.harness.bench.made import live
from tests.harness.bench.report import Figure, at_least, at_most, of_rounds, percentile
from tests.harness.bench.sending import ECHO, TRACK_EVENT, Pace
from tests.harness.bench.suite import Bench

_IN_FLIGHT = 128
_CONNECTIONS = 4
_ECHO = f"the same messages echoed by an empty grpc.aio server ({processes.loop_name()})"


async def unary(bench: Bench) -> Sequence[Figure]:
    """As many single events as possible, of one organization and of many, beside an echo of the same messages."""
    events = bench.of(10_000, 500)
    found: dict[int, list[tuple[Pace, Pace]]] = {1: [], bench.tenants: []}
    async with bench.world("unary") as world, world.server() as served, processes.echo() as echo:
        keys = await bench.senders(world, served)
        for number in bench.rounds:
            for tenants, paces in found.items():
                recipe = live(events, bench.tenants * number + tenants)
                await bench.load.run(sending.make_single, "unary", recipe, keys[:tenants])
                await world.checkpoint()
                ours, bare = [
                    await bench.load.run(sending.call_closed, address, method, "unary", _IN_FLIGHT, _CONNECTIONS)
                    for address, method in ((served.address, TRACK_EVENT), (echo, ECHO))
                ]
                paces.append((ours, bare))
    return [_unary(tenants, paces) for tenants, paces in found.items()]


def _unary(tenants: int, paces: Sequence[tuple[Pace, Pace]]) -> Figure:
    ours, bare = [one.rate for one, _ in paces], [other.rate for _, other in paces]
    latencies = [latency for one, _ in paces for latency in one.latencies]
    return Figure(
        name="unary",
        what=f"TrackEvent, {_IN_FLIGHT} in flight, {tenants} organization{'s' * (tenants > 1)}, calls/s",
        against=f"{_ECHO}, calls/s",
        unit="calls/s",
        measured=ours,
        yardstick=bare,
        result=of_rounds(ours, bare),
        must=at_least(0.5),
        aim=at_least(0.75),
        details={"p50 ms": statistics.median(latencies), "p99 ms": percentile(latencies, 0.99)},
    )


async def latency(bench: Bench) -> Sequence[Figure]:
    """How long a single event takes at half of the most, beside an echo at that rate and one durable commit."""
    ours, echoed, committed = [], [], []
    async with bench.world("latency") as world, world.server() as served, processes.echo() as echo:
        keys = (await bench.senders(world, served))[:1]
        await bench.load.run(sending.make_single, "peak", live(bench.of(8_000, 500), -1), keys)
        peak = await bench.load.run(sending.call_closed, served.address, TRACK_EVENT, "peak", _IN_FLIGHT, _CONNECTIONS)
        rate = peak.rate / 2
        for number in bench.rounds:
            recipe = live(int(rate * bench.of(5, 1)), number)
            await bench.load.run(sending.make_single, "latency", recipe, keys)
            await world.checkpoint()
            since = time.time()
            for address, method, paces in ((served.address, TRACK_EVENT, ours), (echo, ECHO, echoed)):
                paces.append(await bench.load.run(sending.call_open, address, method, "latency", rate, _CONNECTIONS))
            committed.append(await bench.load.run(writing.commits, world.dsn, since, bench.of(500, 100)))
    measured = [percentile(pace.latencies, 0.99) for pace in ours]
    yardstick = [
        percentile(pace.latencies, 0.99) + percentile(commits, 0.99)
        for pace, commits in zip(echoed, committed, strict=True)
    ]
    return [
        Figure(
            name="latency",
            what=f"TrackEvent at {rate:,.0f} calls/s, half of the most, open loop, 1 organization, p99 in ms",
            against=f"p99 of {_ECHO} at that rate + p99 of single-row commits, ms",
            unit="ms",
            measured=measured,
            yardstick=yardstick,
            result=of_rounds(measured, yardstick),
            must=at_most(2),
            aim=at_most(1.2),
            details={
                "p50 ms": statistics.median(one for pace in ours for one in pace.latencies),
                "echo p50 ms": statistics.median(one for pace in echoed for one in pace.latencies),
                "echo p99 ms": statistics.median(percentile(pace.latencies, 0.99) for pace in echoed),
                "commit p50 ms": statistics.median(one for commits in committed for one in commits),
                "commit p99 ms": statistics.median(percentile(commits, 0.99) for commits in committed),
            },
        )
    ]
