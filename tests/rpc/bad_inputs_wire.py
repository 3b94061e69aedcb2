"""Rows about HTTP/2 and connections. Counts are smaller than in the table where fewer show the same."""

import asyncio
import resource
import sys
import time
import tracemalloc
from collections.abc import Collection

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import REGISTRY

from server.rpc import transport
from tests.support import holding, serving, wire
from tests.support.bad_inputs import World, outcome, row


def _resident() -> int:
    """The most memory that this process has ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


async def _single(
    world: World, payload: bytes, *extra: tuple[str, str | bytes], path: str = serving.TRACK_EVENT
) -> str:
    """How a call on a connection of its own ended."""
    async with wire.connected(world.server.address) as connection:
        connection.headers(1, wire.request(path, *extra, secret=world.caller.key.secret))
        connection.data(1, payload, end=True)
        return await connection.answer()


@row("W-030", "RESOURCE_EXHAUSTED")
async def _(world: World) -> str:
    # The prefix says 50 MiB; the server answers before it has taken them in.
    before = _resident()
    answer = await _single(world, b"\0" + (50 << 20).to_bytes(4, "big") + bytes(10))
    assert _resident() - before < 8 << 20
    assert await outcome(world.caller.raw(serving.TRACK_EVENT, bytes(5 << 20))) == "RESOURCE_EXHAUSTED"
    return answer


@row("W-036", "RESOURCE_EXHAUSTED")
async def _(world: World) -> str:
    return await _single(world, b"\0\xff\xff\xff\xff" + bytes(10))


@row("W-038", "OK", because="the core hands on the first message and drops the second", keeps=1)
async def _(world: World) -> str:
    return await _single(world, wire.message(serving.body()) + wire.message(serving.body()))


@row("W-039", "DEADLINE_EXCEEDED", because="the core waits for the message until the deadline")
async def _(world: World) -> str:
    async with wire.connected(world.server.address) as connection:
        pairs = wire.request(serving.TRACK_EVENT, ("grpc-timeout", "300m"), secret=world.caller.key.secret)
        connection.headers(1, pairs, end=True)
        return await connection.answer()


@row("W-040", "UNIMPLEMENTED")
async def _(world: World) -> str:
    return await outcome(world.caller.raw("/tallywire.v1.EventService/Nope", b""))


@row("W-042", "UNIMPLEMENTED")
async def _(world: World) -> str:
    return await _single(world, wire.message(serving.body()), path=serving.TRACK_EVENT[1:])


@row("W-044", "RESOURCE_EXHAUSTED")
async def _(world: World) -> str:
    return await _single(world, wire.message(serving.body()), path="/" + "x" * 65_536)


async def _first_words(address: str, words: bytes) -> str:
    async with wire.connected(address, first=words) as connection:
        await connection.until_closed()
        return "closed"


@row("W-046", "closed")
async def _(world: World) -> str:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
    return await _first_words(world.server.address, hello)


@row("W-047", "closed")
async def _(world: World) -> str:
    async with asyncio.timeout(10):
        host, _, port = world.tls.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(wire.PREFACE + wire.frame(wire.SETTINGS))
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert b"grpc" not in said
    return "closed"


@row("W-048", "closed", keeps=1)
async def _(world: World) -> str:
    # 200 sockets for 2,000, and a second for the two minutes that the core gives a handshake.
    options = (*transport.OPTIONS, ("grpc.server_handshake_timeout_ms", 1000))
    world.monkeypatch.setattr(transport, "OPTIONS", options)
    async with serving.running(world.settings) as server:
        host, _, port = server.address.rpartition(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(200)]
        async with grpc.aio.insecure_channel(server.address) as channel:
            await channel.unary_unary(serving.TRACK_EVENT)(serving.body(), metadata=world.caller.metadata, timeout=5)
        async with asyncio.timeout(10):
            for reader, writer in silent:
                await reader.read()
                writer.close()
                await writer.wait_closed()
    return "closed"


def _changed(name: str, value: str | None) -> list[tuple[str | bytes, str | bytes]]:
    """The headers of a call with another value of one of them, or without it."""
    pairs = wire.request(serving.TRACK_EVENT, ("grpc-timeout", "5S"))
    return [(key, value if key == name else reported) for key, reported in pairs if key != name or value is not None]


async def _with(world: World, pairs: list[tuple[str | bytes, str | bytes]]) -> str:
    async with wire.connected(world.server.address) as connection:
        connection.headers(1, [*pairs, ("authorization", f"Bearer {world.caller.key.secret}")])
        connection.data(1, wire.message(serving.body()), end=True)
        return await connection.answer()


@row("W-049", "OK", because="the core takes any content type for gRPC's", keeps=1)
async def _(world: World) -> str:
    return await _with(world, _changed("content-type", "application/json"))


@row("W-051", "reset", because="the core resets the stream")
async def _(world: World) -> str:
    return await _with(world, _changed(":method", "GET"))


@row("W-052", "reset")
async def _(world: World) -> str:
    return await _with(world, _changed(":path", None))


@row("W-053", "INTERNAL")
async def _(world: World) -> str:
    return await _single(world, wire.message(serving.body()), ("X-Upper", "a"))


@row("W-054", "OK", because="the core hands it on; authorization, all that we read, becomes invalid by it", keeps=1)
async def _(world: World) -> str:
    async with wire.connected(world.server.address) as connection:
        connection.headers(1, wire.request(serving.TRACK_EVENT, secret=f"{world.caller.key.secret}\0"))
        connection.data(1, wire.message(serving.body()), end=True)
        assert await connection.answer() == "UNAUTHENTICATED"
    return await _single(world, wire.message(serving.body()), ("x-nul", b"a\0b"))


def _metadata(id: str, size: int) -> None:  # noqa: A002 - the table's word
    @row(id, "RESOURCE_EXHAUSTED", keeps=None)
    async def run(world: World) -> str:
        # Between the soft and the hard limit the core refuses at random, the more often the larger.
        answers = {await _single(world, wire.message(serving.body()), ("x-big", "a" * size)) for _ in range(12)}
        assert "RESOURCE_EXHAUSTED" in answers
        assert answers == {"RESOURCE_EXHAUSTED"} or size < 16 * 1024
        return "RESOURCE_EXHAUSTED"


_metadata("W-056", 15_000)
_metadata("W-057", 17_000)
_metadata("W-058", 1_000_000)


@row("W-060", "INTERNAL")
async def _(world: World) -> str:
    return await _single(world, wire.message(serving.body()), ("x-bin", "!!!!"))


@row("W-062", "OK or DEADLINE_EXCEEDED", because="a stored event may be answered all the same", keeps=1)
async def _(world: World) -> str:
    event = serving.event()
    answer = await _single(world, wire.message(serving.body(event)), ("grpc-timeout", "1n"))
    assert answer in ("OK", "DEADLINE_EXCEEDED")
    await world.caller.track(event)
    return "OK or DEADLINE_EXCEEDED"


@row("W-064", "INTERNAL")
async def _(world: World) -> str:
    return await _single(world, wire.message(serving.body()), ("grpc-timeout", "abc"))


@row("W-065", "OK", keeps=1)
async def _(world: World) -> str:
    assert world.settings.max_call_seconds == 30
    return await _single(world, wire.message(serving.body()))


def _handled(method: str) -> float:
    """How many calls of an RPC a handler has ended so far."""
    return sum(
        sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "tallywire_rpc_seconds_count" and sample.labels["method"] == method
    )


@row("W-067", "OK")
async def _(world: World) -> str:
    # 2,000 for 20,000.
    before = _handled(serving.TRACK_EVENT)
    async with wire.connected(world.server.address) as connection:
        for stream in range(1, 4001, 2):
            connection.headers(stream, wire.request(serving.TRACK_EVENT, secret=world.caller.key.secret))
            connection.send(wire.frame(wire.RST_STREAM, 0, stream, (8).to_bytes(4, "big")))
        await connection.flush()
        await world.caller.overview(serving.today())
    await asyncio.sleep(0.2)
    assert _handled(serving.TRACK_EVENT) == before
    return "OK"


async def _flood(world: World, part: bytes, count: int) -> list[int]:
    """Sends many frames on an open stream; others are served meanwhile. The error codes of GOAWAYs, if any came."""
    async with wire.connected(world.server.address) as connection:
        connection.headers(1, wire.request(serving.OVERVIEW, secret=world.caller.key.secret))
        connection.send(part * count)
        await connection.flush()
        await world.caller.overview(serving.today())
        try:
            return await connection.until_closed(1.5)
        except TimeoutError:
            return [-1]


@row("W-069", "goaway too_many_pings")
async def _(world: World) -> str:
    # 200 for 20,000, so that the server's last words are not lost in what it has not read.
    assert await _flood(world, wire.frame(wire.PING, 0, 0, b"12345678"), 200) == [wire.ENHANCE_YOUR_CALM]
    return "goaway too_many_pings"


@row("W-070", "bounded")
async def _(world: World) -> str:
    # 5,000 for 20,000. The core answers each and goes on: what it costs must not grow with their number.
    before = _resident()
    await _flood(world, wire.frame(wire.SETTINGS), 5_000)
    assert _resident() - before < 16 << 20
    return "bounded"


@row("W-071", "bounded")
async def _(world: World) -> str:
    started = time.process_time()
    codes = await _flood(world, wire.frame(wire.DATA, 0, 1), 20_000)
    assert codes != [-1]
    assert time.process_time() - started < 5
    return "bounded"


async def _broken(world: World, *parts: bytes, block: bytes | None = None) -> str:
    """How a call ends on a connection that carries something broken; others go on."""
    async with wire.connected(world.server.address) as connection:
        good = wire.hpack(wire.request(serving.TRACK_EVENT, ("grpc-timeout", "1S"), secret=world.caller.key.secret))
        connection.block(1, good if block is None else block + good)
        connection.send(*parts)
        answer = await connection.answer()
        await world.caller.overview(serving.today())
        return answer


@row("W-072", "UNAVAILABLE")
async def _(world: World) -> str:
    return await _broken(world, wire.frame(wire.WINDOW_UPDATE, 0, 1, bytes(4)))


@row("W-073", "DEADLINE_EXCEEDED", because="the core keeps the window at its maximum; the call waits for its message")
async def _(world: World) -> str:
    return await _broken(world, wire.frame(wire.WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff") * 2)


@row("W-076", "ignored", because="the core reads past it; no call is started")
async def _(world: World) -> str:
    async with wire.connected(world.server.address) as connection:
        pairs = wire.request(serving.TRACK_EVENT, secret=world.caller.key.secret)
        connection.headers(2, pairs)
        connection.data(2, wire.message(serving.body()), end=True)
        connection.headers(3, wire.request(serving.OVERVIEW, secret=world.caller.key.secret))
        connection.data(3, wire.message(b""), end=True)
        assert await connection.answer(3) == "INVALID_ARGUMENT"
        return "answered" if any(one.stream == 2 for one in connection.frames) else "ignored"


@row("W-079", "INTERNAL")
async def _(world: World) -> str:
    return await _broken(world, block=b"\x3f\xe1\xff\xff\xff\x03")


@row("W-081", "INTERNAL")
async def _(world: World) -> str:
    return await _broken(world, block=b"\x00\x01x\x81\x00")


@row("W-082", "OK", keeps=3)
async def _(world: World) -> str:
    # Without a proxy, which is what the advisory is about: each connection has a table of its own.
    for _ in range(3):
        assert await _broken(world, block=b"\xff\x80\x01") == "INTERNAL"
        await world.caller.track(serving.event())
    return "OK"


@row("W-084", "OK", keeps=1)
async def _(world: World) -> str:
    async def slowly(_: Collection[int]) -> None:
        await asyncio.sleep(0.3)

    holding.around_commits(world.monkeypatch, before=slowly)
    async with wire.connected(world.server.address) as connection:
        connection.headers(1, wire.request(serving.TRACK_EVENT, secret=world.caller.key.secret))
        connection.data(1, wire.message(serving.body()), end=True)
        await asyncio.sleep(0.1)
        connection.send(wire.frame(wire.GOAWAY, 0, 0, bytes(8)))
        return await connection.answer()


@row("W-086", "OK", keeps=1)
async def _(world: World) -> str:
    event = serving.event()
    body = wire.message(serving.body(event))
    async with wire.connected(world.server.address) as connection:
        connection.headers(1, wire.request(serving.TRACK_EVENT, secret=world.caller.key.secret))
        connection.data(1, body[: len(body) // 2])
        await connection.flush()
        connection.abort()
    return await outcome(world.caller.track(event))


@row("W-087", "DEADLINE_EXCEEDED", keeps=1)
async def _(world: World) -> str:
    # A byte every tenth of a second, and a deadline of one second.
    body = wire.message(serving.body())
    async with wire.connected(world.server.address) as connection:
        pairs = wire.request(serving.TRACK_EVENT, secret=world.caller.key.secret)
        connection.headers(1, [*pairs, ("grpc-timeout", "1S")])

        async def drip() -> None:
            for at in range(9):
                connection.data(1, body[at : at + 1])
                await asyncio.sleep(0.1)

        dripping = asyncio.create_task(drip())
        answer = await connection.answer()
        await dripping
        connection.headers(3, pairs)
        connection.data(3, body, end=True)
        connection.frames.clear()
        while (one := await connection.read()) is not None and not (one.stream == 3 and one.flags & wire.END_STREAM):
            pass
        assert one is not None
        return answer


@row("W-090", "OK")
async def _(world: World) -> str:
    # 200 for 1,000, on connections of at most 100 streams each.
    tasks = len(asyncio.all_tasks())
    tracemalloc.start()
    channels = [
        grpc.aio.insecure_channel(world.server.address, options=(("grpc.use_local_subchannel_pool", 1),))
        for _ in range(4)
    ]
    calls = []
    for channel in channels:
        stub = health_pb2_grpc.HealthStub(channel)
        calls += [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(50)]
    for call in calls:
        assert (await call.read()).status == health_pb2.HealthCheckResponse.SERVING
    assert tracemalloc.get_traced_memory()[0] < 20 << 20
    tracemalloc.stop()
    for call in calls:
        call.cancel()
    for channel in channels:
        await channel.close()
    for _ in range(50):
        if len(asyncio.all_tasks()) <= tasks:
            return "OK"
        await asyncio.sleep(0.1)
    return f"{len(asyncio.all_tasks()) - tasks} tasks are left"
