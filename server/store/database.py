"""Connections to PostgreSQL: separate pools for ingest, questions, subscriptions and everything else, and errors in the
service's own words.
"""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from server import errors
from server.store import pool, sessions
from server.store.patience import Patience
from server.store.pool import Identity, Pool

Driver: TypeAlias = pool.Driver
Connection: TypeAlias = AsyncConnection
ConfigurationError = asyncpg.exceptions.ClientConfigurationError  # of a URL

# The class of errors that a value causes. Everything else is the operator's: a lost connection, a full disk, a missing
# partition or permission. A sender must not be told that its event is at fault then.
_DATA_EXCEPTION = "22"
_LOCKED_OUT = ("40P01", "55P03")  # a deadlock, and a lock that was not to be had in time

# Seconds for which ingest may use a connection: a transaction takes milliseconds, and its callers wait.
_INGEST_PATIENCE = 10.0
_GOODBYE_SECONDS = 2.0
# What is raised where a connection is no longer to be used.
_LOST = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What the database says of itself. weak_settings is empty where an acknowledged event is safe."""

    now: datetime
    weak_settings: tuple[str, ...]


class Database:
    """Holds the pools. One per process; close it when done.

    patience and query_patience are the seconds after which a connection in use is taken for lost. Without the first,
    what is neither ingest nor a question has as long as its statements may take, as long jobs need.
    """

    def __init__(
        self,
        url: str,
        *,
        ingest_connections: int = 6,
        query_connections: int = 8,
        realtime_connections: int = 6,
        other_connections: int = 4,
        query_patience: float = 60,
        patience: float | None = None,
    ) -> None:
        together = Patience()
        self._ingest = Pool(
            sessions.connector(url, sessions.INGEST),
            ingest_connections,
            together,
            use=_INGEST_PATIENCE,
            wait=1,
            age=sessions.RECYCLE_SECONDS,
        )
        self._query = sessions.engine(url, sessions.QUERY, query_connections, wait=1)
        self._realtime = sessions.engine(url, sessions.REALTIME, realtime_connections, wait=1)
        self._other = sessions.engine(url, sessions.OTHER, other_connections)
        self._to_migrate = functools.partial(sessions.engine, url, sessions.MIGRATION, 1)
        together.watch(self._query, query_patience)
        together.watch(self._realtime, query_patience)
        if patience is not None:
            together.watch(self._other, patience)
        self._lost: set[Identity] = set()  # sessions behind connections that were lost
        reading: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reading = self._query.execution_options(**reading)
        self._reading_realtime = self._realtime.execution_options(**reading)

    async def close(self) -> None:
        """Closes every connection; those that are silent are left to the end of the process."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await asyncio.gather(
                    self._ingest.close(), *(one.dispose() for one in (self._query, self._realtime, self._other))
                )

    @contextlib.asynccontextmanager
    async def ingest(self) -> AsyncIterator[Driver]:
        """A driver connection of the ingest pool, outside of any transaction.

        Transactions on it belong to one life of the database: it does not survive a crash in between.
        """
        with translated():
            driver = await self._ingest.take()
            try:
                if self._lost:
                    await self._bury(driver)
                yield driver
            except (asyncio.CancelledError, *_LOST):
                self._lost.add(driver.identity)
                driver.terminate()
                raise
            finally:
                self._ingest.give(driver)

    @contextlib.asynccontextmanager
    async def query(self) -> AsyncIterator[Driver]:
        """A driver connection of the query pool, for a single statement: it sees one instant without a transaction."""
        async with self._driver(self._query) as driver:
            yield driver

    @contextlib.asynccontextmanager
    async def query_snapshot(self) -> AsyncIterator[Driver]:
        """What snapshot() gives, on a driver connection."""
        async with (
            self._driver(self._query) as driver,
            driver.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield driver

    @contextlib.asynccontextmanager
    async def maintenance(self) -> AsyncIterator[Driver]:
        """A transaction on a driver connection, committed at the end of the block."""
        async with self._driver(self._other) as driver, driver.transaction():
            yield driver

    @contextlib.asynccontextmanager
    async def frozen(self) -> AsyncIterator[Driver]:
        """What snapshot() gives, on a driver connection: for reading raw events in portions."""
        async with self._driver(self._other) as driver, driver.transaction(isolation="repeatable_read", readonly=True):
            yield driver

    @contextlib.asynccontextmanager
    async def _driver(self, engine: AsyncEngine) -> AsyncIterator[Driver]:
        with translated():
            async with engine.connect() as connection:
                driver = await driver_of(connection)
                try:
                    if self._lost:
                        await self._bury(driver)
                    yield driver
                except _LOST:
                    self._lost.add(driver.identity)
                    await connection.invalidate()
                    raise

    async def _bury(self, driver: Driver) -> None:
        """Ends the sessions of connections that were lost.

        PostgreSQL may not have been told. A session in the middle of a COPY would wait for the rest of it and hold
        what it has locked; no time limit of PostgreSQL applies to that.
        """
        lost = list(self._lost)
        await driver.execute(_BURY, [one.pid for one in lost], [one.began for one in lost])
        self._lost.difference_update(lost)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A read-committed transaction, committed at the end of the block."""
        with translated():
            async with self._other.begin() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A read-only view of one instant: everything read in the block belongs together."""
        with translated():
            async with self._reading.begin() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def migration(self) -> AsyncIterator[AsyncConnection]:
        """A connection of the block's own that has all the time it needs. The block commits what it does."""
        with translated():
            engine = self._to_migrate()
            try:
                async with engine.connect() as connection:
                    yield connection
            finally:
                await engine.dispose()

    @contextlib.asynccontextmanager
    async def realtime_snapshot(self) -> AsyncIterator[AsyncConnection]:
        """What snapshot() gives, on one of the connections that are for subscriptions."""
        with translated():
            async with self._reading_realtime.begin() as connection:
                yield connection

    async def is_shared(self) -> bool:
        """Whether two connections were given the same session: then a pooler gives it to others in between."""
        async with self.query() as one, self.query() as other:
            return one.identity == other.identity

    async def condition(self) -> Condition:
        """The database's clock and whether what it commits is durable."""
        async with self.transaction() as connection:
            row = (await connection.execute(_CONDITION)).one()
        weak = tuple(
            f"{name} = {value}"
            for name, value, safe in (
                ("fsync", row.fsync, ("on",)),
                ("full_page_writes", row.full_page_writes, ("on",)),
                ("synchronous_commit", row.synchronous_commit, ("on", "remote_apply")),
            )
            if value not in safe
        )
        return Condition(now=row.now, weak_settings=weak)


async def driver_of(connection: AsyncConnection) -> Driver:
    """The driver connection of a snapshot that has been read from before; it sees the same."""
    driver: Driver = (await connection.get_raw_connection()).driver_connection  # type: ignore[assignment]
    return driver


async def limit_statements(driver: Driver, seconds: float) -> None:
    """Makes PostgreSQL end every statement of the driver's transaction that takes longer."""
    await driver.execute("SELECT set_config('statement_timeout', $1, true)", str(int(seconds * 1000)))


_CONDITION = sa.text(
    "SELECT clock_timestamp() AS now, current_setting('fsync') AS fsync,"
    " current_setting('full_page_writes') AS full_page_writes,"
    " current_setting('synchronous_commit') AS synchronous_commit"
)

_BURY = (
    "SELECT pg_terminate_backend(pid) FROM unnest($1::int[], $2::timestamptz[]) AS lost(pid, backend_start)"
    " JOIN pg_stat_activity USING (pid, backend_start) WHERE usename = current_user"
    " AND application_name LIKE 'tallywire%' AND pid <> pg_backend_pid()"
)


def is_locked_out(error: errors.StorageUnavailable) -> bool:
    """Whether a transaction failed since others hold what it needs, and may succeed when it is tried again."""
    return isinstance(error.__cause__, Exception) and _sqlstate(error.__cause__) in _LOCKED_OUT


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raises StorageUnavailable or StorageRejected for whatever the driver raises; no SQL or DSN gets past it."""
    try:
        yield
    except (sa.exc.DBAPIError, asyncpg.PostgresError) as error:
        state = _sqlstate(error)
        if state is not None and state.startswith(_DATA_EXCEPTION):
            raise errors.StorageRejected(f"database error {state}") from error
        raise errors.StorageUnavailable(f"database error {state or 'without a state'}") from error
    except sa.exc.TimeoutError as error:
        raise errors.StorageBusy("no database connection is free") from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        if isinstance(error, asyncpg.exceptions.DataError | ValueError):
            raise errors.StorageRejected("the database driver refused a value") from error
        raise errors.StorageUnavailable("the connection to the database is lost") from error


def _sqlstate(error: Exception) -> str | None:
    state: str | None = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state
