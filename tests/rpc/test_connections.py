"""What one connection carries, and what becomes of those on it when it ends."""

import asyncio

import grpc
import pytest
import serving
import wire
from serving import Caller

from server.serve import Running
from server.settings import Settings

_CALLS = 3000
# The stub alone: nothing that is lost is tried again unseen, and no other test is on the connection.
_BARE = (("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1))
_REFUSED_STREAM = 7


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
