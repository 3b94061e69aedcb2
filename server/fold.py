"""Folding: deltas become rollups, in one transaction that deletes the ones and writes the others.

The deleted rows are the fence: two workers, a job that runs twice or a kill in the middle cannot count a delta twice,
and a reader sees each delta either unfolded or folded.
"""

from collections.abc import Iterable

from server import cells, failpoints, telemetry
from server.cells import Cell, CellKey
from server.store import rollups
from server.store.database import Database
from server.store.rollups import RollupKey

BATCH_DELTAS = 5000


async def fold(database: Database, organization_id: int, limit: int = BATCH_DELTAS) -> int:
    """Folds up to that many deltas of an organization and returns how many; 0 where none are left or another worker
    is at it. Fewer than the limit are all that there were.
    """
    with telemetry.FOLD_SECONDS.time():
        async with database.maintenance() as driver:
            if not await rollups.lock_fold(driver, organization_id):
                return 0
            deltas = await rollups.take_deltas(driver, organization_id, limit)
            if not deltas:
                return 0
            added = _by_rollup(deltas)
            existing = await rollups.load(driver, organization_id, list(added))
            for key, cell in existing.items():
                added[key].add(cell)
            await rollups.save(driver, organization_id, added)
            await rollups.note_fold(driver, organization_id, len(deltas))
            failpoints.reach("fold_before_commit")
    telemetry.FOLDED_DELTAS.inc(len(deltas))
    return len(deltas)


async def fold_all(database: Database, organization_id: int) -> int:
    """Folds until the organization has no deltas left, and returns how many there were."""
    total = 0
    while folded := await fold(database, organization_id):
        total += folded
    return total


def _by_rollup(deltas: Iterable[tuple[CellKey, Cell]]) -> dict[RollupKey, Cell]:
    """The deltas added up for the rollups of every width that they belong to, each width from the one before."""
    result: dict[RollupKey, Cell] = {}
    finer = rollups.merge(deltas)
    for width in sorted(cells.Granularity):
        finer = rollups.merge((key._replace(bucket=width.floor(key.bucket)), cell) for key, cell in finer.items())
        for key, cell in finer.items():
            result[RollupKey(dimension=key.dimension, value=key.value, granularity=int(width), bucket=key.bucket)] = (
                cell
            )
    return result
