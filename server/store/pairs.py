"""Pairs of dimensions that organizations have declared, and since when figures by them are complete."""

from collections.abc import Collection, Sequence

from server.catalog import pairs
from server.catalog.pairs import KeptPair
from server.store import statements
from server.store.database import Driver


async def begin(driver: Driver, organization_id: int, numbers: Sequence[int]) -> None:
    """Declares the pairs of an organization that has just been made: they are complete."""
    await driver.execute(
        "INSERT INTO revisions (organization_id, revision, revised_at, pairs) VALUES ($1, 0, now(), $2)",
        organization_id,
        numbers,
    )
    await driver.execute(
        "INSERT INTO kept_pairs (organization_id, dimension, complete_from) SELECT $1, unnest($2::smallint[]), 0",
        organization_id,
        numbers,
    )


async def declare(driver: Driver, organization_id: int, numbers: Sequence[int]) -> None:
    """Declares the pairs of an organization in place of those before: every revision after COMMIT counts them."""
    await driver.execute("UPDATE revisions SET pairs = $2 WHERE organization_id = $1", organization_id, numbers)
    await driver.execute(
        "UPDATE kept_pairs SET taken_back_at = now(), complete_from = NULL"
        " WHERE organization_id = $1 AND NOT dimension = ANY($2::smallint[]) AND taken_back_at IS NULL",
        organization_id,
        numbers,
    )
    await driver.execute(
        "INSERT INTO kept_pairs (organization_id, dimension) SELECT $1, unnest($2::smallint[])"
        " ON CONFLICT (organization_id, dimension) DO UPDATE SET taken_back_at = NULL"
        " WHERE kept_pairs.taken_back_at IS NOT NULL",
        organization_id,
        numbers,
    )


async def kept(driver: Driver, organization_id: int) -> list[KeptPair]:
    """Returns the pairs of an organization. One that only a newer release knows is left out."""
    rows = await driver.fetch(
        "SELECT dimension, complete_from FROM kept_pairs WHERE organization_id = $1 AND taken_back_at IS NULL"
        " ORDER BY dimension",
        organization_id,
    )
    complete_from = dict(map(tuple, rows))
    return [KeptPair(dimension=one, complete_from=complete_from[one.number]) for one in pairs.numbered(complete_from)]


async def unsettled(driver: Driver) -> list[int]:
    """Returns the organizations of which a pair is to be counted from raw events, or to be removed."""
    rows = await driver.fetch(
        "SELECT DISTINCT organization_id FROM kept_pairs WHERE complete_from IS NULL ORDER BY organization_id"
    )
    return [row[0] for row in rows]


async def complete(driver: Driver, organization_id: int, numbers: Collection[int]) -> None:
    """Records that figures by pairs are complete for as long as raw events are, unless they were taken back."""
    await driver.execute(
        "UPDATE kept_pairs p SET complete_from = o.raw_from_bucket FROM organizations o"
        " WHERE o.organization_id = $1 AND p.organization_id = $1 AND p.dimension = ANY($2::smallint[])"
        " AND p.complete_from IS NULL AND p.taken_back_at IS NULL",
        organization_id,
        list(numbers),
    )


async def taken_back(driver: Driver, organization_id: int) -> list[int]:
    """Returns the pairs of an organization that are to be removed, and holds them until COMMIT."""
    rows = await driver.fetch(
        "SELECT dimension FROM kept_pairs WHERE organization_id = $1 AND taken_back_at IS NOT NULL"
        " ORDER BY dimension FOR UPDATE",
        organization_id,
    )
    return [row[0] for row in rows]


async def remove_figures(driver: Driver, organization_id: int, numbers: Collection[int], limit: int) -> int:
    """Removes figures by pairs that were taken back, about as many as a limit allows, and returns how many; with the
    last of them the pairs.
    """
    removed = 0
    for table in ("deltas", "rollups"):
        done = await driver.execute(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table}"  # noqa: S608 - names of this file
            " WHERE organization_id = $1 AND dimension = ANY($2::smallint[]) LIMIT $3))",
            organization_id,
            list(numbers),
            limit,
        )
        removed += statements.rows(done)
    if not removed:
        await driver.execute(
            "DELETE FROM kept_pairs WHERE organization_id = $1 AND dimension = ANY($2::smallint[])"
            " AND taken_back_at IS NOT NULL",
            organization_id,
            list(numbers),
        )
    return removed
