"""`python -m server audit`: the findings of the audit, and a full round of it at once, beside the workers."""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime

from server.cli import status
from server.process import terminal
from server.rollups import audit
from server.rollups.audit import AuditState, Progress
from server.store import jobs as stored_jobs
from server.store.database import Database
from server.tasks import jobs

MISMATCHED = 3  # exit code: something differs
_LOOK_SECONDS = 1.0  # between two attempts to get the job
_PROGRESS_SECONDS = 2.0


async def show(database: Database) -> str:
    """Returns the findings of the last rounds, in a line."""
    now = (await database.condition()).now
    return status.render_audit(await _state(database), now)


async def run_round(database: Database) -> AuditState | None:
    """Runs a full round once no worker is auditing, and returns the findings; None if it failed.

    It holds the job meanwhile, so that no worker starts one. A line on standard error shows the progress now and then.
    """
    owner = f"{socket.gethostname()}:{os.getpid()}:audit"
    job, outcome = _job()
    is_announced = False
    while True:
        async with database.transaction() as driver:
            await stored_jobs.wake(driver, audit.JOB)
        if await jobs.run_due(database, owner, [job]):
            return AuditState.of(outcome)
        if not is_announced:
            terminal.note("a worker is auditing; waiting until it ends")
            is_announced = True
        await asyncio.sleep(_LOOK_SECONDS)


def _job() -> tuple[jobs.Job, dict[str, object]]:
    """Returns the audit's job as a full round, and where its findings are put."""
    outcome: dict[str, object] = {}

    async def run(database: Database, now: datetime, last: jobs.Result) -> jobs.Result:
        outcome.update(await audit.run_round(database, now, last, _progress_printer()))
        return outcome

    return jobs.Job(name=audit.JOB, interval=jobs.AUDIT_EVERY, run=run), outcome


def _progress_printer() -> Callable[[Progress], None]:
    shown_at = 0.0

    def show(progress: Progress) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at >= _PROGRESS_SECONDS or progress.covered == 1:
            shown_at = time.monotonic()
            terminal.note(
                f"{progress.covered:.0%} of the organizations, {progress.cells:,} cells,"
                f" {progress.mismatches:,} mismatches"
            )

    return show


async def _state(database: Database) -> AuditState | None:
    async with database.snapshot() as driver:
        known = {job.name: job for job in await stored_jobs.listed(driver)}
    return AuditState.of(known[audit.JOB].result) if audit.JOB in known else None


def exit_code(state: AuditState | None) -> int:
    """Returns 0 if all organizations were audited and all figures agree, MISMATCHED if any differs, else 1."""
    if state is None or state.full is None:
        return 1
    return MISMATCHED if state.mismatches else int(state.full.skipped > 0)
