"""Builds: realtime views that are made from snapshots of the database, a few at once, on connections of their own.

Slots are shared fairly between organizations. An organization that asks for more new views than it may is refused; so
its queue, and views that it abandons, delay others by one build at most.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from server.errors import Reason, Refused
from server.projections.projector import Projector
from server.realtime.lookup_slots import Lookups
from server.store.database import Database, Driver
from server.tally import Tally

MAX_BUILDS = 32  # of one organization that wait or are in progress
_RETRY_SECONDS = 1.0
_Made = TypeVar("_Made")


class Builds:
    """The limit of how many views are built at once, and of how many of one organization wait or are built."""

    def __init__(self, database: Database, projector: Projector, at_once: int) -> None:
        self._lookups = Lookups(database, projector, at_once)
        self.begun = Tally()  # views that wait to be made or are being made, by organization

    def begin(self, organization_id: int, make: Callable[[], Coroutine[Any, Any, _Made]]) -> asyncio.Task[_Made]:
        """Starts a task that builds a view. Whoever waits for the task cancels it once nobody waits any more.

        Refuses an organization that has MAX_BUILDS in progress. An exception of the task counts as retrieved.
        """
        if self.begun[organization_id] >= MAX_BUILDS:
            raise Refused(
                Reason.QUERY_CONCURRENCY,
                f"the realtime figures of {MAX_BUILDS} filters of this organization are being worked out already",
                metadata={"limit": str(MAX_BUILDS)},
                retry_after=_RETRY_SECONDS,
            )
        self.begun.add(organization_id)
        task = asyncio.create_task(make())

        def done(task: asyncio.Task[_Made]) -> None:
            self.begun.add(organization_id, -1)
            _ = task.cancelled() or task.exception()

        task.add_done_callback(done)
        return task

    def snapshot(self, organization_id: int) -> AbstractAsyncContextManager[Driver]:
        """Holds a slot and gives the snapshot of the database from which a view is built."""
        return self._lookups.projected_snapshot(organization_id)
