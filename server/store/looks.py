"""Looks at all organizations: in one statement, or node by node while a node of a cluster fails.

A statement over all organizations needs every node, so that one that is away would keep a worker from finding what
there is to do for the organizations of all others. A node that has failed is left out for three times as long as it has
taken for that: one that is silent takes a statement's patience, and not all of the time.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import structlog

from server import errors, log_throttle
from server.store.nodes import NodeMap
from server.store.pool import Driver

T = TypeVar("T")
# Reads something of the organizations given; of all of them where that is None.
Read: TypeAlias = Callable[[Driver, Sequence[int] | None], Awaitable[T]]

_PATIENCE_SECONDS = 10.0  # with a statement of a look, on a cluster; it takes a second where there are 100,000
_LEFT_OUT_TIMES = 3
_LEFT_OUT_SECONDS = 1.0  # at least
_APART_SECONDS = 30.0  # until all are looked at in one statement again
_KEPT_SECONDS = 10.0  # for which it is remembered which organizations there are
# Of organizations in a statement. Citus takes 20 ms for it, and for 50 times as many 100 times as long.
_PORTION = 1_000
_NODES_AT_ONCE = 2  # each takes a connection
_ORGANIZATIONS = "SELECT organization_id FROM organizations WHERE state <> 'deleted'"
_lines = log_throttle.Lines(60.0)
_log = structlog.get_logger(__name__)


class Looks:
    """Looks at all organizations with what a process knows of the nodes. connect gives a transaction for EVERY."""

    def __init__(
        self, connect: Callable[[], AbstractAsyncContextManager[Driver]], nodes: Callable[[], NodeMap | None]
    ) -> None:
        self._connect = connect
        self._nodes = nodes
        self._apart_until = float("-inf")  # nodes are looked at one by one
        self._away: dict[int, float] = {}  # nodes that have failed, and when they are tried again
        self._portions: Mapping[int, Sequence[Sequence[int]]] = {}  # by node
        self._divided_at = float("-inf")

    async def over_all(self, read: Read[T]) -> list[T]:
        """Returns what is read of all organizations, as one item. While a node of a cluster fails there are several,
        each of some organizations, without those of that node; StorageUnavailable where no node answers.
        """
        if time.monotonic() < self._apart_until or self._away:
            return await self._apart(read)
        try:
            return await self._read(read, (None,))
        except errors.StorageUnavailable as error:
            nodes = self._nodes()
            if nodes is None or isinstance(error, errors.StorageBusy):
                raise
            await self._divide(nodes)
            if nodes.count < 2:  # it is not distributed, or the node that has failed has everything
                raise
            self._apart_until = time.monotonic() + _APART_SECONDS
        return await self._apart(read)

    def leaves_out(self, organization_id: int) -> bool:
        """Whether an organization's node has failed a short while ago: what goes from one to the next had better pass
        it by.
        """
        nodes = self._nodes()
        return nodes is not None and bool(self._away) and nodes.known(organization_id) in self._away

    async def _apart(self, read: Read[T]) -> list[T]:
        """Reads of the organizations of each node that is not left out."""
        nodes = self._nodes()
        assert nodes is not None  # noqa: S101 - a node has failed
        if time.monotonic() > self._divided_at + _KEPT_SECONDS:
            await self._divide(nodes)
        asked, portions = self._due(), self._portions
        room = asyncio.Semaphore(_NODES_AT_ONCE)

        async def one(node: int) -> list[T] | _Failure:
            async with room:
                begun = time.monotonic()
                try:
                    return await self._read(read, portions[node])
                except errors.StorageUnavailable as error:
                    return _Failure(error=error, seconds=time.monotonic() - begun)

        found = dict(zip(asked, await asyncio.gather(*map(one, asked)), strict=True))
        failures = {node: items for node, items in found.items() if isinstance(items, _Failure)}
        if len(failures) == len(asked):  # so that it is no matter of a node
            raise next(
                (one.error for one in failures.values()), errors.StorageUnavailable("no node of the database answers")
            )
        for node in asked:
            self._note(node, failures.get(node))
        return [item for items in found.values() if isinstance(items, list) for item in items]

    def _due(self) -> list[int]:
        """Returns the nodes to be looked at now, last those that had failed: nobody else tries these meanwhile."""
        now = time.monotonic()
        self._away = {node: again for node, again in self._away.items() if node in self._portions}
        due = sorted((node for node in self._portions if self._away.get(node, now) <= now), key=self._away.__contains__)
        self._away |= {node: now + _PATIENCE_SECONDS for node in due if node in self._away}
        return due

    def _note(self, node: int, failure: "_Failure | None") -> None:
        """Remembers whether a node has just failed."""
        if failure is not None and isinstance(failure.error, errors.StorageBusy):
            return  # this process has no connection free
        if failure is not None:
            self._away[node] = time.monotonic() + max(_LEFT_OUT_SECONDS, _LEFT_OUT_TIMES * failure.seconds)
            _lines.write(
                "warning",
                "a database node does not answer: sweeps skip its organizations for now",
                node,
                groupid=node,
                reason=errors.describe(failure.error),
            )
        elif self._away.pop(node, None) is not None:
            _log.info("a database node answers again", groupid=node)

    async def _divide(self, nodes: NodeMap) -> None:
        """Divides organizations into portions of a node, of which a statement asks that node alone."""
        async with self._connect() as driver:
            found = [row[0] for row in await driver.fetch(_ORGANIZATIONS)]
        self._portions = {
            node: [some[start : start + _PORTION] for start in range(0, len(some), _PORTION)]
            for node, some in (await nodes.grouped(found)).items()
        }
        self._divided_at = time.monotonic()

    async def _read(self, read: Read[T], portions: Sequence[Sequence[int] | None]) -> list[T]:
        """Reads of one portion after the other, in one transaction."""
        found = []
        with contextlib.ExitStack() as held:
            async with self._connect() as driver:
                for some in portions:
                    held.close()
                    held.enter_context(patience(driver))
                    found.append(await read(driver, some))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """How a look at a node failed, and after how long."""

    error: errors.StorageUnavailable
    seconds: float


@contextlib.contextmanager
def patience(driver: Driver) -> Iterator[None]:
    """Ends a connection to a cluster whose statement takes too long. Whoever cancelled the statement would wait: the
    coordinator passes that on to the node, and waits for that.
    """
    cut = None
    if driver.is_distributed:
        cut = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, driver.terminate)
    try:
        yield
    finally:
        if cut is not None:
            cut.cancel()
