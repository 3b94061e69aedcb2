"""What workers change reaches subscribers as what servers change does: by a notification, not by a look."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio

from server.local import embedded
from server.realtime import hubs
from tallywire import AsyncClient, event
from tallywire.v1 import realtime_service_pb2 as messages
from tests.support.subscribing import authorization

PATIENCE = 120.0


@contextlib.asynccontextmanager
async def working(worker_command: tuple[list[str], dict[str, str]]) -> AsyncIterator[None]:
    """A worker on the engines of the servers."""
    command, environment = worker_command
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def listening(redis_url: str, organization: int, servers: int) -> None:
    """Returns once so many servers listen for the revisions of an organization."""
    async with redis.asyncio.Redis.from_url(redis_url) as connection, asyncio.timeout(PATIENCE):
        while True:
            channels = await connection.pubsub_channels(f"*{{{organization}}}*")
            if channels and (await connection.pubsub_numsub(*channels))[0][1] == servers:
                return
            await asyncio.sleep(0.05)


async def test_a_revision_of_a_worker_is_told_without_a_look(
    client: AsyncClient,
    tenant: Any,
    engines: embedded.Engines,
    stubs: list[Any],
    worker_command: tuple[list[str], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Servers look for nothing by themselves here, and who reads updates makes no server move projections on."""
    monkeypatch.setattr(hubs, "PULSE_SECONDS", 24 * 3600.0)
    calls = [stub.WatchUpdates(messages.WatchUpdatesRequest(), metadata=authorization(tenant.key)) for stub in stubs]
    async with asyncio.timeout(PATIENCE):
        for call in calls:
            assert (await call.read()).bookmark
        await listening(engines.redis_url, tenant.organization_id, len(calls))
        await client.track(event("conversation.started", conversation_id="c"))
        for call in calls:
            assert (await next_update(call)).revision == 1
        async with working(worker_command):
            for call in calls:
                update = await next_update(call)
                assert update.revision == 2
                assert "total_conversations" in {change.measure for change in update.changes}
    for call in calls:
        call.cancel()


async def next_update(call: Any) -> messages.WatchUpdatesResponse:
    """The next update, which bookmarks may precede."""
    while (message := await call.read()).bookmark:
        pass
    return message  # type: ignore[no-any-return]
