"""A second server on the same engines, and subscriptions as a client without any help sees them."""

from collections.abc import AsyncIterator

import grpc
import pytest

from server.app import Running
from server.settings import Settings
from server.store.database import Database
from server.tasks.wakeups import Wakeups
from tallywire.v1 import realtime_service_pb2_grpc


@pytest.fixture(scope="session")
async def second_server(settings: Settings, server: Running) -> AsyncIterator[Running]:
    """Another server, with pools of its own."""
    database = Database(settings.required("database_url"))
    wakeups = Wakeups(settings.required("redis_url"))
    running = Running(settings, database, wakeups)
    await running.start()
    yield running
    await running.stop()
    await wakeups.close()
    await database.close()


@pytest.fixture
async def channels(server: Running, second_server: Running) -> AsyncIterator[list[grpc.aio.Channel]]:
    """A channel to each server."""
    channels = [grpc.aio.insecure_channel(one.address) for one in (server, second_server)]
    yield channels
    for channel in channels:
        await channel.close()


@pytest.fixture
def stubs(channels: list[grpc.aio.Channel]) -> list[realtime_service_pb2_grpc.RealtimeServiceStub]:
    """RealtimeService of each server."""
    return [realtime_service_pb2_grpc.RealtimeServiceStub(channel) for channel in channels]
