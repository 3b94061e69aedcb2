"""Servers with other settings, and ways to hold what is under way on them until a test lets it go."""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from typing import Any

import grpc
import pytest

from server.store import reading
from tests.support import serving
from tests.support.serving import Caller

Served = Callable[..., contextlib.AbstractAsyncContextManager[grpc.aio.Channel]]


class Held:
    """Transactions of ingest that are held until the test lets them go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, caller: Caller) -> None:
        self.begun = 0
        self.go_on = asyncio.Event()

        async def held(organizations: Collection[int]) -> None:
            if caller.organization_id in organizations:
                self.begun += 1
                await self.go_on.wait()

        serving.around_commits(monkeypatch, before=held)


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
