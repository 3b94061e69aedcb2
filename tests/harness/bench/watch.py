"""Many WatchMetrics subscribers while events arrive: from acknowledgement to receipt, and the server's memory.

The same many come, stay and leave several times. Their memory is compared with that of a server that is warm but has
had no crowd: it has taken in the same events, has answered questions over all of its connections, and each organization
has had one subscriber.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import grpc

from tallywire import AsyncClient, event
from tallywire.v1 import realtime_service_pb2 as messages
from tallywire.v1 import realtime_service_pb2_grpc
from tests.harness.bench.world import Served, World

ORGANIZATIONS = 20
EVENTS_PER_SECOND = 500
SECONDS = 10
PER_CHANNEL = 50
NEVER_READ = 10  # one subscriber in so many
WARM_UP_QUESTIONS = 5  # times two, of each organization
REST_SECONDS = 10

ROUNDS = ((1000, 1.0), (1000, 1.0), (1000, 1.0), (100, 0.1))  # subscribers, min_interval in seconds


@dataclass(slots=True)
class Tenant:
    key: str
    acknowledged: dict[int, float] = field(default_factory=dict)
    received: list[list[tuple[int, float]]] = field(default_factory=list)


async def run(world: World, events: int | None) -> None:
    """Prints for each round how long a change takes to reach a subscriber, beyond what min_interval asks for."""
    async with world.server(TALLYWIRE_MAX_SUBSCRIPTIONS_PER_ORGANIZATION="1000") as served:
        keys = [(await world.tenant(f"tenant {number}"))[1] for number in range(ORGANIZATIONS)]
        cold, per_tenant = served.resident_mib(), (events or EVENTS_PER_SECOND * SECONDS) // ORGANIZATIONS
        await _warm_up(served, keys, per_tenant)
        warm = served.resident_mib()
        print(f"server RSS: cold {cold:.0f} MiB, warm {warm:.0f}")
        for subscribers, interval in ROUNDS:
            tenants = [Tenant(key) for key in keys]
            async with watching(served, tenants, subscribers, interval):
                idle, cpu, begun = served.resident_mib(), served.cpu_seconds(), time.perf_counter()
                await write(served, tenants, per_tenant)
                busy = (served.cpu_seconds() - cpu) / (time.perf_counter() - begun)
                await asyncio.sleep(interval + 1)
                during = served.resident_mib()
            await asyncio.sleep(5)
            _report(tenants, subscribers, interval)
            after = served.resident_mib()
            print(
                f"server RSS: subscribed {idle:.0f} MiB, under load {during:.0f}, all gone {after:.0f}"
                f" ({after - warm:+.0f} against warm); {busy:.0%} of a processor"
            )
        await asyncio.sleep(REST_SECONDS)
        print(f"server RSS: {served.resident_mib():.0f} MiB after {REST_SECONDS} s of rest")


async def _warm_up(served: Served, keys: list[str], per_tenant: int) -> None:
    """The same events with one subscriber of each organization, and questions over all connections at once."""
    tenants = [Tenant(key) for key in keys]
    async with watching(served, tenants, len(tenants), 1.0):
        await write(served, tenants, per_tenant)
    for _ in range(WARM_UP_QUESTIONS):
        await asyncio.gather(*(_ask(served, key) for key in keys))
    await asyncio.sleep(5)


async def _ask(served: Served, key: str) -> None:
    now = datetime.now(UTC)
    async with AsyncClient(served.address, api_key=key) as client:
        await asyncio.gather(client.realtime(), client.overview(now - timedelta(days=1), now))


@contextlib.asynccontextmanager
async def watching(served: Served, tenants: list[Tenant], subscribers: int, interval: float):  # type: ignore[no-untyped-def]
    channels = [
        grpc.aio.insecure_channel(served.address, options=(("grpc.use_local_subchannel_pool", 1),))
        for _ in range(-(-subscribers // PER_CHANNEL))
    ]
    request = messages.WatchMetricsRequest()
    request.min_interval.FromMilliseconds(int(interval * 1000))
    calls, readers = [], []
    for number in range(subscribers):
        tenant = tenants[number % len(tenants)]
        stub = realtime_service_pb2_grpc.RealtimeServiceStub(channels[number // PER_CHANNEL])
        call = stub.WatchMetrics(request, metadata=(("authorization", f"Bearer {tenant.key}"),))
        calls.append(call)
        if number % NEVER_READ:
            readers.append(asyncio.create_task(_read(call, tenant)))
    await asyncio.sleep(5)
    yield
    for call in calls:
        call.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    for channel in channels:
        await channel.close()


async def _read(call: grpc.aio.UnaryStreamCall, tenant: Tenant) -> None:
    received: list[tuple[int, float]] = []
    tenant.received.append(received)
    async for one in call:
        received.append((one.revision, time.perf_counter()))  # noqa: PERF401 - each at the time it comes


async def write(served: Served, tenants: list[Tenant], per_tenant: int) -> None:
    """Every organization gets batches of five at an even rate, whatever the server does with them."""
    batch, clients = 5, [AsyncClient(served.address, api_key=tenant.key) for tenant in tenants]
    period = batch * len(tenants) / EVENTS_PER_SECOND

    async def send(client: AsyncClient, tenant: Tenant) -> None:
        await client.track_batch(
            [event("message.sent", conversation_id=f"c{number}", response_time_ms=80) for number in range(batch)]
        )
        tenant.acknowledged[len(tenant.acknowledged) + 1] = time.perf_counter()

    async def write(client: AsyncClient, tenant: Tenant, offset: float) -> None:
        await asyncio.sleep(offset)
        for _ in range(per_tenant // batch):
            sent = asyncio.create_task(send(client, tenant))
            await asyncio.sleep(period)
            await sent

    await asyncio.gather(
        *(
            write(client, tenant, period * number / len(tenants))
            for number, (client, tenant) in enumerate(zip(clients, tenants, strict=True))
        )
    )
    for client in clients:
        await client.close()


def receipts(tenants: list[Tenant]) -> list[float]:
    """Seconds from each acknowledgement to each receipt of it or of something newer, sorted."""
    late = []
    for tenant in tenants:
        for received in tenant.received:
            base = received[0][0] if received else 0
            position = 0
            for number, at in tenant.acknowledged.items():
                while position < len(received) and received[position][0] < base + number:
                    position += 1
                if position < len(received):
                    late.append(max(received[position][1] - at, 0))
    return sorted(late)


def _report(tenants: list[Tenant], subscribers: int, interval: float) -> None:
    late = receipts(tenants)
    p50, p99 = late[len(late) // 2], late[int(len(late) * 0.99)]
    print(
        f"{subscribers} subscribers of {ORGANIZATIONS} organizations, min_interval {interval * 1000:.0f} ms, one in"
        f" {NEVER_READ} never reads, {EVENTS_PER_SECOND} events/s: from acknowledgement to receipt"
        f" p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms ({len(late):,} receipts)"
    )
