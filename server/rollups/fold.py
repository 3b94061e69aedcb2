"""Folding: deltas become rollups, in one transaction that deletes the ones and writes the others.

The deleted rows are the fence: two workers, a job that runs twice or a kill in the middle cannot count a delta twice,
and a reader sees each delta either unfolded or folded.
"""

from collections.abc import Mapping
from datetime import datetime

from server import failpoints, quarters, telemetry
from server.catalog import slots
from server.catalog.cells import Cell, Cells
from server.catalog.slots import Counts, SlotKey
from server.store import rollups
from server.store import slots as stored_slots
from server.store.database import Database, Driver
from server.store.rollups import RollupKey

BATCH_DELTAS = 5000


async def fold(database: Database, organization_id: int, limit: int = BATCH_DELTAS) -> int:
    """Folds up to that many deltas of an organization and returns how many; 0 where none are left or another worker
    is already folding this organization. Fewer than the limit are all that there were.
    """
    with telemetry.FOLD_SECONDS.time():
        async with database.transaction(of=organization_id) as driver:
            widened_until = await rollups.lock_fold(driver, organization_id)
            if widened_until is None:
                return 0
            taken = await rollups.take_deltas(driver, organization_id, limit)
            if not taken.deltas:
                return 0
            added = _by_rollup(taken.cells, widened_until)
            existing = await rollups.load(driver, organization_id, list(added))
            for key, cell in existing.items():  # mostly the larger ones: adding costs by what is added
                cell.add(added[key])
                added[key] = cell
            await rollups.save(driver, organization_id, added)
            now = await rollups.note_fold(driver, organization_id, taken.deltas)
            await _fold_slots(driver, organization_id, taken.slots, now)
            failpoints.reach("fold_before_commit")
    telemetry.FOLDED_DELTAS.inc(taken.deltas)
    return taken.deltas


async def _fold_slots(driver: Driver, organization_id: int, added: Mapping[SlotKey, Counts], now: datetime) -> None:
    """Adds to the slots that figures of now still need, and makes minutes of those that are not needed so finely."""
    minute = slots.minute_of(now)
    needed = {key: counts for key, counts in added.items() if key.slot.minute >= minute - slots.MINUTES_KEPT}
    if needed:
        await stored_slots.add(driver, organization_id, needed)
        values = sorted({(key.dimension, key.value) for key in needed})
        await stored_slots.merge(driver, organization_id, values, minute - slots.FINE_MINUTES_KEPT)


async def fold_all(database: Database, organization_id: int) -> int:
    """Folds what deltas the organization has, and returns how many there were.

    What comes in meanwhile may be left: under constant ingest there is always something.
    """
    total, folded = 0, BATCH_DELTAS
    while folded == BATCH_DELTAS:
        folded = await fold(database, organization_id)
        total += folded
    return total


def _by_rollup(folded: Cells, widened_until: int) -> dict[RollupKey, Cell]:
    """The cells of quarter hours added up for the rollups that they belong to, each width from the one before.

    Rollups wider than a quarter hour are kept as far as they are widened; see server/rollups/widen.py for the others.
    """
    result: dict[RollupKey, Cell] = {}
    finer = folded
    for width in sorted(quarters.Width):
        if width > quarters.Width.QUARTER:
            end = width.floor(widened_until)
            finer = rollups.merge(
                (key._replace(bucket=width.floor(key.bucket)), cell) for key, cell in finer.items() if key.bucket < end
            )
        for key, cell in finer.items():
            result[RollupKey(key.dimension, key.value, int(width), key.bucket)] = cell
    return result
