"""Worker processes, and waiting for what they do."""

import asyncio
import contextlib
import os
import pathlib
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from tests.conftest import PEPPER
from tests.support import waiting
from tests.support.waiting import PATIENCE

ROOT = pathlib.Path(__file__).parents[2]


def environment(**variables: str) -> dict[str, str]:
    """Returns the environment of a worker; variables of engines are those given."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    return kept | {"PYTHONUNBUFFERED": "1"} | variables


def mortal(database_url: str, **others: str) -> dict[str, str]:
    """Returns variables of workers that die where they are told to, and have no Redis."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "TALLYWIRE_KEY_PEPPER": PEPPER,
        "TALLYWIRE_ALLOW_FAILPOINTS": "true",
        **others,
    }


class Worker:
    """A worker process."""

    def __init__(self, process: asyncio.subprocess.Process, log: pathlib.Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text()

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal and returns the exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        return await self.ended()

    async def ended(self) -> int:
        """Waits until it has ended and returns the exit code."""
        return await asyncio.wait_for(self.process.wait(), PATIENCE)


class Workers:
    """Starts workers on the test's database and ends them with it."""

    def __init__(self, folder: pathlib.Path, variables: dict[str, str]) -> None:
        self._folder = folder
        self._variables = variables
        self.started: list[Worker] = []

    async def start(self, *arguments: str, module: str = "workers", **variables: str) -> Worker:
        """Starts a program, which is the worker unless another one is named."""
        log = self._folder / f"worker-{len(self.started)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, *arguments),
                cwd=ROOT,
                env=environment(**self._variables | variables),
                stderr=output,
            )
        worker = Worker(process, log)
        self.started.append(worker)
        return worker


async def until(look: Callable[[], Awaitable[object]], enough: Callable[[Any], object]) -> None:
    """Looks again and again until it has seen enough."""

    async def is_seen() -> bool:
        return bool(enough(await look()))

    await waiting.until(is_seen)
