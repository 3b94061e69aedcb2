"""Power cuts: PostgreSQL's disk stops taking anything in at some moment under load, and everything on the machine ends.

What is on the disk then is what was flushed to it, so that a commit which did not wait for that is lost; killing
processes cannot show it, since the kernel still writes what they left. Then the disk is mounted again, PostgreSQL
recovers, and before anybody works on, what was acknowledged must be there.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from server.local import embedded
from tests.harness.faults import checker, disks, load
from tests.harness.faults.checker import Violation
from tests.harness.faults.history import Fault, now
from tests.harness.faults.scenario import Scenario
from tests.harness.faults.verdict import Hang
from tests.harness.faults.world import World

SECONDS_EACH = 20.0  # at most
_MEGABYTES = 2048
_LOAD = (0.5, 2.0)  # seconds before a cut
_UNMOUNT_SECONDS = 20.0


class PowerCuts:
    """A run with some cuts. Without durable, PostgreSQL does not flush anything, which must be found."""

    def __init__(self, seed: int, cuts: int, *, durable: bool = True) -> None:
        self._dice = random.Random(f"{seed}/power")
        self._cuts = cuts
        self._durable = durable
        self._disk: disks.Disk | None = None
        self._engines: embedded.Engines | None = None
        self.violations: list[Violation] = []
        self.recoveries: list[float] = []  # seconds from the power's return until every server serves

    @property
    def scenario(self) -> Scenario:
        """The kind of run."""
        option = f"--power-cut {self._cuts}" + ("" if self._durable else " --without-fsync")
        few = self._cuts < 3
        return Scenario(
            harm=self._harm, option=option, data=self._data, start=self._start, quiet=few, judge=self._judge
        )

    @contextlib.contextmanager
    def _data(self) -> Iterator[Path]:
        """A folder on a disk of its own."""
        with disks.Disk.mounted(_MEGABYTES) as disk:
            self._disk = disk
            try:
                yield disk.place / "data"
            finally:
                if self._engines is not None:
                    self._engines.stop()

    def _start(self, data: Path) -> embedded.Engines:
        data.mkdir(exist_ok=True)
        self._engines = embedded.start(data, durable=self._durable)
        return self._engines

    async def _harm(self, world: World, _: float) -> None:
        os.sync()  # the beginning is not what is tested
        for number in range(self._cuts):
            await load.under_load(world, self._cut(world))
            began = time.monotonic()
            try:
                await asyncio.to_thread(self._power_on, world.cluster.data)
            except (embedded.EnginesError, disks.Unavailable) as error:
                self.violations.append(
                    Violation(check="lost disk", text=f"no recovery after cut {number + 1}: {error}")
                )
                raise Hang("PostgreSQL does not come back") from error
            await world.cluster.serving()
            self.recoveries.append(time.monotonic() - began)
            self.violations += await self._found(world)

    async def _cut(self, world: World) -> None:
        """Cuts the power, and ends what ran on the machine of the database."""
        await asyncio.sleep(self._dice.uniform(*_LOAD))
        assert self._disk is not None
        assert self._engines is not None
        world.history.add(Fault(at=now(), what="power cut", victim="postgres"))
        self._disk.cut_power()
        postgres = self._engines.postgres_pid
        for pid in (postgres, self._engines.redis_pid, *_children(postgres)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(self._engines.stop)

    def _power_on(self, data: Path) -> None:
        assert self._disk is not None
        give_up_at = time.monotonic() + _UNMOUNT_SECONDS
        while True:
            try:
                self._disk.unmount()
                break
            except disks.Unavailable:  # a process of PostgreSQL is about to end
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.05)
        self._disk.mount()
        self._start(data)

    async def _found(self, world: World) -> list[Violation]:
        """What is wrong right after the recovery. What nobody acknowledged may be missing."""
        for tenant in world.tenants:
            await world.audit(tenant)
        found = checker.judge(world.history, await world.stored(), world.facts)
        return [one for one in found if one.check != "never stored"]

    def _judge(self, _: World) -> Iterator[Violation]:
        yield from self.violations
        print(f"recovered within {max(self.recoveries, default=0):.1f} s, {len(self.recoveries)} times", flush=True)


def _children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()))
