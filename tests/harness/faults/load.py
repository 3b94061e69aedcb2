"""What clients do with the service in a run, and whether that was enough to show anything."""

import asyncio
import contextlib
from collections.abc import Awaitable, Iterator

from server import errors
from tests.harness.faults import clients
from tests.harness.faults.checker import Violation
from tests.harness.faults.history import History
from tests.harness.faults.world import World

_AUDIT_SECONDS = 2.0  # between two recounts
_LEAST = {"reads": 1, "faults": 3, "acknowledged events": 100}
_LEAST_WATCHED = {"updates told": 20, "resumptions": 10}


async def under_load(world: World, harm: Awaitable[None]) -> None:
    """Lets clients work while harm is done, and returns when both are done."""
    stop = asyncio.Event()
    start, end = world.period
    work = [
        *(clients.send_calls(client, 1, stop) for client in world.clients("single")),
        *(clients.send_calls(client, 200, stop) for client in world.clients("batch")),
        *(clients.send_calls(client, 20, stop) for client in world.clients("stray", world.strays)),
        *(clients.send_streams(client, stop) for client in world.clients("stream")),
        *(clients.read(client, start, end, stop) for client in world.clients("reader")),
        _audit_now_and_then(world, stop),
    ]
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(one)
        try:
            await harm
        finally:
            stop.set()


async def _audit_now_and_then(world: World, stop: asyncio.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), timeout=_AUDIT_SECONDS)
        for tenant in world.tenants:
            with contextlib.suppress(errors.StorageUnavailable):
                await world.audit(tenant)


def idle(history: History, *, watched: bool) -> Iterator[Violation]:
    """A run in which nothing happened has shown nothing; watched: nor has one in which subscribers heard nothing."""
    reported = {
        "reads": len(history.reads),
        "faults": len(history.faults),
        "acknowledged events": sum(len(call.results) for call in history.calls),
        "updates told": len(history.delivered),
        "resumptions": len(history.resumed),
    }
    for what, least in {**_LEAST, **(_LEAST_WATCHED if watched else {})}.items():
        if reported[what] < least:
            yield Violation(check="idle", text=f"only {reported[what]} {what}, a run needs {least}")
