"""Steps whose connection has gone silent end, and so do processes that were taking one."""

import asyncio
import random
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server import errors
from server.catalog.families.conversations import PROJECTION
from server.projections.projector import Projector
from server.store import conversations as stored
from server.store.database import Database
from server.store.isolation import EVERY
from tests.harness.faults.proxy import Harm, Link
from tests.projections.test_projections import message, state
from tests.support import worlds

_LONG = 3_600.0  # nothing waits for that long here
_END = 60.0


@pytest.fixture
async def link(own_url: str) -> AsyncIterator[Link]:
    """The way to the test's database."""
    parts = urllib.parse.urlsplit(own_url)
    assert parts.hostname is not None
    assert parts.port is not None
    async with Link.opened("postgres", parts.hostname, parts.port, random.Random(1)) as link:
        yield link


def through(link: Link, own_url: str, **patience: float) -> Database:
    """The test's database by way of the link."""
    return Database(own_url.replace(f":{urllib.parse.urlsplit(own_url).port}/", f":{link.port}/"), **patience)  # type: ignore[arg-type]


@pytest.fixture
def silenced(link: Link, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Is set once the first step that saves conversations does so on a connection that stays silent; new ones work."""
    save, silent = stored.save, asyncio.Event()

    async def silently(*arguments: Any) -> None:
        if not silent.is_set():
            link.harm(Harm.BLACK_HOLE)
            link.heal()
            silent.set()
        await save(*arguments)

    monkeypatch.setattr(stored, "save", silently)
    return silent


async def test_a_step_on_a_silent_connection_is_cut(
    link: Link, own_url: str, own_database: Database, own_organization: int, silenced: asyncio.Event
) -> None:
    await worlds.store(own_database, own_organization, [message("c", 1)])
    served = through(link, own_url, step_patience=2)
    projector, cuts = Projector(served), 0
    async with asyncio.timeout(_END):
        while (await state(own_database, own_organization)).get("revision", 0) == 0:
            try:
                await projector.follow(own_organization, PROJECTION)
            except errors.StorageUnavailable:  # a slow machine may meet the limit more often
                cuts += 1
    assert silenced.is_set()
    assert cuts > 0
    await served.close()


async def test_a_step_is_cut_with_a_younger_connection_that_is_silent(
    link: Link, own_url: str, own_database: Database, own_organization: int, silenced: asyncio.Event
) -> None:
    """What may take any time need not wait for its own limit."""
    await worlds.store(own_database, own_organization, [message("c", 1)])
    served = through(link, own_url, step_patience=_LONG, patience=2)
    projector = Projector(served)
    async with served.transaction(of=EVERY):
        pass  # opens a connection that is silent later
    async with asyncio.timeout(_END):
        following = asyncio.create_task(projector.follow(own_organization, PROJECTION))
        await silenced.wait()
        with pytest.raises(errors.StorageUnavailable):
            async with served.transaction(of=EVERY):
                pass
        with pytest.raises(errors.StorageUnavailable):
            await following
        assert await projector.follow(own_organization, PROJECTION) == 1
    await served.close()


async def test_a_projector_closes_though_a_step_is_silent(
    link: Link, own_url: str, own_database: Database, own_organization: int, silenced: asyncio.Event
) -> None:
    await worlds.store(own_database, own_organization, [message("c", 1)])
    served = through(link, own_url, step_patience=_LONG)
    projector = Projector(served)
    following = asyncio.create_task(projector.follow(own_organization, PROJECTION))
    async with asyncio.timeout(_END):
        await silenced.wait()
        await projector.close()
        await served.close()
        with pytest.raises(errors.StorageUnavailable, match="stopping"):
            await following
    assert "revision" not in await state(own_database, own_organization)


async def test_a_projector_that_is_closed_begins_no_step(own_database: Database, own_organization: int) -> None:
    await worlds.store(own_database, own_organization, [message("c", 1)])
    projector = Projector(own_database)
    await projector.close()
    with pytest.raises(errors.StorageUnavailable, match="stopping"):
        await projector.follow(own_organization, PROJECTION, 1)
    assert "revision" not in await state(own_database, own_organization)
