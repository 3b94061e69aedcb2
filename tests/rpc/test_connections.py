"""What one connection carries, and what becomes of those on it when it ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
import pytest

from server.app import Running
from server.rpc import answering, endings
from server.rpc.endings import StreamLimits
from server.settings import Settings
from tallywire import AsyncClient, TallywireError
from tallywire.v1 import event_pb2, event_service_pb2_grpc, realtime_service_pb2, realtime_service_pb2_grpc
from tests.support import serving, waiting, wire
from tests.support.serving import Caller

_CALLS = 3000
# The stub alone: nothing that is lost is tried again unseen, and no other test is on the connection.
_BARE = (("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1))
_REFUSED_STREAM = 7
_STREAM = "/tallywire.v1.EventService/StreamEvents"


@pytest.mark.parametrize("at_once", [100, 300])
async def test_no_call_is_lost_of_many_at_once_over_one_connection(
    settings: Settings, caller: Caller, at_once: int
) -> None:
    patient = {"max_lag_seconds": 60, "max_queue_seconds": 60}
    async with (
        serving.running(settings, **patient) as server,
        grpc.aio.insecure_channel(server.address, options=_BARE) as channel,
    ):
        sender = serving.through(caller, channel)

        async def send() -> None:
            for _ in range(_CALLS // at_once):
                await sender.track(serving.event())

        ended = await asyncio.gather(*(send() for _ in range(at_once)), return_exceptions=True)
    assert [one for one in ended if one is not None] == []


async def test_a_client_that_ignores_the_limit_of_a_connection_is_held_to_it(server: Running, caller: Caller) -> None:
    async with wire.connected(server.address) as connection:
        streams = range(1, 241, 2)
        for stream in streams:
            connection.headers(stream, wire.request(serving.TRACK_EVENT, secret=caller.key.secret))
        await connection.flush()
        refused: list[int] = []
        while len(refused) < len(streams) - 100:
            frame = await connection.read(30)
            assert frame is not None
            if frame.kind == wire.RST_STREAM:
                assert frame.error == _REFUSED_STREAM
                refused.append(frame.stream)
        assert refused == list(streams)[100:]


# Connections that come to an end by their age


class Connections:
    """The connections that calls have come over."""

    def __init__(self) -> None:
        self._addresses: set[str] = set()
        self._another = asyncio.Event()

    def note(self, address: str) -> None:
        """Notes the other end of a call's connection."""
        if address not in self._addresses:
            self._addresses.add(address)
            self._another.set()

    def __len__(self) -> int:
        return len(self._addresses)

    async def more(self, count: int) -> None:
        """Waits until so many more have been seen than now."""
        enough = len(self) + count
        async with asyncio.timeout(60):
            while len(self) < enough:
                self._another.clear()
                await self._another.wait()


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    """The connections to all servers of the process during the test."""
    seen, original = Connections(), answering.CallEnd

    def noted(method: str, context: grpc.aio.ServicerContext, *rest: Any) -> answering.CallEnd:
        seen.note(context.peer())
        return original(method, context, *rest)

    monkeypatch.setattr(answering, "CallEnd", noted)
    return seen


_ENDED = {"max_connection_seconds": 0.5, "connection_grace_seconds": 60}
_CUT = {"max_connection_seconds": 0.5, "connection_grace_seconds": 0.5}


@contextlib.asynccontextmanager
async def ageing(settings: Settings, monkeypatch: pytest.MonkeyPatch, *, cut: bool = False) -> AsyncIterator[Running]:
    """A server whose connections last for half a second. It ends streams after about one, or else they are cut."""
    limits = StreamLimits(age=0 if cut else 1)
    monkeypatch.setattr(StreamLimits, "from_settings", lambda _: limits)
    async with serving.running(settings, **(_CUT if cut else _ENDED)) as server:
        yield server


async def test_no_unary_call_fails_because_a_connection_has_come_of_age(
    settings: Settings, caller: Caller, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = (("grpc.use_local_subchannel_pool", 1),)
    async with (
        ageing(settings, monkeypatch) as server,
        grpc.aio.insecure_channel(server.address, options=alone) as channel,
    ):
        sender, stop = serving.through(caller, channel), asyncio.Event()

        async def send() -> int:
            sent = 0
            while not stop.is_set():
                await sender.track(serving.event())
                sent += 1
            return sent

        async with asyncio.TaskGroup() as group:
            senders = [group.create_task(send()) for _ in range(8)]
            await connections.more(4)
            stop.set()
        answer = await sender.overview(serving.today())
        assert answer.overview.events == sum(one.result() for one in senders)


@pytest.mark.parametrize("cut", [False, True])
async def test_subscriptions_go_on_over_other_connections_unseen_by_their_reader(
    settings: Settings, caller: Caller, connections: Connections, monkeypatch: pytest.MonkeyPatch, cut: bool
) -> None:
    revisions, states, begun = list[int](), list[int](), asyncio.Event()
    losses: list[TallywireError] = []

    def lost(error: TallywireError, _: float) -> None:
        losses.append(error)

    async def read_updates(client: AsyncClient) -> None:
        async for update in client.updates(bookmarks=True, on_retry=lost):
            begun.set()
            if not update.bookmark:
                revisions.append(update.revision)

    async def read_states(client: AsyncClient) -> None:
        async for state in client.watch(min_interval=0.1, on_retry=lost):
            states.append(state.revision)

    async with (
        ageing(settings, monkeypatch, cut=cut) as server,
        AsyncClient(server.address, api_key=caller.key.secret) as client,
    ):
        readers = [asyncio.create_task(read_updates(client)), asyncio.create_task(read_states(client))]
        await begun.wait()
        for _ in range(3):
            await caller.track(serving.event())
            await connections.more(1)
        last = (await caller.track(serving.event())).revision
        await waiting.until(lambda: revisions[-1:] == [last] and states[-1:] == [last])
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)
    assert revisions == [1, 2, 3, 4]
    assert states == sorted(states)
    assert bool(losses) == cut
    assert {error.code for error in losses} <= {grpc.StatusCode.UNAVAILABLE}


@pytest.mark.parametrize(("busy", "cut"), [(False, False), (False, True), (True, False), (True, True)])
async def test_a_stream_of_events_goes_on_over_other_connections(
    settings: Settings, caller: Caller, connections: Connections, monkeypatch: pytest.MonkeyPatch, busy: bool, cut: bool
) -> None:
    given = 0

    async def batches() -> AsyncIterator[Iterable[event_pb2.Event]]:
        nonlocal given
        last = asyncio.create_task(connections.more(3))
        while not last.done():
            given += 1
            yield [serving.event(), serving.event()]
            if not busy:
                await connections.more(1)

    async with (
        ageing(settings, monkeypatch, cut=cut) as server,
        AsyncClient(server.address, api_key=caller.key.secret) as client,
    ):
        acknowledged = [ack.sequence async for ack in client.stream(batches())]
        assert acknowledged == list(range(1, given + 1))
        assert (await caller.overview(serving.today())).overview.events == 2 * given


async def test_a_stream_that_ends_at_its_age_says_how_far_it_came(
    settings: Settings, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ageing(settings, monkeypatch) as server, grpc.aio.insecure_channel(server.address) as channel:
        call = serving.through(caller, channel).stream()
        await call.write(serving.batch(7, [serving.event()]))
        assert (await serving.read_ack(call)).sequence == 7
        error = await serving.refused(serving.read_ack(call))
    assert serving.refusal(error) == ("UNAVAILABLE", "STREAM_AGE", "", True)
    assert serving.last_acked(error) == 7


async def test_a_call_whose_request_never_becomes_whole_ends_with_its_connection(
    settings: Settings, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ageing(settings, monkeypatch, cut=True) as server, wire.connected(server.address) as connection:
        connection.headers(1, wire.request(serving.TRACK_EVENT, secret=caller.key.secret))
        trickling = asyncio.create_task(trickle(connection))
        await connection.until_closed(60)
        trickling.cancel()


async def trickle(connection: wire.Connection) -> None:
    """Sends a message of a stream byte by byte, for ever."""
    connection.data(1, (1000).to_bytes(5, "big"))
    while True:
        connection.data(1, b"\n")
        await connection.flush()
        await asyncio.sleep(0.1)


# Streams on which nothing whole comes, and deadlines


async def test_a_stream_to_which_bytes_come_but_no_message_ends_as_idle(settings: Settings, caller: Caller) -> None:
    async with (
        serving.running(settings, max_stream_idle_seconds=0.5) as server,
        wire.connected(server.address) as connection,
    ):
        connection.headers(1, wire.request(_STREAM, secret=caller.key.secret))
        trickling = asyncio.create_task(trickle(connection))
        assert await connection.answer(seconds=60) == "UNAVAILABLE"
        trickling.cancel()
        last = [frame.payload for frame in connection.frames if frame.kind == wire.HEADERS][-1]
        assert b"no whole message" in last
        assert b"last-acked-sequence\x010" in last


async def test_an_idle_stream_ends_with_a_reason_of_its_own(settings: Settings, caller: Caller) -> None:
    async with (
        serving.running(settings, max_stream_idle_seconds=0.5) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        call = serving.through(caller, channel).stream()
        await call.write(serving.batch(2, [serving.event()]))
        assert (await serving.read_ack(call)).sequence == 2
        error = await serving.refused(serving.read_ack(call))
    assert serving.refusal(error) == ("UNAVAILABLE", "STREAM_IDLE", "", True)
    assert serving.last_acked(error) == 2


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> float:
    """The deadline of a caller's stream, which ends a second after it began: no machine is too slow for that."""
    monkeypatch.setattr(endings, "_MARGIN_SECONDS", 59)
    monkeypatch.setattr(endings, "_MARGIN_SHARE", 1)
    return 60


async def test_a_stream_ends_just_before_its_deadline_and_says_how_far_it_came(caller: Caller, early: float) -> None:
    stub = event_service_pb2_grpc.EventServiceStub(caller.channel)
    call = stub.StreamEvents(metadata=caller.metadata, timeout=early)
    await call.write(serving.batch(3, [serving.event()]))
    assert (await serving.read_ack(call)).sequence == 3
    error = await serving.refused(serving.read_ack(call))
    assert serving.refusal(error) == ("DEADLINE_EXCEEDED", "DEADLINE", "", False)
    assert serving.last_acked(error) == 3


async def test_a_subscription_ends_just_before_its_deadline_with_its_token(caller: Caller, early: float) -> None:
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    call = stub.WatchUpdates(realtime_service_pb2.WatchUpdatesRequest(), metadata=caller.metadata, timeout=early)
    update = await call.read()
    error = await serving.refused(call.read())
    assert serving.refusal(error) == ("DEADLINE_EXCEEDED", "DEADLINE", "", False)
    assert dict(error.trailing_metadata())["resume-token"] == update.resume_token
