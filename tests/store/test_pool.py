"""Connections of ingest: each is used by one at a time, and none is used again that something has happened to."""

import asyncio
import random
import urllib.parse
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import asyncpg
import pytest

from server import errors
from server.local import embedded
from server.store import pool as pools
from server.store import sessions
from server.store.database import Database, Driver, Purpose
from server.store.isolation import EVERY
from server.store.patience import Patience
from server.store.pool import Identity, Pool
from tests.harness.faults.proxy import Harm, Link
from tests.support import citus
from tests.support.waiting import PATIENCE, until

_LOCK = 20261121


@pytest.fixture
async def mine(engines: embedded.Engines) -> AsyncIterator[Database]:
    """A process's connections, one of them for ingest."""
    mine = Database(engines.database_url, ingest_connections=1)
    yield mine
    await mine.close()


def pool_of(url: str, patience: Patience, *, size: int = 1, use: float = 10, age: float = 1800) -> Pool:
    connect = sessions.connector(url, sessions.INGEST)
    return Pool(connect, size, patience, longest_use=use, longest_wait=1, longest_age=age)


async def session(pool: Pool) -> int:
    """The session that is used next."""
    driver = await pool.take()
    try:
        return await number(driver)
    finally:
        pool.give(driver)


async def number(driver: Driver) -> int:
    return int(await driver.fetchval("SELECT pg_backend_pid()"))


async def until_asleep(engines: embedded.Engines, pid: int) -> None:
    """Waits until a session sleeps: one that is told to stop before it has begun goes on."""
    connection = await asyncpg.connect(engines.database_url.replace("postgresql+asyncpg://", "postgresql://"))
    try:
        await until(
            lambda: connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'", pid
            )
        )
    finally:
        await connection.close()


@citus.one_node
async def test_sessions_are_set_up_and_know_their_name(mine: Database) -> None:
    async with mine.ingest(of=EVERY) as driver:
        for name, value in {**sessions.INGEST.settings, "application_name": "tallywire ingest"}.items():
            assert await driver.fetchval("SELECT current_setting($1)", name) == value
        assert await driver.fetchval("SELECT '{\"a\": 1}'::jsonb") == '{"a": 1}'


async def test_a_url_means_to_ingest_what_it_means_to_everything_else(engines: embedded.Engines) -> None:
    url = engines.database_url.replace("postgresql+asyncpg://", "postgresql://")
    database = Database(f"{url}?sslmode=prefer&prepared_statement_cache_size=50")
    try:
        async with database.ingest(of=EVERY) as driver, database.snapshot(of=EVERY):
            assert await driver.fetchval("SELECT 1") == 1
    finally:
        await database.close()


async def test_what_is_cancelled_in_a_transaction_is_undone_and_its_session_gone(
    engines: embedded.Engines, mine: Database
) -> None:
    begun, sessions_seen = asyncio.Event(), []

    async def work() -> None:
        async with mine.ingest(of=EVERY) as driver, driver.transaction():
            sessions_seen.append(await number(driver))
            await driver.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            begun.set()
            await driver.execute("SELECT pg_sleep(300)")

    working = asyncio.create_task(work())
    await begun.wait()
    await until_asleep(engines, sessions_seen[0])
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    async with asyncio.timeout(PATIENCE), mine.ingest(of=EVERY) as driver, driver.transaction():
        assert await number(driver) not in sessions_seen
        await driver.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)


@pytest.mark.parametrize("way", [Database.query, Database.snapshot, Database.transaction])
async def test_nothing_is_left_on_a_connection_whose_user_was_cancelled(
    engines: embedded.Engines, way: Callable[..., AbstractAsyncContextManager[Driver]]
) -> None:
    mine, begun, cancelled = (
        Database(engines.database_url, query_connections=1, other_connections=1),
        asyncio.Event(),
        [],
    )

    async def work() -> None:
        async with way(mine, of=EVERY) as driver:
            cancelled.append(await number(driver))
            begun.set()
            await driver.execute("SELECT pg_sleep(300)")

    working = asyncio.create_task(work())
    await begun.wait()
    await until_asleep(engines, cancelled[0])
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    async with asyncio.timeout(PATIENCE), way(mine, of=EVERY) as driver:
        assert await number(driver) not in cancelled
        while await driver.fetchval(  # noqa: ASYNC110 - it is another process
            "SELECT count(*) FROM pg_stat_activity, pg_stat_clear_snapshot() WHERE pid = $1", cancelled[0]
        ):
            await asyncio.sleep(0.02)
    await mine.close()


@pytest.mark.parametrize("way", [Database.ingest, Database.query, Database.snapshot])
async def test_a_connection_that_is_not_free_in_a_second_is_refused(
    engines: embedded.Engines, way: Callable[..., AbstractAsyncContextManager[Driver]]
) -> None:
    mine = Database(engines.database_url, ingest_connections=1, query_connections=1)
    async with way(mine, of=EVERY):
        with pytest.raises(errors.StorageBusy):
            async with way(mine, of=EVERY):
                pass
        async with mine.snapshot(Purpose.REALTIME, of=EVERY), mine.transaction(of=EVERY):  # other purposes do not wait
            pass
    async with way(mine, of=EVERY):
        pass
    await mine.close()


async def test_a_transaction_that_was_left_open_is_not_the_next_ones(mine: Database) -> None:
    async with mine.ingest(of=EVERY) as driver:
        left = await number(driver)
        await driver.execute("BEGIN")
    async with mine.ingest(of=EVERY) as driver:
        assert not driver.is_in_transaction()
        assert await number(driver) != left


async def test_a_connection_that_died_while_nobody_used_it_is_replaced(mine: Database, database: Database) -> None:
    async with mine.ingest(of=EVERY) as driver:
        first = await number(driver)
    async with database.transaction(of=EVERY) as other:
        await other.execute("SELECT pg_terminate_backend($1::integer, 5000::bigint)", first)
    await asyncio.sleep(0.05)  # the news is on its way
    async with mine.ingest(of=EVERY) as driver:
        assert await number(driver) != first


async def test_the_connection_given_back_last_is_used_next(engines: embedded.Engines) -> None:
    pool = pool_of(engines.database_url, Patience(), size=3)
    three = [await pool.take() for _ in range(3)]
    numbers = [await number(driver) for driver in three]
    for driver in three:
        pool.give(driver)
    assert [await session(pool) for _ in range(3)] == [numbers[-1]] * 3
    await pool.close()


async def test_old_connections_are_replaced(engines: embedded.Engines) -> None:
    pool = pool_of(engines.database_url, Patience(), age=600)
    first = await session(pool)
    assert await session(pool) == first
    for driver in pool._opened:
        pool._opened[driver] -= 601
    assert await session(pool) != first
    await pool.close()


async def test_a_connection_that_cannot_be_opened_leaves_its_place_free(engines: embedded.Engines) -> None:
    attempts = 0
    connect = sessions.connector(engines.database_url, sessions.INGEST)

    async def sometimes() -> Driver:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise ConnectionRefusedError
        return await connect()

    pool = Pool(sometimes, 1, Patience(), longest_use=10, longest_wait=0.5, longest_age=1800)
    with pytest.raises(ConnectionRefusedError):
        await pool.take()
    driver = await pool.take()
    with pytest.raises(errors.StorageBusy):
        await pool.take()
    pool.give(driver)
    await pool.close()
    assert driver.is_closed()


async def test_a_silent_connection_is_cut_and_those_of_its_age_are_not_used(engines: embedded.Engines) -> None:
    parts = urllib.parse.urlsplit(engines.database_url)
    assert parts.hostname is not None
    assert parts.port is not None
    async with Link.opened("postgres", parts.hostname, parts.port, random.Random(1)) as link:
        through = engines.database_url.replace(f":{parts.port}/", f":{link.port}/")
        patience = Patience()
        pool, neighbour = pool_of(through, patience, size=2, use=PATIENCE), pool_of(through, patience, use=PATIENCE)
        old = {await session(neighbour), *await _both(pool)}
        link.harm(Harm.BLACK_HOLE)
        link.heal()
        pool._longest_use, began = 0.5, asyncio.get_running_loop().time()
        with pytest.raises(asyncpg.PostgresConnectionError):
            await session(pool)
        assert asyncio.get_running_loop().time() - began > 0.4
        pool._longest_use = PATIENCE
        async with asyncio.timeout(PATIENCE):
            assert not old & {await session(neighbour), *await _both(pool)}
        await pool.close()
        await neighbour.close()


async def test_a_rollback_on_a_silent_connection_ends_it(
    engines: embedded.Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that was given up there does not end, and whoever gave it up learns why, and soon."""
    monkeypatch.setattr(pools, "_ROLLBACK_SECONDS", 0.1)
    parts = urllib.parse.urlsplit(engines.database_url)
    assert parts.hostname is not None
    assert parts.port is not None
    async with Link.opened("postgres", parts.hostname, parts.port, random.Random(1)) as link:
        mine = Database(engines.database_url.replace(f":{parts.port}/", f":{link.port}/"), other_connections=1)
        drivers = []

        async def give_up() -> None:
            async with mine.transaction(of=EVERY) as driver:
                drivers.append(driver)
                await number(driver)
                link.harm(Harm.BLACK_HOLE)
                raise KeyError("given up")

        with pytest.raises(KeyError, match="given up"):
            await asyncio.wait_for(give_up(), PATIENCE)
        assert drivers[0].is_closed()
        link.heal()
        async with asyncio.timeout(PATIENCE), mine.transaction(of=EVERY) as driver:
            assert not driver.is_closed()
        await mine.close()


async def _both(pool: Pool) -> set[int]:
    two = [await pool.take(), await pool.take()]
    try:
        return {await number(driver) for driver in two}
    finally:
        for driver in two:
            pool.give(driver)


async def test_a_lost_session_is_ended_and_never_one_that_has_its_number_now(
    mine: Database, engines: embedded.Engines
) -> None:
    """A session that waits for the rest of a COPY does not notice that nobody is there any more."""
    async with mine.transaction(of=EVERY) as driver:
        lost = driver.identity
    url = engines.database_url.replace("postgresql+asyncpg://", "postgresql://")
    stranger = await asyncpg.connect(url, server_settings={"application_name": "tallywire"})
    try:
        theirs = Identity(pid=await number(stranger), began=lost.began)
        mine._lost.update((lost, theirs))
        async with mine.ingest(of=EVERY) as driver:
            assert not mine._lost
            async with asyncio.timeout(PATIENCE):
                alive = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
                while await driver.fetchval(alive, lost.pid):  # noqa: ASYNC110 - it is another process
                    await asyncio.sleep(0.02)
        assert await stranger.fetchval("SELECT 1") == 1
    finally:
        await stranger.close()
