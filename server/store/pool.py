"""A pool of the driver's own connections, for short statements that come by the thousand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from server import errors, tracing
from server.slow_questions import Spent, spending
from server.store import isolation, statements
from server.store.isolation import Of
from server.store.patience import Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A session as PostgreSQL knows it. Numbers of processes come again, with a later beginning."""

    pid: int
    began: datetime


class Driver(asyncpg.Connection):
    """The driver's own connection, which knows the identity of its session, and for which organizations it is.

    That goes to PostgreSQL with BEGIN, and so costs nothing; a statement outside of any transaction is preceded by
    another one where the last one there was for other organizations. Where the database is distributed, such a
    statement gets a transaction: only what is set within one is passed on to the nodes that have the rows.

    There, too, a transaction of an organization that writes is refused where its shard was split meanwhile: a statement
    that waited for that adds nothing and says nothing. has_shards: it may write, to tables that are distributed.
    node: the number of the node that the session is with; 0 is the coordinator, which alone has all tables. address is
    what that node takes for its own address in the cluster, and is empty where it is a standby. coordinator gives
    another connection, to the coordinator.
    """

    __slots__ = (
        "_named",
        "_of",
        "_shard",
        "_wanted",
        "address",
        "coordinator",
        "has_shards",
        "identity",
        "is_distributed",
        "node",
    )
    identity: Identity

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._wanted = isolation.NOBODY
        self._named: str | None = isolation.NOBODY
        self._of: int | None = None
        self._shard: int | None = None  # of the organization whose transaction this is, when it began
        self.is_distributed = self.has_shards = False
        self.node, self.address = 0, ""
        self.coordinator: Callable[[], AbstractAsyncContextManager[Driver]] | None = None

    @property
    def narrowed(self) -> str:
        """SQL that says whose rows are deleted by their places, those of $1, where tables are distributed: a place says
        something within a shard alone. On one node planners would take an index in place of the places.
        """
        return "organization_id = $1 AND " if self.is_distributed else ""

    def name(self, of: Of) -> None:
        """Says which organizations everything that follows is about."""
        self._wanted, self._of = isolation.value(of), isolation.single(of)

    @contextlib.asynccontextmanager
    async def with_all_tables(self) -> AsyncIterator["Driver"]:
        """Gives a connection that has all tables: this one, with what it sees, unless it is with a node."""
        if self.coordinator is None:
            yield self
            return
        async with self.coordinator() as other:
            yield other

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """Executes a statement. That which begins a transaction says for which organizations it is."""
        if not self.is_in_transaction():
            if query.startswith("BEGIN") and self.is_distributed:
                return await self._begin(query)
            if query.startswith("BEGIN"):
                query = f"{query.rstrip('; ')}; SET LOCAL {isolation.SETTING} = '{self._wanted}'"
            elif self.is_distributed and not query.startswith(_ENDS):
                async with self.transaction():
                    return await super().execute(query, *args, timeout=timeout)
            else:
                await self._say()
        elif query.startswith("ROLLBACK"):
            return await self._roll_back(query)
        elif self._shard is not None and query.startswith("COMMIT"):
            await self._check_shard()
        if args:  # which goes by _execute
            return await super().execute(query, *args, timeout=timeout)
        with spending(Spent.DATABASE):
            return await super().execute(query, timeout=timeout)

    async def _execute(self, *given: Any, **named: Any) -> Any:
        """Is where the driver passes by with whatever has parameters or returns rows."""
        if self.is_distributed and not self.is_in_transaction():
            async with self.transaction():
                return await self._execute(*given, **named)
        await self._say()
        if (span := tracing.current()) is not None:
            span.statement(statements.name_of(given[0]))
        with spending(Spent.DATABASE):
            return await super()._execute(*given, **named)  # type: ignore[misc]  # the stubs do not know it

    async def _begin(self, query: str) -> str:
        """Begins a transaction where the database is distributed."""
        self._shard = None
        status = await super().execute(query)
        await super().execute(
            f"SET LOCAL {isolation.SETTING} = '{self._wanted}'"
        )  # by itself: nodes are told all of it
        if self.has_shards and self._of is not None and "READ ONLY" not in query:
            self._shard = await super().fetchval(_SHARD, self._of)
        return status

    async def _roll_back(self, query: str) -> str:
        """Rolls back; ends a connection that does not get to it. The driver first waits until the statement that was
        given up has ended, and the coordinator of a cluster does not end one before the node has heard of it.
        """
        try:
            async with asyncio.timeout(_ROLLBACK_SECONDS):
                return await super().execute(query)
        except TimeoutError:
            self.terminate()
            return "ROLLBACK"  # whoever goes on meets a connection that is closed

    async def _check_shard(self) -> None:
        before, self._shard = self._shard, None
        if await super().fetchval(_SHARD, self._of) != before:
            await self._roll_back("ROLLBACK")  # the driver takes the transaction for ended
            raise asyncpg.SerializationError("the organization's shard was split")

    async def _say(self) -> None:
        if self._named != self._wanted and not self.is_in_transaction():
            wanted, self._named = self._wanted, None  # until it is sure: PostgreSQL may hear what fails here
            await super().execute(f"SET {isolation.SETTING} = '{wanted}'")
            self._named = wanted


_ROLLBACK_SECONDS = 5.0
# What has no sense outside of a transaction, as PostgreSQL says then.
_ENDS = ("COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
_SHARD = "SELECT get_shard_id_for_distribution_column('revisions', $1::integer)"


class Pool:
    """At most so many connections, opened when they are needed; the one given back last is used again first.

    Whoever has taken one gives it back. longest_use is the seconds after which a connection in use is taken for lost,
    and None where its use may take any time; is_long says that uses are longer than those of other pools. longest_wait
    is for a free one, and longest_age how long one is kept.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Driver]],
        size: int,
        patience: Patience,
        *,
        longest_use: float | None,
        longest_wait: float,
        longest_age: float,
        is_long: bool = False,
    ) -> None:
        self._connect = connect
        self.size = size
        self._free = asyncio.Semaphore(size)
        self._patience = patience
        self._longest_use, self._longest_wait, self._longest_age = longest_use, longest_wait, longest_age
        self._is_long = is_long
        self._idle: list[Driver] = []
        self._opened: dict[Driver, float] = {}
        self._closed = False

    @property
    def opened(self) -> list[Driver]:
        """The connections that there are, in use or not."""
        return list(self._opened)

    async def take(self) -> Driver:
        """A connection that is the caller's until it is given back; StorageBusy where none becomes free in time."""
        if self._free.locked():
            try:
                with spending(Spent.WAITING):
                    async with asyncio.timeout(self._longest_wait):
                        await self._free.acquire()
            except TimeoutError:
                raise errors.StorageBusy("no database connection is free") from None
        else:
            await self._free.acquire()
        try:
            driver = self._kept() or await self._open()
        except BaseException:
            self._free.release()
            raise
        if self._longest_use is not None:
            self._patience.begin(driver, self._longest_use, is_long=self._is_long)
        return driver

    def give(self, driver: Driver) -> None:
        """Takes a connection back; ends it where something of its use is left on it."""
        self._patience.end(driver)
        if self._closed or driver.is_closed() or driver.is_in_transaction():
            self._end(driver)
        else:
            self._idle.append(driver)
        self._free.release()

    def end_idle(self) -> None:
        """Ends the connections that nobody uses."""
        idle, self._idle = self._idle, []
        for driver in idle:
            self._end(driver)

    async def close(self) -> None:
        """Closes the connections; those in use are ended when they are given back."""
        self._closed = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*(driver.close() for driver in idle))

    def _kept(self) -> "Driver | None":
        """The connection given back last, of those that can still be used."""
        oldest = asyncio.get_running_loop().time() - self._longest_age
        while self._idle:
            driver = self._idle.pop()
            opened = self._opened[driver]
            if not driver.is_closed() and opened > oldest and self._patience.trusts(opened):
                return driver
            self._end(driver)
        return None

    async def _open(self) -> Driver:
        driver = await self._connect()
        self._opened[driver] = asyncio.get_running_loop().time()
        return driver

    def _end(self, driver: Driver) -> None:
        del self._opened[driver]
        driver.terminate()
