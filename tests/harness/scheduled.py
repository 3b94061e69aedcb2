"""python -m tests.harness.scheduled [--days N] [--seed N]: a year of schedules of reports, where clocks change.

Workers are processes on a database whose clock is moved by hours or weeks, and back. They are killed by SIGKILL,
and Redis is emptied, all by chance. At the end each instant must have one run, and each recipient one delivery of it.
"""

import argparse
import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis.asyncio

from server.local import embedded
from server.store import migrate, partitions
from server.store.database import Database
from server.store.isolation import EVERY
from tests.conftest import PEPPER
from tests.support import memory, receivers, scheduled_runs, simulated_clock
from tests.support.receivers import MailBox
from tests.support.worker_processes import Worker, Workers

START = datetime(2026, 1, 1, tzinfo=UTC)
_KINDS = "scheduled_report,report_run,report_outcomes,report_retention,deliver_mail,delivery_sweep"
_WORKERS = 2
_SETTLE_SECONDS = 300.0
_LOOK_SECONDS = 0.5
_IN_SECONDS = 60  # looks
_DAY = timedelta(days=1)


class Simulation:
    """A year, at some instant of it."""

    def __init__(self, database: Database, workers: Workers, redis_url: str, dice: random.Random) -> None:
        self._database = database
        self._workers = workers
        self._redis_url = redis_url
        self._dice = dice
        self._running: list[Worker] = []
        self.done = Counter[str]()
        self.now = START

    async def move(self, by: timedelta) -> None:
        """Moves the clock."""
        self.now += by
        self.done["moved forward" if by > timedelta() else "moved back"] += 1
        await simulated_clock.move(self._database, self.now)

    async def trouble(self) -> None:
        """Does something to the workers or to Redis, or nothing."""
        self._running = [one for one in self._running if one.process.returncode is None]
        if self._running and self._dice.random() < 0.5:
            await self._running.pop(self._dice.randrange(len(self._running))).end(signal.SIGKILL)
            self.done["workers killed"] += 1
        if self._dice.random() < 0.3:
            async with redis.asyncio.Redis.from_url(self._redis_url) as client:
                await client.flushall()
            self.done["Redis emptied"] += 1
        while len(self._running) < _WORKERS:
            self._running.append(await self._workers.start("--kinds", _KINDS))
        await asyncio.sleep(self._dice.random() * 2)

    async def settle(self) -> None:
        """Leaves the workers in peace until all is done. The clock goes on meanwhile, first by less than a lease lasts
        and then by hours: tries wait for their time, and what a worker held that died before the clock was set back
        waits for longer.
        """
        until, looks = time.monotonic() + _SETTLE_SECONDS, 0
        while waiting := await scheduled_runs.waiting(self._database, self.now):
            if time.monotonic() > until:
                raise AssertionError(f"something waits for ever at {self.now}: {waiting}")
            await asyncio.sleep(_LOOK_SECONDS)
            looks += 1
            self.now += timedelta(seconds=10 if looks < _IN_SECONDS else 3_600)
            await simulated_clock.move(self._database, self.now)

    async def run(self, end: datetime) -> None:
        """Lives until the end."""
        while self.now < end:
            step = timedelta(hours=self._dice.choice([1, 5, 24, 48, 170, 400]))
            if self._dice.random() < 0.2 and self.now - START > 3 * _DAY:
                step = -timedelta(minutes=self._dice.choice([1, 59, 61, 1_440, 2_880]))
            await self.move(min(step, end - self.now))
            await self.trouble()
            if self._dice.random() < 0.3:
                await self.settle()
        await self.settle()


async def simulated(days: int, seed: int) -> str:
    """Returns what there is to tell of a simulation that went well."""
    end = START + days * _DAY
    with memory.folder("scheduled", room=memory.OF_A_SESSION) as folder, embedded.start(folder) as engines:
        url = engines.create_database("scheduled")
        database = Database(url, ingest_connections=1, other_connections=2)
        await migrate.upgrade(database)
        async with database.transaction(of=EVERY) as driver:
            await partitions.ensure(driver, (await database.condition()).now.date())
        await database.close()
        await simulated_clock.install(url)
        database = Database(url, ingest_connections=1, other_connections=2)
        async with receivers.mail_box() as box:
            workers = Workers(folder, _variables(url, engines.redis_url, folder, box))
            try:
                return await _lived(database, workers, engines.redis_url, box, end, seed)
            finally:
                for one in workers.started:
                    await one.end(signal.SIGKILL)
                await database.close()


def _variables(url: str, redis_url: str, folder: Path, box: MailBox) -> dict[str, str]:
    return {
        "DATABASE_URL": url,
        "REDIS_URL": redis_url,
        "TALLYWIRE_KEY_PEPPER": PEPPER,
        "TALLYWIRE_DATA_DIR": str(folder / "data"),
        "TALLYWIRE_SMTP": f"smtp://127.0.0.1:{box.port}?from=reports@example.org",
    }


async def _lived(database: Database, workers: Workers, redis_url: str, box: MailBox, end: datetime, seed: int) -> str:
    await simulated_clock.move(database, START)
    schedules = await scheduled_runs.made(database, START)
    life = Simulation(database, workers, redis_url, random.Random(seed))
    begun = time.monotonic()
    await life.run(end)
    mails = Counter(str(one["Message-ID"]) for one in box.mails)
    runs = await scheduled_runs.check(database, schedules, START, life.now, mails)
    twice = sum(count - 1 for count in mails.values())
    told = ", ".join(f"{name}: {count}" for name, count in sorted(life.done.items()))
    return (
        f"{runs} runs in {len(schedules)} zones, one for each instant; {len(mails)} mails, {twice} of them repeated"
        f" with the same id; {told}; {time.monotonic() - begun:.0f} s"
    )


def main() -> None:
    """Runs a simulation and prints what there is to tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365, help="how long it lasts")
    parser.add_argument("--seed", type=int, default=1, help="what chance is made of")
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        print(asyncio.run(simulated(given.days, given.seed)))


if __name__ == "__main__":
    main()
