"""The schema is made once, whoever asks for it, and says which code may run on it."""

import asyncio
import pathlib
import re

import pytest
from alembic.script import ScriptDirectory

from server import errors
from server.local import embedded
from server.process import preparation
from server.store import diagnosis, migrate, schema
from server.store.database import Database
from server.store.isolation import EVERY
from tests.support import worlds
from tests.support.releases import CONTRACTION, EXPANSION, NextRelease


async def test_callers_that_race_make_the_schema_once(own_engines: embedded.Engines) -> None:
    database = Database(own_engines.create_database("migrations_race"), ingest_connections=1, other_connections=4)
    try:
        assert await schema.current(database) is None
        made = await asyncio.gather(*(migrate.upgrade(database) for _ in range(4)))
        assert set(made) == {schema.expected()}
        assert await worlds.value(database, "SELECT count(*) FROM deployment") == 1
    finally:
        await database.close()


async def test_migrating_again_changes_nothing(own_database: Database) -> None:
    before = await schema.current(own_database)
    assert before is not None
    assert (before.schema, before.oldest_code) == (schema.expected(), migrate.oldest_code())
    assert await migrate.upgrade(own_database) == schema.expected()
    assert await schema.current(own_database) == before


def test_every_migration_says_which_code_may_run_on_it() -> None:
    scripts = ScriptDirectory(str(schema.FOLDER))
    assert schema.expected() == scripts.get_current_head(), "the files are named as the migrations in them"
    oldest = "0001"
    for script in reversed(list(scripts.walk_revisions())):
        assert re.fullmatch(r"\d{4}", script.revision), "schemas compare as texts"
        assert script.revision > (script.down_revision or "0000")
        assert script.module.kind in ("expand", "contract")
        if script.module.kind == "contract":
            assert oldest <= script.module.oldest_code <= script.revision
            oldest = script.module.oldest_code
        else:
            assert not hasattr(script.module, "oldest_code"), "an expansion lets the same code run as before"
    assert migrate.oldest_code() == oldest


async def test_a_schema_that_is_too_old_is_reported(
    own_database: Database, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_for, release = schema.expected(), NextRelease(tmp_path, "expand", EXPANSION)
    monkeypatch.setattr(schema, "FOLDER", release.folder)
    with pytest.raises(errors.SetupError) as reported:
        diagnosis.checked_schema(await schema.current(own_database))
    assert str(reported.value) == (
        f"the database has the schema {made_for} and this code needs {release.schema}: run `python -m server migrate`"
    )


async def test_an_expansion_lets_this_code_run(own_database: Database, own_url: str, tmp_path: pathlib.Path) -> None:
    release = NextRelease(tmp_path, "expand", EXPANSION)
    await release.migrate(own_url)
    found = diagnosis.checked_schema(await schema.current(own_database))
    assert (found.schema, found.oldest_code) == (release.schema, migrate.oldest_code())
    # An earlier release that migrates finds nothing to do, and nothing that it does not know.
    assert await preparation.prepare(own_database) == release.schema


async def test_a_contraction_ends_this_code_in_one_line(
    own_database: Database, own_url: str, tmp_path: pathlib.Path
) -> None:
    release = NextRelease(tmp_path, "contract", CONTRACTION)
    await release.migrate(own_url)
    with pytest.raises(errors.SetupError) as reported:
        await preparation.prepare(own_database)
    assert str(reported.value) == (
        f"the database has the schema {release.schema}, for code of the schema {release.schema} or later, and this code"
        f" is of the schema {schema.expected()}: run a newer version of the code"
    )


async def test_a_migration_asks_for_locks_in_short_turns(
    own_database: Database, own_url: str, tmp_path: pathlib.Path
) -> None:
    release = NextRelease(tmp_path, "expand", EXPANSION)
    turns = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE '%migration'"
    )
    async with own_database.transaction(of=EVERY) as reader:
        await reader.execute("LOCK TABLE events IN ACCESS SHARE MODE")
        migrating = asyncio.create_task(release.migrate(own_url))
        async with asyncio.timeout(60):
            for _ in range(3):
                while not await worlds.value(own_database, turns):
                    assert not migrating.done()
                # Whoever comes later has a turn, too, although the first reader has not ended.
                await worlds.value(own_database, "SELECT count(*) FROM events")
    await migrating
    assert await worlds.value(own_database, "SELECT version_num FROM alembic_version") == release.schema


async def test_a_migration_that_never_gets_its_locks_says_why(
    own_database: Database, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "FOLDER", NextRelease(tmp_path, "expand", EXPANSION).folder)
    monkeypatch.setattr(migrate, "_LOCK_SECONDS", 0.1)
    monkeypatch.setattr(migrate, "_GIVE_UP_SECONDS", 0)
    async with own_database.transaction(of=EVERY) as driver:
        await driver.execute("LOCK TABLE events IN ACCESS SHARE MODE")
        with pytest.raises(errors.SetupError, match="end long transactions"):
            await migrate.upgrade(own_database)
