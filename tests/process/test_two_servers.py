"""Two servers and clients with both addresses: calls go to both, and none fails while one is killed or drains."""

import asyncio
import contextlib
import pathlib
import threading
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

import tallywire
from server.settings import Settings
from tests.conformance.server_process import ServerProcess
from tests.conftest import MakeTenant
from tests.support import balancers, processes, waiting

_STORED = "tallywire_batch_events_sum"
_SENDERS = 4
_ENOUGH = 10  # events through a server that show it is used


class Server(ServerProcess):
    """A server process that tells how many events it has stored since it was started."""

    def __init__(self, settings: Settings, logs: pathlib.Path) -> None:
        logs.mkdir()
        self._metrics = processes.free_port()
        super().__init__(settings, logs, TALLYWIRE_METRICS_PORT=str(self._metrics))

    async def stored(self) -> float:
        return await asyncio.to_thread(self._stored)

    def _stored(self) -> float:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0.0
        return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{_STORED} "))


@pytest.fixture
async def servers(settings: Settings, tmp_path: pathlib.Path) -> AsyncIterator[Sequence[Server]]:
    pair = [Server(settings, tmp_path / name) for name in ("one", "two")]
    await asyncio.gather(*(server.start() for server in pair))
    yield pair
    for server in pair:
        await server.kill()


async def are_used(servers: Sequence[Server]) -> None:
    """Waits until each of them stores events, from now on."""
    for server in servers:
        before = await server.stored()
        await waiting.until(lambda server=server, before=before: is_ahead(server, before + _ENOUGH))


async def is_ahead(server: Server, figure: float) -> bool:
    return await server.stored() >= figure


class Load:
    """Events that are sent as fast as a calm machine likes it, and how many were acknowledged."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self._over = threading.Event()

    @contextlib.asynccontextmanager
    async def sent(self, send: Callable[[], Awaitable[None]], senders: int) -> AsyncIterator[None]:
        """Sends during the block; an error of any call is raised at its end."""

        async def go_on() -> None:
            while not self._over.is_set():
                await send()
                self.acknowledged += 1
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as group:
            for _ in range(senders):
                group.create_task(go_on())
            try:
                yield
            finally:
                self._over.set()


def message() -> tallywire.v1.event_pb2.Event:
    return tallywire.event("message.sent", channel="web")


async def disturb(servers: Sequence[Server]) -> None:
    """Has each server go away in its own way and come back, while the other one serves."""
    one, two = servers
    await are_used(servers)
    await one.kill()
    await are_used([two])
    await one.start()
    await are_used(servers)
    await two.stop()
    await are_used([one])
    await two.start()
    await are_used(servers)


async def counted(client: tallywire.AsyncClient) -> int:
    now = datetime.now(UTC)
    answer = await client.overview(now - timedelta(days=1), now + timedelta(hours=1))
    return answer.overview.messages_sent


async def test_clients_of_both_lose_nothing(servers: Sequence[Server], make_tenant: MakeTenant) -> None:
    await lose_nothing(",".join(server.address for server in servers), servers, make_tenant)


async def test_clients_of_a_balancer_lose_nothing(
    servers: Sequence[Server], make_tenant: MakeTenant, tmp_path: pathlib.Path
) -> None:
    async with balancers.nginx(tmp_path, [server.address for server in servers]) as address:
        await lose_nothing(address, servers, make_tenant)


async def lose_nothing(target: str, servers: Sequence[Server], make_tenant: MakeTenant) -> None:
    """Sends by both clients and a tracker while each server goes away and comes back; counts what was sent."""
    keys = [(await make_tenant()).key for _ in range(3)]
    waiting_load, blocking_load = Load(), Load()
    tracked = 0
    async with tallywire.AsyncClient(target, api_key=keys[0]) as client:
        with tallywire.Client(target, api_key=keys[1]) as blocking:

            async def call() -> None:
                await client.track(message())

            async def block() -> None:
                await asyncio.to_thread(lambda: blocking.track(message()))

            with tallywire.Tracker(target, api_key=keys[2]) as tracker:
                async with waiting_load.sent(call, _SENDERS), blocking_load.sent(block, _SENDERS):
                    disturbing = asyncio.create_task(disturb(servers))
                    while not disturbing.done():
                        tracked += tracker.track("message.sent", channel="web")
                        await asyncio.sleep(0.02)
                    await disturbing
    for key, sent in zip(keys, (waiting_load.acknowledged, blocking_load.acknowledged, tracked), strict=True):
        async with tallywire.AsyncClient(target, api_key=key) as client:
            assert await counted(client) == sent > 0
