"""What keeps reports in order: runs whose workers are gone end, runs and files are removed when their time is over, and
files that belong to nothing do not stay.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from server.errors import Refused
from server.organizations.reports import ReportRunState
from server.reports import telling
from server.reports.object_store import FoundFile, ObjectStore
from server.store import deployment
from server.store import report_runs as stored
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks.kinds import UNFINISHED, Result, Work

_PORTION: Final = 500
_RUN_SECONDS: Final = 20.0
# A file is written before anything says whose it is, and an attempt that was stopped may still write.
_STRAY_AFTER: Final = timedelta(hours=2)


async def settle(work: Work) -> Result:
    """Ends runs whose tasks have ended without recording it, and tells of those that have failed."""
    async with work.database.transaction(of=EVERY) as driver:
        settled = await stored.settle(driver, _PORTION)
        for organization_id, run_id in settled:
            run = await stored.known(driver, organization_id, run_id)
            if run is not None and run.state is ReportRunState.FAILED:
                await telling.failed(driver, run, run.error or "")
    return {"settled": len(settled), UNFINISHED: len(settled) == _PORTION}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRetention:
    """Removes runs that are no longer kept, and files that belong to no run."""

    store: ObjectStore
    stray_after: timedelta = _STRAY_AFTER
    now: Callable[[], float] = time.monotonic

    async def remove(self, work: Work) -> Result:
        """Removes runs whose time is over, or whose organization is revoked, and then files that are nobody's."""
        deadline = self.now() + _RUN_SECONDS
        runs = 0
        while True:
            async with work.database.transaction(of=EVERY) as driver:
                removed = await stored.expire(driver, _PORTION)
            runs += removed
            if removed < _PORTION:
                break
            if self.now() > deadline:
                return {"runs": runs, UNFINISHED: True}
        return {"runs": runs, "files": await self._remove_strays(work)}

    async def _remove_strays(self, work: Work) -> int:
        async with work.database.transaction(of=EVERY) as driver:
            here = await deployment.look(driver)
        if here is None:
            return 0
        stray_before = work.now - self.stray_after
        removed = await self.store.remove_unfinished(here.deployment_id, stray_before)
        try:
            async for page in self.store.listed(here.deployment_id):
                old = [one for one in page if one.written_at < stray_before]
                strays = await _strays(work.database, old)
                await self.store.delete([one.key for one in strays])
                removed += len(strays)
        except Refused:
            return removed  # an installation without the extra has written nothing
        return removed


async def files_of(store: ObjectStore, database: Database, organization_id: int) -> list[str]:
    """Returns the files that an organization has, whichever runs they are of."""
    async with database.transaction(of=EVERY) as driver:
        here = await deployment.look(driver)
    if here is None:
        return []
    try:
        return [one.key async for page in store.listed(here.deployment_id, organization_id) for one in page]
    except Refused:
        return []  # an installation without the extra has written nothing


async def _strays(database: Database, found: list[FoundFile]) -> list[FoundFile]:
    if not found:
        return []
    async with database.transaction(of=EVERY) as driver:
        kept = await stored.kept(driver, list({one.of for one in found}))
    return [one for one in found if one.of not in kept]
