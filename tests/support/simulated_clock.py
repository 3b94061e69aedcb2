"""A database whose clock is moved: what asks it for the time gets one that a test has chosen, and that goes on.

Two functions in a schema that is searched before that of PostgreSQL take the place of its own. What workers do with the
time is theirs: nothing of the service is changed.
"""

from datetime import datetime

from server.store.database import Database
from tests.support import worlds

_SEARCHED = """
    DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET search_path = simulated, pg_catalog, public', current_database());
    END $$
"""
_NOW = """
    CREATE FUNCTION simulated.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT pg_catalog.now() + ahead FROM simulated.clock'
"""
_CLOCK_TIMESTAMP = """
    CREATE FUNCTION simulated.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT pg_catalog.clock_timestamp() + ahead FROM simulated.clock'
"""
_STATEMENTS = (
    "CREATE SCHEMA simulated",
    "CREATE TABLE simulated.clock (ahead interval NOT NULL)",
    "INSERT INTO simulated.clock VALUES ('0')",
    _NOW,
    _CLOCK_TIMESTAMP,
    _SEARCHED,
)


async def install(url: str) -> None:
    """Gives a database such a clock; connections from before go on with the real one."""
    database = Database(url, ingest_connections=1, other_connections=1)
    try:
        for statement in _STATEMENTS:
            await worlds.execute(database, statement)
    finally:
        await database.close()


async def move(database: Database, to: datetime) -> None:
    """Moves the clock, forward or back."""
    await worlds.execute(database, "UPDATE simulated.clock SET ahead = $1 - pg_catalog.clock_timestamp()", to)
