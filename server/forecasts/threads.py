"""Threads that compute: a bounded number at once, for which organizations take turns."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from server.admission.query_slots import QuerySlots
from server.tenancy.principal import Principal

_Made = TypeVar("_Made")


async def computed(turns: QuerySlots, principal: Principal, work: Callable[[], _Made]) -> _Made:
    """Returns what work makes in a thread. The turn is as long as the work: a caller who gives up early does not let
    another thread begin beside the one that still computes.
    """
    async with turns.slot(principal):
        running = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(running)
        finally:
            await asyncio.wait({running})
