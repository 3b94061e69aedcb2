"""What every subscriber must have seen in the end, whatever happened to it: over many seeds, each an organization."""

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import grpc
import pytest
import redis.asyncio

from server.app import Running
from server.events.event import key_of
from server.local import embedded
from server.store.isolation import EVERY
from tallywire import AsyncClient, event
from tallywire.v1 import realtime_service_pb2 as messages
from tallywire.v1 import realtime_service_pb2_grpc
from tests.harness.faults import promises
from tests.harness.faults.promises import Content
from tests.support import effort, subscribing
from tests.support.subscribing import Reader, authorization, kept

SEEDS = effort.chosen(5, thorough=20)
BATCHES = 25


class Scene:
    """One organization with its writer and its subscribers, all after one seed."""

    def __init__(self, seed: int, key: str, servers: list[Running], channels: list[grpc.aio.Channel]) -> None:
        self.random = random.Random(seed)
        self.key = key
        self.servers = servers
        self.stubs = [realtime_service_pb2_grpc.RealtimeServiceStub(channel) for channel in channels]
        self.newest = 0
        self.contents: dict[int, Content] = {}
        self.done = asyncio.Event()
        self.resumed = 0

    async def write(self) -> None:
        """Sends batches through either server, some of them twice."""
        clients = [AsyncClient(server.address, api_key=self.key) for server in self.servers]
        sent: list[tuple[str, ...]] = []
        for number in range(BATCHES):
            batch = [
                event("message.sent", agent_id=f"a{self.random.randrange(3)}", conversation_id=f"c{number % 7}")
                for _ in range(self.random.randrange(1, 20))
            ]
            await asyncio.sleep(self.random.random() * 0.1)
            await self.random.choice(clients).track_batch(batch)
            if self.random.random() < 0.2:
                await self.random.choice(clients).track_batch(batch)
            sent.append(tuple(one.event_id for one in batch))
        await self._settle(clients[0], sent)
        for client in clients:
            await client.close()
        self.done.set()

    async def _settle(self, client: AsyncClient, sent: Sequence[tuple[str, ...]]) -> None:
        """Waits until projections have seen every batch. Their revisions have no events of their own."""
        now = datetime.now(UTC)
        answer = await client.overview(now - timedelta(days=1), now + timedelta(minutes=1))
        self.newest = answer.context.as_of_revision
        async with self.servers[0].database.query(of=EVERY) as driver:
            keys = [key_of(ids[0]) for ids in sent]
            rows = await driver.fetch("SELECT event_key, revision FROM events WHERE event_key = ANY($1)", keys)
        revisions = {row["event_key"]: row["revision"] for row in rows}
        for key, ids in zip(keys, sent, strict=True):
            self.contents[revisions[key]] = Content(counted=len(ids), event_ids=ids)
        for revision in range(1, self.newest + 1):
            self.contents.setdefault(revision, Content(counted=0, begun=None, event_ids=()))

    async def drop_and_resume(self, reader: Reader, pause: float) -> None:
        """Reads for short times, on one server after the other, until everything has come."""
        side = self.random.randrange(2)
        while not (self.done.is_set() and reader.updates and reader.updates[-1].revision >= self.newest):
            until = self.newest if self.done.is_set() else sys.maxsize
            seconds = self.random.uniform(0.05, 0.6) if not self.done.is_set() else 20
            await reader.read(
                self.stubs[side % 2], self.key, until=until, seconds=seconds, pause=pause, include_events=True
            )
            side += 1
            self.resumed += 1

    async def stop_reading(self) -> None:
        """Opens a stream of each kind and never reads it."""
        meta = authorization(self.key)
        calls = [
            self.stubs[0].WatchUpdates(messages.WatchUpdatesRequest(include_events=True), metadata=meta),
            self.stubs[1].WatchMetrics(messages.WatchMetricsRequest(), metadata=meta),
        ]
        await self.done.wait()
        for call in calls:
            call.cancel()

    async def watch(self) -> list[messages.WatchMetricsResponse]:
        """Reads the newest states, slowly, until the last revision is in one."""
        states: list[messages.WatchMetricsResponse] = []
        call = self.stubs[1].WatchMetrics(messages.WatchMetricsRequest(), metadata=authorization(self.key))
        async for one in call:
            states.append(one)
            if self.done.is_set() and one.revision >= self.newest:
                break
            await asyncio.sleep(self.random.random() * 0.3)
        call.cancel()
        return states

    async def play(self) -> None:
        """Plays the scene and checks what each subscriber has seen."""
        readers = [Reader(), Reader()]
        for reader in readers:
            await reader.read(self.stubs[0], self.key, until=0, seconds=5, include_events=True)  # the first bookmark
        async with asyncio.TaskGroup() as group:
            group.create_task(self.write())
            group.create_task(self.drop_and_resume(readers[0], pause=0))
            group.create_task(self.drop_and_resume(readers[1], pause=0.02))
            group.create_task(self.stop_reading())
            watched = group.create_task(self.watch())
        for reader in readers:
            for promise in (promises.ordered, promises.unique, promises.bookmarkable):
                kept(promise(reader.deliveries))
            kept(promises.reliable(reader.deliveries, self.newest))
            kept(promises.atomic(reader.deliveries, self.contents))
            kept(promises.resumable(reader.deliveries, reader.resumed))
        assert self.resumed > len(readers)
        await self.check_bookmark(readers[0])
        subscribing.monotonic(watched.result())
        states = [one for one in watched.result() if one.HasField("state")]  # the last message may be a heartbeat
        assert states[-1].revision == self.newest
        assert states[-1].state.metrics.messages_today == sum(one.counted for one in self.contents.values())

    async def check_bookmark(self, reader: Reader) -> None:
        """A bookmark's token goes on with the very next revision."""
        call = self.stubs[1].WatchUpdates(
            messages.WatchUpdatesRequest(resume_after=reader.token, include_events=True),
            metadata=authorization(self.key),
        )
        bookmark = await anext(aiter(call))
        call.cancel()
        assert (bookmark.bookmark, bookmark.revision) == (True, self.newest)
        later = Reader(token=bookmark.resume_token)
        async with AsyncClient(self.servers[0].address, api_key=self.key) as client:
            await client.track(event("message.sent"))
        assert await later.read(self.stubs[0], self.key, until=self.newest + 1, include_events=True)
        assert [update.revision for update in later.updates] == [self.newest + 1]


async def _disturb(engines: embedded.Engines, until: asyncio.Event) -> None:
    """Empties Redis again and again, and takes it away once."""
    await asyncio.sleep(0.5)
    await asyncio.to_thread(engines.stop_redis)
    await asyncio.sleep(1)
    await asyncio.to_thread(engines.restart_redis)
    async with redis.asyncio.Redis.from_url(engines.redis_url) as connection:
        while not until.is_set():
            await connection.flushall()
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("first", range(0, SEEDS, 5))
async def test_every_subscriber_has_seen_everything_once(
    first: int,
    make_tenant: Callable[[], Awaitable[object]],
    engines: embedded.Engines,
    server: Running,
    second_server: Running,
    channels: list[grpc.aio.Channel],
) -> None:
    """Five seeds at once, while Redis is taken away and emptied."""
    scenes = []
    for seed in range(first, first + 5):
        tenant = await make_tenant()
        scenes.append(Scene(seed, tenant.key, [server, second_server], channels))  # type: ignore[attr-defined]
    over = asyncio.Event()
    disturbing = asyncio.create_task(_disturb(engines, over))
    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for scene in scenes:
                group.create_task(scene.play())
    finally:
        over.set()
        await disturbing
