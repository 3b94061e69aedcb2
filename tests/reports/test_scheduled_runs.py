"""Every instant of a schedule has one run and every recipient one delivery of it, in many zones around changes of their
clocks, while workers die and the clock of the database is moved. python -m tests.harness.scheduled does so for a year,
with processes that are killed.
"""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from server import kinds
from server.delivery import setup
from server.delivery.stores import StoredFiles
from server.projections.projector import Projector
from server.settings import Settings
from server.store import schedules as stored
from server.store.database import Database
from server.tasks import schedules
from server.tasks.runner import Runner
from tests.delivery.delivering import HASHES
from tests.support import receivers, scheduled_runs, simulated_clock, waiting
from tests.support.receivers import MailBox
from tests.support.scheduled_runs import Scheduled
from tests.support.zones import ZONES
from workers import reporting

KINDS = ("scheduled_report", "report_run", "deliver_mail")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize("name", ZONES)
def test_a_year_has_every_instant_once(name: str) -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    one = Scheduled(organization_id=1, zone=name)
    due = stored.DueSchedule(
        key=stored.ScheduleKey(name=one.schedule_id, organization_id=1),
        kind="scheduled_report",
        cron="30 2 * * 7",
        time_zone=name,
        catch_up=stored.CatchUp.ALL,
        next_run_at=start,
        now=end,
    )
    found = schedules.periods(due).due
    assert list(found) == one.expected(start, end)
    assert len(found) == 52


class Workers:
    """Workers in this process, one at a time, which die when a test says so."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._projector = Projector(database, on_revision=lambda _: None)
        making = reporting.making(settings, database, self._projector, lambda: None)
        courier = setup.courier(settings, HASHES, StoredFiles(settings.reports_url))
        every = kinds.known(projector=self._projector, courier=courier, reports=making)
        self._kinds = every.only(KINDS)
        self._runners: list[Runner] = []

    async def start(self) -> None:
        """Starts a worker."""
        self._runners.append(Runner(self._database, self._kinds, f"worker {len(self._runners)}"))
        await self._runners[-1].introduce()

    async def look(self) -> None:
        """Has the worker queue what is due and begin what it has room for."""
        await schedules.run_due(self._database, self._kinds)
        await self._runners[-1].look()

    async def die(self) -> None:
        """Ends a worker in the middle of whatever it does, without a word, and starts another one."""
        for one in list(self._runners[-1].executions._all):
            one.running.cancel()
        await self.start()

    async def stop(self) -> None:
        """Ends the last worker."""
        await self._runners[-1].stop()
        await self._projector.close()


@pytest.fixture
async def box() -> AsyncIterator[MailBox]:
    async with receivers.mail_box() as made:
        yield made


@pytest.fixture
async def database(own_url: str) -> AsyncIterator[Database]:
    """A database of the test's own, with a clock that can be moved."""
    await simulated_clock.install(own_url)
    made = Database(own_url, ingest_connections=1, other_connections=6)
    yield made
    await made.close()


@pytest.fixture
async def workers(database: Database, settings: Settings, box: MailBox, tmp_path: Path) -> AsyncIterator[Workers]:
    smtp = SecretStr(f"smtp://127.0.0.1:{box.port}?from=reports@example.org")
    made = Workers(database, settings.model_copy(update={"smtp": smtp, "data_dir": tmp_path, "reports_store": None}))
    await made.start()
    yield made
    await made.stop()


async def test_workers_die_and_clocks_move(database: Database, workers: Workers, box: MailBox) -> None:
    start = now = datetime(2026, 10, 21, tzinfo=UTC)  # before most clocks are set back
    await simulated_clock.move(database, now)
    made = await scheduled_runs.made(database, now)
    # Three workers in a row die with the tasks that queue runs, and three with runs and mails: a run outlives three.
    for step, dies in (
        (4 * DAY + 12 * HOUR, True),
        (MINUTE, True),
        (MINUTE, True),
        (-2 * HOUR, False),
        (2 * HOUR, False),
        (MINUTE, True),
        (MINUTE, True),
        (-DAY, False),
        (8 * DAY, True),
    ):
        now += step
        await simulated_clock.move(database, now)
        await workers.look()
        if dies:
            await workers.die()

    async def is_settled() -> bool:
        """Whether all is done. Tries wait for their time, and tasks of the dead for the end of their leases."""
        nonlocal now
        now += timedelta(seconds=40)
        await simulated_clock.move(database, now)
        await workers.look()
        return not await scheduled_runs.waiting(database, now)

    await waiting.until(is_settled)
    mails = Counter(str(one["Message-ID"]) for one in box.mails)
    assert await scheduled_runs.check(database, made, start, now, mails) == 2 * len(ZONES)
