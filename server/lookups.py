"""Look-ups: what subscriptions read, in slots and on connections of their own.

Organizations take turns, so that one with many subscriptions that have much to catch up with waits behind itself, and
nobody's question ever waits for the connection of a subscription.
"""

import contextlib
from collections.abc import AsyncIterator

from server.fairness import FairSlots
from server.store.database import Connection, Database

EVERYBODY = 0  # stands for all organizations where one look-up is for the subscriptions of all; no organization has it


class Lookups:
    """Gives snapshots of the database, at most so many at once."""

    def __init__(self, database: Database, at_once: int) -> None:
        self._database = database
        self._slots = FairSlots(at_once)

    @contextlib.asynccontextmanager
    async def snapshot(self, organization_id: int) -> AsyncIterator[Connection]:
        """A read-only view of one instant, when it is the organization's turn."""
        async with self._slots.slot(organization_id), self._database.realtime_snapshot() as connection:
            yield connection
