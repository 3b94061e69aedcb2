"""The loops of a worker process: what one of them waits for holds up no other one."""

import asyncio

import pytest

from server.projections.projector import Projector
from server.settings import Settings
from server.store.database import Database
from server.tasks.kinds import Kinds
from server.tasks.runner import Runner
from workers import alerting, process
from workers.folding import Folding
from workers.process import Process
from workers.projecting import Projecting

PATIENCE = 60.0


async def test_without_redis_folding_and_projecting_do_not_wait_for_each_other(
    own_database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folds, begun = 0, asyncio.Event()

    class Folds(Folding):
        async def due(self) -> int:
            nonlocal folds
            folds += begun.is_set()
            return 0

    class Projects(Projecting):
        async def due(self) -> None:
            begun.set()
            await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(process, "_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(process, "_PULSE_SECONDS", 0.01)
    projector = Projector(own_database)
    projecting = Projects(own_database, projector)
    looking = alerting.alerting(settings, own_database, projector, lambda: None)
    running = Process(
        "redis://127.0.0.1:1", Folds(own_database), projecting, Runner(own_database, Kinds(()), "me"), looking
    )
    working = asyncio.create_task(running.run())
    async with asyncio.timeout(PATIENCE):
        while folds < 3:  # noqa: ASYNC110 - it is only counted
            await asyncio.sleep(0.01)
    working.cancel()
    await asyncio.wait((working,))
