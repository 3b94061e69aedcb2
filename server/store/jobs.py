"""Schedules, leases and results of background jobs. The schedule is here; what wakes a worker only says "look now"."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection


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


async def claim(connection: AsyncConnection, name: str, owner: str, lease: timedelta) -> Lease | None:
    """Takes a job that is due and that nobody holds; None otherwise. A job seen for the first time is due."""
    await connection.execute(
        sa.text("INSERT INTO jobs (name, next_run_at) VALUES (:name, now()) ON CONFLICT DO NOTHING"), {"name": name}
    )
    row = (
        await connection.execute(
            sa.text(
                "UPDATE jobs SET lease_owner = :owner, lease_epoch = lease_epoch + 1, lease_until = now() + :lease,"
                " started_at = now() WHERE name = :name AND next_run_at <= now()"
                " AND (lease_until IS NULL OR lease_until < now()) RETURNING lease_epoch, started_at, result,"
                " CASE WHEN error IS NOT NULL THEN now() - failed_at END AS since_failure"
            ),
            {"name": name, "owner": owner, "lease": lease},
        )
    ).one_or_none()
    if row is None:
        return None
    return Lease(
        name=name,
        epoch=row.lease_epoch,
        at=row.started_at,
        result=row.result or {},
        since_failure=row.since_failure,
    )


async def renew(connection: AsyncConnection, lease: Lease, duration: timedelta) -> bool:
    """Makes a lease last that long from now; False where it has gone to somebody else."""
    done = await connection.execute(
        sa.text("UPDATE jobs SET lease_until = now() + :duration WHERE name = :name AND lease_epoch = :epoch"),
        {"name": lease.name, "epoch": lease.epoch, "duration": duration},
    )
    return done.rowcount > 0


async def release(connection: AsyncConnection, lease: Lease) -> None:
    """Gives a job back unfinished: it is due for whoever comes next."""
    await connection.execute(
        sa.text("UPDATE jobs SET lease_owner = NULL, lease_until = NULL WHERE name = :name AND lease_epoch = :epoch"),
        {"name": lease.name, "epoch": lease.epoch},
    )


async def finish(connection: AsyncConnection, lease: Lease, again_in: timedelta, result: Mapping[str, object]) -> bool:
    """Records a success and when to run again; False where the lease has gone to somebody else."""
    done = await connection.execute(
        sa.text(
            "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, finished_at = now(), runs = runs + 1,"
            " error = NULL, next_run_at = now() + :again_in, result = CAST(:result AS jsonb)"
            " WHERE name = :name AND lease_epoch = :epoch"
        ),
        {"name": lease.name, "epoch": lease.epoch, "again_in": again_in, "result": json.dumps(result)},
    )
    return done.rowcount > 0


async def fail(connection: AsyncConnection, lease: Lease, again_in: timedelta, error: str) -> None:
    """Records a failure and when to try again; what the last success left behind stays."""
    await connection.execute(
        sa.text(
            "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, failed_at = now(), failures = failures + 1,"
            " error = :error, next_run_at = now() + :again_in WHERE name = :name AND lease_epoch = :epoch"
        ),
        {"name": lease.name, "epoch": lease.epoch, "again_in": again_in, "error": error},
    )


async def wake(connection: AsyncConnection, name: str) -> None:
    """Makes a job due now."""
    await connection.execute(sa.text("UPDATE jobs SET next_run_at = now() WHERE name = :name"), {"name": name})


async def listed(connection: AsyncConnection) -> list[JobRecord]:
    """Every job that has ever been claimed."""
    rows = await connection.execute(
        sa.text(
            "SELECT name, next_run_at, lease_owner, started_at, finished_at, failed_at, error, runs, failures, result"
            " FROM jobs ORDER BY name"
        )
    )
    return [
        JobRecord(
            name=row.name,
            next_run_at=row.next_run_at,
            running_by=row.lease_owner,
            started_at=row.started_at,
            finished_at=row.finished_at,
            failed_at=row.failed_at,
            error=row.error,
            runs=row.runs,
            failures=row.failures,
            result=row.result or {},
        )
        for row in rows
    ]
