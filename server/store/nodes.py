"""Keeps a node of a cluster that is away or silent from taking all connections: each node has a share of them.

Where tables are not distributed there is nothing to keep apart, and none of this is asked.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection

import asyncpg

from server import errors

_KEPT_SECONDS = 10.0  # for which it is remembered on which nodes shards are


class NodeMap:
    """Knows on which node each organization's rows are, by the number of its group; fetch asks the coordinator.

    What it knows may be some seconds old: then a node that has taken over a shard is asked under the name of the
    earlier one, which changes only whose share that takes.
    """

    def __init__(self, fetch: Callable[..., Awaitable[list[asyncpg.Record]]]) -> None:
        self._fetch = fetch
        self._shards: dict[int, int] = {}  # by organization
        self._groups: dict[int, int] = {}  # by shard
        self._looked_at = float("-inf")

    async def of(self, organization_id: int) -> int | None:
        """Returns the node of an organization; None where nobody knows."""
        await self.learn((organization_id,))
        return self.known(organization_id)

    def known(self, organization_id: int) -> int | None:
        """Returns the node of an organization as far as it is known without asking."""
        return self._groups.get(self._shards.get(organization_id, 0))

    async def grouped(self, organization_ids: Collection[int]) -> dict[int, list[int]]:
        """Returns organizations by their nodes; under 0 those of which nobody knows."""
        await self.learn(organization_ids)
        found: dict[int, list[int]] = {}
        for organization_id in organization_ids:
            found.setdefault(self.known(organization_id) or 0, []).append(organization_id)
        return found

    async def learn(self, organization_ids: Collection[int]) -> None:
        """Asks for organizations that it does not know, all at once, and now and then where shards are."""
        if time.monotonic() > self._looked_at + _KEPT_SECONDS:
            self._looked_at = time.monotonic()
            try:
                self._groups = {row[0]: row[1] for row in await self._fetch(_PLACEMENTS)}
            except errors.StorageUnavailable:
                if not self._groups:
                    raise
        # New ones, and those whose shard was split. Without groups tables are not distributed yet.
        new = [one for one in organization_ids if self._groups and self._shards.get(one) not in self._groups]
        if new:
            self._shards |= {row[0]: row[1] for row in await self._fetch(_SHARDS, new)}

    @property
    def count(self) -> int:
        """How many nodes have rows."""
        return len(set(self._groups.values()))


_PLACEMENTS = (
    "SELECT shardid, groupid FROM pg_dist_placement JOIN pg_dist_shard USING (shardid)"
    " WHERE logicalrelid = to_regclass('revisions')"
)
_SHARDS = "SELECT o, get_shard_id_for_distribution_column('revisions', o) FROM unnest($1::integer[]) AS o"


class NodeShares:
    """Of the connections of a pool: twice as many as each node would have if all had as many and one more were left,
    and two at least, since what reads of an organization may write beside that. longest_wait is how many seconds a
    caller waits for one of its node.
    """

    def __init__(self, size: int, longest_wait: float) -> None:
        self._size = size
        self._longest_wait = longest_wait
        self._of_nodes: dict[int, asyncio.Semaphore] = {}

    @contextlib.asynccontextmanager
    async def at(self, node: int, nodes: int) -> AsyncIterator[None]:
        """Takes one of a node's, of so many nodes, for the block; StorageBusy where none becomes free in time."""
        most = min(self._size, max(2, 2 * self._size // (nodes + 1)))
        share = self._of_nodes.setdefault(node, asyncio.Semaphore(most))
        try:
            async with asyncio.timeout(self._longest_wait):
                await share.acquire()
        except TimeoutError:
            raise errors.StorageBusy("no connection to the organization's node is free") from None
        try:
            yield
        finally:
            share.release()
