"""The schema is made once, whoever asks for it, and is the one that the code needs."""

import asyncio

import worlds

from server import embedded
from server.store import migrate
from server.store.database import Database


async def test_callers_that_race_make_the_schema_once(own_engines: embedded.Engines) -> None:
    database = Database(own_engines.create_database("migrations_race"), ingest_connections=1, other_connections=4)
    try:
        assert await migrate.current(database) is None
        made = await asyncio.gather(*(migrate.upgrade(database) for _ in range(4)))
        assert set(made) == {migrate.expected()}
        assert await migrate.current(database) == migrate.expected()
        assert await worlds.value(database, "SELECT count(*) FROM deployment") == 1
    finally:
        await database.close()


async def test_migrating_again_changes_nothing(own_database: Database) -> None:
    before = await worlds.value(own_database, "SELECT deployment_id FROM deployment")
    assert await migrate.upgrade(own_database) == migrate.expected()
    assert await worlds.value(own_database, "SELECT deployment_id FROM deployment") == before
