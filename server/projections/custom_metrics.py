"""The projection of custom metrics: counts what events say of the metrics that organizations have defined."""

from collections.abc import Sequence
from datetime import datetime

from server import timerange
from server.catalog import cells, custom_counting
from server.catalog.cells import Cells
from server.catalog.counting import Overflow
from server.catalog.custom_metrics import PROJECTION, KeptMetric
from server.events.event import Event
from server.projections import portions
from server.projections.portions import Portion
from server.projections.projection import Advance, Replacement
from server.store import custom_metrics as stored
from server.store import custom_values, fewer_members, members, rollups
from server.store.database import Driver
from server.store.projections import ProjectionPosition, Rows

_VALUES_AT_ONCE = 10_000  # each costs some 7 µs


class CustomMetricCounting:
    """Follows an organization that has custom metrics, from the revision on at which it has defined the first one.

    It keeps nothing but figures, and the numbers of distinct values, which depend on no version of it.
    """

    name = PROJECTION
    is_realtime = False
    needs: Sequence[str] = ()

    async def advance(
        self, driver: Driver, rows: Rows, position: ProjectionPosition, newest: ProjectionPosition, limit: int
    ) -> Advance:
        """Counts the events after a position."""
        metrics = await stored.listed(driver, rows.organization_id)
        types = sorted({event_type for one in metrics for event_type in one.definition.event_types})
        reader = stored.EVENTS.about(event_types=types)
        portion = await portions.read(reader, driver, rows.organization_id, position, newest, limit)
        changes = await count(driver, rows.organization_id, metrics, [event for _, event in portion.events])
        if portion.replaced:
            await _take_back(driver, rows.organization_id, metrics, portion, changes)
        return Advance(position=portion.reached, events=len(portion.events), changes=changes)

    async def replace(
        self, driver: Driver, valid: Rows, filled: Rows, complete_from: datetime | None, after: bytes
    ) -> Replacement:
        """Leaves everything as it is: there are no rows of versions."""
        return Replacement(valid=valid)

    async def remove_others(self, driver: Driver, valid: Rows, latest: int, limit: int) -> int:
        """Removes nothing: there are no rows of versions."""
        return 0


async def _take_back(
    driver: Driver,
    organization_id: int,
    metrics: Sequence[KeptMetric],
    portion: Portion[tuple[int, Event]],
    changes: Cells,
) -> None:
    """Takes from changes what replaced events have added to metrics that have counted them, and takes values that no
    event has any more out of sets.
    """
    taken: Cells = {}
    for metric in metrics:
        counted = [event for revision, event in portion.replaced if metric.has_counted(revision, event)]
        cells.add_all(taken, await _known(driver, organization_id, metric, counted, -1))
    cells.take_away(changes, taken)
    candidates = fewer_members.of_cells(taken)
    for bucket in sorted({key.bucket for key in candidates}):
        start, end = timerange.instant(bucket), timerange.instant(bucket + 1)
        until = portion.reached.revision
        types = sorted({one for metric in metrics for one in metric.definition.event_types})
        async for some in stored.events_between(driver, organization_id, start, end, types, until, seen=until):
            for metric in metrics:
                counted = [event for revision, event in some if metric.has_counted(revision, event)]
                still = await _known(driver, organization_id, metric, counted)
                candidates = fewer_members.without(candidates, fewer_members.of_cells(still))
    if candidates:
        widened_until = await rollups.hold_fold(driver, organization_id)
        await fewer_members.remove(driver, organization_id, candidates, widened_until)


async def _known(
    driver: Driver, organization_id: int, metric: KeptMetric, events: Sequence[Event], sign: int = 1
) -> Cells:
    """Returns what events have added to a metric. With a sign of −1 it takes back the values that could not be
    counted.
    """
    found = custom_counting.taken([metric], events)
    if sign < 0 and found.not_numbers:
        less = {number: -count for number, count in found.not_numbers.items()}
        await stored.note_not_numbers(driver, organization_id, less)
    if not found.each:
        return {}
    numbers = await custom_values.known(driver, organization_id, found.values())
    overflow = Overflow.of(await members.over_limit(driver, organization_id, found.members()))
    return custom_counting.added(found, numbers, overflow)


async def count(driver: Driver, organization_id: int, metrics: Sequence[KeptMetric], events: Sequence[Event]) -> Cells:
    """Returns what events add to the figures of metrics. It gives numbers to distinct values that have none, and notes
    values that cannot be taken. The counting must be locked.

    So many events are counted at once that the event loop is not kept for long, however many metrics take them.
    """
    changes: Cells = {}
    at_once = max(1, _VALUES_AT_ONCE // max(1, len(metrics)))
    for first in range(0, len(events), at_once):
        cells.add_all(changes, await _count(driver, organization_id, metrics, events[first : first + at_once]))
    return changes


async def _count(driver: Driver, organization_id: int, metrics: Sequence[KeptMetric], events: Sequence[Event]) -> Cells:
    found = custom_counting.taken(metrics, events)
    await stored.note_not_numbers(driver, organization_id, found.not_numbers)
    if not found.each:
        return {}
    numbers = await custom_values.numbers(driver, organization_id, found.values())
    overflow = Overflow.of(await members.over_limit(driver, organization_id, found.members()))
    return custom_counting.added(found, numbers, overflow)
