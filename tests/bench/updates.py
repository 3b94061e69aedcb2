"""How many revisions a second one subscriber can follow; the yardstick is a bare stream of the same messages, served by
a process of its own as well. The two take turns.
"""

import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import AsyncIterator

import grpc

from agentmetrics import AsyncClient, event
from agentmetrics.v1 import realtime_service_pb2 as messages
from agentmetrics.v1 import realtime_service_pb2_grpc
from tests.bench.world import Served, World

REVISIONS = 2000
ROUNDS = 5
_REQUEST = messages.WatchUpdatesRequest
# Sends the messages that it is given on standard input, each behind its length, to whoever asks.
_BARE = """
import asyncio, sys, grpc

async def main():
    data, payloads = sys.stdin.buffer.read(), []
    while data:
        size = int.from_bytes(data[:4], "big")
        payloads.append(data[4 : 4 + size])
        data = data[4 + size :]

    async def stream(request, context):
        for payload in payloads:
            await context.write(payload)

    handler = grpc.method_handlers_generic_handler("bare", {"Stream": grpc.unary_stream_rpc_method_handler(stream)})
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()

try:
    import uvloop
except ImportError:
    asyncio.run(main())
else:
    uvloop.run(main())
"""


async def run(world: World, events: int | None) -> None:
    """Stores revisions, then follows them from a token of before the first again and again, and prints both rates."""
    count = events or REVISIONS
    _, key = await world.tenant("updates")
    metadata = (("authorization", f"Bearer {key}"),)
    async with world.server() as served, grpc.aio.insecure_channel(served.address) as channel:
        stub = realtime_service_pb2_grpc.RealtimeServiceStub(channel)
        call = stub.WatchUpdates(_REQUEST(), metadata=metadata)
        token = (await anext(aiter(call))).resume_token
        call.cancel()
        await _write(served, key, count)
        rates, bare_rates, cpu = [], [], served.cpu_seconds()
        encoded: list[bytes] = []
        for _ in range(ROUNDS):
            call = stub.WatchUpdates(_REQUEST(resume_after=token), metadata=metadata)
            rate, encoded = await _follow(call, count)
            rates.append(rate)
            if not bare_rates:
                cpu = served.cpu_seconds() - cpu
            async with _bare(encoded) as bare_call:
                bare_rates.append((await _follow(bare_call, count))[0])
    ours, bare = statistics.median(rates), statistics.median(bare_rates)
    print(
        f"WatchUpdates, one subscriber from behind: {ours:,.0f} revisions/s of {sum(map(len, encoded)) // count} bytes,"
        f" {cpu / count * 1e6:,.0f} µs of the server's processor each"
    )
    print(f"bare grpc.aio stream of the same messages: {bare:,.0f} messages/s; ratio {ours / bare:.2f}")


async def _write(served: Served, key: str, count: int) -> None:
    """Stores that many revisions."""
    async with AsyncClient(served.address, api_key=key) as client:
        for number in range(count):  # one after the other, so that each is a revision of its own
            await client.track(event("message.sent", agent_id=f"a{number % 5}", response_time_ms=50))


async def _follow(call: grpc.aio.UnaryStreamCall, count: int) -> tuple[float, list[bytes]]:
    """Reads updates up to that revision; returns how many a second came, and their bytes."""
    started, received = time.perf_counter(), []
    async for update in call:
        if not update.bookmark:
            received.append(update)
        if update.revision == count:
            break
    rate = count / (time.perf_counter() - started)
    call.cancel()
    assert [update.revision for update in received] == list(range(1, count + 1))
    return rate, [update.SerializeToString() for update in received]


@contextlib.asynccontextmanager
async def _bare(payloads: list[bytes]) -> AsyncIterator[grpc.aio.UnaryStreamCall]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _BARE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(b"".join(len(one).to_bytes(4, "big") + one for one in payloads))
        process.stdin.close()
        port = int(await process.stdout.readline())
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await channel.channel_ready()
            yield channel.unary_stream("/bare/Stream", None, messages.WatchUpdatesResponse.FromString)(b"")
    finally:
        process.kill()
        await process.wait()
