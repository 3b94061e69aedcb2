"""Replaying events through the client, and asking until everything that depends on them has been worked out."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from tallywire import AsyncClient
from tallywire.errors import DeadlineExceeded, Unavailable
from tallywire.v1 import event_pb2, event_service_pb2
from tests.support.waiting import PATIENCE


async def replay(client: AsyncClient, events: Iterable[event_pb2.Event]) -> Counter[str]:
    """Sends events in batches of 500, a few at once, and returns how many had which result."""
    iterator, results = iter(events), Counter[str]()
    slots = asyncio.Semaphore(4)

    async def send(batch: list[event_pb2.Event]) -> None:
        try:
            for result in await client.track_batch(batch):
                results[event_service_pb2.EventStatus.Name(result.status)] += 1
        finally:
            slots.release()

    async with asyncio.TaskGroup() as group:
        while batch := list(islice(iterator, 500)):
            await slots.acquire()
            group.create_task(send(batch))
    return results


async def until_followed(client: AsyncClient, start: datetime, end: datetime) -> None:
    """Asks until projections have followed, which a slow machine may need more than one call for: their steps stay."""
    async with asyncio.timeout(5 * PATIENCE):
        while True:
            with contextlib.suppress(DeadlineExceeded, Unavailable):
                await client.overview(start, end)
                return
