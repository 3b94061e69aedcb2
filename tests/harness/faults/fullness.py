"""Full disks: the one with PostgreSQL's data, or the one with its WAL, has no room for some seconds under load.

With the first PostgreSQL refuses what needs room; with the second it ends, and is started again once there is room.
"""

import asyncio
import contextlib
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import asyncpg

from server.local import embedded
from tallywire import TallywireError
from tests.harness.faults import clients, disks, load
from tests.harness.faults.checker import Violation
from tests.harness.faults.clients import Client, Results, Server
from tests.harness.faults.history import Fault, now
from tests.harness.faults.nemesis import plain_url
from tests.harness.faults.plain import PlainClient
from tests.harness.faults.scenario import Scenario
from tests.harness.faults.workload import message
from tests.harness.faults.world import World

SECONDS: Final = 120.0  # at most
_MEGABYTES = 512
_CALM, _FULL = 1.0, 13.0  # seconds; longer than a server tries again before it tells a sender
_ROUNDS = 2
_RECOVERY_SECONDS = 30.0


class Fullness:
    """A run in which the disk of data, or of wal, is full several times."""

    def __init__(self, volume: str) -> None:
        self._volume = volume
        self._disk: disks.Disk | None = None
        self._wal = Path()
        self._engines: embedded.Engines | None = None
        self._answers: Counter[str] = Counter()  # of servers that could not store an event
        self._recoveries: list[float] = []  # seconds from the return of room until events are taken in

    @property
    def scenario(self) -> Scenario:
        """The kind of run. Its seconds do not count: it ends by itself."""
        return Scenario(
            harm=self._harm,
            option=f"--disk-full {self._volume}",
            data=self._data,
            start=self._start,
            quiet=True,
            judge=self._judge,
        )

    @contextlib.contextmanager
    def _data(self) -> Iterator[Path]:
        """A folder for the engines, and another one for the WAL, one of them on a disk of its own."""
        with (
            disks.Disk.mounted(_MEGABYTES) as disk,
            tempfile.TemporaryDirectory(prefix="tallywire-faults-", dir="/dev/shm") as roomy,
        ):
            Path(roomy).chmod(0o711)
            self._disk = disk
            data, self._wal = disk.place, Path(roomy)
            if self._volume == "wal":
                data, self._wal = self._wal, data
            try:
                yield data / "data"
            finally:
                if self._engines is not None:
                    self._engines.stop()

    def _start(self, data: Path) -> embedded.Engines:
        """Starts engines whose WAL is elsewhere than their data."""
        data.mkdir()
        embedded.start(data).stop()
        place = self._wal / "pg_wal"
        subprocess.run(["mv", data / "postgres" / "pg_wal", place], check=True)  # with its owner, to another disk
        (data / "postgres" / "pg_wal").symlink_to(place)
        self._engines = embedded.start(data)
        return self._engines

    async def _harm(self, world: World, _: float) -> None:
        await load.under_load(world, self._fill_again_and_again(world))

    async def _fill_again_and_again(self, world: World) -> None:
        assert self._disk is not None
        for _ in range(_ROUNDS):
            await asyncio.sleep(_CALM)
            world.history.add(Fault(at=now(), what="full", victim=self._volume))
            await asyncio.to_thread(self._disk.fill)
            if self._volume == "wal":
                await self._use_up_segments()
            async with asyncio.TaskGroup() as group:
                for client in world.clients("asker"):
                    for server in client.tenant.servers:
                        group.create_task(self._ask(client, server))
            self._disk.make_room()
            began = now()
            world.history.add(Fault(at=began, what="room", victim=self._volume))
            await asyncio.wait_for(self._recovered(world), timeout=2 * _RECOVERY_SECONDS)
            self._recoveries.append(now() - began)

    async def _use_up_segments(self) -> None:
        """Has PostgreSQL begin new segments until it cannot: it has some in stock."""
        assert self._engines is not None
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(plain_url(self._engines.admin_url), timeout=5)
            for _ in range(100):
                await connection.execute("SELECT pg_logical_emit_message(false, 'full', 'x')", timeout=5)
                await connection.execute("SELECT pg_switch_wal()", timeout=5)

    async def _ask(self, client: Client, server: Server) -> None:
        """Sends new events for some seconds, and notes what the server says by itself, without any retry."""
        ends, tenant = now() + _FULL, client.tenant
        async with PlainClient(server.address, api_key=tenant.key, retries=False) as plain:
            while now() < ends:
                (fact,) = tenant.business.facts(1)
                tenant.facts[fact.event_id] = tenant.unknown[fact.event_id] = fact
                began, failed = now(), ""
                results: Results = ()
                try:
                    results = clients.results_of(await plain.track_batch([message(fact)], timeout=2 * _FULL))
                except TallywireError as error:
                    failed = client.failed(server, error)
                    reported = "" if error.retry_after is None else " with RetryInfo"
                    self._answers[f"{error.code.name} {error.reason}{reported}".strip()] += 1
                client.sent(server, [fact], began, results, error=failed)  # some are stored while it fills
                await asyncio.sleep(0.05)

    async def _recovered(self, world: World) -> None:
        """Starts PostgreSQL if it has ended, and returns once every organization's events are taken in everywhere."""
        assert self._engines is not None
        if not _runs(self._engines.postgres_pid):
            await asyncio.to_thread(self._engines.restart_postgres)
        await world.cluster.serving()
        for client in world.clients("after"):
            for server in client.tenant.servers:
                facts = client.tenant.take(1, client.dice)
                while facts[0].event_id not in client.tenant.settled:
                    await client.track(server, facts, 2.0)

    def _judge(self, _: World) -> Iterator[Violation]:
        """Senders were told to try again, and the service came back by itself in time."""
        answers = ", ".join(f"{count} × {answer}" for answer, count in sorted(self._answers.items()))
        print(f"told while full: {answers}; took in again after {max(self._recoveries, default=0):.1f} s", flush=True)
        if not self._answers:
            yield Violation(check="idle", text="no server ever had to refuse an event")
        for answer in self._answers:
            if not answer.startswith("UNAVAILABLE"):
                yield Violation(check="status", text=f"a sender was told {answer}")
        if max(self._recoveries, default=_RECOVERY_SECONDS) >= _RECOVERY_SECONDS:
            yield Violation(check="recovery", text=f"it took {self._recoveries} seconds")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
