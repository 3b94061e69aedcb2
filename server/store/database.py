"""Connections to PostgreSQL: separate pools for ingest, questions, subscriptions and everything else, and errors in the
service's own words.

They are the bare driver's. SQLAlchemy is for migrations alone (server/store/migrate.py).
"""

import asyncio
import contextlib
import enum
import functools
import json
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import asyncpg

from server import errors, tracing
from server.store import isolation, pool, sessions
from server.store.isolation import EVERY, Of
from server.store.looks import Looks
from server.store.node_pools import NodePools
from server.store.nodes import NodeMap, NodeShares
from server.store.patience import Patience
from server.store.pool import Identity, Pool
from server.store.sessions import SessionKind

Driver: TypeAlias = pool.Driver
ConfigurationError = asyncpg.exceptions.ClientConfigurationError  # of a URL

# The class of errors that a value causes. Everything else is the operator's: a lost connection, a full disk, a missing
# partition or permission. A sender must not be told that its event is at fault then.
_DATA_EXCEPTION = "22"
_FAULTS = ("23", "42", "54")  # a violated constraint, a wrong statement, a limit of PostgreSQL
_LOCKED_OUT = ("40P01", "55P03")  # a deadlock, and a lock that was not to be had in time

# Seconds for which ingest may use a connection: a transaction takes milliseconds, and its callers wait.
_INGEST_PATIENCE = 10.0
# Seconds for which a step of a projection may use a connection on servers and workers: a statement has less.
STEP_PATIENCE = 130.0
# Seconds for which whoever asks or writes waits for a free connection.
_QUERY_WAIT = 1.0
# Seconds for which what neither writes events nor reads figures waits for a free connection.
_OTHER_WAIT = 10.0
# How many connections there are for projections, and for what is neither of these nor set by the operator.
PROJECTING_CONNECTIONS = 3
OTHER_CONNECTIONS = 4
_GOODBYE_SECONDS = 2.0
# What is raised where a connection is no longer to be used.
_LOST = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What the database says of itself. weak_settings is empty where an acknowledged event is safe. is_distributed:
    organizations' rows are on the nodes of a cluster.
    """

    now: datetime
    weak_settings: tuple[str, ...]
    is_distributed: bool = False


class Purpose(enum.Enum):
    """What a connection is for. Each purpose has a pool, so that none waits for another."""

    INGEST = enum.auto()
    QUERY = enum.auto()
    REALTIME = enum.auto()
    PROJECTING = enum.auto()
    OTHER = enum.auto()


# Of spans.
_ATTRIBUTES = {one: {"db.system.name": "postgresql", "tallywire.pool": one.name.lower()} for one in Purpose}


class Database:
    """Holds the pools. One per process; close it when done.

    There are three ways to a connection: ingest() and projecting() to write events and what is decided from them,
    snapshot() to read, with query() for a single statement, and transaction() for everything else. Each is told of
    which organizations rows are seen and written: one, several, or EVERY. asking() gives questions what query() and
    snapshot() give, at a node of a cluster where that may be asked itself: node_urls. looks is for what is looked for
    over all organizations.

    patience, query_patience and step_patience, that of projections, are the seconds after which a connection in use is
    taken for lost. Where patience or step_patience is None, their connections have as long as statements may take: jobs
    are long.
    """

    def __init__(
        self,
        url: str,
        *,
        ingest_connections: int = 6,
        query_connections: int = 8,
        realtime_connections: int = 6,
        projecting_connections: int = PROJECTING_CONNECTIONS,
        other_connections: int = OTHER_CONNECTIONS,
        query_patience: float = 60,
        patience: float | None = None,
        step_patience: float | None = None,
        node_urls: Sequence[str] = (),
    ) -> None:
        self.url = url
        together = Patience()

        def pool(
            kind: SessionKind, size: int, use: float | None, *, wait: float = _QUERY_WAIT, is_long: bool = False
        ) -> Pool:
            return Pool(
                sessions.connector(url, kind),
                size,
                together,
                longest_use=use,
                longest_wait=wait,
                longest_age=sessions.RECYCLE_SECONDS,
                is_long=is_long,
            )

        self._pools = {
            Purpose.INGEST: pool(sessions.INGEST, ingest_connections, _INGEST_PATIENCE),
            Purpose.QUERY: pool(sessions.QUERY, query_connections, query_patience),
            Purpose.REALTIME: pool(sessions.REALTIME, realtime_connections, query_patience),
            Purpose.PROJECTING: pool(
                sessions.PROJECTING, projecting_connections, step_patience, wait=_OTHER_WAIT, is_long=True
            ),
            Purpose.OTHER: pool(sessions.OTHER, other_connections, patience, wait=_OTHER_WAIT),
        }
        self._lost: set[Identity] = set()  # sessions behind connections that were lost
        self._weak_nodes: list[str] = []  # settings of nodes with which events could be lost
        self._nodes: NodeMap | None = None  # where tables are distributed, as the first connection tells
        self.looks = Looks(functools.partial(self.transaction, of=EVERY), lambda: self._nodes)
        self._at_nodes = NodePools(node_urls, query_connections, longest_use=query_patience, longest_wait=_QUERY_WAIT)
        self._shares = {
            Purpose.INGEST: NodeShares(ingest_connections, _INGEST_PATIENCE),
            Purpose.QUERY: NodeShares(query_connections, _QUERY_WAIT),
            Purpose.REALTIME: NodeShares(realtime_connections, _QUERY_WAIT),
            Purpose.PROJECTING: NodeShares(projecting_connections, _OTHER_WAIT),
            Purpose.OTHER: NodeShares(other_connections, _OTHER_WAIT),
        }

    @property
    def most_connections(self) -> int:
        """How many connections there are at most."""
        return sum(pool.size for pool in self._pools.values())

    async def close(self) -> None:
        """Closes every connection; those that are silent are left to the end of the process."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await asyncio.gather(self._at_nodes.close(), *(pool.close() for pool in self._pools.values()))

    def ingest(self, *, of: Of) -> AbstractAsyncContextManager[Driver]:
        """Gives a connection that writes events, outside of any transaction.

        Transactions on it belong to one life of the database: it does not survive a crash in between.
        """
        return self._connection(Purpose.INGEST, of)

    def query(self, *, of: Of) -> AbstractAsyncContextManager[Driver]:
        """Gives a connection for a single statement of a question: it sees one instant without a transaction."""
        return self._connection(Purpose.QUERY, of)

    @contextlib.asynccontextmanager
    async def asking(self, *, of: int, in_snapshot: bool) -> AsyncIterator[Driver]:
        """Gives what query() gives, or snapshot(), of the node that has an organization's rows, where it may be asked
        itself. There it lacks the tables that the coordinator alone has: its with_all_tables() gives those.
        """
        async with contextlib.AsyncExitStack() as held:
            driver, node = None, await self._nodes.of(of) if self._nodes is not None else None
            if node is not None and self._at_nodes.has(node):
                held.enter_context(translated())
                driver = await held.enter_async_context(self._at_nodes.connection(node))
            if driver is None:
                driver = await held.enter_async_context(self.query(of=of))
            else:
                held.enter_context(tracing.span("transaction", _ATTRIBUTES[Purpose.QUERY]))
                driver.name(of)
                driver.coordinator = functools.partial(self.query, of=of)
            if in_snapshot:
                await held.enter_async_context(driver.transaction(isolation="repeatable_read", readonly=True))
            yield driver

    @contextlib.asynccontextmanager
    async def snapshot(self, purpose: Purpose = Purpose.QUERY, *, of: Of) -> AsyncIterator[Driver]:
        """Gives a read-only view of one instant: everything read in the block belongs together."""
        async with (
            self._connection(purpose, of) as driver,
            driver.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield driver

    def projecting(self, *, of: Of) -> AbstractAsyncContextManager[Driver]:
        """Gives a connection that moves projections on, outside of any transaction. A step may take its time."""
        return self._connection(Purpose.PROJECTING, of)

    @contextlib.asynccontextmanager
    async def transaction(self, *, of: Of) -> AsyncIterator[Driver]:
        """Gives a read-committed transaction, committed at the end of the block."""
        async with self._connection(Purpose.OTHER, of) as driver, driver.transaction():
            yield driver

    @contextlib.asynccontextmanager
    async def _connection(self, purpose: Purpose, of: Of) -> AsyncIterator[Driver]:
        """Gives a connection of a pool, within its node's share. One that is lost or left in the middle of a statement
        is not used again.
        """
        pool = self._pools[purpose]
        async with contextlib.AsyncExitStack() as held:
            held.enter_context(tracing.span("transaction", _ATTRIBUTES[purpose]))
            if self._nodes is not None:
                await self._take_share(held, purpose, of)
            held.enter_context(translated())
            driver = await pool.take()
            try:
                driver.name(of)
                if driver.is_distributed and self._nodes is None:
                    self._nodes = NodeMap(self._ask_coordinator)
                if self._lost:
                    await self._bury(driver)
                yield driver
            except (asyncio.CancelledError, *_LOST):
                driver.terminate()
                raise
            finally:
                if driver.is_closed():
                    self._lost.add(driver.identity)
                pool.give(driver)

    async def _take_share(self, held: contextlib.AsyncExitStack, purpose: Purpose, of: Of) -> None:
        """Takes a connection of the share of an organization's node, where a statement is about a single one."""
        organization_id = isolation.single(of)
        if organization_id is None or self._nodes is None:
            return
        node = await self._nodes.of(organization_id)
        if node is not None:
            await held.enter_async_context(self._shares[purpose].at(node, self._nodes.count))

    async def by_node(self, organization_ids: Collection[int]) -> dict[int, set[int]]:
        """Returns organizations by the node that has their rows; all under 0 where tables are not distributed."""
        if self._nodes is None:
            return {0: set(organization_ids)}
        return {node: set(some) for node, some in (await self._nodes.grouped(organization_ids)).items()}

    async def _ask_coordinator(self, statement: str, *given: object) -> list[asyncpg.Record]:
        async with self.transaction(of=EVERY) as driver:
            return list(await driver.fetch(statement, *given))

    async def _bury(self, driver: Driver) -> None:
        """Ends the sessions of connections that were lost.

        PostgreSQL may not have been told. A session in the middle of a COPY would wait for the rest of it and hold
        what it has locked; no time limit of PostgreSQL applies to that.
        """
        lost = list(self._lost)
        await driver.execute(_BURY, [one.pid for one in lost], [one.began for one in lost])
        self._lost.difference_update(lost)

    async def node_faults(self) -> dict[str, str]:
        """Returns why URLs of nodes, by their places, are not used for questions, after a look at them."""
        await self.condition()
        return await self._at_nodes.faults()

    def pids(self) -> list[int]:
        """The processes of PostgreSQL that serve this object's connections."""
        return [driver.identity.pid for pool in self._pools.values() for driver in pool.opened]

    async def is_shared(self) -> bool:
        """Whether two connections were given the same session: then a pooler gives it to others in between."""
        async with self.query(of=EVERY) as one, self.query(of=EVERY) as other:
            return one.identity == other.identity

    async def condition(self) -> Condition:
        """The database's clock and whether what it commits is durable, on every node that answers."""
        async with self.transaction(of=EVERY) as driver:
            (row,) = await driver.fetch(_CONDITION)
            now, weak, is_distributed = row["now"], _weak(json.loads(row["settings"])), driver.is_distributed
            if is_distributed:
                await self._at_nodes.look(driver)
                self._weak_nodes = await _weak_nodes(driver, self._weak_nodes)
                weak += self._weak_nodes
        if is_distributed:  # nodes may have taken long to answer, and clocks are set by this
            async with self.transaction(of=EVERY) as driver:
                now = await driver.fetchval("SELECT clock_timestamp()")
        return Condition(now=now, weak_settings=tuple(weak), is_distributed=is_distributed)


def _weak(found: Mapping[str, str]) -> list[str]:
    """The settings with which an acknowledged event could be lost."""
    return [f"{name} = {found[name]}" for name, safe in _SAFE.items() if found[name] not in safe]


async def _weak_nodes(driver: Driver, before: list[str]) -> list[str]:
    """Such settings of nodes, in a transaction that ends with this; those of the look before where one is silent."""
    await limit_statements(driver, _NODES_SECONDS)
    try:
        rows = await driver.fetch(_NODES, _SETTINGS)
    except asyncpg.QueryCanceledError:  # whoever needs the node learns that by itself
        return before
    return [f"{one} at {place}" for place, found in rows for one in _weak(json.loads(found))]


async def limit_statements(driver: Driver, seconds: float) -> None:
    """Makes PostgreSQL end every statement of the driver's transaction that takes longer."""
    await driver.execute("SELECT set_config('statement_timeout', $1, true)", str(int(seconds * 1000)))


# With which values of which settings an acknowledged event is safe.
_SAFE = {"fsync": ("on",), "full_page_writes": ("on",), "synchronous_commit": ("on", "remote_apply")}
_SETTINGS = f"SELECT json_object_agg(name, setting) FROM pg_settings WHERE name IN ({', '.join(map(repr, _SAFE))})"  # noqa: S608
_CONDITION = f"SELECT clock_timestamp() AS now, ({_SETTINGS}) AS settings"
_NODES_SECONDS = 1.5
_NODES = (
    "SELECT nodename || ':' || nodeport, result FROM run_command_on_all_nodes($1) JOIN pg_dist_node USING (nodeid)"
    " WHERE success"
)

_BURY = (
    "SELECT pg_terminate_backend(pid) FROM unnest($1::int[], $2::timestamptz[]) AS lost(pid, backend_start)"
    " JOIN pg_stat_activity USING (pid, backend_start) WHERE usename = current_user"
    " AND application_name LIKE 'tallywire%' AND pid <> pg_backend_pid()"
)


def is_fault(error: errors.StorageUnavailable) -> bool:
    """Whether a statement failed since it is wrong, or what it stores is, and would fail again."""
    cause = error.__cause__
    return isinstance(cause, asyncpg.PostgresError) and (cause.sqlstate or "").startswith(_FAULTS)


def is_locked_out(error: errors.StorageUnavailable) -> bool:
    """Whether a transaction failed since others hold what it needs, and may succeed when it is tried again."""
    return isinstance(error.__cause__, asyncpg.PostgresError) and error.__cause__.sqlstate in _LOCKED_OUT


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raises StorageUnavailable or StorageRejected for whatever the driver raises; no SQL or DSN gets past it."""
    try:
        yield
    except asyncpg.PostgresError as error:
        state: str | None = error.sqlstate
        if state is not None and state.startswith(_DATA_EXCEPTION):
            raise errors.StorageRejected(f"database error {state}") from error
        raise errors.StorageUnavailable(f"database error {state or 'without a state'}") from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        if isinstance(error, asyncpg.exceptions.DataError | ValueError):
            raise errors.StorageRejected("the database driver refused a value") from error
        raise errors.StorageUnavailable("the connection to the database is lost") from error
