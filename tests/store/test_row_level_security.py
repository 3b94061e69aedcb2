"""A statement that forgets to name the organization sees and changes the rows of those that its connection is for."""

import itertools
import pathlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from server import errors
from server.local import embedded
from server.store import address, isolation
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from tests.support import citus

ADA, BOB, EVE = 101, 102, 103  # organizations
STORE = pathlib.Path(isolation.__file__).parent
# Of several nodes test_distribution.py tells.
pytestmark = citus.one_node

# Tables with rows of organizations, and what keeps them apart. Partitions are reached through their tables.
TABLES = """
    SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
        ARRAY(SELECT pg_get_expr(p.polqual, p.polrelid) FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*'
            AND p.polwithcheck IS NULL AND p.polpermissive) AS policies
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
        AND a.attname = 'organization_id' AND NOT a.attisdropped
    ORDER BY 1
"""
COLUMNS = """
    SELECT attname, format_type(atttypid, NULL) AS type FROM pg_attribute
    WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull AND attidentity <> 'a'
        AND (NOT atthasdef OR attname = 'organization_id')
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text AS of, conname FROM pg_constraint
    WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace AND conparentid = 0
        AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = conrelid AND attname = 'organization_id')
"""
VALUES = {
    "text": "x{}",
    "jsonb": "{{}}",
    "timestamp with time zone": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S+00}",
    "date": f"{datetime.now(UTC):%Y-%m-%d}",
    "boolean": "false",
    "bytea": "\\x{:04x}",
    "name": "x{}",
    "uuid": "00000000-0000-0000-0000-{:012}",
}
_numbers = itertools.cycle(range(1, 30_000))


def value(column: str, kind: str, organization_id: int) -> str:
    """Something for a column that must not be NULL, which no other row has where it may not."""
    if column == "organization_id":
        return str(organization_id)
    if kind.endswith("[]"):
        return "{}"
    return VALUES.get(kind, "{}").format(next(_numbers))


async def tables(driver: Driver) -> list[str]:
    return [row["relname"] for row in await driver.fetch(TABLES)]


async def unprotected(driver: Driver) -> list[str]:
    """The tables whose rows whoever forgets to name an organization would see, or write."""
    rows = await driver.fetch(TABLES)
    usual = rows[0]["policies"]
    return [
        row["relname"]
        for row in rows
        # The owner may look up of which organization a login for BI is, and so may the function that policies call.
        if not (row["relrowsecurity"] and (row["relforcerowsecurity"] or row["relname"] == "bi_logins"))
        or len(row["policies"]) != 1
        or row["policies"] != usual
    ]


async def insert(driver: Driver, table: str, organization_id: int) -> None:
    """Adds a row to a table that has no conditions but its keys."""
    columns = await driver.fetch(COLUMNS, table)
    names = ", ".join(row["attname"] for row in columns)
    values = ", ".join(f"'{value(row['attname'], row['type'], organization_id)}'" for row in columns)
    await driver.execute(f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES ({values})")


@pytest.fixture
async def filled(own_database: Database) -> Database:
    """A database without conditions of its own, with a row of two organizations in each table."""
    async with own_database.transaction(of=EVERY) as driver:
        for of, name in await driver.fetch(CONSTRAINTS):
            await driver.execute(f"ALTER TABLE {of} DROP CONSTRAINT {name}")
        for table in await tables(driver):
            for organization_id in (ADA, BOB):
                await insert(driver, table, organization_id)
    return own_database


@pytest.fixture
async def stranger(filled: Database) -> AsyncIterator[Any]:
    """A connection of the owner of all tables that names no organization."""
    connection = await asyncpg.connect(address.dsn(filled.url))
    yield connection
    await connection.close()


async def seen(driver: Driver, table: str) -> set[int]:
    """Whose rows a statement without any condition returns."""
    return {row[0] for row in await driver.fetch(f"SELECT organization_id FROM {table}")}


@pytest.fixture(params=["transaction", "snapshot", "query", "ingest", "projecting"])
def road(request: pytest.FixtureRequest) -> str:
    """A way to a connection."""
    return str(request.param)


async def test_a_statement_that_forgets_the_organization_returns_no_rows_of_others(filled: Database, road: str) -> None:
    async with getattr(filled, road)(of=ADA) as driver:
        for table in sorted(set(await tables(driver)) - {"bi_logins"}):
            assert await seen(driver, table) == {ADA}, table
    async with getattr(filled, road)(of=EVE) as driver:
        for table in sorted(set(await tables(driver)) - {"bi_logins"}):
            assert await seen(driver, table) == set(), table
    for everybody in (EVERY, (ADA, BOB), {BOB: "x", ADA: "y"}):
        async with getattr(filled, road)(of=everybody) as driver:
            for table in await tables(driver):
                assert await seen(driver, table) == {ADA, BOB}, table


async def test_a_statement_that_forgets_the_organization_changes_no_rows_of_others(filled: Database) -> None:
    async with filled.transaction(of=ADA) as driver:
        for table in sorted(set(await tables(driver)) - {"bi_logins"}):
            changed = await driver.execute(f"UPDATE {table} SET organization_id = organization_id")
            assert changed == "UPDATE 1", table
            assert await driver.execute(f"DELETE FROM {table}") == "DELETE 1", table
    async with filled.query(of=EVERY) as driver:
        for table in sorted(set(await tables(driver)) - {"bi_logins"}):
            assert await seen(driver, table) == {BOB}, table


async def test_nobody_writes_a_row_of_another_organization(filled: Database) -> None:
    async with filled.query(of=EVERY) as driver:
        names = sorted(set(await tables(driver)) - {"bi_logins"})
    for table in names:
        for write in (
            lambda driver, table: insert(driver, table, EVE),
            lambda driver, table: driver.execute(f"UPDATE {table} SET organization_id = {BOB}"),
        ):
            with pytest.raises(errors.StorageUnavailable) as refused:
                async with filled.transaction(of=(ADA,)) as driver:
                    await write(driver, table)
            assert isinstance(refused.value.__cause__, asyncpg.InsufficientPrivilegeError), table


async def test_a_session_that_names_nobody_sees_nothing(filled: Database, stranger: Any) -> None:
    """Also one in which somebody was named before: then the setting is there, and empty."""
    async with filled.query(of=EVERY) as driver:
        names = sorted(set(await tables(driver)) - {"bi_logins"})
    for _ in range(2):
        for table in names:
            assert await seen(stranger, table) == set(), table
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await insert(stranger, table, ADA)
        async with stranger.transaction():
            await stranger.execute(f"SET LOCAL {isolation.SETTING} = '{isolation.value(ADA)}'")
            assert await seen(stranger, names[0]) == {ADA}
    assert await stranger.fetchval(f"SELECT current_setting('{isolation.SETTING}')") == ""


async def test_a_new_table_without_a_policy_is_noticed(own_database: Database) -> None:
    async with own_database.transaction(of=EVERY) as driver:
        assert await unprotected(driver) == []
        await driver.execute("CREATE TABLE forgotten (organization_id integer PRIMARY KEY)")
        await driver.execute("CREATE VIEW passage AS SELECT organization_id FROM events")
        await driver.execute("ALTER TABLE users NO FORCE ROW LEVEL SECURITY")
        await driver.execute("CREATE POLICY another ON leads USING (true)")
        assert await unprotected(driver) == ["forgotten", "leads", "passage", "users"]


async def test_a_connection_that_is_used_again_sees_what_it_is_for_now(filled: Database, own_url: str) -> None:
    single = Database(own_url, ingest_connections=1, query_connections=1, other_connections=1)
    try:
        for organization_id in (ADA, BOB, EVE, ADA):
            expected = {organization_id} & {ADA, BOB}
            for road in (single.query, single.ingest, single.transaction, single.snapshot):
                async with road(of=organization_id) as driver:
                    assert await seen(driver, "events") == expected
            async with single.ingest(of=organization_id) as driver:
                with pytest.raises(asyncpg.DivisionByZeroError):
                    async with driver.transaction():
                        await driver.fetch("SELECT 1 / 0")
                assert await seen(driver, "events") == expected
                async with driver.transaction():
                    assert await seen(driver, "events") == expected
                    async with driver.transaction():
                        assert await seen(driver, "events") == expected
                assert await driver.fetchval("SELECT count(*) FROM events") == len(expected)
    finally:
        await single.close()


async def test_what_a_statement_fails_on_outside_of_a_transaction_names_nobody_else(filled: Database) -> None:
    async with filled.query(of=ADA) as driver:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await driver.fetch("SELECT 1 / 0")
        assert await seen(driver, "events") == {ADA}
        driver.name(BOB)
        assert await seen(driver, "events") == {BOB}


async def test_a_session_whose_setting_is_not_known_is_told_again(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL may have heard what its caller does not know to have arrived."""
    execute = asyncpg.Connection.execute

    async def cut_short(driver: Driver, query: str, *given: Any, **named: Any) -> str:
        await execute(driver, query, *given, **named)
        raise TimeoutError

    async with filled.query(of=ADA) as driver:
        assert await seen(driver, "events") == {ADA}
        driver.name(EVERY)
        monkeypatch.setattr(asyncpg.Connection, "execute", cut_short)
        with pytest.raises(TimeoutError):
            await seen(driver, "events")
        monkeypatch.undo()
        driver.name(ADA)
        assert await seen(driver, "events") == {ADA}


def test_partitions_are_named_where_rows_are_copied_alone() -> None:
    """Nothing keeps rows apart in a partition itself."""
    naming = {
        path.relative_to(STORE).as_posix(): path.read_text().count("deltas_rows")
        + path.read_text().count("name_of(day")
        for path in STORE.rglob("*")
        if path.suffix in (".py", ".sql") and ("deltas_rows" in path.read_text() or "name_of(day" in path.read_text())
    }
    assert naming == {"events.py": 1, "migrations/versions/0001_first.py": 1, "partitions.py": 1, "rollups.py": 1}


async def test_what_is_not_an_organization_is_refused(engines: embedded.Engines, database: Database) -> None:
    with pytest.raises(ValueError, match="format code"):
        async with database.query(of=["1}'; SET x = '"]):  # type: ignore[list-item]
            pass
