"""`python -m server audit`: the findings of the audit, and a full round of it at once, beside the workers."""

import asyncio
import dataclasses
import time
from collections.abc import Callable
from datetime import timedelta

from server import kinds
from server.cli import status
from server.process import terminal
from server.rollups import audit
from server.rollups.audit import AuditState, Progress
from server.store import schedules
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.tasks import SERVICE
from server.tasks import schedules as task_schedules
from server.tasks.kinds import Kinds, Result, Work
from server.tasks.runner import Runner, owner

MISMATCHED = 3  # exit code: something differs
_LOOK_SECONDS = 1.0  # between two attempts to begin
_PROGRESS_SECONDS = 2.0
_LONGEST = timedelta(days=365)  # a round takes as long as it takes


async def show(database: Database) -> str:
    """Returns the findings of the last rounds, in a line."""
    now = (await database.condition()).now
    return status.render_audit(await _state(database), now)


async def run_round(database: Database) -> AuditState | None:
    """Runs a full round once no worker is auditing, and returns the findings; None if it failed.

    It is a task of the audit that runs in this process, so that no worker begins with one meanwhile, and the next one
    begins with a round of its own. A line on standard error tells now and then how far it has got.
    """
    await task_schedules.refresh(database, kinds.known())  # the findings are kept in the schedule's row
    kind = dataclasses.replace(kinds.known()["audit"], run=_round, longest=_LONGEST)
    runner = Runner(database, Kinds([kind]), owner())
    is_announced = False
    while (claim := await runner.begin(kind, schedule=audit.SCHEDULE)) is None:
        if not is_announced:
            terminal.note("a worker is auditing; waiting until it ends")
            is_announced = True
        await asyncio.sleep(_LOOK_SECONDS)
    outcome = await runner.finish(claim)
    return None if outcome is None else AuditState.of(outcome)


async def _round(work: Work) -> Result:
    return await audit.run_round(work.database, work.now, work.last, _progress_printer())


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
    async with database.transaction(of=EVERY) as driver:
        found = await schedules.listed(driver, name=audit.SCHEDULE, organization_id=SERVICE)
    return AuditState.of(found[0].result) if found else None


def exit_code(state: AuditState | None) -> int:
    """Returns 0 if all organizations were audited and all figures agree, MISMATCHED if any differs, else 1."""
    if state is None or state.full is None:
        return 1
    return MISMATCHED if state.mismatches else int(state.full.skipped > 0)
