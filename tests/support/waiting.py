"""Waiting for what a test names: with an end, but one that a slow machine with noisy neighbours does not reach."""

import asyncio
import inspect
from collections.abc import Callable

PATIENCE = 60.0  # seconds


async def until(condition: Callable[[], object]) -> None:
    """Waits until something is so. The condition may be a coroutine function."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.02)
