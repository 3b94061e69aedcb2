"""Brings the database's schema up to date, while servers and workers run on it.

A migration says by `kind` what it means for code that was made for an earlier schema: "expand" adds what such code
does not notice, "contract" takes something away and names by `oldest_code` the oldest schema whose code may run from
then on. The database keeps that beside its own schema, for code that does not know the migration. Every statement of a
migration is a transaction of its own, so that it never waits for one table while it keeps others from another.
"""

import asyncio
import contextlib
import functools
import pathlib
import random
import time
from collections.abc import AsyncIterator

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from server import errors
from server.store import schema, sessions
from server.store.database import Database, is_locked_out, translated

# Two servers that start at once must not both migrate; the number is arbitrary and ours.
_LOCK = 7_203_844_016_011
# Who waits for the lock of a table makes all others wait that come later: migrations ask for a moment, and ask again.
_LOCK_SECONDS = 1.0
_PAUSE_SECONDS = 1.0
_GIVE_UP_SECONDS = 300.0


async def upgrade(database: Database) -> str:
    """Applies the migrations that are missing and returns the schema; any number of callers may race.

    A schema that is ahead of this code is left as it is. SetupError where tables stay locked by others for minutes.
    """
    give_up_at = time.monotonic() + _GIVE_UP_SECONDS
    while True:
        try:
            async with _connection(database) as turn, _connection(database) as connection:
                await turn.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                await connection.execute(sa.text(f"SET lock_timeout = {int(_LOCK_SECONDS * 1000)}"))
                await connection.commit()
                await connection.run_sync(_upgrade)
            return found.schema if (found := await schema.current(database)) else ""
        except errors.StorageUnavailable as error:
            if not is_locked_out(error):
                raise
            if time.monotonic() > give_up_at:
                raise errors.SetupError(
                    "the migration cannot lock the tables that it changes: end long transactions in the database"
                    " (pg_stat_activity shows them) and run it again"
                ) from error
        await asyncio.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret


@contextlib.asynccontextmanager
async def _connection(database: Database) -> AsyncIterator[AsyncConnection]:
    """Gives a connection of SQLAlchemy, which Alembic needs, with all the time it needs. The block commits its work."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=sessions.connector(database.url, sessions.MIGRATION),
        poolclass=NullPool,
        hide_parameters=True,  # values stay out of logs and exceptions
    )
    with translated():
        try:
            async with engine.connect() as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            raise _of_driver(error) from error


def _of_driver(error: sa.exc.DBAPIError) -> BaseException:
    """Returns the driver's error, around which SQLAlchemy puts two of its own."""
    wrapped = error.orig
    return error if wrapped is None else wrapped.__cause__ or wrapped


def _upgrade(connection: Connection) -> None:
    known = sa.inspect(connection).has_table("alembic_version")
    found = connection.scalar(sa.text("SELECT version_num FROM alembic_version")) if known else None
    is_ahead = (found or "") > schema.expected()
    connection.commit()
    if is_ahead:
        return
    if found not in (None, schema.expected()):
        # They would keep columns from being changed. store.bi.schema makes them anew afterwards.
        made_by = "SELECT obj_description(to_regnamespace('bi'), 'pg_namespace')"
        if str(connection.scalar(sa.text(made_by))).startswith("tallywire bi "):
            connection.execute(sa.text("DROP SCHEMA bi CASCADE"))
        connection.commit()
    command.upgrade(_config(connection), "head")
    connection.execute(sa.text("UPDATE deployment SET oldest_code = :code"), {"code": oldest_code()})
    connection.commit()


def oldest_code() -> str:
    """The oldest schema whose code may run on the schema of this code."""
    contracts = (one.module for one in _scripts(schema.FOLDER).walk_revisions() if one.module.kind == "contract")
    return str(next(contracts).oldest_code)


@functools.cache
def _scripts(folder: pathlib.Path) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(folder))
    return ScriptDirectory.from_config(config)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(schema.FOLDER))
    config.attributes["connection"] = connection
    return config
