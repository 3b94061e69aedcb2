"""What is about workers and several processes: folding, projecting, questions without a worker, what events take up
once folded, and a second server process.
"""

import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from server.projections.registry import PROJECTIONS
from server.store import projections
from server.store.database import Driver
from server.store.isolation import EVERY
from tallywire import requests
from tallywire.v1 import metrics_service_pb2 as messages
from tests.harness.bench import sending
from tests.harness.bench.made import Recipe, json_bytes, live, made_up
from tests.harness.bench.report import Figure, at_least, at_most, of_rounds, percentile
from tests.harness.bench.suite import Bench
from tests.harness.bench.world import World, until

_TABLES = ("events", "event_keys", "rollups", "deltas")
_DAY_TENANTS = 10
_OVERVIEW = "/tallywire.v1.MetricsService/GetOverview"
_PROJECT_SECONDS = 300.0
_LOOK_SECONDS = 0.01
_SIZE = (
    "SELECT sum(pg_total_relation_size(oid))::bigint FROM (SELECT $1::regclass AS oid UNION ALL"
    " SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::regclass) AS parts"
)
# Not in pg_stat_activity, which does not change within a transaction.
_STANDS_READY = (
    "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
    " WHERE d.datname = current_database() AND l.relation = '{}'::regclass AND NOT l.granted)"
)
_EVERY_FOLD = (
    "INSERT INTO folds (organization_id, folded_at, folded_deltas) SELECT organization_id, now(), 0 FROM organizations"
    " ON CONFLICT DO NOTHING"
)
_IS_FOLDED = "SELECT NOT EXISTS (SELECT FROM deltas)"
_WHOLE = (
    "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
)


async def fold(bench: Bench) -> Sequence[Figure]:
    """How fast a worker folds what ingest leaves behind, and how fast it projects, each alone, beside that ingest."""
    taken, projected, folded = [], [], []
    async with bench.world("fold") as world, world.server() as served:
        keys = await bench.senders(world, served)
        for number in range(bench.of(3, 1)):
            events = bench.of(100_000, 5_000)
            await bench.load.run(sending.make_batches, "fold", live(events, number), keys)
            await world.checkpoint()
            taken.append(await bench.load.run(sending.send_batches, served.address, "fold"))
            await world.checkpoint()
            for rates, seconds in zip((projected, folded), await _project_and_fold(world), strict=True):
                rates.append(events / seconds)
    against = {
        "against": "TrackEvents taking them in before, without a worker, events/s",
        "unit": "events/s",
        "yardstick": taken,
    }
    return [
        Figure(
            name="fold",
            what=f"one worker folds the deltas that stand for those events, {bench.tenants} organizations, events/s",
            measured=folded,
            result=of_rounds(folded, taken),
            must=at_least(3),
            aim=at_least(10),
            **against,
        ),
        Figure(
            name="project",
            what=f"one worker moves every projection on over those events, {bench.tenants} organizations, events/s",
            measured=projected,
            result=of_rounds(projected, taken),
            must=at_least(1),
            aim=at_least(2),
            **against,
        ),
    ]


async def _project_and_fold(world: World) -> tuple[float, float]:
    """The seconds in which a worker that stands ready projects everything, and then those in which it folds everything,
    the changes of figures that projections have made included. It is kept from doing both at once.
    """
    async with contextlib.AsyncExitStack() as stack:
        folds = await stack.enter_async_context(world.connected())
        await folds.execute(_EVERY_FOLD)
        async with folds.transaction(of=EVERY):
            await folds.execute("SELECT FROM folds FOR UPDATE")  # a worker passes over a fold that somebody else holds
            await stack.enter_async_context(world.worker())
            started = await _let_go_of_projections(world)
            await _until_projected(world)
            projecting = time.perf_counter() - started
            await folds.execute("LOCK TABLE folds IN EXCLUSIVE MODE")
            await until(folds, _STANDS_READY.format("folds"))
        started = time.perf_counter()
        await until(folds, _IS_FOLDED)
        return projecting, time.perf_counter() - started


async def _let_go_of_projections(world: World) -> float:
    """Keeps a worker from projecting until it stands ready, and returns the moment at which it may begin."""
    async with world.connected() as connection:
        async with connection.transaction():
            await connection.execute("LOCK TABLE projections IN EXCLUSIVE MODE")
            await until(connection, _STANDS_READY.format("projections"))
        return time.perf_counter()


async def _until_projected(world: World) -> None:
    async with asyncio.timeout(_PROJECT_SECONDS), world.connected() as connection:
        while await projections.behind(cast("Driver", connection), list(PROJECTIONS)):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(_LOOK_SECONDS)


async def first(bench: Bench) -> Sequence[Figure]:
    """How long the first question takes after many events of one organization without a worker, and those after it."""
    events = bench.of(100_000, 5_000)
    took, after = [], []
    for number in range(bench.of(3, 1)):
        async with bench.world("first") as world, world.server() as served:
            (key,) = await world.keys(1)
            await bench.load.run(sending.make_batches, "first", live(events, number), [key])
            await bench.load.run(sending.send_batches, served.address, "first")
            await world.checkpoint()
            until = datetime.now(UTC)
            time_range = requests.time_range(until - timedelta(days=90), until + timedelta(hours=1), "UTC")
            request = messages.GetOverviewRequest(time_range=time_range).SerializeToString()
            asked = [request] * bench.of(50, 5)
            latencies = await bench.asker.run(sending.ask, served.address, _OVERVIEW, key, asked)
            took.append(latencies[0])
            after.append(percentile(latencies[1:], 0.5))
    return [
        Figure(
            name="first",
            what=f"the first GetOverview after {events:,} events of one organization without any worker, ms",
            against="those after it, p50 in ms",
            unit="ms",
            measured=took,
            yardstick=after,
            result=statistics.median(took),
            result_unit="ms",
            must=at_most(2000),
        )
    ]


async def storage(bench: Bench) -> Sequence[Figure]:
    """What a day of events takes up in the database after fold and vacuum, beside the events as JSON."""
    each = bench.of(20_000, 500)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    span = timedelta(days=1)
    recipe = Recipe(events=each * _DAY_TENANTS, start=today - span, span=span, users=2000, agents=48, seed=1)
    raw = json_bytes(made_up(recipe))
    async with bench.world("storage") as world, world.server() as served, world.worker():
        keys = await world.keys(_DAY_TENANTS)  # every event of theirs is measured
        await bench.load.run(sending.make_batches, "storage", recipe, keys)
        await bench.load.run(sending.send_batches, served.address, "storage")
        await world.until_folded()
        sizes, whole = await _sizes(world)
    per_event = {f"{name}, bytes per event": size / recipe.events for name, size in sizes.items()}
    stored = sum(sizes.values()) / recipe.events
    return [
        Figure(
            name="storage",
            what=f"{', '.join(_TABLES)} with indexes and toast after fold and vacuum, of a day of {_DAY_TENANTS}"
            f" organizations with {each:,} events each, bytes per event",
            against="the events as JSON without white space, bytes per event",
            unit="bytes per event",
            measured=[stored],
            yardstick=[raw / recipe.events],
            result=stored * recipe.events / raw,
            must=at_most(2),
            aim=at_most(1),
            details={**per_event, "all tables, bytes per event": whole / recipe.events},
        )
    ]


async def _sizes(world: World) -> tuple[dict[str, int], int]:
    async with world.connected() as connection:
        await connection.execute("VACUUM (ANALYZE)")
        return {name: await connection.fetchval(_SIZE, name) for name in _TABLES}, await connection.fetchval(_WHOLE)


async def processes(bench: Bench) -> Sequence[Figure]:
    """Ingest by two server processes on one port, beside one process."""
    about = {
        "name": "processes",
        "what": "TrackEvents as in ingest, `serve --processes 2`, events/s",
        "against": "one process, events/s",
    }
    if not await _has_processes():
        return [Figure(**about, note="`python -m server serve` has no option --processes")]
    one, two = [], []
    async with (
        bench.world("processes") as world,
        world.server() as single,
        world.server(processes=2) as double,
    ):
        keys = await bench.senders(world, single, double)
        for number in bench.rounds:
            for position, (served, rates) in enumerate(((single, one), (double, two))):
                recipe = live(bench.of(40_000, 5_000), 2 * number + position)
                await bench.load.run(sending.make_batches, "processes", recipe, keys)
                await world.checkpoint()
                rates.append(await bench.load.run(sending.send_batches, served.address, "processes"))
    return [
        Figure(**about, unit="events/s", measured=two, yardstick=one, result=of_rounds(two, one), must=at_least(1.2))
    ]


async def _has_processes() -> bool:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", "serve", "--help", stdout=asyncio.subprocess.PIPE
    )
    shown, _ = await process.communicate()
    return b"--processes" in shown
