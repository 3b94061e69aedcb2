"""What benchmarks stand on: a migrated database of their own, and the service's processes as an operator runs them."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import asyncpg

from server.local import embedded
from server.organizations.settings import OrganizationSettings
from server.projections.registry import PROJECTIONS
from server.store import partitions, projections
from server.store.database import Database
from server.store.isolation import EVERY, SETTING
from server.tenancy import administration, api_keys
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope
from tests.support import citus

PEPPER = "a pepper that only the benchmarks know and that is long enough"
_START_SECONDS = 30.0
_GOODBYE_SECONDS = 20.0
_FOLD_SECONDS = 300.0
_LOOK_SECONDS = 0.01
_SETTLE_SECONDS = 3.0  # the port of several processes is open when the first of them listens


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A database that belongs to one benchmark."""

    engines: embedded.Engines
    url: str
    database: Database

    @classmethod
    @contextlib.asynccontextmanager
    async def on(cls, engines: embedded.Engines, name: str) -> AsyncIterator["World"]:
        """Makes the database, and drops it in the end."""
        url = engines.create_database(f"bench_{name}")
        database = Database(url)
        await citus.migrate(database)
        async with database.transaction(of=EVERY) as driver:
            await partitions.ensure(driver, datetime.now(UTC).date())
        try:
            yield cls(engines=engines, url=url, database=database)
        finally:
            await database.close()
            engines.drop_database(f"bench_{name}")

    @property
    def dsn(self) -> str:
        """The database for the bare driver."""
        return self.url.replace("postgresql+asyncpg://", "postgresql://")

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """A connection of the bare driver, with the database's own settings."""
        connection = await asyncpg.connect(self.dsn, server_settings={SETTING: EVERY.value})
        try:
            yield connection
        finally:
            await connection.close()

    async def checkpoint(self) -> None:
        """Writes out what is dirty, so that no leg of a comparison pays for the one before it."""
        connection = await asyncpg.connect(self.engines.admin_url.replace("postgresql+asyncpg://", "postgresql://"))
        try:
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()

    async def tenant(self, name: str) -> tuple[int, str]:
        """Makes an organization and returns its id and a key that may do everything."""
        settings = OrganizationSettings(time_zone="UTC")
        organization_id = await administration.create_organization(self.database, name, settings)
        key = await api_keys.create_key(self.database, KeyedHashes(PEPPER), name, name="bench", scopes=[Scope.ADMIN])
        return organization_id, key.secret

    async def keys(self, count: int) -> list[str]:
        """Makes that many organizations and returns a key of each."""
        return [(await self.tenant(f"tenant {number}"))[1] for number in range(count)]

    @contextlib.asynccontextmanager
    async def server(
        self, processes: int = 1, *, address: str | None = None, **settings: str
    ) -> AsyncIterator["Served"]:
        """A server, on a free port unless one is given, with further settings by their names in the environment."""
        if address is None:
            with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as probe:
                address = f"127.0.0.1:{probe.getsockname()[1]}"
        arguments = ["server", "serve", *(("--processes", str(processes)) if processes > 1 else ())]
        environment = self._environment(
            TALLYWIRE_KEY_PEPPER=PEPPER, TALLYWIRE_LISTEN=address, TALLYWIRE_LOG_LEVEL="warning", **settings
        )
        async with _process(*arguments, environment=environment) as process:
            await _until_open(process, address)
            if processes > 1:
                await asyncio.sleep(_SETTLE_SECONDS)
            yield Served(address=address, pid=process.pid)

    @contextlib.asynccontextmanager
    async def web(self, address: str, **settings: str) -> AsyncIterator["Served"]:
        """The process that serves pages, with further settings by their names in the environment."""
        environment = self._environment(TALLYWIRE_WEB_LISTEN=address, TALLYWIRE_LOG_LEVEL="warning", **settings)
        async with _process("server", "web", environment=environment) as process:
            await _until_open(process, address)
            yield Served(address=address, pid=process.pid)

    @contextlib.asynccontextmanager
    async def worker(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """A worker, from the moment at which it is told to start."""
        async with self.program("workers") as process:
            yield process

    @contextlib.asynccontextmanager
    async def program(self, *arguments: str, log: Path | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
        """`python -m …` on this database, told to end in order at the end of the block; log gets all that it logs."""
        environment = self._environment(TALLYWIRE_LOG_LEVEL="warning" if log is None else "info")
        with contextlib.ExitStack() as stack:
            output = None if log is None else stack.enter_context(log.open("wb"))
            async with _process(*arguments, environment=environment, stderr=output) as process:
                yield process

    async def until_folded(self) -> None:
        """Returns when a worker has left no delta."""
        async with asyncio.timeout(_FOLD_SECONDS):
            while True:
                async with self.database.query(of=EVERY) as driver:
                    if not await driver.fetchval("SELECT EXISTS (SELECT 1 FROM deltas)"):
                        return
                await asyncio.sleep(_LOOK_SECONDS)

    async def until_projected(self) -> None:
        """Returns when no projection has anything left to follow."""
        async with asyncio.timeout(_FOLD_SECONDS):
            while True:
                async with self.database.snapshot(of=EVERY) as driver:
                    if not await projections.behind(driver, list(PROJECTIONS)):
                        return
                await asyncio.sleep(_LOOK_SECONDS)

    def _environment(self, **settings: str) -> dict[str, str]:
        return {**os.environ, "DATABASE_URL": self.url, "REDIS_URL": self.engines.redis_url, **settings}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server that is running."""

    address: str
    pid: int

    def resident_mib(self) -> float:
        """The memory that it holds now, its children's included, in MiB (Linux)."""
        return sum(_status(pid, "VmRSS") for pid in _family(self.pid)) / 1024

    def peak_megabytes(self) -> float:
        """The most memory that it has held, its children's peaks included, in units of 10^6 bytes (Linux)."""
        return sum(_status(pid, "VmHWM") for pid in _family(self.pid)) * 1024 / 1e6

    def cpu_seconds(self) -> float:
        """The processor time that it has taken so far (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status(pid: int, name: str) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition(f"{name}:")[2].split()[0])


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # threads end
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


async def until(connection: "asyncpg.Connection[asyncpg.Record]", question: str) -> None:
    """Returns when the database answers a question with yes."""
    async with asyncio.timeout(_FOLD_SECONDS):
        while not await connection.fetchval(question):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(_LOOK_SECONDS)


@contextlib.asynccontextmanager
async def _process(
    *arguments: str, environment: dict[str, str], stderr: IO[bytes] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m …`, told to end in order at the end of the block."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", *arguments, env=environment, stderr=stderr)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _until_open(process: asyncio.subprocess.Process, address: str) -> None:
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(_START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                if process.returncode is not None:
                    raise RuntimeError("the server has ended; its last line says why") from None
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
