"""`serve --processes`: the processes share port and load, come back, drain together, and none is left behind."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc
import pytest

import tallywire
from server.process import port
from server.settings import Settings
from server.store.database import Database
from server.store.isolation import EVERY
from tallywire.v1 import event_service_pb2, event_service_pb2_grpc
from tests.support import processes
from tests.support.processes import Start
from tests.support.waiting import PATIENCE

CONNECTIONS = 16  # the kernel gives all of them to one of two processes once in 32,768 times
BATCHED, PENDING = "tallywire_batch_events_sum", "tallywire_pending_events"

Call = Callable[[], Awaitable[Any]]


class Pair:
    """Two server processes under `serve`, as an operator sees them."""

    def __init__(self, start: Start, settings: Settings) -> None:
        self.metrics_ports = two_ports()
        self.served = start(
            "serve",
            "--processes",
            "2",
            DATABASE_URL=settings.required("database_url"),
            REDIS_URL=settings.required("redis_url"),
            TALLYWIRE_KEY_PEPPER=settings.required("key_pepper"),
            TALLYWIRE_LISTEN="127.0.0.1:0",
            TALLYWIRE_METRICS_PORT=str(self.metrics_ports[0]),
        )
        self.served.logs("all processes serve")
        found = re.search(r"all processes serve +address=(\S+) processes=2", self.served.err)
        assert found
        self.address = found[1]
        assert len(self.served.family) == 3  # itself and the two

    def figures(self, name: str) -> list[float]:
        """A metric without labels, of each process; 0 of one that does not answer."""
        return [figure(one, name) for one in self.metrics_ports]


def two_ports() -> tuple[int, int]:
    while True:
        first = processes.free_port()
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", first + 1)):
            return first, first + 1


def figure(metrics_port: int, name: str) -> float:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return 0.0
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} "))


@contextlib.asynccontextmanager
async def calls(pair: Pair, key: str) -> AsyncIterator[Sequence[Call]]:
    """Ways to send an event, each over a connection of its own."""
    options = (("grpc.use_local_subchannel_pool", 1),)

    def call(channel: grpc.aio.Channel) -> Call:
        stub = event_service_pb2_grpc.EventServiceStub(channel)
        metadata = (("authorization", f"Bearer {key}"),)

        async def send() -> Any:
            request = event_service_pb2.TrackEventRequest(event=tallywire.event("message.sent", agent_id="bot"))
            return await stub.TrackEvent(request, metadata=metadata, timeout=PATIENCE)

        return send

    async with contextlib.AsyncExitStack() as stack:
        yield [
            call(await stack.enter_async_context(grpc.aio.insecure_channel(pair.address, options=options)))
            for _ in range(CONNECTIONS)
        ]


async def send_to_both(pair: Pair, key: str) -> None:
    before = pair.figures(BATCHED)
    async with calls(pair, key) as senders:
        await asyncio.gather(*(send() for send in senders))
    gained = [now - then for now, then in zip(pair.figures(BATCHED), before, strict=True)]
    assert sum(gained) == CONNECTIONS
    assert all(gained), gained


@contextlib.asynccontextmanager
async def held(pair: Pair, key: str, organization: int, database: Database) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Calls that are under way in both processes, and cannot end before the block does."""
    async with database.transaction(of=EVERY) as driver:
        await driver.execute("SELECT 1 FROM revisions WHERE organization_id = $1 FOR UPDATE", organization)
        async with calls(pair, key) as senders:
            under_way = [asyncio.create_task(send()) for send in senders]
            assert await asyncio.to_thread(processes.until, lambda: sum(pair.figures(PENDING)) == CONNECTIONS)
            assert all(pair.figures(PENDING)), pair.figures(PENDING)
            yield under_way
            await driver.execute("ROLLBACK")
            await asyncio.wait(under_way, timeout=PATIENCE)


async def stored(database: Database, organization: int) -> int:
    async with database.transaction(of=EVERY) as driver:
        return int(await driver.fetchval("SELECT count(*) FROM events WHERE organization_id = $1", organization))


async def test_two_processes(start: Start, settings: Settings, database: Database, tenant: Any) -> None:
    pair = await asyncio.to_thread(Pair, start, settings)
    served = pair.served
    await send_to_both(pair, tenant.key)

    # Nobody else gets in, neither alone nor with several processes.
    number = pair.address.rpartition(":")[2]
    with pytest.raises(port.PortTaken, match=rf"^port {number} of 127\.0\.0\.1 .* another with TALLYWIRE_LISTEN"):
        port.free_address(pair.address)
    second = {**served.environment, "TALLYWIRE_LISTEN": pair.address, "TALLYWIRE_PROCESSES": "2"}
    refused = await asyncio.to_thread(processes.invoke, "serve", environment=second)
    assert processes.error(refused).startswith(f"port {number} of 127.0.0.1 cannot be listened on")

    # One dies: the other goes on, and soon there are two again.
    before = served.child("server 1")
    assert before  # a signal to 0 would reach the tests themselves
    os.kill(before, signal.SIGKILL)
    async with calls(pair, tenant.key) as senders:
        await asyncio.to_thread(served.logs, "ended by SIGKILL unexpectedly, starts again in 0.5 s")
        await asyncio.gather(*(send() for send in senders))
    assert await asyncio.to_thread(processes.until, lambda: all(pair.figures("tallywire_serving")))
    assert served.child("server 1") not in (0, before)
    await send_to_both(pair, tenant.key)
    served.look()

    # Told to end, both refuse what is new and answer what is under way.
    async with held(pair, tenant.key, tenant.organization_id, database) as under_way:
        served.process.terminate()
        assert await asyncio.to_thread(processes.until, lambda: served.err.count("draining") == 2)
        assert not any(one.done() for one in under_way)
    assert [one.exception() for one in under_way] == [None] * CONNECTIONS
    assert await asyncio.to_thread(served.process.wait, PATIENCE) == 0
    assert served.is_gone()
    assert "Traceback" not in served.err
    assert await stored(database, tenant.organization_id) == 4 * CONNECTIONS


async def test_killing_the_parent_leaves_nothing_and_loses_nothing(
    start: Start, settings: Settings, database: Database, client: tallywire.AsyncClient, tenant: Any
) -> None:
    await client.track(tallywire.event("message.sent"))  # so that there is a revision to hold
    pair = await asyncio.to_thread(Pair, start, settings)
    async with held(pair, tenant.key, tenant.organization_id, database) as under_way:
        pair.served.process.kill()
        assert await asyncio.to_thread(processes.until, lambda: pair.served.err.count("draining") == 2)
    assert [one.exception() for one in under_way] == [None] * CONNECTIONS
    assert await asyncio.to_thread(pair.served.process.wait, PATIENCE) == -signal.SIGKILL
    assert await asyncio.to_thread(pair.served.is_gone)
    assert port.free_address(pair.address) == pair.address
