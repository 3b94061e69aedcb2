"""A cluster beside one PostgreSQL of the same programs, by turns: what its distribution costs on the same cores."""

import contextlib
import statistics
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tallywire.v1 import metrics_service_pb2 as messages
from tallywire.v1 import time_pb2
from tests.harness.bench import sending
from tests.harness.bench.made import live
from tests.harness.bench.report import Figure, of_rounds, percentile
from tests.harness.bench.sending import TRACK_EVENT
from tests.harness.bench.suite import Bench
from tests.harness.bench.world import Served, World
from tests.support import citus

_IN_FLIGHT, _CONNECTIONS = 128, 4
_OVERVIEW = "/tallywire.v1.MetricsService/GetOverview"
_ONE, _CLUSTER, _AT_NODES = "one PostgreSQL", "the cluster", "the cluster, at the nodes"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """A server on a database, and the keys of its organizations."""

    name: str
    world: World
    served: Served
    keys: Sequence[str]


async def nodes(bench: Bench) -> Sequence[Figure]:
    """Batches, single events and overviews on a coordinator and two nodes, beside one PostgreSQL."""
    what = "a coordinator and two nodes beside one PostgreSQL"
    if not citus.is_wanted():
        return [Figure(name="nodes", what=what, against="", note=f"{citus.VARIABLE} names no PostgreSQL with Citus")]
    found: dict[tuple[str, str], list[Sequence[float]]] = {}
    async with _sides(bench) as sides:
        for number in bench.rounds:
            for side in sides if number % 2 else reversed(sides):
                for name, values in (await _written(bench, side, number)).items():
                    found.setdefault((name, side.name), []).append(values)
        for side in sides:
            async with side.world.worker():
                await side.world.until_folded()
        for number in bench.rounds:
            for side in sides if number % 2 else reversed(sides):
                found.setdefault(("overview", side.name), []).append(await _asked(bench, side, number))
    return [*_figures(bench, found)]


@contextlib.asynccontextmanager
async def _sides(bench: Bench) -> AsyncIterator[Sequence[_Side]]:
    """Both databases, and of the cluster a server whose questions go to the nodes, too."""
    async with contextlib.AsyncExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="tallywire-bench-one-")))
        engines = running.enter_context(citus.start_one(folder))
        sides = []
        for name, where in ((_ONE, engines), (_CLUSTER, bench.engines)):
            world = await running.enter_async_context(World.on(where, "nodes"))
            served = await running.enter_async_context(world.server())
            keys = await bench.senders(world, served)
            sides.append(_Side(name=name, world=world, served=served, keys=keys))
        cluster = sides[-1]
        urls = ",".join(citus.node_urls(bench.engines, cluster.world.url))
        served = await running.enter_async_context(cluster.world.server(TALLYWIRE_QUERY_DATABASE_URLS=urls))
        yield [*sides, _Side(name=_AT_NODES, world=cluster.world, served=served, keys=cluster.keys)]


async def _written(bench: Bench, side: _Side, number: int) -> Mapping[str, Sequence[float]]:
    """The rates of batches, and of single events of one organization and of all; of the third side none."""
    if side.name == _AT_NODES:
        return {}
    load, address = bench.load, side.served.address
    await load.run(sending.make_batches, "nodes", live(bench.of(40_000, 5_000), number), side.keys)
    await side.world.checkpoint()
    rates = {"batches": [await load.run(sending.send_batches, address, "nodes")]}
    for tenants in (1, bench.tenants):
        recipe = live(bench.of(10_000, 500), 1_000 + bench.tenants * number + tenants)
        await load.run(sending.make_single, "nodes", recipe, side.keys[:tenants])
        await side.world.checkpoint()
        pace = await load.run(sending.call_closed, address, TRACK_EVENT, "nodes", _IN_FLIGHT, _CONNECTIONS)
        rates[f"singles {tenants}"] = [pace.rate]
    return rates


async def _asked(bench: Bench, side: _Side, number: int) -> list[float]:
    """The times of overviews of 30 days of some organizations, one after the other, in milliseconds."""
    times: list[float] = []
    end = datetime.now(UTC)
    for tenant, key in enumerate(side.keys[:5]):
        requests = []
        for later in range(bench.of(60, 10)):
            time_range = time_pb2.TimeRange(time_zone="UTC")
            time_range.start.FromDatetime(end - timedelta(days=30, minutes=15 * later, hours=number))
            time_range.end.FromDatetime(end + timedelta(hours=1))
            requests.append(messages.GetOverviewRequest(time_range=time_range).SerializeToString())
        found = await bench.asker.run(sending.ask, side.served.address, _OVERVIEW, key, requests)
        times += found if tenant or number else found[len(found) // 2 :]  # without those that open connections
    return times


def _figures(bench: Bench, found: Mapping[tuple[str, str], Sequence[Sequence[float]]]) -> list[Figure]:
    rates = {
        "batches": f"TrackEvents, batches of {sending.BATCH}, {bench.tenants} organizations, events/s",
        "singles 1": f"TrackEvent, {_IN_FLIGHT} in flight, 1 organization, calls/s",
        f"singles {bench.tenants}": f"TrackEvent, {_IN_FLIGHT} in flight, {bench.tenants} organizations, calls/s",
    }
    figures = []
    for name, what in rates.items():
        ours, bare = ([one[0] for one in found[name, side]] for side in (_CLUSTER, _ONE))
        figures.append(_figure(f"{what}: {_CLUSTER}", ours, bare, {}))
    for side in (_CLUSTER, _AT_NODES):
        ours, bare = ([statistics.median(one) for one in found["overview", name]] for name in (side, _ONE))
        every = {name: [one for each in found["overview", name] for one in each] for name in (side, _ONE)}
        details = {"p99 ms": percentile(every[side], 0.99), f"p99 ms of {_ONE}": percentile(every[_ONE], 0.99)}
        figures.append(_figure(f"GetOverview of 30 days, p50 in ms: {side}", ours, bare, details))
    return figures


def _figure(what: str, ours: Sequence[float], bare: Sequence[float], details: Mapping[str, float]) -> Figure:
    return Figure(
        name="nodes",
        what=what,
        against=_ONE,
        unit=what.partition(":")[0].rpartition(" ")[2],
        measured=ours,
        yardstick=bare,
        result=of_rounds(ours, bare),
        details=details,
    )
