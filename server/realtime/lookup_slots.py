"""Look-ups: what subscriptions read, in slots and on connections of their own.

Organizations take turns, so that one with many subscriptions that have much to catch up with waits behind itself.
Nobody's question waits for the connection of a subscription, nor for long for the event loop.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from server.admission.fair_queue import FairSlots
from server.store.database import Database, Driver, Purpose

EVERYBODY = 0  # stands for all organizations where one look-up is for the subscriptions of all; no organization has it
CATCHING_UP = 1  # subscriptions at once, of all organizations, that have a page made; the others wait for a turn
_PIECE_SECONDS = 0.002
_REST = 2  # a piece is followed by a rest of so many times its duration


class Lookups:
    """Gives snapshots of the database, at most so many at once, and turns to those who catch up."""

    def __init__(self, database: Database, at_once: int) -> None:
        self._database = database
        self._slots = FairSlots(at_once)
        self.catch_up_slots = FairSlots(CATCHING_UP)
        self._pieces = FairSlots(1)

    @contextlib.asynccontextmanager
    async def snapshot(self, organization_id: int) -> AsyncIterator[Driver]:
        """A read-only view of one instant, when it is the organization's turn."""
        async with self._slots.slot(organization_id), self._database.snapshot(Purpose.REALTIME) as driver:
            yield driver

    def catching_up(self, organization_id: int) -> AbstractAsyncContextManager[None]:
        """A turn in which a page of what a subscription has missed is read and made into messages."""
        return self.catch_up_slots.slot(organization_id)

    @contextlib.asynccontextmanager
    async def piece(self, organization_id: int) -> AsyncIterator[Callable[[], bool]]:
        """A turn for work that keeps the event loop busy; tells when it should be over.

        There is one at a time, and after each the loop is left to everybody else for twice as long as it took: however
        much there is to do, two thirds of it stay free.
        """
        async with self._pieces.slot(organization_id):
            begun = time.perf_counter()
            yield lambda: time.perf_counter() - begun >= _PIECE_SECONDS
            await asyncio.sleep(_REST * (time.perf_counter() - begun))
