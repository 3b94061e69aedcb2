"""Connections to the nodes of a cluster themselves: a question is planned and answered where its rows are."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence

import asyncpg
import structlog

from server import log_throttle
from server.store import address, sessions
from server.store.patience import Patience
from server.store.pool import Driver, Pool

VARIABLE = "TALLYWIRE_QUERY_DATABASE_URLS"  # which has them
_LOOK_SECONDS = 5.0  # after which an address that was not found to be a node's is tried again
_KEPT_SECONDS = 10.0  # for which it is remembered where the coordinator has nodes
_UNREACHABLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_IDENTITY = "SELECT deployment_id, current_user::text FROM deployment"  # each node knows both
_ADDRESSES = "SELECT groupid, nodename || ':' || nodeport FROM pg_dist_node WHERE noderole = 'primary'"
_lines = log_throttle.Lines(60.0)
_log = structlog.get_logger(__name__)


class NodePools:
    """Has a pool of so many connections for each URL of a node, for questions.

    A URL is used once it was found to lead to a node of the same cluster, and as long as that can be reached: else
    questions go through the coordinator. Each connection must be with the node that the coordinator uses: a standby,
    and a node that a standby has replaced, lack what was acknowledged. longest_use and longest_wait are those of Pool.
    """

    def __init__(self, urls: Sequence[str], size: int, *, longest_use: float, longest_wait: float) -> None:
        self._pools = {
            # Each has patience of its own: a node that is silent says nothing of others.
            address.place(url): Pool(
                sessions.connector(url, sessions.QUERY, VARIABLE),
                size,
                Patience(),
                longest_use=longest_use,
                longest_wait=longest_wait,
                longest_age=sessions.RECYCLE_SECONDS,
            )
            for url in urls
        }
        self._places: dict[int, str] = {}  # by the number of a node in the cluster
        self._addresses: dict[int, str] = {}  # at which the coordinator has nodes
        self._addresses_at = float("-inf")
        self._faults: dict[str, str] = {}  # of places
        self._tried_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    def has(self, node: int) -> bool:
        """Whether a node can be asked itself. While the coordinator is silent another one may take the node's place."""
        return node in self._places and time.monotonic() < self._addresses_at + _KEPT_SECONDS

    @contextlib.asynccontextmanager
    async def connection(self, node: int) -> AsyncIterator[Driver | None]:
        """Gives a connection to a node for the block; None where there is none to be had. One that is lost, or left in
        the middle of a statement, is not used again.
        """
        pool = self._pools[self._places[node]]
        try:
            driver = await pool.take()
        except _UNREACHABLE as error:
            self._lose(node, _reason(error))
            yield None
            return
        if fault := self._not_used(driver):
            driver.terminate()
            pool.give(driver)
            self._lose(node, fault)
            yield None
            return
        try:
            yield driver
        except (asyncio.CancelledError, OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError):
            driver.terminate()
            raise
        finally:
            pool.give(driver)

    async def look(self, coordinator: Driver) -> None:
        """Learns where nodes are, and has URLs that are not in use looked at, beside what goes on: whether they lead to
        nodes of this cluster.
        """
        if not self._pools:
            return
        self._addresses = {row[0]: row[1] for row in await coordinator.fetch(_ADDRESSES)}
        self._addresses_at = time.monotonic()
        now = asyncio.get_running_loop().time()
        busy = self._looking is not None and not self._looking.done()
        if not busy and len(self._places) < len(self._pools) and now > self._tried_at + _LOOK_SECONDS:
            self._tried_at = now
            self._looking = asyncio.create_task(self._look((await coordinator.fetch(_IDENTITY))[0]))

    async def faults(self) -> dict[str, str]:
        """Returns why places are of no use, once they have been looked at."""
        if self._looking is not None:
            await asyncio.wait((self._looking,))
        return self._faults

    async def close(self) -> None:
        """Closes the connections; those in use are ended when they are given back."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait((self._looking,))
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    def _lose(self, node: int, fault: str) -> None:
        """Asks a node no more until it was looked at again."""
        if place := self._places.pop(node, None):
            self._pools[place].end_idle()
            self._complain(place, fault)

    def _not_used(self, driver: Driver) -> str:
        """Returns why a connection is not with the node that the coordinator uses."""
        used = self._addresses.get(driver.node)
        if used is None:
            return "is of a node that the coordinator does not have"
        if not driver.address:
            return "is a standby, or knows nothing of its cluster yet"
        return "" if driver.address == used else f"takes itself for {driver.address}, in whose place {used} is used"

    async def _look(self, identity: asyncpg.Record) -> None:
        missing = [place for place in self._pools if place not in self._places.values()]
        await asyncio.gather(*(self._try(place, identity) for place in missing))

    async def _try(self, place: str, identity: asyncpg.Record) -> None:
        pool = self._pools[place]
        fault, node = "is silent", 0
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                driver = await pool.take()
                try:
                    fault, node = await self._fault(driver, identity), driver.node
                finally:
                    if fault:  # it may have become another one when it is looked at again
                        driver.terminate()
                    pool.give(driver)
        except Exception as error:  # noqa: BLE001 - whatever it is, the coordinator is asked in its place
            fault = _reason(error)
        if fault:
            self._complain(place, fault)
        else:
            self._places[node] = place
            self._faults.pop(place, None)
            _log.info("questions are asked at the node itself", place=place)

    async def _fault(self, driver: Driver, identity: asyncpg.Record) -> str:
        """Returns why a connection is of no use for questions."""
        if not driver.node:
            return "is no worker node of a cluster"
        ((deployment_id, user),) = await driver.fetch(_IDENTITY)
        if deployment_id != identity[0]:
            return "is a node of another deployment"
        if user != identity[1]:  # for whom policies may not hold
            return f"is asked as {user}, and the coordinator as {identity[1]}"
        if driver.node in self._places:
            return f"is the same node as {self._places[driver.node]}"
        return self._not_used(driver)

    def _complain(self, place: str, fault: str) -> None:
        self._faults[place] = fault
        text = f"questions go through the coordinator: a node of {VARIABLE} cannot be asked itself"
        _lines.write("warning", text, place, place=place, reason=fault)


def _reason(error: BaseException) -> str:
    """Says why a node cannot be reached; no text of the error, which may hold a password."""
    state = f", {error.sqlstate}" if isinstance(error, asyncpg.PostgresError) else ""
    return f"cannot be reached ({type(error).__name__}{state})"
