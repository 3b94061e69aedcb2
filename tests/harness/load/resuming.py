"""One organization that resumes a hundred subscriptions with events at once, again and again, beside another one that
asks questions.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import grpc

from tallywire.v1 import metrics_service_pb2, metrics_service_pb2_grpc, realtime_service_pb2_grpc, time_pb2
from tallywire.v1 import realtime_service_pb2 as messages
from tests.harness.bench import sending
from tests.harness.bench.made import live
from tests.harness.bench.processes import Aside
from tests.harness.bench.world import World
from tests.harness.load.running import Verdict

READERS = 100
EVENTS = 20_000  # that each of them has missed
SECONDS = 10.0  # of questions alone, and of questions beside readers
ROUNDS = 3
_SETTLE_SECONDS = 1.0
_PAUSE = 0.01  # between two questions


async def run(world: World, verdict: Verdict) -> None:
    """Who asks keeps a p99 below twice its own alone, and gets no refusal."""
    async with world.server() as served:
        reading, asking = await world.keys(2)
        token = await _bookmark(served.address, reading)
        for key in (reading, asking):
            await sending.make_batches(key, live(EVENTS, 1), [key])
            await sending.send_batches(served.address, key)
        alone, beside, read = list[float](), list[float](), 0
        with Aside() as readers, Aside() as questions:
            for _ in range(ROUNDS):
                alone += await questions.run(ask, served.address, asking, SECONDS)
                resumed = asyncio.create_task(
                    readers.run(resume, served.address, reading, token, SECONDS + 2 * _SETTLE_SECONDS)
                )
                await asyncio.sleep(_SETTLE_SECONDS)
                beside += await questions.run(ask, served.address, asking, SECONDS)
                read += await resumed
    print(f"{READERS} readers: {read / ROUNDS / SECONDS:,.0f} events/s; {len(beside)} questions beside them")
    for part in (0.5, 0.9):
        print(f"p{part * 100:.0f} {_percentile(alone, part):.1f} ms alone, {_percentile(beside, part):.1f} ms beside")
    before, after = _percentile(alone, 0.99), _percentile(beside, 0.99)
    verdict.must(after < 2 * before, f"p99 {before:.1f} ms alone, {after:.1f} ms beside them (below twice)")
    verdict.must(read > 0, f"{read:,} events were read meanwhile")


async def ask(address: str, key: str, seconds: float) -> list[float]:
    """The latencies in milliseconds of questions one after the other; none may be refused."""
    end = datetime.now(UTC)
    period = time_pb2.TimeRange()
    period.start.FromDatetime(end - timedelta(days=7))
    period.end.FromDatetime(end)
    request = metrics_service_pb2.GetOverviewRequest(time_range=period)
    latencies, until = [], time.perf_counter() + seconds
    async with grpc.aio.insecure_channel(address) as channel:
        stub = metrics_service_pb2_grpc.MetricsServiceStub(channel)
        while time.perf_counter() < until:
            begun = time.perf_counter()
            await stub.GetOverview(request, metadata=_metadata(key))
            latencies.append((time.perf_counter() - begun) * 1000)
            await asyncio.sleep(_PAUSE)
    return latencies


async def resume(address: str, key: str, token: str, seconds: float) -> int:
    """How many events all readers have got; each goes back to the token when it has caught up."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = realtime_service_pb2_grpc.RealtimeServiceStub(channel)
        request = messages.WatchUpdatesRequest(resume_after=token, include_events=True)
        counts = [0] * READERS

        async def read(number: int) -> None:
            while True:
                call, got = stub.WatchUpdates(request, metadata=_metadata(key)), 0
                async for message in call:
                    got += len(message.events)
                    counts[number] += len(message.events)
                    if got >= EVENTS:
                        break
                call.cancel()

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                for number in range(READERS):
                    tasks.create_task(read(number))
    return sum(counts)


async def _bookmark(address: str, key: str) -> str:
    async with grpc.aio.insecure_channel(address) as channel:
        stub = realtime_service_pb2_grpc.RealtimeServiceStub(channel)
        call = stub.WatchUpdates(messages.WatchUpdatesRequest(include_events=True), metadata=_metadata(key))
        token: str = (await call.read()).resume_token
        call.cancel()
    return token


def _metadata(key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key}"),)


def _percentile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]
