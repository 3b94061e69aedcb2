"""Keeps the parts of a worker process alive: a part that dies is started again, after a pause that grows."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from server import errors

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0
_HEALTHY_SECONDS = 30.0
_log = structlog.get_logger(__name__)


async def keep_running(part: str, run: Callable[[], Awaitable[None]]) -> None:
    """Runs a part for ever. That it died is logged once, however often it dies until it has been well again."""
    loop = asyncio.get_running_loop()
    pause, ailing = _FIRST_PAUSE, False
    while True:
        started = loop.time()
        try:
            await run()
            reason = "it ended"
        except Exception as error:  # noqa: BLE001 - nothing may end the process
            reason = errors.describe(error)
        if loop.time() - started > _HEALTHY_SECONDS:
            pause, ailing = _FIRST_PAUSE, False
        if not ailing:
            _log.warning("a part of the worker stopped; it is started again until it runs", part=part, reason=reason)
        ailing = True
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        pause = min(2 * pause, _LONGEST_PAUSE)
