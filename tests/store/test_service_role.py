"""A role that owns nothing serves: it writes, folds and reads, makes and drops days, and can change no policy."""

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from server.lifecycle import preconditions
from server.local import embedded
from server.rollups import fold, widen
from server.store import address, migrate, partitions, protection
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.protection import Protection
from server.tenancy.keyed_hashes import KeyedHashes
from tests import documentation
from tests.support import citus, worlds

PASSWORD = "only this test knows it"


@pytest.fixture
async def role(own_engines: embedded.Engines, own_database: Database) -> str:
    """A login that the owner of the database has admitted as the documentation says."""
    name = f"service_{secrets.token_hex(4)}"
    (told,) = [one for one in documentation.blocks("sql") if "tallywire_admit" in one]
    made, admitted = told.replace("tallywire_service", name).replace("…", PASSWORD).strip().splitlines()
    for engines in (own_engines, *citus.workers(own_engines)):
        admin = await asyncpg.connect(address.dsn(engines.admin_url))
        try:
            await admin.execute(made)
        finally:
            await admin.close()
    await worlds.execute(own_database, admitted.rstrip(";"))
    return name


@pytest.fixture
async def serving(own_database: Database, role: str) -> AsyncIterator[Database]:
    """The database as that login sees it."""
    name = str(await worlds.value(own_database, "SELECT current_database()"))
    database = Database(address.of_login(own_database.url, role, PASSWORD, name), other_connections=2)
    yield database
    await database.close()


async def test_it_does_all_that_the_service_does(
    serving: Database, own_database: Database, own_organization: int
) -> None:
    await preconditions.met(serving, KeyedHashes("a pepper that only this test knows and is long enough"))
    await worlds.store(serving, own_organization, worlds.events(1, 500), batch=100)
    await worlds.project(serving, own_organization)
    await fold.fold_all(serving, own_organization)
    await widen.widen(serving, own_organization)
    assert await worlds.value(serving, "SELECT count(*) FROM events") == 500
    assert await worlds.value(serving, "SELECT count(*) FROM deltas") == 0
    today = (await serving.condition()).now.date()
    later = today + timedelta(days=30)
    async with serving.transaction(of=EVERY) as driver:
        before = len(await partitions.listed(driver))
        assert await partitions.ensure(driver, later, days=0) == 2
        for partition in await partitions.listed(driver):
            if partition.day > today + timedelta(days=20):
                await partitions.drop(driver, partition)
        assert len(await partitions.listed(driver)) == before


async def test_it_cannot_get_around_policies(serving: Database, own_database: Database, own_organization: int) -> None:
    await worlds.store(serving, own_organization, worlds.events(1, 10))
    async with serving.transaction(of=EVERY) as driver:
        later = (await serving.condition()).now.date() + timedelta(days=30)
        await partitions.ensure(driver, later, days=0)
        days = [one.name for one in await partitions.listed(driver)]
    async with serving.query(of=own_organization) as driver:
        assert await protection.look(driver) is Protection.SERVICE
        for statement in (
            *(f"SELECT count(*) FROM {name}" for name in (*days, "deltas_rows")),
            *(f"DELETE FROM {name}" for name in (*days, "deltas_rows")),
            "ALTER TABLE events NO FORCE ROW LEVEL SECURITY",
            "DROP POLICY organizations ON events",
            "CREATE POLICY mine ON events USING (true)",
            "CREATE OR REPLACE FUNCTION tallywire_bi_organizations() RETURNS integer[] LANGUAGE sql RETURN '{1}'",
            "TRUNCATE events",
            "UPDATE alembic_version SET version_num = '0000'",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await driver.execute(statement)
        await driver.execute("SET row_security = off")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await driver.fetch("SELECT * FROM events")
    async with own_database.query(of=EVERY) as driver:
        assert await protection.look(driver) is Protection.OWNER


async def test_a_superuser_is_told_that_policies_do_not_hold(
    own_engines: embedded.Engines, own_database: Database
) -> None:
    name = str(await worlds.value(own_database, "SELECT current_database()"))
    database = Database(own_engines.admin_url.removesuffix("postgres") + name, query_connections=1)
    try:
        async with database.query(of=EVERY) as driver:
            assert await protection.look(driver) is Protection.NONE
    finally:
        await database.close()


async def test_tables_of_later_migrations_are_opened_to_it(serving: Database, own_database: Database) -> None:
    connection: Any
    async with own_database.transaction(of=EVERY) as driver:
        await driver.execute("CREATE TABLE of_a_later_release (organization_id integer PRIMARY KEY)")
    async with serving.transaction(of=EVERY) as connection:
        await connection.execute("INSERT INTO of_a_later_release VALUES (1)")
    assert await migrate.upgrade(own_database)
