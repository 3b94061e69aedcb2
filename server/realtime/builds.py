"""Builds: realtime views that are made from a snapshot of the database, a few at once on this server, on connections of
their own.

Organizations take turns. An organization that asks for more new views than it may is refused, so that neither its queue
nor what it abandons costs anybody else more than the turn that has begun.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from server.errors import Reason, Refused
from server.realtime.lookup_slots import Lookups
from server.store.database import Database, Driver
from server.tally import Tally

MAX_BUILDS = 32  # of one organization that wait or are under way
_RETRY_SECONDS = 1.0
_Made = TypeVar("_Made")


class Builds:
    """Limits how many views are made at once, and how many of one organization may wait to be made."""

    def __init__(self, database: Database, at_once: int) -> None:
        self._lookups = Lookups(database, at_once)
        self.begun = Tally()  # views that wait to be made or are being made, by organization

    def begin(self, organization_id: int, make: Callable[[], Coroutine[Any, Any, _Made]]) -> asyncio.Task[_Made]:
        """Begins to make a new view, in a task that whoever waits for it cancels when nobody does any more.

        Refused where MAX_BUILDS of the organization have begun. An error of the task is not logged as unseen.
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
        """What a view is made from, when it is the organization's turn."""
        return self._lookups.snapshot(organization_id)
