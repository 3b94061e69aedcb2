"""Requests that would become a hundred times their bytes: what they cost the server, and nobody else."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support import bombs, serving
from tests.support.bad_inputs import outcome, reported
from tests.support.bombs import BOMBS, Bomb
from tests.support.serving import Accounts, Caller, event

# Parsed as they are, most of the bombs take 80 to 430 MiB. Client and server are one process here, and hold the message
# twice, compressed and not; what is allowed becomes a few MiB of JSON.
_GROWTH = 48 << 20
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@contextlib.asynccontextmanager
async def at_work(caller: Caller) -> AsyncIterator[list[str]]:
    """An organization that sends events and asks questions for the length of the block; how its calls ended."""
    answers: list[str] = []

    async def work() -> None:
        while True:
            answers.append(await outcome(caller.track_all([event() for _ in range(20)])))
            answers.append(await outcome(caller.overview(serving.today())))

    task = asyncio.create_task(work())
    try:
        yield answers
        count = len(answers)
        async with asyncio.timeout(60):
            while len(answers) < count + 4:  # noqa: ASYNC110 - and it goes on afterwards
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _most() -> int:
    """The most memory that this process has held since it was last asked, in bytes (Linux; else 0)."""
    if not _STATUS.exists():
        return 0
    most = int(_STATUS.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    _RESET.write_text("5")
    return most


async def send(caller: Caller, bomb: Bomb) -> str:
    """Sends a bomb, compressed; how the call ended, or what became of its events."""
    options: dict[str, Any] = {"metadata": caller.metadata, "timeout": 60, "compression": grpc.Compression.Gzip}
    if bomb.method == bombs.STREAM_EVENTS:
        call = caller.channel.stream_stream(bomb.method)(**options)
        await call.write(bomb.body())
        return await outcome(serving.read_ack(call))
    if bomb.method == bombs.WATCH_UPDATES:
        return await outcome(caller.channel.unary_stream(bomb.method)(bomb.body(), **options).read())
    try:
        return bombs.fates(await caller.channel.unary_unary(bomb.method)(bomb.body(), **options))
    except grpc.aio.AioRpcError as error:
        return reported(error)


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_costs_little_and_nobody_else_anything(
    accounts: Accounts, caller: Caller, other: Caller, name: str
) -> None:
    bomb = BOMBS[name]
    gc.collect()
    _most()
    before = _most()
    async with at_work(other) as answers:
        assert await send(caller, bomb) == bomb.answer
    assert _most() - before < _GROWTH
    assert set(answers) == {"OK"}
