"""The service in a process of its own, on a port that stays: to be stopped, killed and started again."""

import asyncio
import contextlib
import os
import pathlib
import signal
import sys
from collections.abc import AsyncIterator, Mapping

from server.settings import Settings
from tests.conftest import PEPPER
from tests.support import processes
from tests.support.waiting import PATIENCE


class ServerProcess:
    """A server process. `start` returns once it answers; `stop` lets it drain; `kill` does not."""

    def __init__(self, settings: Settings, logs: pathlib.Path, **variables: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TALLYWIRE_")}
        self.address = f"127.0.0.1:{processes.free_port()}"
        self._environment: Mapping[str, str] = {
            **kept,
            "DATABASE_URL": settings.required("database_url"),
            "REDIS_URL": settings.required("redis_url"),
            "TALLYWIRE_KEY_PEPPER": PEPPER,
            "TALLYWIRE_LISTEN": self.address,
            # Soon done, and on a machine that stalls nothing is refused.
            "TALLYWIRE_DRAIN_SECONDS": "1",
            "TALLYWIRE_MAX_LAG_SECONDS": "60",
            "TALLYWIRE_MAX_QUEUE_SECONDS": "60",
            "PYTHONPATH": str(processes.ROOT),
            **variables,
        }
        self._logs = logs / "server.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts a process and waits until its port answers."""
        with self._logs.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "server",
                "serve",
                env=self._environment,
                cwd=processes.ROOT,
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():
                if self._process.returncode is not None:
                    raise RuntimeError(f"the server has ended:\n{self._logs.read_text()[-5000:]}")
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Ends the process in order (SIGTERM)."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Kills the process (SIGKILL)."""
        await self._end(signal.SIGKILL)

    async def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            await self._process.wait()

    async def _answers(self) -> bool:
        host, _, port = self.address.rpartition(":")
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True


@contextlib.asynccontextmanager
async def started(settings: Settings, logs: pathlib.Path, **variables: str) -> AsyncIterator[ServerProcess]:
    """A server process for the length of the block."""
    server = ServerProcess(settings, logs, **variables)
    try:
        await server.start()
        yield server
    finally:
        with contextlib.suppress(AssertionError):
            await server.kill()
