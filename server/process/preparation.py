"""Preparation of a database for this version of the code."""

from server.store import diagnosis, distribution, migrate, partitions, schema
from server.store.bi import schema as bi_views
from server.store.database import Database
from server.store.isolation import EVERY


async def prepare(database: Database) -> str:
    """Brings the schema and the views for BI up to date, makes the partitions of the days ahead, returns the schema.

    Tables that are new are distributed where others are.
    """
    made = await migrate.upgrade(database)
    diagnosis.checked_schema(await schema.current(database))
    await bi_views.renew(database)
    today = (await database.condition()).now.date()
    async with database.transaction(of=EVERY) as driver:
        await partitions.ensure(driver, today)
    async with database.transaction(of=EVERY) as driver:
        await distribution.define(driver)
        distributes = await distribution.is_distributed(driver)
    if distributes:
        await distribution.distribute(database)
    return made
