"""Brings the database's schema up to date."""

import pathlib

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from server.store.database import Database

# Two servers that start at once must not both migrate; the number is arbitrary and ours.
_LOCK = 7_203_844_016_011


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(pathlib.Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


async def upgrade(database: Database) -> str:
    """Applies the migrations that are missing and returns the schema's revision; any number of callers may race."""

    def run(connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.upgrade(_config(connection), "head")

    async with database.transaction() as connection:
        await connection.run_sync(run)
    return expected()


def expected() -> str:
    """The schema's revision that this code needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


async def current(database: Database) -> str | None:
    """The schema's revision in the database; None where it has never been migrated."""
    async with database.transaction() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
