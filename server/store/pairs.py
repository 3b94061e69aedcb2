"""Pairs of dimensions that organizations have declared, and since when figures by them are complete."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from server import errors
from server.catalog import pairs
from server.catalog.pairs import KeptPair
from server.store import statements
from server.store.database import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class PairToCount:
    """A pair of which what came before its declaration has to be counted from raw events. generation: of which
    declaration; counted_until: the quarter hour up to which that is done, 0 if it is not begun.
    """

    number: int
    generation: int
    counted_until: int


async def begin(driver: Driver, organization_id: int, numbers: Sequence[int]) -> None:
    """Declares the pairs of an organization that has just been made: they are complete."""
    begun = await driver.execute(
        "INSERT INTO revisions (organization_id, revision, revised_at, pairs) VALUES ($1, 0, now(), $2)",
        organization_id,
        numbers,
    )
    if not statements.rows(begun):  # its shard is being split
        raise errors.StorageUnavailable("the organization's rows are being moved")
    await driver.execute(
        "INSERT INTO kept_pairs (organization_id, dimension, complete_from)"
        " SELECT b.organization_id, p, 0 FROM unnest($2::smallint[]) AS p, revisions AS b WHERE b.organization_id = $1",
        organization_id,
        numbers,
    )


async def declare(driver: Driver, organization_id: int, numbers: Sequence[int]) -> None:
    """Declares the pairs of an organization in place of those before: every revision after COMMIT counts them."""
    await driver.execute("UPDATE revisions SET pairs = $2 WHERE organization_id = $1", organization_id, numbers)
    await driver.execute(_TAKE_BACK, organization_id, numbers)
    await driver.execute(_DECLARE, organization_id, numbers)


_TAKE_BACK = """
    UPDATE kept_pairs SET declared = false, has_remnants = true, complete_from = NULL, counted_until = 0,
        generation = generation + 1
    WHERE organization_id = $1 AND NOT dimension = ANY($2::smallint[]) AND declared
"""
# What is left of an earlier declaration goes first: some of it may be gone already.
_DECLARE = """
    INSERT INTO kept_pairs (organization_id, dimension)
    SELECT b.organization_id, p FROM unnest($2::smallint[]) AS p, revisions AS b WHERE b.organization_id = $1
    ON CONFLICT (organization_id, dimension) DO UPDATE SET declared = true, generation = kept_pairs.generation + 1
    WHERE NOT kept_pairs.declared
"""


async def kept(driver: Driver, organization_id: int) -> list[KeptPair]:
    """Returns the pairs of an organization. One that only a newer release knows is left out."""
    rows = await driver.fetch(
        "SELECT dimension, complete_from FROM kept_pairs WHERE organization_id = $1 AND declared ORDER BY dimension",
        organization_id,
    )
    complete_from = dict(map(tuple, rows))
    return [KeptPair(dimension=one, complete_from=complete_from[one.number]) for one in pairs.numbered(complete_from)]


async def unsettled(driver: Driver, numbers: Collection[int], only: Sequence[int] | None) -> list[int]:
    """Returns the organizations of which one of these pairs is to be counted from raw events, or to be removed; of
    some, or None for all.
    """
    some, told = statements.among(only, "organization_id = ANY($2::integer[])")
    rows = await driver.fetch(
        "SELECT DISTINCT organization_id FROM kept_pairs"  # noqa: S608
        f" WHERE complete_from IS NULL AND dimension = ANY($1::smallint[]){some}",
        list(numbers),
        *told,
    )
    return [row[0] for row in rows]


async def to_count(driver: Driver, organization_id: int) -> list[PairToCount]:
    """Returns the pairs of an organization that are to be counted from raw events."""
    rows = await driver.fetch(
        "SELECT dimension, generation, counted_until FROM kept_pairs"
        " WHERE organization_id = $1 AND declared AND NOT has_remnants AND complete_from IS NULL ORDER BY dimension",
        organization_id,
    )
    return [PairToCount(number=row[0], generation=row[1], counted_until=row[2]) for row in rows]


async def note_counted(driver: Driver, organization_id: int, some: Sequence[PairToCount], until: int | None) -> bool:
    """Records up to which quarter hour pairs are counted, None for all time: then they are complete as far back as raw
    events are. False where one of them was taken back meanwhile.
    """
    raw_from: int | None = await driver.fetchval(
        "SELECT raw_from_bucket FROM organizations WHERE organization_id = $1", organization_id
    )
    if raw_from is None:
        return False
    changed = await driver.execute(
        _NOTE_COUNTED,
        organization_id,
        [one.number for one in some],
        [one.generation for one in some],
        until,
        raw_from,
    )
    return statements.rows(changed) == len(some)


_NOTE_COUNTED = """
    UPDATE kept_pairs p SET counted_until = coalesce($4, 0),
        complete_from = CASE WHEN $4::integer IS NULL THEN $5::integer END
    FROM unnest($2::smallint[], $3::integer[]) AS w(dimension, generation)
    WHERE p.organization_id = $1 AND p.dimension = w.dimension
        AND p.generation = w.generation AND p.declared AND NOT p.has_remnants
"""


async def remnants(driver: Driver, organization_id: int) -> list[int]:
    """Returns the pairs of an organization whose figures are to be removed, and holds them until COMMIT."""
    rows = await driver.fetch(
        "SELECT dimension FROM kept_pairs WHERE organization_id = $1 AND has_remnants ORDER BY dimension FOR UPDATE",
        organization_id,
    )
    return [row[0] for row in rows]


async def remove_figures(driver: Driver, organization_id: int, numbers: Collection[int], limit: int) -> bool:
    """Removes figures by pairs, about as many as a limit allows, and returns whether that were all. Nobody may fold
    meanwhile: what is then left is deltas alone, of which every width has as much.
    """
    is_all = True
    for table in ("deltas", "rollups"):
        removed = await driver.execute(
            f"DELETE FROM {table} WHERE {driver.narrowed}ctid = ANY(ARRAY(SELECT ctid FROM {table}"  # noqa: S608 - names of this file
            " WHERE organization_id = $1 AND dimension = ANY($2::smallint[]) LIMIT $3))",
            organization_id,
            list(numbers),
            limit,
        )
        is_all = is_all and statements.rows(removed) < limit
    if is_all:
        some = "organization_id = $1 AND dimension = ANY($2::smallint[])"
        await driver.execute(
            f"UPDATE kept_pairs SET has_remnants = false WHERE {some} AND declared",  # noqa: S608
            organization_id,
            list(numbers),
        )
        await driver.execute(
            f"DELETE FROM kept_pairs WHERE {some} AND NOT declared",  # noqa: S608
            organization_id,
            list(numbers),
        )
    return is_all
