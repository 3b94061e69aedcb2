"""Child processes that do not outlive the test, whatever becomes of it."""

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from typing import Any

from tests.support.waiting import PATIENCE


@contextlib.asynccontextmanager
async def child(*command: str, **options: Any) -> AsyncIterator[Process]:
    """A process that is killed at the end of the block unless it has ended."""
    process = await asyncio.create_subprocess_exec(*command, **options)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ran(*command: str, **options: Any) -> tuple[int | None, str, str]:
    """Runs a process to its end and returns its exit code and what it wrote to stdout and stderr."""
    async with child(*command, stdout=PIPE, stderr=PIPE, **options) as process, asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
