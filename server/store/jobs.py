"""Schedules, leases and results of background jobs. The schedule is here; what wakes a worker only says "look now"."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.store import statements
from server.store.database import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to run a job until it ends or expires. Later holders have higher epochs; earlier ones write nothing."""

    name: str
    epoch: int
    at: datetime  # the database's time at which it was taken
    result: Mapping[str, object]  # what the last success left behind
    since_failure: timedelta | None  # None where the run before did not fail


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job as the status command shows it."""

    name: str
    next_run_at: datetime
    running_by: str | None
    started_at: datetime | None
    finished_at: datetime | None
    failed_at: datetime | None
    error: str | None
    runs: int
    failures: int
    result: Mapping[str, object]


async def claim(driver: Driver, name: str, owner: str, lease: timedelta) -> Lease | None:
    """Takes a job that is due and that nobody holds; None otherwise. A job seen for the first time is due."""
    await driver.execute("INSERT INTO jobs (name, next_run_at) VALUES ($1, now()) ON CONFLICT DO NOTHING", name)
    row = await driver.fetchrow(
        "UPDATE jobs SET lease_owner = $2, lease_epoch = lease_epoch + 1, lease_until = now() + $3::interval,"
        " started_at = now() WHERE name = $1 AND next_run_at <= now()"
        " AND (lease_until IS NULL OR lease_until < now()) RETURNING lease_epoch, started_at, result,"
        " CASE WHEN error IS NOT NULL THEN now() - failed_at END AS since_failure",
        name,
        owner,
        lease,
    )
    if row is None:
        return None
    return Lease(
        name=name,
        epoch=row["lease_epoch"],
        at=row["started_at"],
        result=_result(row["result"]),
        since_failure=row["since_failure"],
    )


def _result(stored: str | None) -> Mapping[str, object]:
    """Returns what a success has left behind; nothing before the first one."""
    found: Mapping[str, object] = json.loads(stored or "{}")
    return found


async def renew(driver: Driver, lease: Lease, duration: timedelta) -> bool:
    """Makes a lease last that long from now; False where it has gone to somebody else."""
    done = await driver.execute(
        "UPDATE jobs SET lease_until = now() + $3::interval WHERE name = $1 AND lease_epoch = $2",
        lease.name,
        lease.epoch,
        duration,
    )
    return statements.rows(done) > 0


async def release(driver: Driver, lease: Lease) -> None:
    """Gives a job back unfinished: it is due for whoever comes next."""
    await driver.execute(
        "UPDATE jobs SET lease_owner = NULL, lease_until = NULL WHERE name = $1 AND lease_epoch = $2",
        lease.name,
        lease.epoch,
    )


async def finish(driver: Driver, lease: Lease, again_in: timedelta, result: Mapping[str, object]) -> bool:
    """Records a success and when to run again; False where the lease has gone to somebody else."""
    done = await driver.execute(
        "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, finished_at = now(), runs = runs + 1,"
        " error = NULL, next_run_at = now() + $3::interval, result = $4::jsonb"
        " WHERE name = $1 AND lease_epoch = $2",
        lease.name,
        lease.epoch,
        again_in,
        json.dumps(result),
    )
    return statements.rows(done) > 0


async def fail(driver: Driver, lease: Lease, again_in: timedelta, error: str) -> None:
    """Records a failure and when to try again; what the last success left behind stays."""
    await driver.execute(
        "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, failed_at = now(), failures = failures + 1,"
        " error = $4, next_run_at = now() + $3::interval WHERE name = $1 AND lease_epoch = $2",
        lease.name,
        lease.epoch,
        again_in,
        error,
    )


async def wake(driver: Driver, name: str) -> None:
    """Makes a job due now."""
    await driver.execute("UPDATE jobs SET next_run_at = now() WHERE name = $1", name)


async def listed(driver: Driver) -> list[JobRecord]:
    """Every job that has ever been claimed."""
    rows = await driver.fetch(
        "SELECT name, next_run_at, lease_owner, started_at, finished_at, failed_at, error, runs, failures, result"
        " FROM jobs ORDER BY name"
    )
    return [
        JobRecord(
            name=row["name"],
            next_run_at=row["next_run_at"],
            running_by=row["lease_owner"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            failed_at=row["failed_at"],
            error=row["error"],
            runs=row["runs"],
            failures=row["failures"],
            result=_result(row["result"]),
        )
        for row in rows
    ]
