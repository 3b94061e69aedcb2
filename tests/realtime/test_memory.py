"""What subscribers have taken is given back once they have left, by the process and not only by the interpreter."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import grpc
import pytest

from server.admission import memory
from server.local import embedded
from tallywire import AsyncClient, event
from tallywire.v1 import realtime_service_pb2 as messages
from tallywire.v1 import realtime_service_pb2_grpc
from tests.harness.bench.world import Served, World
from tests.support.subscribing import authorization

SUBSCRIBERS, PER_CHANNEL, WAVES = 400, 100, 4
KEPT = 0.75  # of what the first wave takes, at most
linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a process's memory this way")


async def test_many_departures_are_one_release_when_they_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "RELEASE_SECONDS", 0.2)
    releases: list[None] = []
    departures = memory.Departures(lambda: releases.append(None))
    for _ in range(memory.LEAST - 1):
        departures.note()
    await asyncio.sleep(0.5)
    assert not releases, "too few have left"
    monkeypatch.setattr(memory, "RELEASE_SECONDS", 2)
    for _ in range(8):
        departures.note()
        await asyncio.sleep(0)
        assert not releases, "they are not over"
    async with asyncio.timeout(30):
        while not releases:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)
    monkeypatch.setattr(memory, "RELEASE_SECONDS", 0.2)
    departures.note()
    await asyncio.sleep(0.5)
    assert len(releases) == 1, "one for all of them, and none for the few that leave later"


@linux
async def test_waves_of_subscribers_leave_a_server_as_it_was(engines: embedded.Engines) -> None:
    """Against a server that has stored events and answered questions, but has had no subscriber.

    Some stays: CPython keeps a MiB of its heap for as long as a single object lives there. The next subscribers are put
    into those, so that it does not grow from wave to wave.
    """
    limit = str(SUBSCRIBERS)
    async with (
        World.on(engines, "memory") as world,
        world.server(TALLYWIRE_MAX_SUBSCRIPTIONS_PER_ORGANIZATION=limit) as served,
    ):
        _, key = await world.tenant("waves")
        async with AsyncClient(served.address, api_key=key) as client:
            await use(client)
            warmed, during, after = served.resident_mib(), [], []
            for _ in range(WAVES):
                async with subscribed(served, key):
                    await use(client)
                    during.append(served.resident_mib())
                after.append(await released(served, warmed + KEPT * (during[0] - warmed)))
    assert after[-1] - after[0] < during[0] - warmed, f"{WAVES - 1} more waves leave less than one wave takes: {after}"


async def use(client: AsyncClient) -> None:
    """A few events, and as many questions at once as the server has connections for."""
    for _ in range(3):
        await client.track_batch([event("message.sent", conversation_id=f"c{number}") for number in range(20)])
        await asyncio.gather(*(client.realtime(agent_ids=[f"{number}"]) for number in range(8)))


@contextlib.asynccontextmanager
async def subscribed(served: Served, key: str) -> AsyncIterator[None]:
    """Many who have been sent a state."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    request = messages.WatchMetricsRequest()
    async with contextlib.AsyncExitStack() as stack:
        calls = []
        for _ in range(SUBSCRIBERS // PER_CHANNEL):
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(served.address, options=options))
            stub = realtime_service_pb2_grpc.RealtimeServiceStub(channel)
            calls += [stub.WatchMetrics(request, metadata=authorization(key)) for _ in range(PER_CHANNEL)]
        async with asyncio.timeout(30):
            firsts = await asyncio.gather(*(call.read() for call in calls))
        assert all(one.HasField("state") for one in firsts)
        yield
        for call in calls:
            call.cancel()


async def released(served: Served, bound: float) -> float:
    """What the server holds once it is below the bound, in MiB."""
    async with asyncio.timeout(10):
        while served.resident_mib() > bound:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.3)
    return served.resident_mib()
