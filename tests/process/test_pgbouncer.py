"""PgBouncer: refused where it shares sessions between transactions, and by sessions as good as PostgreSQL itself."""

import asyncio
import pathlib
import subprocess

import asyncpg
import pytest
from pydantic import SecretStr

from server.local import embedded
from server.settings import Settings
from server.store import address, isolation
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration, api_keys
from server.tenancy.keyed_hashes import KeyedHashes
from tallywire import AsyncClient, event
from tests.conformance import server_process
from tests.conftest import PEPPER
from tests.support import poolers, processes, serving, worlds
from tests.support.worker_processes import Workers, until

SEEN = f"SELECT current_setting('{isolation.SETTING}', true)"


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_modes_that_share_sessions_are_refused(
    own_engines: embedded.Engines, own_url: str, tmp_path: pathlib.Path, mode: str
) -> None:
    async with poolers.pgbouncer(own_url, mode) as url:
        environment = processes.environment(
            tmp_path, DATABASE_URL=url, REDIS_URL=own_engines.redis_url, TALLYWIRE_KEY_PEPPER=PEPPER
        )
        for command in ("serve", "migrate"):
            said = processes.error(await in_thread(command, environment))
            assert "a pooler, such as PgBouncer, shares sessions between transactions" in said
            assert "pool_mode = session" in said


async def in_thread(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(processes.run, command, environment=environment)


async def test_a_server_and_a_worker_work_by_sessions(
    own_engines: embedded.Engines, settings: Settings, tmp_path: pathlib.Path, workers: Workers
) -> None:
    empty = own_engines.create_database("behind_pgbouncer")
    async with poolers.pgbouncer(empty, "session", "default_pool_size = 60") as url:
        environment = processes.environment(tmp_path, DATABASE_URL=url, TALLYWIRE_KEY_PEPPER=PEPPER)
        assert (await in_thread("migrate", environment)).returncode == 0
        database = Database(url, ingest_connections=1, other_connections=2)
        name = "acme"
        organization = await administration.create_organization(database, name, serving.UTC_SETTINGS)
        key = await api_keys.create_key(database, KeyedHashes(PEPPER), name, name="test", scopes=serving.EVERYTHING)
        changed = settings.model_copy(
            update={"database_url": SecretStr(url), "redis_url": SecretStr(own_engines.redis_url)}
        )
        worker = await workers.start(DATABASE_URL=url)
        async with (
            server_process.started(changed, tmp_path) as server,
            AsyncClient(server.address, api_key=key.secret) as client,
        ):
            results = await client.track_batch([event("message.sent", channel="web") for _ in range(30)])
            assert len(results) == 30
            await until(lambda: worlds.unfolded(database, organization), lambda left: left == 0)
        assert await worker.end() == 0
        await database.close()
    own_engines.drop_database("behind_pgbouncer")


async def test_for_whom_a_session_was_does_not_outlive_it(own_url: str) -> None:
    async with poolers.pgbouncer(own_url, "session", "default_pool_size = 1") as url:
        first = Database(url, other_connections=1)
        async with first.query(of=EVERY) as driver:
            assert await driver.fetchval(SEEN) == "*"
            session = driver.identity
        await first.close()
        plain = await asyncpg.connect(address.dsn(url))  # the next client, whoever it is
        assert await plain.fetchval("SELECT pg_backend_pid()") == session.pid
        assert not await plain.fetchval(SEEN)
        await plain.execute(f"SET {isolation.SETTING} = '*'")
        await plain.close()
        second = Database(url, other_connections=1)
        async with second.query(of=()) as driver:
            assert driver.identity == session
            assert await driver.fetchval(SEEN) == isolation.value(())
        await second.close()
