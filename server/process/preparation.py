"""Preparation of a database for this version of the code."""

from server.store import diagnosis, distribution, migrate, partitions, schema
from server.store.bi import schema as bi_views
from server.store.database import Database
from server.store.isolation import EVERY


async def prepare(database: Database, *, distributes: bool = False, shards: int | None = None) -> tuple[str, list[str]]:
    """Brings the schema and the views for BI up to date, and makes the partitions of the days ahead.

    Returns the schema, and the tables that it has distributed: those that are not yet, where others are or where that
    is asked for.
    """
    made = await migrate.upgrade(database)
    diagnosis.checked_schema(await schema.current(database))
    await bi_views.renew(database)
    today = (await database.condition()).now.date()
    async with database.transaction(of=EVERY) as driver:
        await partitions.ensure(driver, today)
    async with database.transaction(of=EVERY) as driver:
        await distribution.define(driver)
        distributes = distributes or await distribution.is_distributed(driver)
    return made, await distribution.distribute(database, shards) if distributes else []
