"""Questions while events come in: what ingest at full rate and a worker that folds do to them."""

import asyncio
import statistics
from collections.abc import Sequence
from datetime import timedelta

from tests.harness.bench import sending
from tests.harness.bench.made import live
from tests.harness.bench.questions import overview_of
from tests.harness.bench.report import Figure, at_most, of_rounds, percentile
from tests.harness.bench.suite import Bench

_AT_ONCE = 5  # questions, until it is looked again whether the load is still on


async def mixed(bench: Bench) -> Sequence[Figure]:
    """GetOverview of 90 days while its organization and others send at full rate and a worker folds."""
    (history,), days = await bench.histories.get("small"), bench.of(90, 10)
    asked = overview_of(history, days, end=history.end + timedelta(days=1))  # with the day on which events come in
    world, calls = bench.histories.world, bench.of(100, 10)
    idle: list[Sequence[float]] = []
    busy: list[Sequence[float]] = []
    rates = []
    async with world.server() as served, world.worker():
        keys = [history.key, *await bench.senders(world, served)]
        for number in range(bench.of(3, 1)):
            await world.until_folded()
            await world.checkpoint()
            requests = asked.requests(2 * number * calls, 2 * calls)
            ask = (sending.ask, served.address, asked.path, history.key)
            idle.append(await bench.asker.run(*ask, requests[:calls]))
            await bench.load.run(sending.make_batches, "mixed", live(bench.of(80_000, 10_000), number), keys)
            load = asyncio.create_task(bench.load.run(sending.send_batches, served.address, "mixed"))
            latencies: list[float] = []
            while not load.done():
                first = calls + len(latencies) % calls
                latencies += await bench.asker.run(*ask, requests[first : first + _AT_ONCE])
            busy.append(latencies)
            rates.append(await load)
    return [_figure(len(keys), name, q, idle, busy, rates) for name, q in (("p50", 0.5), ("p99", 0.99))]


def _figure(
    tenants: int,
    name: str,
    q: float,
    idle: Sequence[Sequence[float]],
    busy: Sequence[Sequence[float]],
    rates: Sequence[float],
) -> Figure:
    measured, yardstick = [percentile(each, q) for each in busy], [percentile(each, q) for each in idle]
    return Figure(
        name="mixed",
        what=f"GetOverview while {tenants} organizations send at full rate and a worker folds, {name} in ms",
        against=f"GetOverview without any other load, {name} in ms",
        unit="ms",
        measured=measured,
        yardstick=yardstick,
        result=of_rounds(measured, yardstick),
        must=at_most(5),
        aim=at_most(2),
        details={"events/s meanwhile": statistics.median(rates), "calls meanwhile": sum(map(len, busy))},
    )
