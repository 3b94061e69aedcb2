"""A sweep: folds what nothing else has folded, and widens what can be."""

import random

from server.rollups import fold, widen
from server.store import rollups, widths
from server.store.database import Database


async def sweep(database: Database) -> int:
    """Folds and widens every organization that needs it, in any order, and returns how many deltas were folded."""
    async with database.transaction() as driver:
        unfolded, unwidened = await rollups.unfolded(driver), await widths.due(driver)
    random.shuffle(unfolded)
    random.shuffle(unwidened)
    folded = 0
    for organization_id in unfolded:
        folded += await fold.fold_all(database, organization_id)
    for organization_id in unwidened:
        await widen_all(database, organization_id)
    return folded


async def widen_all(database: Database, organization_id: int) -> None:
    """Widens an organization's rollups as far as they can be."""
    while await widen.widen(database, organization_id):
        pass
