"""Dumps by the very commands of the documentation: what they hold depends on the role and on what it says."""

import os
import pathlib
import re
import secrets
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import pytest

from server.local import embedded
from server.process import preparation
from server.rollups import audit, fold
from server.store import address, schema
from server.store.database import Database
from server.store.isolation import EVERY
from tests import documentation
from tests.support import citus, clusters, processes, worlds
from tests.support.waiting import PATIENCE

pytestmark = citus.one_node

DUMP, RESTORE = documentation.blocks("sh", documentation.PAGES["docs/operations/backup.md"])[-2:]
SAYS_FOR_WHOM = 'PGOPTIONS="-c tallywire.organizations=*" '
LETS_POLICIES_HOLD = "--enable-row-security "
TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""

Type = Callable[..., "subprocess.CompletedProcess[str]"]


def libpq(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://")


@pytest.fixture
def type_command(own_engines: embedded.Engines, tmp_path: pathlib.Path) -> Type:
    """Types a command of the documentation, with its variables."""
    programs = own_engines.postgres_bin
    clusters.need(programs, "pg_dump", "pg_restore")

    def run(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"PATH": os.pathsep.join((str(programs), os.defpath)), "LC_ALL": "C", **variables},
            timeout=PATIENCE,
        )

    return run


@pytest.fixture
async def filled(own_database: Database, own_organization: int) -> Database:
    """A database with events, rollups, deltas and projections."""
    await worlds.store(own_database, own_organization, worlds.events(1, 300), batch=100)
    await worlds.project(own_database, own_organization)
    await fold.fold_all(own_database, own_organization)
    await worlds.store(own_database, own_organization, worlds.events(2, 100), batch=50)
    return own_database


@pytest.fixture
def new_url(own_engines: embedded.Engines) -> Iterator[str]:
    """The URL of an empty database."""
    name = f"restored_{secrets.token_hex(4)}"
    yield own_engines.create_database(name)
    own_engines.drop_database(name)


@pytest.fixture
async def restored(new_url: str) -> AsyncIterator[Database]:
    """That database, to look into."""
    database = Database(new_url, other_connections=2)
    yield database
    await database.close()


async def rows(database: Database) -> dict[str, int]:
    """How many rows every table has."""
    async with database.transaction(of=EVERY) as driver:
        names = [row["relname"] for row in await driver.fetch(TABLES)]
        return {name: await driver.fetchval(f"SELECT count(*) FROM {name}") for name in names}


async def test_the_owners_dump_holds_every_row_and_is_served_from(
    filled: Database,
    own_organization: int,
    new_url: str,
    restored: Database,
    type_command: Type,
    tmp_path: pathlib.Path,
) -> None:
    done = type_command(DUMP, DATABASE_URL=libpq(filled.url))
    assert (done.returncode, done.stderr) == (0, "")
    done = type_command(RESTORE, TARGET=libpq(new_url))
    assert (done.returncode, done.stderr) == (0, "")
    assert (counted := await rows(restored)) == await rows(filled)
    assert counted["events"] == 400
    report = await audit.check(restored, own_organization)
    assert (report.events, report.mismatches) == (400, 0)
    # It is a database like any other: migrated, one that begins an epoch, and one that takes events.
    await preparation.prepare(restored)
    earlier = await schema.current(filled)
    environment = processes.environment(tmp_path, DATABASE_URL=new_url)
    assert processes.invoke("restored", environment=environment).returncode == 0
    found = await schema.current(restored)
    assert earlier is not None
    assert found is not None
    assert found.epoch != earlier.epoch
    await worlds.store(restored, own_organization, worlds.events(3, 100), batch=50)
    await fold.fold_all(restored, own_organization)
    assert (await audit.check(restored, own_organization)).mismatches == 0


async def test_it_keeps_organizations_apart_as_before(
    filled: Database, own_organization: int, new_url: str, restored: Database, type_command: Type
) -> None:
    type_command(DUMP, DATABASE_URL=libpq(filled.url))
    type_command(RESTORE, TARGET=libpq(new_url))
    async with restored.query(of=own_organization + 1) as driver:
        assert await driver.fetchval("SELECT count(*) FROM events") == 0
    policies = "SELECT count(*) FROM pg_policies WHERE schemaname = 'public'"
    assert await worlds.value(restored, policies) == await worlds.value(filled, policies)


async def test_who_does_not_say_all_of_it_gets_an_error_or_a_dump_without_organizations(
    filled: Database, new_url: str, restored: Database, type_command: Type
) -> None:
    with_neither = DUMP.replace(SAYS_FOR_WHOM, "").replace(LETS_POLICIES_HOLD, "")
    for refused in (with_neither, DUMP.replace(LETS_POLICIES_HOLD, "")):
        assert refused != DUMP
        done = type_command(refused, DATABASE_URL=libpq(filled.url))
        assert done.returncode != 0
        assert "row-level security" in done.stderr
    done = type_command(DUMP.replace(SAYS_FOR_WHOM, ""), DATABASE_URL=libpq(filled.url))
    assert (done.returncode, done.stderr) == (0, "")
    assert type_command(RESTORE, TARGET=libpq(new_url)).returncode == 0
    found = await rows(restored)
    has_rows = {name for name, count in (await rows(filled)).items() if count}
    # Partitions have no policies: the owner reads them past those of their table.
    assert {name for name in has_rows if found[name]} == {"alembic_version", "deployment", "deltas", "events"}


async def test_a_superuser_needs_neither_and_the_login_of_servers_is_refused(
    filled: Database, own_engines: embedded.Engines, new_url: str, restored: Database, type_command: Type
) -> None:
    name = str(await worlds.value(filled, "SELECT current_database()"))
    with_neither = DUMP.replace(SAYS_FOR_WHOM, "").replace(LETS_POLICIES_HOLD, "")
    done = type_command(with_neither, DATABASE_URL=libpq(own_engines.admin_url.removesuffix("postgres") + name))
    assert (done.returncode, done.stderr) == (0, "")
    assert type_command(RESTORE, TARGET=libpq(new_url)).returncode == 0
    assert await rows(restored) == await rows(filled)

    role, password = f"service_{secrets.token_hex(4)}", secrets.token_hex(8)
    admin = await asyncpg.connect(address.dsn(own_engines.admin_url))
    try:
        await admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
    finally:
        await admin.close()
    await worlds.execute(filled, f"SELECT tallywire_admit('{role}')")
    url = address.of_login(filled.url, role, password, name)
    done = type_command(DUMP, DATABASE_URL=libpq(url))
    assert done.returncode != 0
    assert re.search("permission denied|user may lack SELECT privilege", done.stderr)
