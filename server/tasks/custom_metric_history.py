"""The history of custom metrics: what came before one was defined is counted from raw events, and what a deleted one
has left is removed.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from server import errors, timerange
from server.catalog import cells
from server.catalog.cells import Cells
from server.catalog.custom_metrics import PROJECTION, KeptMetric
from server.projections import custom_metrics, projector
from server.rollups import windows
from server.store import custom_metrics as stored
from server.store import erased_users, organizations, rollups
from server.store.database import Database, Driver, is_locked_out
from server.tasks.kinds import UNFINISHED, Result, Work
from server.timerange import Span

_WINDOW_EVENTS = 10_000
_REMOVED_AT_ONCE = 5_000
_TURN_SECONDS = 60.0


class _Counted(NamedTuple):
    """How far metrics are after a window: the share of their history, and whether there is more."""

    progress: float
    has_more: bool


@dataclass(frozen=True, slots=True)
class CustomMetricHistory:
    """Fills custom metrics from raw events. on_commit is called with an organization that has new figures."""

    on_commit: Callable[[int], None]

    async def settle(self, work: Work) -> Result:
        """Settles metrics of one organization for a limited time, and goes on with any as long as that gets it on."""
        waiting = [one for some in await work.database.looks.over_all(stored.unsettled) for one in some]
        if not waiting:
            return {UNFINISHED: False}
        organization_id = random.choice(waiting)  # noqa: S311 - so that one that fails does not hold up the others
        has_removed = await _remove(work.database, organization_id)
        has_counted = await self._count(work, organization_id)
        return {"organization": organization_id, UNFINISHED: has_removed or has_counted}

    async def _count(self, work: Work, organization_id: int) -> bool:
        """Counts what came before, window by window, and returns whether there was any."""
        until, has_counted = time.monotonic() + _TURN_SECONDS, False
        while time.monotonic() < until:
            try:
                async with work.database.transaction(of=organization_id) as driver:
                    counted = await _count_window(driver, organization_id)
            except errors.StorageUnavailable as error:
                if not is_locked_out(error):  # as by a step of the projection that takes long
                    raise
                continue
            if counted is None:
                break
            has_counted = True
            self.on_commit(organization_id)
            work.report(counted.progress, f"organization {organization_id}: {counted.progress:.0%} of earlier events")
        return has_counted


async def _count_window(driver: Driver, organization_id: int) -> _Counted | None:
    """Counts the next window of the metrics that are furthest behind, and records how far that is; None where nothing
    is left. Events that may be gone are left out, and that is recorded, too. Nothing is counted while somebody is
    erased: a value would have one name before the person's events are rewritten, and another one after that.
    """
    locked = await stored.lock(driver, organization_id)
    if locked is None or not await organizations.hold(driver, organization_id):
        return None
    if await erased_users.running(driver, organization_id):
        return None
    waiting = {one: one.history_until for one in await stored.listed(driver, organization_id)}
    begun = min((until for until in waiting.values() if until is not None), default=None)
    view = await windows.snapshot(driver, organization_id)
    if begun is None or view is None:
        return None
    metrics = [one for one, until in waiting.items() if until == begun]
    ahead = windows.cut(view, max(begun, view.first), _WINDOW_EVENTS)
    span, raw_from = next(ahead), view.kept.raw_from_bucket
    has_more = next(ahead, None) is not None
    changes = await _changes(driver, organization_id, metrics, span, locked.position.revision)
    counted = _Counted(view.covered(span.end) if has_more else 1.0, has_more)
    await stored.note_history(
        driver,
        organization_id,
        [one.number for one in metrics],
        until=span.end if has_more else None,
        progress=counted.progress,
        complete_from=raw_from if raw_from > begun else None,
    )
    await projector.record(driver, PROJECTION, locked, locked.position, changes)
    return counted


async def _changes(driver: Driver, organization_id: int, metrics: Sequence[KeptMetric], span: Span, seen: int) -> Cells:
    """Returns what the raw events of a window add to metrics that were defined after them. What revisions that the
    projection has not seen have made of events, it counts itself, and takes back what they were.
    """
    changes: Cells = {}
    start, end = timerange.instant(span.start), timerange.instant(span.end)
    types = sorted({event_type for one in metrics for event_type in one.definition.event_types})
    latest = max(one.counted_after for one in metrics)
    async for portion in stored.events_between(driver, organization_id, start, end, types, latest, seen=seen):
        for counted_after in sorted({one.counted_after for one in metrics}):
            mine = [one for one in metrics if one.counted_after == counted_after]
            events = [event for revision, event in portion if revision <= counted_after]
            cells.add_all(changes, await custom_metrics.count(driver, organization_id, mine, events))
    return changes


async def _remove(database: Database, organization_id: int) -> bool:
    """Removes what deleted metrics have left, while nobody folds it, and returns whether there was any."""
    has_removed = False
    while True:
        async with database.transaction(of=organization_id) as driver:
            numbers = await stored.remnants(driver, organization_id)
            if not numbers or await rollups.lock_fold(driver, organization_id) is None:
                return has_removed
            if await stored.remove_remnants(driver, organization_id, numbers, _REMOVED_AT_ONCE):
                return True
            has_removed = True
