"""Widening: rollups of the wider widths are made once their time is over, from the finer ones.

A fold would have to rewrite a rollup of every width for every delta, and hardly any question can use the wider ones
before their time is over. It keeps quarter hours alone of the time that is not widened yet, and every width of what is:
readers find in the same snapshot how far that is. Fold and widening hold the same lock, so that up to there every width
is whole at every commit.
"""

from itertools import pairwise

from server import failpoints
from server.quarters import Width
from server.store import rollups, widths
from server.store.database import Database, Driver
from server.store.rollups import RollupKey
from server.timerange import Span

_VALUES = 200  # at a time, which bounds the memory
_WIDTHS = sorted(Width)


async def widen(database: Database, organization_id: int) -> bool:
    """Makes the wider rollups of an organization of up to a day more; True where there is more to do."""
    async with database.transaction(of=organization_id) as driver:
        begun = await rollups.lock_fold(driver, organization_id)
        due = await widths.due_until(driver)
        if begun is None or begun >= due:
            return False
        until = min(due, Width.DAY.floor(begun) + Width.DAY)
        await _widen(driver, organization_id, begun, until)
        await widths.advance(driver, organization_id, until)
        failpoints.reach("fold_before_commit")
    return until < due


async def _widen(driver: Driver, organization_id: int, start: int, end: int) -> None:
    values = await widths.values_after(driver, organization_id, widths.FIRST, _VALUES)
    while values:
        for finer, wide in pairwise(_WIDTHS):
            span = Span(start=wide.floor(start), end=wide.floor(end))
            if span.length:
                found = await widths.widened(driver, organization_id, values, finer, wide, span)
                made = {RollupKey(key.dimension, key.value, int(wide), key.bucket): one for key, one in found.items()}
                if made:
                    await rollups.save(driver, organization_id, made)
        values = await widths.values_after(driver, organization_id, values[-1], _VALUES)
