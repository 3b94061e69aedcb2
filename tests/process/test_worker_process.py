"""`python -m workers` as an operator runs it, and what it survives."""

import asyncio
import functools
import operator
import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from server import errors, failpoints, kinds
from server.local import embedded
from server.rollups import audit, fold
from server.settings import Settings
from server.store.database import Database
from server.tasks import wakeups
from server.tasks.wakeups import Wakeups
from tests.support import children, worlds
from tests.support.worker_processes import ROOT, Workers, environment, until
from workers import __main__ as program

KINDS = kinds.known()


async def folded(database: Database, organization: int) -> None:
    """Waits until an organization has no deltas left."""
    await until(lambda: worlds.unfolded(database, organization), lambda left: left == 0)


async def test_a_worker_folds_runs_its_tasks_and_ends_in_order(
    own_database: Database, own_organization: int, workers: Workers
) -> None:
    await worlds.store(own_database, own_organization, worlds.events(1, 500))
    before = await worlds.figures(own_database, own_organization)
    worker = await workers.start()
    await folded(own_database, own_organization)
    made = "SELECT count(*) FROM schedules"
    await until(lambda: worlds.value(own_database, made), lambda made: made == len(KINDS.schedules))
    # As after an outage of a day: each has missed a period at least.
    await worlds.execute(own_database, "UPDATE schedules SET next_run_at = next_run_at - interval '1 day'")
    done = "SELECT count(*) FROM schedules WHERE runs > 0 AND failures = 0"
    await until(lambda: worlds.value(own_database, done), lambda done: done == len(KINDS.schedules))
    assert await worlds.figures(own_database, own_organization) == before
    assert await worker.end(signal.SIGINT) == 0
    assert "error" not in worker.log
    assert "warning" not in worker.log


async def test_a_wakeup_is_followed(
    own_engines: embedded.Engines, own_database: Database, own_organization: int, workers: Workers
) -> None:
    """By a worker that does not look by itself."""
    worker = await workers.start(module="tests.support.woken_worker")
    sender = Wakeups(own_engines.redis_url)
    try:
        for seed in range(3):
            await worlds.store(own_database, own_organization, worlds.events(seed, 50))
            sender.fold(own_organization)
            await folded(own_database, own_organization)
    finally:
        await sender.close()
    assert await worker.end() == 0


async def test_workers_that_are_killed_while_they_fold_change_no_figure(
    own_database: Database, own_organization: int, workers: Workers
) -> None:
    """By a failpoint, with everything written and nothing committed; then by kill -9, wherever they are."""
    for seed in range(2):
        await worlds.store(own_database, own_organization, worlds.events(seed, 1500, days=30), batch=60)
    before = await worlds.figures(own_database, own_organization)
    for _ in range(2):
        deltas = await worlds.unfolded(own_database, own_organization)
        assert deltas > fold.BATCH_DELTAS
        worker = await workers.start(FAILPOINT="fold_before_commit:1", TALLYWIRE_ALLOW_FAILPOINTS="true")
        assert await worker.ended() == failpoints.EXIT_CODE
        assert await worlds.unfolded(own_database, own_organization) == deltas
        assert await worlds.figures(own_database, own_organization) == before
        # So that the next worker adds to what is there.
        assert await fold.fold(own_database, own_organization, 1000) == 1000
    deltas = await worlds.unfolded(own_database, own_organization)
    worker = await workers.start()
    await until(lambda: worlds.unfolded(own_database, own_organization), functools.partial(operator.ne, deltas))
    assert await worker.end(signal.SIGKILL) == -signal.SIGKILL
    assert await worlds.figures(own_database, own_organization) == before
    await workers.start()
    await workers.start()
    await folded(own_database, own_organization)
    assert await worlds.figures(own_database, own_organization) == before
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def test_folding_goes_on_without_redis_and_after_it(
    own_engines: embedded.Engines, own_database: Database, own_organization: int, workers: Workers
) -> None:
    worker = await workers.start()
    seeds = iter(range(100))

    async def more() -> None:
        await worlds.store(own_database, own_organization, worlds.events(next(seeds), 50))
        await folded(own_database, own_organization)

    await more()
    queue = wakeups.connect(own_engines.redis_url)
    await queue.flushall()
    await more()
    await asyncio.to_thread(own_engines.stop_redis)
    try:
        await more()
        await more()
    finally:
        await asyncio.to_thread(own_engines.restart_redis)
    await more()
    # arq is back, too: its cron marks what it ran.
    await until(lambda: queue.keys("arq:in-progress:fold_due:*"), bool)
    await queue.aclose(close_connection_pool=True)
    assert worker.process.returncode is None
    assert worker.log.count("a part of the worker stopped") == 1
    assert await worker.end() == 0


async def test_a_worker_outlives_a_restart_of_the_database(
    own_engines: embedded.Engines, own_url: str, own_database: Database, own_organization: int, workers: Workers
) -> None:
    worker = await workers.start()
    await worlds.store(own_database, own_organization, worlds.events(1, 50))
    await folded(own_database, own_organization)
    await asyncio.to_thread(own_engines.stop_postgres)
    await asyncio.sleep(3)
    await asyncio.to_thread(own_engines.restart_postgres)
    fresh = Database(own_url)  # the other one's connections have died with the database
    await worlds.store(fresh, own_organization, worlds.events(2, 50))
    await folded(fresh, own_organization)
    await fresh.close()
    assert await worker.end() == 0


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"DATABASE_URL": None}, "DATABASE_URL is not set"),
        ({"REDIS_URL": None}, "REDIS_URL is not set"),
        ({"DATABASE_URL": "mysql://localhost/x"}, "not of PostgreSQL"),
        ({"DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"}, "nothing listens at 127.0.0.1:1"),
        ({"REDIS_URL": "http://localhost"}, "REDIS_URL is not a URL of Redis"),
    ],
)
async def test_settings_that_cannot_work_are_reported(
    own_engines: embedded.Engines, own_url: str, change: dict[str, str | None], complaint: str
) -> None:
    variables = {"DATABASE_URL": own_url, "REDIS_URL": own_engines.redis_url} | change
    with pytest.raises(errors.SetupError, match=complaint) as raised:
        await program.work(Settings(**variables), 0)  # type: ignore[arg-type]  # fields are set by their variables
    assert "secret" not in str(raised.value)


async def test_a_database_that_was_not_migrated_is_reported(own_engines: embedded.Engines) -> None:
    empty = own_engines.create_database("not_migrated")
    known = Settings(DATABASE_URL=empty, REDIS_URL=own_engines.redis_url)  # type: ignore[call-arg]
    with pytest.raises(errors.SetupError, match="python -m server migrate"):
        await program.work(known, 0)


async def test_a_port_that_is_taken_is_reported(own_engines: embedded.Engines, own_url: str, taken_port: int) -> None:
    known = Settings(DATABASE_URL=own_url, REDIS_URL=own_engines.redis_url)  # type: ignore[call-arg]
    with pytest.raises(errors.SetupError, match="TALLYWIRE_METRICS_ADDRESS or TALLYWIRE_METRICS_PORT"):
        await program.work(known, taken_port)


async def test_metrics_are_served_at_the_address_that_is_set(own_engines: embedded.Engines, own_url: str) -> None:
    elsewhere = {"metrics_address": "192.0.2.1"}  # an address that nobody has
    known = Settings(DATABASE_URL=own_url, REDIS_URL=own_engines.redis_url, **elsewhere)  # type: ignore[call-arg, arg-type]
    with pytest.raises(errors.SetupError, match=r"192\.0\.2\.1"):
        await program.work(known, 9464)


async def test_a_worker_that_cannot_begin_says_so_in_one_line(own_engines: embedded.Engines) -> None:
    variables = {"DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x", "REDIS_URL": own_engines.redis_url}
    code, output, complaint = await children.ran(
        *(sys.executable, "-m", "workers"), cwd=ROOT, env=environment(**variables)
    )
    assert (code, output) == (1, "")
    (line,) = complaint.splitlines()
    assert "nothing listens at 127.0.0.1:1" in line


async def test_help_says_what_it_is() -> None:
    code, output, _ = await children.ran(sys.executable, "-m", "workers", "--help", cwd=ROOT, env=environment())
    assert code == 0
    assert "DATABASE_URL and REDIS_URL" in output
