"""Look-ups: what subscriptions read from the database, in slots and on connections of their own.

Slots are shared fairly between organizations, so that one with many subscriptions that catch up delays its own and not
those of others. Questions never wait for a subscription's connection, nor for long for the event loop.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager

from server.admission.fair_queue import FairSlots
from server.projections.projector import Projector
from server.projections.registry import REALTIME
from server.store.database import Database, Driver, Purpose
from server.store.isolation import EVERY

EVERYBODY = 0  # stands for all organizations, in a look-up for all subscriptions; no organization has this id
CATCHING_UP = 1  # subscriptions, of all organizations, whose missed updates are read at the same time
_PIECE_SECONDS = 0.002
_PROJECTING_SECONDS = 5.0
_PAUSE = 2  # the pause after a piece, in multiples of its duration


class Lookups:
    """The slots for snapshots of the database, for subscriptions that catch up, and for work that blocks the event
    loop.
    """

    def __init__(self, database: Database, projector: Projector, at_once: int) -> None:
        self._database = database
        self._projector = projector
        self._slots = FairSlots(at_once)
        self.catch_up_slots = FairSlots(CATCHING_UP)
        self._pieces = FairSlots(1)

    @contextlib.asynccontextmanager
    async def snapshot(self, organization_id: int) -> AsyncIterator[Driver]:
        """Holds a slot and gives a read-only snapshot of the database."""
        of = EVERY if organization_id == EVERYBODY else organization_id
        async with self._slots.slot(organization_id), self._database.snapshot(Purpose.REALTIME, of=of) as driver:
            yield driver

    async def by_node(self, organization_ids: Collection[int]) -> dict[int, set[int]]:
        """Returns organizations by the node that has their rows; all under 0 where tables are not distributed."""
        return await self._database.by_node(organization_ids)

    @contextlib.asynccontextmanager
    async def projected_snapshot(self, organization_id: int) -> AsyncIterator[Driver]:
        """Gives what snapshot() does once projections have seen every revision before, and most often all that it
        shows; after some seconds as far as they are.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PROJECTING_SECONDS):
                for name in REALTIME:
                    await self._projector.follow_patiently(organization_id, name)
        async with self.snapshot(organization_id) as driver:
            yield driver

    def catching_up(self, organization_id: int) -> AbstractAsyncContextManager[None]:
        """Holds the slot in which a page of missed updates is read and encoded."""
        return self.catch_up_slots.slot(organization_id)

    @contextlib.asynccontextmanager
    async def piece(self, organization_id: int) -> AsyncIterator[Callable[[], bool]]:
        """Holds the slot for work that blocks the event loop. Gives a function that says when the work should pause.

        There is one such slot, and after each use the event loop is left to other work for twice as long: however much
        there is to do, two thirds of the loop stay free.
        """
        async with self._pieces.slot(organization_id):
            begun = time.perf_counter()
            yield lambda: time.perf_counter() - begun >= _PIECE_SECONDS
            await asyncio.sleep(_PAUSE * (time.perf_counter() - begun))
