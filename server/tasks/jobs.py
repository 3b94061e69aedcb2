"""Background jobs: what there is to do from time to time, done once by whichever worker looks first.

A worker holds a job by a lease with an epoch. A worker that dies or hangs loses it when it expires, the next holder has
a higher epoch, and what the old one still has to say is refused. So every job may be begun again at any point.
"""

import asyncio
import functools
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from server import errors, failpoints, telemetry
from server.rollups import audit
from server.store import jobs as stored_jobs
from server.store.database import Database
from server.store.jobs import Lease
from server.tasks import retention

Result = Mapping[str, object]

UNFINISHED = retention.UNFINISHED
AUDIT_EVERY = timedelta(minutes=10)
_FIRST_RETRY = timedelta(seconds=10)
_SLOWEST_RETRY = timedelta(hours=1)
_GOODBYE_SECONDS = 2.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something to do every interval. run gets the database's time and the last success's result, and returns the next.

    A result that holds UNFINISHED as true means that there is more to do: the job is due again at once. publish gets
    the last result by every worker, not only by the one that ran the job.
    """

    name: str
    interval: timedelta
    run: Callable[[Database, datetime, Result], Awaitable[Result]]
    lease: timedelta = timedelta(seconds=60)  # renewed while the job runs; as long as a dead worker's job waits
    publish: Callable[[Result], None] | None = None


def registry(update_window: timedelta, give_way: audit.GiveWay = audit.at_once) -> tuple[Job, ...]:
    """Every job. update_window is how long updates are kept for subscribers that were away; give_way is awaited now and
    then by what is not urgent.
    """
    update_retention = functools.partial(retention.update_retention, window=update_window)
    run_audit = functools.partial(audit.run, give_way=give_way)
    return (
        Job(name="partitions", interval=timedelta(hours=1), run=retention.partitions),
        Job(name="event_retention", interval=timedelta(days=1), run=retention.event_retention),
        Job(name="key_retention", interval=timedelta(days=1), run=retention.key_retention),
        Job(name="update_retention", interval=timedelta(hours=1), run=update_retention),
        Job(name="slot_retention", interval=timedelta(minutes=10), run=retention.slot_retention),
        Job(name=audit.JOB, interval=AUDIT_EVERY, run=run_audit, publish=audit.publish),
    )


REGISTRY = registry(timedelta(hours=24))


async def run_due(database: Database, owner: str, registry: Sequence[Job] = REGISTRY) -> int:
    """Runs the jobs that are due and that nobody else is running, and returns how many. Raises StorageUnavailable."""
    async with database.transaction() as driver:
        known = {job.name: job for job in await stored_jobs.listed(driver)}
    ran = 0
    for job in registry:
        before = known.get(job.name)
        if before is not None and job.publish is not None:
            job.publish(before.result)
        async with database.transaction() as driver:
            lease = await stored_jobs.claim(driver, job.name, owner, job.lease)
        if lease is not None:
            await _run(database, job, lease)
            ran += 1
    return ran


async def _run(database: Database, job: Job, lease: Lease) -> None:
    """Runs a job under its lease and records what became of it."""
    try:
        result = await _while_held(database, job, lease)
    except asyncio.CancelledError:
        await asyncio.shield(_give_back(database, lease))
        raise
    except _LeaseLost:
        telemetry.JOB_RUNS.labels(job.name, "lost").inc()
        _log.warning("another worker has taken the job over", job=job.name, epoch=lease.epoch)
    except Exception as error:  # noqa: BLE001 - whatever it is: recorded, logged without its text and tried again
        await _fail(database, job, lease, describe(error))
    else:
        await _finish(database, job, lease, result)


async def _while_held(database: Database, job: Job, lease: Lease) -> Result:
    """The job's result; its lease is renewed as long as it runs, and the job ends where that is refused."""
    work = asyncio.ensure_future(job.run(database, lease.at, lease.result))
    try:
        while not (await asyncio.wait({work}, timeout=job.lease.total_seconds() / 3))[0]:
            if not await _renewed(database, job, lease):
                raise _LeaseLost
        return work.result()
    finally:
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


async def _renewed(database: Database, job: Job, lease: Lease) -> bool:
    """False where the lease has gone to somebody else; True also where nobody can tell, which the job's end will."""
    try:
        async with database.transaction() as driver:
            return await stored_jobs.renew(driver, lease, job.lease)
    except errors.StorageUnavailable:
        return True


async def _finish(database: Database, job: Job, lease: Lease, result: Result) -> None:
    again_in = timedelta(0) if result.get(UNFINISHED) else job.interval
    failpoints.reach("job_before_record")
    async with database.transaction() as driver:
        held = await stored_jobs.finish(driver, lease, again_in, result)
    telemetry.JOB_RUNS.labels(job.name, "finished" if held else "lost").inc()
    if not held:
        _log.warning("another worker has taken the job over", job=job.name, epoch=lease.epoch)
    elif job.publish is not None:
        job.publish(result)


async def _fail(database: Database, job: Job, lease: Lease, error: str) -> None:
    again_in = retry_in(job.interval, lease.since_failure)
    telemetry.JOB_RUNS.labels(job.name, "failed").inc()
    _log.error("a job failed", job=job.name, error=error, again_in_seconds=round(again_in.total_seconds()))
    async with database.transaction() as driver:
        await stored_jobs.fail(driver, lease, again_in, error)


def retry_in(interval: timedelta, since_failure: timedelta | None) -> timedelta:
    """The pause after a failure: twice the time since the failure before it, within bounds."""
    doubled = _FIRST_RETRY if since_failure is None else 2 * since_failure
    return min(max(doubled, _FIRST_RETRY), interval, _SLOWEST_RETRY)


async def _give_back(database: Database, lease: Lease) -> None:
    """Leaves the job to the next worker where this one is ending; else it would wait for the lease to expire."""
    try:
        async with asyncio.timeout(_GOODBYE_SECONDS), database.transaction() as driver:
            await stored_jobs.release(driver, lease)
    except (errors.StorageUnavailable, TimeoutError):
        _log.info("the job waits until its lease expires", job=lease.name)


def describe(error: BaseException) -> str:
    """What an operator needs to know of an error, without its text where that may hold values, SQL or a password."""
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" in {one.name}, line {one.lineno}" for one in frame)
    if isinstance(error, errors.StorageUnavailable | errors.StorageRejected):
        return str(error)
    return f"{type(error).__name__}{place}"


class _LeaseLost(Exception):
    """Another worker holds the job now."""
