"""Figures by pairs of dimensions: what came before a pair was declared is counted from raw events, and what was counted
by one that is declared no more is removed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from server.catalog import registry
from server.rollups.member_numbers import Limits
from server.rollups.recount import Recounted, recount
from server.store import pairs, rollups
from server.store.database import Database
from server.tasks.kinds import UNFINISHED, Result, Work

_REMOVED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """Settles pairs that were declared or taken back. distinct are the limits of distinct values; on_commit is called
    with an organization that has new figures.
    """

    distinct: Limits
    on_commit: Callable[[int], None]

    async def settle(self, work: Work) -> Result:
        """Settles the pairs of one organization, and says whether there are others."""
        async with work.database.transaction() as driver:
            waiting = await pairs.unsettled(driver)
        if not waiting:
            return {UNFINISHED: False}
        organization_id = waiting[
            work.task_id % len(waiting)
        ]  # one that fails does not keep the others from their turns
        await _remove(work.database, organization_id)
        await self._fill(work, organization_id)
        return {"organization": organization_id, UNFINISHED: len(waiting) > 1}

    async def _fill(self, work: Work, organization_id: int) -> None:
        async with work.database.transaction() as driver:
            kept = await pairs.kept(driver, organization_id)
        numbers = [one.dimension.number for one in kept if one.complete_from is None]
        if not numbers:
            return

        def report(done: Recounted) -> None:
            work.report(done.covered, f"organization {organization_id}: {done.corrected:,} cells added")
            self.on_commit(organization_id)

        every_measure = [one.number for one in registry.MEASURES.values()]
        await recount(work.database, organization_id, every_measure, self.distinct, report, dimensions=numbers)
        async with work.database.transaction() as driver:
            await pairs.complete(driver, organization_id, numbers)


async def _remove(database: Database, organization_id: int) -> None:
    """Removes figures by pairs that were taken back, while nobody folds them."""
    removed = _REMOVED_AT_ONCE
    while removed:
        async with database.transaction() as driver:
            numbers = await pairs.taken_back(driver, organization_id)
            if not numbers or await rollups.lock_fold(driver, organization_id) is None:
                return
            removed = await pairs.remove_figures(driver, organization_id, numbers, _REMOVED_AT_ONCE)
