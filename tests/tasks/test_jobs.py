"""Jobs run once per turn, whoever dies, and what failed is tried again."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from server import errors
from server.store import jobs as stored_jobs
from server.store.database import Database
from server.store.jobs import Lease
from server.tasks import jobs
from server.tasks.jobs import UNFINISHED, Job
from tests.support import worlds

Result = Mapping[str, object]
MINUTE = timedelta(minutes=1)


def job(run: object, **changes: object) -> Job:
    return Job(**{"name": "count", "interval": MINUTE, "run": run, **changes})  # type: ignore[arg-type]


async def count(database: Database, now: datetime, last: Result) -> Result:
    return {"turns": int(str(last.get("turns", 0))) + 1}


async def stored(database: Database) -> stored_jobs.JobRecord:
    async with database.transaction() as driver:
        return (await stored_jobs.listed(driver))[0]


async def make_due(database: Database) -> None:
    async with database.transaction() as driver:
        await stored_jobs.wake(driver, "count")


async def claim(database: Database, owner: str, lease: timedelta = MINUTE) -> Lease | None:
    async with database.transaction() as driver:
        return await stored_jobs.claim(driver, "count", owner, lease)


async def test_a_job_runs_once_an_interval_and_remembers_its_result(own_database: Database) -> None:
    assert await jobs.run_due(own_database, "me", [job(count)]) == 1
    assert await jobs.run_due(own_database, "me", [job(count)]) == 0
    await make_due(own_database)
    ran = await asyncio.gather(*(jobs.run_due(own_database, f"worker {n}", [job(count)]) for n in range(4)))
    assert sum(ran) == 1
    found = await stored(own_database)
    assert (found.runs, found.failures, found.result, found.running_by) == (2, 0, {"turns": 2}, None)
    assert found.finished_at is not None
    assert MINUTE - timedelta(seconds=1) <= found.next_run_at - found.finished_at <= MINUTE


async def test_a_job_with_more_to_do_is_due_at_once(own_database: Database) -> None:
    async def some(database: Database, now: datetime, last: Result) -> Result:
        return {} if last else {UNFINISHED: True}

    assert [await jobs.run_due(own_database, "me", [job(some)]) for _ in range(3)] == [1, 1, 0]


async def test_an_expired_lease_is_taken_over_and_its_holder_can_write_nothing(own_database: Database) -> None:
    old = await claim(own_database, "slow", timedelta(seconds=0.2))
    assert old is not None
    assert await claim(own_database, "fast") is None
    await asyncio.sleep(0.3)
    new = await claim(own_database, "fast")
    assert new is not None
    assert new.epoch > old.epoch
    async with own_database.transaction() as driver:
        assert not await stored_jobs.renew(driver, old, MINUTE)
        assert not await stored_jobs.finish(driver, old, MINUTE, {"by": "slow"})
        await stored_jobs.fail(driver, old, MINUTE, "slow")
        await stored_jobs.release(driver, old)
    found = await stored(own_database)
    assert (found.running_by, found.error, found.result) == ("fast", None, {})
    async with own_database.transaction() as driver:
        assert await stored_jobs.finish(driver, new, MINUTE, {"by": "fast"})
    assert (await stored(own_database)).result == {"by": "fast"}


async def test_a_long_job_keeps_its_lease(own_database: Database) -> None:
    async def last_long(database: Database, now: datetime, last: Result) -> Result:
        await asyncio.sleep(1.2)
        return {"turns": 1}

    long = job(last_long, lease=timedelta(seconds=0.5))
    working = asyncio.create_task(jobs.run_due(own_database, "me", [long]))
    await asyncio.sleep(0.9)
    assert await claim(own_database, "other") is None
    assert await working == 1
    assert (await stored(own_database)).result == {"turns": 1}


async def test_a_job_ends_where_its_lease_is_lost(own_database: Database) -> None:
    ended = asyncio.Event()

    async def go_on(database: Database, now: datetime, last: Result) -> Result:
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()
        return {}

    working = asyncio.create_task(jobs.run_due(own_database, "me", [job(go_on, lease=timedelta(seconds=0.6))]))
    await asyncio.sleep(0.1)
    await worlds.execute(own_database, "UPDATE jobs SET lease_epoch = lease_epoch + 1, lease_owner = 'other'")
    await asyncio.wait_for(working, 2)
    assert ended.is_set()
    found = await stored(own_database)
    assert (found.running_by, found.runs, found.failures) == ("other", 0, 0)


async def test_a_failure_is_recorded_without_its_text_and_tried_again(own_database: Database) -> None:
    async def fail(database: Database, now: datetime, last: Result) -> Result:
        raise RuntimeError("postgresql://user:secret@host SELECT 'ada'")

    async def refuse(database: Database, now: datetime, last: Result) -> Result:
        async with database.transaction() as driver:
            await driver.execute("SELECT 'ada'::integer")
        return {}

    assert await jobs.run_due(own_database, "me", [job(count)]) == 1
    await make_due(own_database)
    assert await jobs.run_due(own_database, "me", [job(fail)]) == 1
    found = await stored(own_database)
    assert found.error is not None
    assert found.error.startswith("RuntimeError in fail, line ")
    assert found.failed_at is not None
    assert (found.failures, found.result) == (1, {"turns": 1})
    assert timedelta(seconds=9) < found.next_run_at - found.failed_at <= timedelta(seconds=10)
    await make_due(own_database)
    assert await jobs.run_due(own_database, "me", [job(refuse)]) == 1
    assert (await stored(own_database)).error == "database error 22P02"
    await make_due(own_database)
    assert await jobs.run_due(own_database, "me", [job(count)]) == 1
    found = await stored(own_database)
    assert (found.error, found.failures, found.result) == (None, 2, {"turns": 2})


@pytest.mark.parametrize(
    ("interval", "since_failure", "pause"),
    [(3600, None, 10), (3600, 1, 10), (3600, 10, 20), (3600, 21, 42), (60, 50, 60), (86_400, 5000, 3600), (5, None, 5)],
)
def test_pauses_after_failures_double(interval: int, since_failure: int | None, pause: int) -> None:
    since = None if since_failure is None else timedelta(seconds=since_failure)
    assert jobs.retry_in(timedelta(seconds=interval), since) == timedelta(seconds=pause)


async def test_a_worker_that_ends_leaves_its_job_to_the_next(own_database: Database) -> None:
    async def go_on(database: Database, now: datetime, last: Result) -> Result:
        await asyncio.sleep(30)
        return {}

    working = asyncio.create_task(jobs.run_due(own_database, "me", [job(go_on)]))
    await asyncio.sleep(0.2)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert await jobs.run_due(own_database, "next", [job(count)]) == 1


async def test_every_worker_publishes_the_last_result(own_database: Database) -> None:
    published: list[Result] = []
    reported = job(count, publish=published.append)
    await jobs.run_due(own_database, "me", [reported])
    await jobs.run_due(own_database, "other", [reported])
    assert published == [{"turns": 1}, {"turns": 1}]


def test_errors_of_the_store_are_reported_in_its_own_words() -> None:
    assert jobs.describe(errors.StorageUnavailable("database error 40P01")) == "database error 40P01"
