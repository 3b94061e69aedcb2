"""Figures by pairs of dimensions: what came before a pair was declared is counted from raw events, and what was counted
by a pair that is no longer declared is removed.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.catalog import dimensions, registry
from server.rollups.member_numbers import Limits
from server.rollups.recount import Recount, Recounted
from server.store import pairs, rollups
from server.store.database import Database, Driver
from server.tasks.kinds import UNFINISHED, Result, Work

_REMOVED_AT_ONCE = 5_000
_TURN_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """Settles pairs that were declared or taken back. distinct are the limits of distinct values; on_commit is called
    with an organization that has new figures.
    """

    distinct: Limits
    on_commit: Callable[[int], None]

    async def settle(self, work: Work) -> Result:
        """Settles pairs of one organization for a limited time, and goes on with any as long as that gets it on."""
        waiting = [one for some in await work.database.looks.over_all(_unsettled) for one in some]
        if not waiting:
            return {UNFINISHED: False}
        organization_id = random.choice(waiting)  # noqa: S311 - so that one that fails does not hold up the others
        has_removed = await _remove(work.database, organization_id)
        has_counted = await self._count(work, organization_id)
        return {"organization": organization_id, UNFINISHED: has_removed or has_counted}

    async def _count(self, work: Work, organization_id: int) -> bool:
        """Counts what came before, window by window, and returns whether there was any."""
        async with work.database.transaction(of=organization_id) as driver:
            some = await pairs.to_count(driver, organization_id)
        if not some:
            return False
        recount = Recount(
            database=work.database,
            organization_id=organization_id,
            measures=frozenset(one.number for one in registry.MEASURES.values()),
            dimensions=frozenset(one.number for one in some),
            limits=self.distinct,
        )
        until = time.monotonic() + _TURN_SECONDS
        start, total = min(one.counted_until for one in some), Recounted()
        while True:
            following, total = await recount.window(start, total)
            async with work.database.transaction(of=organization_id) as driver:
                is_declared = await pairs.note_counted(driver, organization_id, some, following)
            self.on_commit(organization_id)
            work.report(total.covered, f"organization {organization_id}: {total.corrected:,} cells added")
            if following is None or not is_declared or time.monotonic() >= until:
                return True
            start = following


async def _unsettled(driver: Driver, only: Sequence[int] | None) -> list[int]:
    return await pairs.unsettled(driver, [one.number for one in dimensions.TABLE.pairs.values()], only)


async def _remove(database: Database, organization_id: int) -> bool:
    """Removes figures by pairs that were taken back, while nobody folds them, and returns whether there were any."""
    has_removed = False
    while True:
        async with database.transaction(of=organization_id) as driver:
            numbers = await pairs.remnants(driver, organization_id)
            if not numbers or await rollups.lock_fold(driver, organization_id) is None:
                return has_removed
            if await pairs.remove_figures(driver, organization_id, numbers, _REMOVED_AT_ONCE):
                return True
            has_removed = True
