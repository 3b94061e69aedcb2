"""Steps that take too long, and followers of what is not there."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from server import errors
from server.catalog.families.conversations import PROJECTION
from server.projections.projector import Projector
from server.rollups import audit
from server.store import conversations as stored
from server.store import database as databases
from server.store import projections
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.store.projections import Rows
from tests.projections.test_projections import message, rows, state
from tests.support import worlds

_END = 60.0


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many conversations the database can save in the time that a statement has."""
    save, bound = stored.save, {"conversations": 3}

    async def slowly(driver: Driver, valid: Rows, some: Mapping[bytes, Any]) -> None:
        if len(some) > bound["conversations"]:
            await databases.limit_statements(driver, 0.02)
            await driver.execute("SELECT pg_sleep(60)")
        await save(driver, valid, some)

    monkeypatch.setattr(stored, "save", slowly)
    return bound


@pytest.mark.usefixtures("small_steps", "most")
async def test_a_step_that_takes_too_long_is_tried_over_fewer_events(
    own_database: Database, own_organization: int
) -> None:
    await worlds.store(own_database, own_organization, [message(f"c{number}", 1) for number in range(20)], batch=1)
    projector, failures = Projector(own_database), 0
    while (await state(own_database, own_organization)).get("revision", 0) < 20:
        try:
            await projector.follow(own_organization, PROJECTION, 20)
        except errors.StorageUnavailable:
            failures += 1
            assert failures < 20
    assert failures > 0
    await worlds.project(own_database, own_organization)
    assert len(await rows(own_database, own_organization)) == 20
    assert (await audit.check(own_database, own_organization)).mismatches == 0


@pytest.mark.usefixtures("small_steps")
async def test_a_revision_that_takes_too_long_stops_nothing(
    own_database: Database, own_organization: int, most: dict[str, int]
) -> None:
    """It may be the database's fault: when that is well again, the projection goes on."""
    await worlds.store(own_database, own_organization, [message(f"c{number}", 1) for number in range(5)], batch=5)
    projector = Projector(own_database)
    for _ in range(6):
        with pytest.raises(errors.StorageUnavailable):
            await projector.follow(own_organization, PROJECTION)
    most["conversations"] = 5
    assert await projector.follow(own_organization, PROJECTION) == 5


async def test_nobody_follows_to_a_revision_that_the_database_does_not_know(
    own_database: Database, own_organization: int
) -> None:
    """As after it was restored to an earlier point."""
    await worlds.store(own_database, own_organization, [message("c", 1)])
    projector = Projector(own_database)
    async with asyncio.timeout(_END):
        assert await projector.follow(own_organization, PROJECTION, 812) == 1
        assert await projector.follow(own_organization, PROJECTION, 812) == 0
        await projector.catch_up(own_organization, [PROJECTION], 812)


async def test_only_the_projection_itself_is_waited_for_less_long_than_other_locks(
    own_database: Database, own_organization: int
) -> None:
    """The row of revisions is held by ingest, too, and a rebuild comes to it after hours."""
    await worlds.store(own_database, own_organization, [message("c", 1)])
    async with own_database.projecting(of=EVERY) as driver:
        before = await driver.fetchval("SHOW lock_timeout")
        async with driver.transaction():
            await projections.lock(driver, own_organization, PROJECTION)
            assert await driver.fetchval("SHOW lock_timeout") == before
