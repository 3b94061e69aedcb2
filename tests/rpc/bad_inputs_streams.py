"""Rows about streams of events. Counts are smaller than in the table where a smaller number shows the same."""

import asyncio
from typing import Any

import grpc

from server.ingest.pipeline import Ingest
from server.rpc.endings import StreamLimits
from server.rpc.event_service import MAX_UNACKED_BATCHES
from server.tenancy import api_keys, authentication
from tests.support import serving, wire
from tests.support.bad_inputs import World, reported, row
from tests.support.serving import Caller, batch, header, read_ack


async def _send(caller: Caller, *requests: Any) -> tuple[str, list[str], int]:
    """Sends messages on a stream, ends it, and returns how it ended, each ack's statuses, and the last one's number."""
    call = caller.stream()
    for one in requests:
        await _write(call, one)
    await call.done_writing()
    acks, last = [], 0
    try:
        while True:
            ack = await read_ack(call)
            acks.append(" ".join(serving.statuses(ack.results)))
            last = ack.sequence
    except EOFError:
        return "OK", acks, last
    except grpc.aio.AioRpcError as ending:
        error = ending
    assert serving.last_acked(error) == last
    return reported(error), acks, last


async def _write(call: Any, request: Any) -> None:
    """Writes to a stream that the server may have ended."""
    if not call.done():
        try:
            await call.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            assert call.done()


def _one(sequence: int) -> Any:
    return batch(sequence, [serving.event()])


@row("S-002", "INVALID_ARGUMENT STREAM_HEADER_DUPLICATE header", keeps=1)
async def _(world: World) -> str:
    answer, acks, last = await _send(world.caller, header("a"), _one(1), header("a"))
    assert (acks, last) == (["ACCEPTED"], 1)
    return answer


@row("S-005", "INVALID_ARGUMENT FIELD_TOO_LONG header.producer_id")
async def _(world: World) -> str:
    return (await _send(world.caller, header("p" * 300), _one(1)))[0]


@row("S-006", "INVALID_ARGUMENT NUL_CHARACTER header.producer_id")
async def _(world: World) -> str:
    return (await _send(world.caller, header("a\0b"), _one(1)))[0]


@row("S-007", "OK", keeps=1)
async def _(world: World) -> str:
    call = world.other.stream()
    await call.write(header("same"))
    answer, acks, _ = await _send(world.caller, header("same"), _one(1))
    await call.done_writing()
    assert await serving.rest(call) == []
    assert acks == ["ACCEPTED"]
    return answer


@row("S-010", "OK", keeps=2)
async def _(world: World) -> str:
    answer, acks, last = await _send(world.caller, _one(5), _one(6))
    assert (acks, last) == (["ACCEPTED", "ACCEPTED"], 6)
    return answer


@row("S-011", "INVALID_ARGUMENT SEQUENCE_GAP batch.sequence", keeps=2)
async def _(world: World) -> str:
    answer, acks, last = await _send(world.caller, _one(1), _one(2), _one(4))
    assert (acks, last) == (["ACCEPTED", "ACCEPTED"], 2)
    return answer


@row("S-012", "OK", keeps=2)
async def _(world: World) -> str:
    second = _one(2)
    answer, acks, last = await _send(world.caller, _one(1), second, second)
    assert (acks, last) == (["ACCEPTED", "ACCEPTED", "DUPLICATE"], 2)
    return answer


@row("S-016", "OK", keeps=100)
async def _(world: World) -> str:
    answer, acks, last = await _send(world.caller, *map(_one, range(1, 101)))
    assert (acks, last) == (["ACCEPTED"] * 100, 100)
    return answer


@row("S-018", "RESOURCE_EXHAUSTED ACK_BACKLOG")
async def _(world: World) -> str:
    # A stall of half a second ends the stream, not a number of acks. Rejections make large acks of little work.
    world.monkeypatch.setattr(world.server.services.events, "limits", StreamLimits(acknowledgement=0.5))
    options = (("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(world.server.address, options=options) as channel:
        call = channel.stream_stream("/tallywire.v1.EventService/StreamEvents")(metadata=world.caller.metadata)
        events = [serving.event("Bad", event_id=f"{number:0128}") for number in range(1000)]
        for number in range(1, MAX_UNACKED_BATCHES + 9):
            await call.write(batch(number, events).SerializeToString())
        await asyncio.sleep(1)
        error = await serving.refused(_read_all(call))
        assert 0 < serving.last_acked(error) < MAX_UNACKED_BATCHES
        return reported(error)


async def _read_all(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


async def _error(call: Any) -> grpc.aio.AioRpcError:
    """How a stream ended."""
    trailing = await call.trailing_metadata()
    return grpc.aio.AioRpcError(await call.code(), await call.initial_metadata(), trailing, await call.details())


@row("S-019", "OK", keeps=100)
async def _(world: World) -> str:
    # 100 batches for 10,001: the server takes 32 and stops reading until it has caught up.
    submit, taken, go_on = Ingest.submit, 0, asyncio.Event()

    async def held(self: Ingest, *arguments: Any) -> Any:
        nonlocal taken
        taken += 1
        await go_on.wait()
        return await submit(self, *arguments)

    world.monkeypatch.setattr(Ingest, "submit", held)
    sending = asyncio.create_task(_send(world.caller, *map(_one, range(1, 101))))
    await asyncio.sleep(0.5)
    assert taken == MAX_UNACKED_BATCHES
    go_on.set()
    answer, acks, _ = await sending
    assert acks == ["ACCEPTED"] * 100
    return answer


@row("S-020", "OK", keeps=3)
async def _(world: World) -> str:
    large = serving.event(resource_id="x" * 66_000)
    answer, acks, _ = await _send(world.caller, _one(1), batch(2, [serving.event(), large]), _one(3))
    assert acks == ["ACCEPTED", "ACCEPTED EVENT_TOO_LARGE", "ACCEPTED"]
    return answer


async def _raw_end(world: World, *bodies: bytes) -> grpc.aio.AioRpcError:
    """The error that a stream of bytes ends with, after one good batch was acknowledged."""
    call = world.caller.channel.stream_stream("/tallywire.v1.EventService/StreamEvents")(
        metadata=world.caller.metadata, timeout=20
    )
    await call.write(_one(1).SerializeToString())
    await call.read()
    for body in bodies:
        await _write(call, body)
    return await _error(call)


@row("S-022", "INVALID_ARGUMENT MALFORMED_MESSAGE", keeps=1)
async def _(world: World) -> str:
    error = await _raw_end(world, b"\xff" * 20)
    assert serving.last_acked(error) == 1
    return reported(error)


@row("S-023", "RESOURCE_EXHAUSTED", keeps=1)
async def _(world: World) -> str:
    return reported(await _raw_end(world, bytes(5 << 20)))


@row("S-024", "OK", keeps=2000)
async def _(world: World) -> str:
    # 2,000 for 1,000,000; the rate is measured elsewhere.
    tasks = len(asyncio.all_tasks())
    call, most = world.caller.stream(), 0

    async def write() -> None:
        nonlocal most
        for number in range(1, 2001):
            await call.write(_one(number))
            most = max(most, len(asyncio.all_tasks()))
        await call.done_writing()

    writing = asyncio.create_task(write())
    acks = await serving.rest(call)
    await writing
    assert [ack.sequence for ack in acks] == list(range(1, 2001))
    assert most - tasks < 2 * MAX_UNACKED_BATCHES
    return "OK"


@row("S-027", "goaway too_many_pings")
async def _(world: World) -> str:
    # Five at once, for one a second.
    async with wire.connected(world.server.address) as connection:
        connection.send(wire.frame(wire.PING, 0, 0, b"12345678") * 5)
        assert await connection.until_closed() == [wire.ENHANCE_YOUR_CALM]
    return "goaway too_many_pings"


@row("S-030", "UNAUTHENTICATED CREDENTIALS_INVALID", keeps=1)
async def _(world: World) -> str:
    world.monkeypatch.setattr(authentication, "_FRESH_SECONDS", 0.2)
    call = world.caller.stream()
    await call.write(_one(1))
    assert (await read_ack(call)).sequence == 1
    await api_keys.revoke_key(world.accounts.database, world.caller.key.key_id)
    await asyncio.sleep(0.3)
    await _write(call, _one(2))
    error = await serving.refused(read_ack(call))
    assert serving.last_acked(error) == 1
    return reported(error)


@row("S-032", "UNAVAILABLE+RetryInfo DRAINING", keeps=1)
async def _(world: World) -> str:
    async with serving.running(world.settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        caller = serving.through(world.caller, channel)
        call = caller.stream()
        await call.write(_one(1))
        assert (await read_ack(call)).sequence == 1
        stopping = asyncio.create_task(server.stop())
        error = await serving.refused(read_ack(call))
        assert serving.last_acked(error) == 1
        await stopping
        return reported(error)


@row("S-036", "OK", keeps=50)
async def _(world: World) -> str:
    events = [serving.event() for _ in range(50)]
    batches = [batch(number, [event]) for number, event in enumerate(events, 1)]
    (first, ours, _), (second, theirs, _) = await asyncio.gather(
        _send(world.caller, *batches), _send(world.caller, *batches)
    )
    assert {frozenset(pair) for pair in zip(ours, theirs, strict=True)} == {frozenset(("ACCEPTED", "DUPLICATE"))}
    assert first == second
    return first


@row("S-037", "RESOURCE_EXHAUSTED+RetryInfo STREAM_LIMIT")
async def _(world: World) -> str:
    calls = [world.caller.stream() for _ in range(20)]
    for call in calls:
        await call.write(header())
    await asyncio.sleep(0.2)
    error = await serving.refused(read_ack(world.caller.stream()))
    assert serving.info(error) == {"limit": "20"}
    for call in calls:
        await call.done_writing()
        assert await serving.rest(call) == []
    answer, acks, _ = await _send(world.other, _one(1))
    assert (answer, acks) == ("OK", ["ACCEPTED"])
    return reported(error)
