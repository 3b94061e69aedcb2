"""How many revisions a second one subscriber can follow; the yardstick is a bare stream of the same messages, served by
a process of its own as well. The two take turns.
"""

import asyncio
import contextlib
import operator
import statistics
import sys
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

import grpc

from tallywire import AsyncClient, event
from tallywire.v1 import realtime_service_pb2 as messages
from tallywire.v1 import realtime_service_pb2_grpc
from tests.harness.bench.world import Served, World

REVISIONS = 2000
ROUNDS = 5
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


class _Followed(NamedTuple):
    per_second: float
    updates: list[messages.WatchUpdatesResponse]


async def run(world: World, events: int | None) -> None:
    """Stores revisions, then follows them from a token of before the first again and again, and prints both rates."""
    count = events or REVISIONS
    _, key = await world.tenant("updates")
    metadata = (("authorization", f"Bearer {key}"),)
    async with world.server() as served, grpc.aio.insecure_channel(served.address) as channel:
        stub = realtime_service_pb2_grpc.RealtimeServiceStub(channel)
        call = stub.WatchUpdates(messages.WatchUpdatesRequest(), metadata=metadata)
        token = (await anext(aiter(call))).resume_token
        call.cancel()
        await _write(served, key, count)
        encoded = [one.SerializeToString() for one in (await _follow(_call(stub, token, key), count)).updates]
        async with _bare(encoded) as bare, grpc.aio.insecure_channel(bare.address) as bare_channel:
            bare_call = bare_channel.unary_stream("/bare/Stream", None, messages.WatchUpdatesResponse.FromString)
            rates, bare_rates = [], []
            cpu, bare_cpu = served.cpu_seconds(), bare.cpu_seconds()
            for _ in range(ROUNDS):
                rates.append((await _follow(_call(stub, token, key), count)).per_second)
                bare_rates.append((await _follow(bare_call(b""), count)).per_second)
            each = 1e6 / (count * ROUNDS)
            cpu, bare_cpu = (served.cpu_seconds() - cpu) * each, (bare.cpu_seconds() - bare_cpu) * each
    size, ratio = sum(map(len, encoded)) // count, statistics.median(map(operator.truediv, rates, bare_rates))
    print(
        f"WatchUpdates, one subscriber from behind: {statistics.median(rates):,.0f} revisions/s of {size} bytes, each"
        f" {cpu:.0f} µs of the server's processor"
    )
    print(
        f"bare grpc.aio stream of the same messages: {statistics.median(bare_rates):,.0f} messages/s, each"
        f" {bare_cpu:.0f} µs; ratio {ratio:.2f}"
    )


def _call(stub: realtime_service_pb2_grpc.RealtimeServiceStub, token: str, key: str) -> grpc.aio.UnaryStreamCall:
    request = messages.WatchUpdatesRequest(resume_after=token)
    return stub.WatchUpdates(request, metadata=(("authorization", f"Bearer {key}"),))


async def _write(served: Served, key: str, count: int) -> None:
    """Stores that many revisions."""
    async with AsyncClient(served.address, api_key=key) as client:
        for number in range(count):  # one after the other, so that each is a revision of its own
            await client.track(event("message.sent", agent_id=f"a{number % 5}", response_time_ms=50))


async def _follow(call: grpc.aio.UnaryStreamCall, count: int) -> _Followed:
    """Reads updates up to that revision."""
    started, received = time.perf_counter(), []
    async for update in call:
        if not update.bookmark:
            received.append(update)
        if update.revision == count:
            break
    per_second = count / (time.perf_counter() - started)
    call.cancel()
    assert [update.revision for update in received] == list(range(1, count + 1))
    return _Followed(per_second, received)


@contextlib.asynccontextmanager
async def _bare(payloads: list[bytes]) -> AsyncIterator[Served]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _BARE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(b"".join(len(one).to_bytes(4, "big") + one for one in payloads))
        process.stdin.close()
        port = int(await process.stdout.readline())
        yield Served(address=f"127.0.0.1:{port}", pid=process.pid)
    finally:
        process.kill()
        await process.wait()
