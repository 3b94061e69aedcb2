"""How many revisions a second one subscriber can follow; the yardstick is a bare stream of the same messages."""

import asyncio
import time

import grpc

from agentmetrics import AsyncClient, event
from agentmetrics.v1 import realtime_service_pb2 as messages
from agentmetrics.v1 import realtime_service_pb2_grpc
from tests.bench.world import World

REVISIONS = 2000


async def run(world: World, events: int | None) -> None:
    """Stores revisions, then follows them from a token of before the first, and prints both rates."""
    count = events or REVISIONS
    _, key = await world.tenant("updates")
    metadata = (("authorization", f"Bearer {key}"),)
    async with world.server() as served, grpc.aio.insecure_channel(served.address) as channel:
        stub = realtime_service_pb2_grpc.RealtimeServiceStub(channel)
        call = stub.WatchUpdates(messages.WatchUpdatesRequest(), metadata=metadata)
        token = (await anext(aiter(call))).resume_token
        call.cancel()
        async with AsyncClient(served.address, api_key=key) as client:
            for number in range(count):  # one after the other, so that each is a revision of its own
                await client.track(event("message.sent", agent_id=f"a{number % 5}", response_time_ms=50))
        started, received = time.perf_counter(), []
        call = stub.WatchUpdates(messages.WatchUpdatesRequest(resume_after=token), metadata=metadata)
        async for update in call:
            if not update.bookmark:
                received.append(update)
            if update.revision == count:
                break
        ours = count / (time.perf_counter() - started)
        call.cancel()
    assert [update.revision for update in received] == list(range(1, count + 1))
    bare = await _bare([update.SerializeToString() for update in received])
    size = sum(update.ByteSize() for update in received) // count
    print(f"WatchUpdates, one subscriber from behind: {ours:,.0f} revisions/s of {size} bytes")
    print(f"bare grpc.aio stream of the same messages: {bare:,.0f} messages/s; ratio {ours / bare:.2f}")


async def _bare(payloads: list[bytes]) -> float:
    async def stream(request: bytes, context: object):  # type: ignore[no-untyped-def]
        for payload in payloads:
            yield payload

    handler = grpc.method_handlers_generic_handler("bare", {"Stream": grpc.unary_stream_rpc_method_handler(stream)})
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    started = time.perf_counter()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_stream("/bare/Stream")(b"")
        async for payload in call:
            messages.WatchUpdatesResponse.FromString(payload)
    rate = len(payloads) / (time.perf_counter() - started)
    await server.stop(None)
    await asyncio.sleep(0)
    return rate
