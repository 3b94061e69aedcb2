"""A new agent with every event, a million of them in ten minutes: totals stay exact, and neither the server's memory
nor what is stored of figures grows with the agents.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from server.catalog import dimensions
from server.catalog.cells import OTHER
from server.rollups import fold
from server.store.isolation import EVERY
from tallywire import AsyncClient, uuid7
from tallywire.v1 import event_pb2, event_service_pb2, metrics_service_pb2
from tests.harness.bench.world import Served, World

_BATCH = 1000
_IN_FLIGHT = 8
_GROWTH_MIB = 32  # of the server in the second half, when what it remembers has its full size


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of the load. first_half and second_half: the most memory that the server held in them, in MiB."""

    accepted: int
    overview: metrics_service_pb2.Overview
    others: int  # messages under OTHER
    values: int  # agents with figures of their own, OTHER among them
    first_half: float
    second_half: float
    seconds: float


async def run(world: World, *, agents: int = 1_000_000, seconds: float = 600, limit: int = 10_000) -> bool:
    """Sends one message of each agent, evenly over some seconds, and says whether all is as it must be."""
    found = await _load(world, agents, seconds, limit)
    checks = {
        f"{found.accepted:,} of {agents:,} events accepted": found.accepted == agents,
        f"{found.overview.events:,} events counted": found.overview.events == agents,
        f"{found.overview.active_agents:,} active agents": found.overview.active_agents == agents,
        f"{found.others:,} messages under {OTHER}": found.others == agents - limit,
        f"{found.values:,} agents with figures, {OTHER} among them": found.values == limit + 1,
        f"memory {found.first_half:.0f} MiB, in the second half {found.second_half:.0f} MiB": (
            found.second_half <= found.first_half + _GROWTH_MIB
        ),
    }
    for check, good in checks.items():
        print(f"{'good' if good else 'BAD '}  {check}")
    print(f"{agents / found.seconds:,.0f} events/s, {found.seconds:.0f} s")
    return all(checks.values())


async def _load(world: World, agents: int, seconds: float, limit: int) -> Found:
    organization, key = await world.tenant("a crowd")
    async with (
        world.server(TALLYWIRE_MAX_DISTINCT=f"agent={limit}") as served,
        AsyncClient(served.address, api_key=key) as client,
    ):
        started = time.monotonic()
        halves: list[float] = []
        accepted = 0
        for first, last in ((0, agents // 2), (agents // 2, agents)):
            sending = asyncio.create_task(_send(client, first, last, seconds / 2))
            halves.append(await _watch(served, sending))
            accepted += await sending
        elapsed = time.monotonic() - started
        period = (datetime.now(UTC) - timedelta(hours=2 + seconds / 3600), datetime.now(UTC) + timedelta(hours=1))
        overview = (await client.overview(*period)).overview
        others = (await client.agent(OTHER, *period)).agent.message_count
    await fold.fold_all(world.database, organization)
    async with world.database.snapshot(of=EVERY) as driver:
        values = await driver.fetchval(
            "SELECT count(DISTINCT value) FROM rollups WHERE organization_id = $1 AND dimension = $2",
            organization,
            dimensions.AGENT.number,
        )
    return Found(
        accepted=accepted,
        overview=overview,
        others=others,
        values=values,
        first_half=halves[0],
        second_half=halves[1],
        seconds=elapsed,
    )


async def _watch(served: Served, sending: "asyncio.Task[int]") -> float:
    """The most memory that the server holds while the task goes on."""
    most = served.resident_mib()
    while not sending.done():
        await asyncio.wait([sending], timeout=0.5)
        most = max(most, served.resident_mib())
    return most


async def _send(client: AsyncClient, first: int, last: int, seconds: float) -> int:
    """Sends one message of every agent of a range by a schedule, and returns how many were accepted."""
    begun, slots = time.monotonic(), asyncio.Semaphore(_IN_FLIGHT)
    tasks: set[asyncio.Task[int]] = set()
    accepted = 0

    async def track(batch: list[event_pb2.Event]) -> int:
        async with slots:
            results = await client.track_batch(batch)
        return sum(result.status == event_service_pb2.EVENT_STATUS_ACCEPTED for result in results)

    for start in range(first, last, _BATCH):
        due = begun + seconds * (start - first) / (last - first)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        tasks.add(asyncio.create_task(track(list(_events(start, min(start + _BATCH, last))))))
        if len(tasks) > 2 * _IN_FLIGHT:
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            accepted += sum(task.result() for task in done)
    return accepted + sum(await asyncio.gather(*tasks))


def _events(first: int, last: int) -> Iterator[event_pb2.Event]:
    at = datetime.now(UTC)
    for number in range(first, last):
        event = event_pb2.Event(
            event_id=uuid7(), event_type="message.received", agent_id=f"agent-{number:032}", channel="web"
        )
        event.occurred_at.FromDatetime(at)
        yield event
