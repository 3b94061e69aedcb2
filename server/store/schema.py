"""The schema that this code needs, and the one that the database has.

store.migrate changes schemas. Every process compares them, and few need the libraries that migrate.
"""

import functools
import pathlib

from server.store import deployment
from server.store.database import Database
from server.store.isolation import EVERY

FOLDER = pathlib.Path(__file__).parent / "migrations"


def expected() -> str:
    """The schema that this code is made for, and the oldest that it runs on."""
    return _last(FOLDER)


async def current(database: Database) -> deployment.Deployment | None:
    """The database's schema and what may run on it; None where it has never been migrated."""
    async with database.transaction(of=EVERY) as driver:
        return await deployment.look(driver)


@functools.cache
def _last(folder: pathlib.Path) -> str:
    """The schema of the last migration: the file of each begins with its own."""
    return max(path.name.partition("_")[0] for path in (folder / "versions").glob("*.py"))
