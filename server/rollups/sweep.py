"""A sweep: folds what nothing else has folded, and widens what can be."""

import random
from collections.abc import Sequence

from server.rollups import fold, widen
from server.store import rollups, widths
from server.store.database import Database, Driver


async def sweep(database: Database) -> int:
    """Folds and widens every organization that needs it, in any order, and returns how many deltas were folded.

    An organization that fails does not keep the others from their turns; its error is raised behind them. Those of a
    node that is away are left to a later sweep.
    """
    found = await database.looks.over_all(_look)
    unfolded, unwidened = ([one for part in parts for one in part] for parts in zip(*found, strict=True))
    random.shuffle(unfolded)
    random.shuffle(unwidened)
    folded, failure = 0, None
    steps = [*((fold.fold_all, one) for one in unfolded), *((widen_all, one) for one in unwidened)]
    for step, organization_id in steps:
        if database.looks.leaves_out(organization_id):
            continue
        try:
            folded += await step(database, organization_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, others still have their turn
            failure = error
    if failure is not None:
        raise failure
    return folded


async def _look(driver: Driver, only: Sequence[int] | None) -> tuple[list[int], list[int]]:
    return await rollups.unfolded(driver, only), await widths.due(driver, only)


async def widen_all(database: Database, organization_id: int) -> int:
    """Widens an organization's rollups as far as they can be; returns 0, the deltas that this folds."""
    while await widen.widen(database, organization_id):
        pass
    return 0
