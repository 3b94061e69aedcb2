"""Servers with other settings, and ways to hold what is under way on them until a test lets it go."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import grpc
import pytest

from server.ingest import write
from server.store import reading
from server.store.database import Database
from tests.support.serving import Caller

Served = Callable[..., contextlib.AbstractAsyncContextManager[grpc.aio.Channel]]


Waits = Callable[[Collection[int]], Awaitable[None]]


async def _nothing(_: Collection[int]) -> None:
    return


def around_commits(monkeypatch: pytest.MonkeyPatch, *, before: Waits = _nothing, after: Waits = _nothing) -> None:
    """Makes transactions of ingest wait before they begin and after they have committed, told whose events they are."""
    store = write.store

    async def around(database: Database, numbers: Any, parts: Any, *rest: Any, **options: Any) -> Any:
        organizations = [part.organization_id for part in parts]
        await before(organizations)
        committed = await store(database, numbers, parts, *rest, **options)
        await after(organizations)
        return committed

    monkeypatch.setattr(write, "store", around)


def committing_slowly(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Makes the answers to commits of ingest come late; the event says that something has been committed."""
    committed = asyncio.Event()

    async def late(_: Collection[int]) -> None:
        committed.set()
        await asyncio.sleep(0.2)

    around_commits(monkeypatch, after=late)
    return committed


class Held:
    """Transactions of ingest that are held until the test lets them go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, caller: Caller) -> None:
        self.begun = 0
        self.go_on = asyncio.Event()

        async def held(organizations: Collection[int]) -> None:
            if caller.organization_id in organizations:
                self.begun += 1
                await self.go_on.wait()

        around_commits(monkeypatch, before=held)


class HeldQuestions:
    """Questions of an organization that are held in their slots until the test lets them go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, caller: Caller) -> None:
        self.begun = 0
        self.go_on = asyncio.Event()
        read = reading.read

        async def held(driver: Any, organization_id: int, *rest: Any) -> Any:
            if organization_id == caller.organization_id:
                self.begun += 1
                await self.go_on.wait()
            return await read(driver, organization_id, *rest)

        monkeypatch.setattr(reading, "read", held)
