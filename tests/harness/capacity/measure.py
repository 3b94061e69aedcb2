"""Measures what an event costs here: processor time of each process, WAL and bytes on disk, in about a minute."""

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc

from server.local import embedded
from server.projections.registry import PROJECTIONS
from server.store import projections
from server.store.isolation import EVERY
from tallywire import requests
from tallywire.v1 import metrics_service_pb2 as messages
from tests.harness.bench import machine, sending
from tests.harness.bench.made import live
from tests.harness.bench.processes import Aside
from tests.harness.bench.sending import Pace
from tests.harness.bench.world import Served, World
from tests.harness.capacity.costs import Costs, Sent

_TICKS = os.sysconf("SC_CLK_TCK")
_OVERVIEW = "/tallywire.v1.MetricsService/GetOverview"
_IN_FLIGHT = 128
_CONNECTIONS = 4
_TENANTS = 20
_ROUNDS = 3
_IDLE_SECONDS = 3.0
_STRETCH = 5  # revisions
_REVISIONS = (
    "SELECT received_at, count(*) AS events FROM events WHERE organization_id = $1 AND received_at > $2"
    " GROUP BY revision, received_at ORDER BY revision"
)
_WHOLE = (
    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname ~ $1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What something took of processors, in seconds, and of WAL, in bytes."""

    server: float
    worker: float
    postgresql: float
    wal: float
    seconds: float
    answer: Any

    def beyond(self, idle: "Spent") -> "Spent":
        """The same without what the processes take in that time while nothing is to be done."""
        part = self.seconds / idle.seconds
        return replace(
            self,
            server=self.server - part * idle.server,
            worker=self.worker - part * idle.worker,
            postgresql=self.postgresql - part * idle.postgresql,
            wal=self.wal - part * idle.wal,
        )


@dataclass(slots=True, kw_only=True)
class Meter:
    """Reads processor times and WAL of the processes of one world."""

    world: World
    server: int
    worker: int = 0

    async def of(self, work: Awaitable[Any]) -> Spent:
        """What some work takes, until its end."""
        before, started = await self._read(), time.monotonic()
        answer = await work
        seconds = time.monotonic() - started
        server, worker, postgresql, wal = (b - a for a, b in zip(before, await self._read(), strict=True))
        return Spent(server=server, worker=worker, postgresql=postgresql, wal=wal, seconds=seconds, answer=answer)

    async def _read(self) -> tuple[float, float, float, float]:
        async with self.world.connected() as connection:
            wal = float(await connection.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"))
        postgresql = _seconds(self.world.engines.postgres_pid)
        return _seconds(self.server), _seconds(self.worker) if self.worker else 0.0, postgresql, wal


def _seconds(pid: int) -> float:
    """The processor time of a process and all that it has started, those that have ended included (Linux)."""
    while True:
        family = list(_family(pid))
        with contextlib.suppress(FileNotFoundError):
            taken = sum(map(_ticks, family)) / _TICKS
            # Who ends in between is counted twice or not at all.
            if list(_family(pid)) == family:
                return taken


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in sorted(Path(f"/proc/{pid}/task").iterdir()):
        with contextlib.suppress(FileNotFoundError):  # threads and processes end
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


async def measure(scale: float = 1.0) -> Costs:
    """Measures everything on engines of its own; scale makes each leg shorter."""
    with tempfile.TemporaryDirectory() as folder, embedded.start(Path(folder)) as engines:
        return await measure_on(engines, scale)


async def measure_on(engines: embedded.Engines, scale: float) -> Costs:
    """The same on engines that run already."""
    with Aside() as load:
        async with World.on(engines, "capacity") as world:
            return await _on(world, load, scale, _without_kernel(await machine.facts(world)))


def _without_kernel(facts: dict[str, Any]) -> dict[str, Any]:
    return {**facts, "machine": {name: value for name, value in facts["machine"].items() if name != "kernel"}}


async def _on(world: World, load: Aside, scale: float, facts: dict[str, Any]) -> Costs:
    batches, singles, questions = (int(count * scale) for count in (30_000, 2_000, 320))
    organization, key = await world.tenant("alone")
    keys = [key, *await world.keys(_TENANTS - 1)]
    async with world.server() as served:
        meter = Meter(world=world, server=served.pid)
        await _batches(meter, served, load, keys, 5_000, seed=-1)  # users and agents that are new cost more
        legs: dict[str, list[Spent]] = {"batch": [], "single": [], "worked": []}
        alone: list[float] = []
        singly: list[float] = []
        for seed in range(0, 10 * _ROUNDS, 10):
            legs["batch"].append(await _batches(meter, served, load, keys, batches, seed=seed))
            since = datetime.now(UTC)
            await _batches(meter, served, load, keys[:1], batches, seed=seed + 1)
            alone.append(await _fastest(world, organization, since))
            legs["single"].append(await _singles(meter, served, load, keys, singles, seed=seed + 2))
            since = datetime.now(UTC)
            await _singles(meter, served, load, keys[:1], singles, seed=seed + 3)
            singly.append(await _fastest(world, organization, since))
        async with _worker(world) as pid:
            meter.worker = pid
            await asyncio.sleep(_IDLE_SECONDS * scale)  # its first tasks
            rests = [await meter.of(asyncio.sleep(_IDLE_SECONDS * scale)) for _ in range(_ROUNDS)]
            idle = min(rests, key=lambda one: one.postgresql)
            legs["worked"] = [
                await _work(meter, served, load, keys, batches, seed) for seed in range(5, 10 * _ROUNDS, 10)
            ]
            meter.worker = 0
        size = await _sizes(world)
        asked = [await meter.of(_ask(served, keys[0], questions)) for _ in range(_ROUNDS)]
    events = 5_000 + _ROUNDS * (3 * batches + 2 * singles)
    worked = [one.beyond(idle) for one in legs["worked"]]
    return Costs(
        batch=_sent(legs["batch"], max(alone), batches),
        single=_sent(legs["single"], max(singly), singles),
        worker_us=_least(worked, "worker", batches),
        work_postgresql_us=_least(worked, "postgresql", batches),
        work_wal_bytes=sum(one.wal for one in worked) / len(worked) / batches,
        question_server_us=_least(asked, "server", questions),
        question_postgresql_us=_least(asked, "postgresql", questions),
        event_bytes=size["events"] / events,
        key_bytes=size["keys"] / events,
        lasting_bytes=size["lasting"] / events,
        machine={"measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", **facts},
    )


async def _fastest(world: World, organization: int, since: datetime) -> float:
    """Events/s of an organization that sends as much as it can, over the fastest stretch of revisions in a row: the one
    in which what else is on the machine kept its revision least.
    """
    async with world.connected() as connection:
        rows = await connection.fetch(_REVISIONS, organization, since)
    times, events = [since, *(row["received_at"] for row in rows)], [0, *(row["events"] for row in rows)]
    length = min(_STRETCH, len(rows))
    rates = [
        sum(events[last - length + 1 : last + 1]) / max((times[last] - times[last - length]).total_seconds(), 1e-6)
        for last in range(length, len(times))
    ]
    return max(rates)


def _least(rounds: list[Spent], name: str, count: int) -> float:
    """Microseconds of the round that others on the machine disturbed least."""
    return min(float(getattr(one, name)) for one in rounds) / count * 1e6


def _sent(rounds: list[Spent], one_organization: float, events: int) -> Sent:
    return Sent(
        server_us=_least(rounds, "server", events),
        postgresql_us=_least(rounds, "postgresql", events),
        wal_bytes=sum(one.wal for one in rounds) / len(rounds) / events,
        one_organization=one_organization,
    )


async def _batches(meter: Meter, served: Served, load: Aside, keys: list[str], events: int, *, seed: int) -> Spent:
    await load.run(sending.make_batches, "batches", live(events, seed), keys)
    await meter.world.checkpoint()
    return await meter.of(load.run(sending.send_batches, served.address, "batches"))


async def _singles(meter: Meter, served: Served, load: Aside, keys: list[str], events: int, *, seed: int) -> Spent:
    await load.run(sending.make_single, "singles", live(events, seed), keys)
    await meter.world.checkpoint()
    send = load.run(sending.call_closed, served.address, sending.TRACK_EVENT, "singles", _IN_FLIGHT, _CONNECTIONS)
    return await meter.of(_rate(send))


async def _rate(calls: Awaitable[Pace]) -> float:
    return (await calls).rate


@contextlib.asynccontextmanager
async def _worker(world: World) -> AsyncIterator[int]:
    """A worker that has worked off everything, by its process."""
    async with world.worker() as process:
        await world.until_projected()
        await world.until_folded()
        yield process.pid


async def _work(meter: Meter, served: Served, load: Aside, keys: list[str], events: int, seed: int) -> Spent:
    """What a worker takes to fold and project batches that were stored while it was stopped."""
    os.kill(meter.worker, signal.SIGSTOP)
    try:
        await _batches(meter, served, load, keys, events, seed=seed)
    finally:
        os.kill(meter.worker, signal.SIGCONT)
    return await meter.of(_until_worked(meter.world))


async def _until_worked(world: World) -> None:
    while await _is_behind(world):  # noqa: ASYNC110 - it tells nobody, and looking more often would be measured, too
        await asyncio.sleep(0.3)


async def _is_behind(world: World) -> bool:
    async with world.database.snapshot(of=EVERY) as driver:
        if await projections.behind(driver, list(PROJECTIONS)):
            return True
        return bool(await driver.fetchval("SELECT EXISTS (SELECT FROM deltas)"))


async def _ask(served: Served, key: str, questions: int) -> None:
    # Whole hours: what occurred in parts of quarter hours would be counted event by event.
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    request = messages.GetOverviewRequest(
        time_range=requests.time_range(end - timedelta(days=30), end, "UTC")
    ).SerializeToString()
    async with grpc.aio.insecure_channel(served.address) as channel:
        ask = channel.unary_unary(_OVERVIEW)
        for _ in range(0, questions, 8):
            answers = (ask(request, metadata=(("authorization", f"Bearer {key}"),), timeout=60) for _ in range(8))
            await asyncio.gather(*answers)


async def _sizes(world: World) -> dict[str, int]:
    """The bytes of raw events, of ids, and of what is kept for ever, after vacuum."""
    async with world.connected() as connection:
        await connection.execute("VACUUM")
        events, keys, passing, whole = [
            await connection.fetchval(_WHOLE, pattern)
            for pattern in ("^events_[0-9]", "^event_keys", "^(deltas|updates|tasks|slots)", ".")
        ]
    return {"events": events, "keys": keys, "lasting": whole - events - keys - passing}
