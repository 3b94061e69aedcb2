"""The subscribers of a run: they drop their streams, go on at another server, read slowly, or do not read at all."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import duration_pb2

import tallywire.errors
from tallywire.v1 import answer_pb2, realtime_service_pb2_grpc
from tallywire.v1 import realtime_service_pb2 as messages
from tests.harness.faults.checker import Part
from tests.harness.faults.clients import Client
from tests.harness.faults.history import Delivered, Resumed, Shown, now
from tests.harness.faults.model import Moment
from tests.harness.faults.promises import Assembly, Table
from tests.harness.faults.workload import Fact

_SHORTEST, _LONGEST = 0.1, 5.0  # seconds that a stream is read for, while faults come
_PAUSE = 0.03  # before another connection
_MIN_INTERVAL = duration_pb2.Duration(nanos=100_000_000)
_FIELDS = {"total": "", "agent": "agent_id", "channel": "channel", "team": "team_id"}
_CHANNEL_OPTIONS = (("grpc.max_reconnect_backoff_ms", 200), ("grpc.use_local_subchannel_pool", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What is subscribed to: everything, or some values of a dimension."""

    dimension: str = "total"
    values: tuple[str, ...] = ("",)
    include_events: bool = False

    @property
    def filter(self) -> messages.RealtimeFilter:
        """It as a filter of the contract, in the short form of the dimension if there is one."""
        match self.dimension:
            case "total":
                return messages.RealtimeFilter()
            case "agent":
                return messages.RealtimeFilter(agent_ids=self.values)
            case "channel" if len(self.values) == 1:
                return messages.RealtimeFilter(channel=self.values[0])
        filters = [answer_pb2.DimensionFilter(dimension=self.dimension, value=value) for value in self.values]
        return messages.RealtimeFilter(dimensions=filters)

    @property
    def dimensions(self) -> dict[str, tuple[str, ...]]:
        """It as an argument of the client."""
        return {} if self.dimension == "total" else {self.dimension: self.values}

    @property
    def field(self) -> str:
        """The field of an event that it is narrowed by; none for everything."""
        return _FIELDS[self.dimension]

    @property
    def part(self) -> Part:
        """It as a part of what is counted; only of an interest in one value."""
        return self.field, self.values[0]

    @property
    def change_dimension(self) -> int:
        """The dimension of the changes that add up to it."""
        return messages.ChangeDimension.Value(f"CHANGE_DIMENSION_{self.dimension.upper()}")

    def holds(self, one: Fact | Moment) -> bool:
        """True where an event or a moment of a conversation is subscribed to."""
        return not self.field or getattr(one, self.field) in self.values


class Lines:
    """A client's connections to the servers, of its own, so that nobody else waits where it does not read."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sides = itertools.cycle(client.dice.sample(list(client.tenant.servers), len(client.tenant.servers)))
        self._channels = {
            server.address: grpc.aio.insecure_channel(server.address, options=_CHANNEL_OPTIONS)
            for server in client.tenant.servers
        }
        self.number = 0  # of the connection

    async def close(self) -> None:
        """Ends them."""
        for channel in self._channels.values():
            await channel.close()

    async def use(self, read: Callable[[Any, str], Awaitable[None]], calm: asyncio.Event) -> None:
        """Reads over one connection after another, each on the next server, until cancelled. Once all is calm they
        are not dropped any more.
        """
        dice = self._client.dice
        while True:
            server = next(self._sides)
            self.number += 1
            seconds = None if calm.is_set() else _SHORTEST * (_LONGEST / _SHORTEST) ** dice.random()
            stub = realtime_service_pb2_grpc.RealtimeServiceStub(self._channels[server.address])
            try:
                async with asyncio.timeout(seconds):
                    await read(stub, server.address)
            except TimeoutError:
                continue
            except grpc.aio.AioRpcError as failure:
                self._client.failed(server, tallywire.errors.from_rpc(failure))
            await asyncio.sleep(_PAUSE)


@contextlib.asynccontextmanager
async def _reading(call: "grpc.aio.UnaryStreamCall[Any, Any]") -> AsyncIterator["grpc.aio.UnaryStreamCall[Any, Any]"]:
    try:
        yield call
    finally:
        call.cancel()


class Reader:
    """Reads every update and keeps the token and a table, as a client would that must not miss any."""

    def __init__(self, client: Client, interest: Interest, *, pause: float = 0) -> None:
        self.name = client.name
        self.organization = client.tenant.organization
        self.interest = interest
        self.table = Table()
        self.revision = -1  # the last one that came, or of the first bookmark
        self._client = client
        self._metadata = client.tenant.metadata
        self._pause = pause
        self._token = ""
        self._moved = asyncio.Event()
        self._lines = Lines(client)

    async def follow(self, calm: asyncio.Event) -> None:
        """Reads until it is cancelled."""

        async def read(stub: Any, address: str) -> None:
            request = messages.WatchUpdatesRequest(
                resume_after=self._token, filter=self.interest.filter, include_events=self.interest.include_events
            )
            if self._token:
                self._client.history.add(
                    Resumed(
                        organization=self.organization,
                        subscriber=self.name,
                        server=address,
                        at=now(),
                        connection=self._lines.number,
                        after=self.revision,
                    )
                )
            assembly, parts = Assembly(self.interest.change_dimension), []
            async with _reading(stub.WatchUpdates(request, metadata=self._metadata)) as call:
                async for message in call:
                    parts.append(message)
                    delivery = assembly.take(message, self._lines.number)
                    if delivery is not None:
                        self._client.history.add(
                            Delivered(
                                organization=self.organization,
                                subscriber=self.name,
                                server=address,
                                at=now(),
                                delivery=delivery,
                            )
                        )
                        self._take(parts)
                        parts = []
                    if self._pause and not calm.is_set():
                        await asyncio.sleep(self._client.dice.uniform(0, self._pause))

        try:
            await self._lines.use(read, calm)
        finally:
            await self._lines.close()

    def _take(self, parts: Sequence[messages.WatchUpdatesResponse]) -> None:
        for message in parts:
            self.table.take(message)
        self._token = parts[-1].resume_token
        self.revision = parts[-1].revision
        self._moved.set()

    async def has(self, revision: int) -> None:
        """Returns once that revision has come, or a bookmark at or after it: from there on nothing may be missed."""
        while self.revision < revision:
            self._moved.clear()
            await self._moved.wait()


class Watcher:
    """Reads the newest state, now and then slowly."""

    def __init__(self, client: Client, interest: Interest, *, pause: float = 0) -> None:
        self.name = client.name
        self.organization = client.tenant.organization
        self.interest = interest
        self.state: messages.RealtimeState | None = None  # the last one
        self._client = client
        self._metadata = client.tenant.metadata
        self._pause = pause
        self._lines = Lines(client)

    async def follow(self, calm: asyncio.Event) -> None:
        """Reads until it is cancelled."""

        async def read(stub: Any, address: str) -> None:
            request = messages.WatchMetricsRequest(filter=self.interest.filter, min_interval=_MIN_INTERVAL)
            async with _reading(stub.WatchMetrics(request, metadata=self._metadata)) as call:
                async for message in call:
                    self._client.history.add(
                        Shown(
                            organization=self.organization,
                            subscriber=self.name,
                            server=address,
                            at=now(),
                            connection=self._lines.number,
                            revision=message.revision,
                        )
                    )
                    if message.HasField("state"):
                        self.state = message.state
                    if self._pause and not calm.is_set():
                        await asyncio.sleep(self._client.dice.uniform(0, self._pause))

        try:
            await self._lines.use(read, calm)
        finally:
            await self._lines.close()


async def stall(client: Client, calm: asyncio.Event) -> None:
    """Opens streams of both kinds and reads none of them, until all is calm."""

    async def ignore(stub: Any, _: str) -> None:
        updates = messages.WatchUpdatesRequest(include_events=True)
        async with (
            _reading(stub.WatchUpdates(updates, metadata=client.tenant.metadata)) as call,
            _reading(stub.WatchMetrics(messages.WatchMetricsRequest(), metadata=client.tenant.metadata)),
        ):
            await call.initial_metadata()
            await calm.wait()

    lines = Lines(client)
    work = asyncio.create_task(lines.use(ignore, calm))
    try:
        await calm.wait()
    finally:
        work.cancel()
        await asyncio.wait((work,))
        await lines.close()
