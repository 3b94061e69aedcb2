"""What a repair reads and writes of figures beside appending deltas: rollups by time, and sets within deltas.

Whoever does so holds the organization's fold: nobody else then deletes deltas or writes rollups.
"""

from collections.abc import Collection, Mapping

from pyroaring import BitMap

from server.catalog.cells import CellKey, Cells
from server.quarters import Width
from server.store import rollups
from server.store.database import Driver
from server.timerange import Span


async def hold_fold(driver: Driver, organization_id: int) -> int:
    """Locks the organization's fold until COMMIT, once whoever holds it has committed, and returns how far its rollups
    are widened.
    """
    await driver.execute(
        "INSERT INTO folds (organization_id, folded_at, folded_deltas) VALUES ($1, now(), 0) ON CONFLICT DO NOTHING",
        organization_id,
    )
    until: int = await driver.fetchval(
        "SELECT widened_until FROM folds WHERE organization_id = $1 FOR UPDATE", organization_id
    )
    return until


async def folded_between(driver: Driver, organization_id: int, width: Width, span: Span) -> Cells:
    """Returns the rollups of a width in a span, without what is not folded yet."""
    rows = await driver.fetch(
        """
        SELECT dimension, value, bucket, counter_keys, counter_amounts, NULL::integer[] AS bin_keys,
            NULL::bigint[] AS bin_counts, set_keys, sets, histogram_keys, histograms
        FROM rollups WHERE organization_id = $1 AND granularity = $2 AND bucket >= $3 AND bucket < $4
        """,
        organization_id,
        int(width),
        span.start,
        span.end,
    )
    return rollups.read(rows, width)


async def remove_members(
    driver: Driver, organization_id: int, until: int, removed: Mapping[CellKey, Mapping[int, BitMap]]
) -> int:
    """Takes members out of the sets of deltas of revisions up to one, and returns how many rows that has changed."""
    rows = await driver.fetch(_DELTA_SETS, organization_id, until, *_columns(removed))
    changed = 0
    for dimension, value, bucket, revision, slot, set_keys, sets in rows:
        extra = removed[CellKey(dimension, value, bucket)]
        before = dict(zip(set_keys, map(BitMap.deserialize, sets), strict=True))
        after = {key: members - extra.get(key, BitMap()) for key, members in before.items()}
        if after != before:
            changed += 1
            keys = sorted(key for key, members in after.items() if members)
            await driver.execute(
                "UPDATE deltas SET set_keys = $7, sets = $8 WHERE organization_id = $1 AND dimension = $2"
                " AND value = $3 AND bucket = $4 AND revision = $5 AND slot = $6",
                organization_id,
                dimension,
                value,
                bucket,
                revision,
                slot,
                keys,
                [after[key].serialize() for key in keys],
            )
    return changed


# OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
_DELTA_SETS = """
    SELECT d.dimension, d.value, d.bucket, d.revision, d.slot, d.set_keys, d.sets
    FROM unnest($3::smallint[], $4::text[], $5::integer[]) AS k(dimension, value, bucket)
    CROSS JOIN LATERAL (
        SELECT * FROM deltas WHERE organization_id = $1 AND dimension = k.dimension AND value = k.value
            AND bucket = k.bucket AND revision <= $2 AND set_keys IS NOT NULL OFFSET 0
    ) AS d
"""


def _columns(keys: Collection[CellKey]) -> tuple[list[int], list[str], list[int]]:
    ordered = sorted(keys)
    return [key.dimension for key in ordered], [key.value for key in ordered], [key.bucket for key in ordered]
