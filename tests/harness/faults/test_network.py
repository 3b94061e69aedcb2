"""Links that are slow, torn, half-open or silent lose nothing, and nobody waits for them for ever."""

import asyncio
import random
import urllib.parse
from collections.abc import AsyncIterator

import pytest

from server import errors
from server.local import embedded
from server.store.database import Database, Driver, Purpose
from server.store.isolation import EVERY
from tests.harness.faults.proxy import Harm, Link
from tests.support import waiting
from tests.support.waiting import PATIENCE


@pytest.fixture
async def link(engines: embedded.Engines) -> AsyncIterator[Link]:
    """A link to PostgreSQL."""
    parts = urllib.parse.urlsplit(engines.database_url)
    assert parts.hostname is not None
    assert parts.port is not None
    async with Link.opened("postgres", parts.hostname, parts.port, random.Random(1)) as link:
        yield link


def through(link: Link, engines: embedded.Engines) -> str:
    """The database's URL by way of the link."""
    parts = urllib.parse.urlsplit(engines.database_url)
    return engines.database_url.replace(f":{parts.port}/", f":{link.port}/")


async def test_a_session_that_was_not_reported_of_its_end_keeps_no_lock(
    engines: embedded.Engines, database: Database, link: Link
) -> None:
    mine = Database(through(link, engines), ingest_connections=1)
    begun, go_on = asyncio.Event(), asyncio.Event()
    copier: Driver | None = None

    async def rows() -> AsyncIterator[bytes]:
        yield b""
        begun.set()
        await go_on.wait()
        yield b""

    async def copy() -> None:
        nonlocal copier
        async with mine.ingest(of=EVERY) as driver, driver.transaction():
            copier = driver
            await driver.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            await driver.execute("SELECT pg_advisory_xact_lock(20261120)")
            await driver.execute("CREATE TEMPORARY TABLE filled (one bytea)")
            await driver.copy_to_table("filled", source=rows())

    copying = asyncio.create_task(copy())
    await begun.wait()
    link.lose_near()  # PostgreSQL goes on waiting for the rest of the rows
    await waiting.until(lambda: copier is not None and copier.is_closed())
    go_on.set()
    with pytest.raises(errors.StorageUnavailable):
        await asyncio.wait_for(copying, timeout=PATIENCE)
    async with mine.ingest(of=EVERY) as driver, driver.transaction():
        await driver.execute("SET LOCAL lock_timeout = '60s'")
        await driver.execute("SELECT pg_advisory_xact_lock(20261120)")
    await mine.close()


async def test_a_silent_connection_is_cut_and_those_of_its_age_are_not_used(
    engines: embedded.Engines, link: Link
) -> None:
    mine = Database(through(link, engines), patience=PATIENCE)
    await asyncio.gather(mine.condition(), mine.condition(), mine.condition())
    async with mine.snapshot(of=EVERY):
        pass
    link.harm(Harm.BLACK_HOLE)
    link.heal()
    loop, others = asyncio.get_running_loop(), mine._pools[Purpose.OTHER]
    others._longest_use, began = 0.5, loop.time()
    with pytest.raises(errors.StorageUnavailable):
        await mine.condition()
    assert loop.time() - began > 0.4
    link.harm(Harm.BLACK_HOLE)
    with pytest.raises(errors.StorageUnavailable):
        async with mine.transaction(of=EVERY) as driver:
            await driver.execute("SELECT 1")
    link.heal()
    others._longest_use = PATIENCE
    async with asyncio.timeout(PATIENCE):  # those of the other pool, too, which have a minute
        await mine.condition()
        async with mine.snapshot(of=EVERY):
            pass
    await mine.close()
