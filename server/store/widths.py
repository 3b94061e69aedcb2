"""How far an organization's rollups are widened, and what is read to widen them."""

from collections.abc import Sequence

from server.catalog.cells import Cells
from server.quarters import Width
from server.store import rollups, statements
from server.store.database import Driver
from server.timerange import Span

Value = tuple[int, str]  # a dimension and a value of it
FIRST: Value = (-1, "")  # before all others

# The last hour that has been over for a quarter hour, in which its late events still come cheaply. The same expression
# is the column's default: what nobody has folded before has no rollups, and is whole however far that is said.
_DUE = "(floor((extract(epoch FROM now()) - 900) / 3600) * 4)::integer"


async def due_until(driver: Driver) -> int:
    """The quarter hour up to which everything can be widened now."""
    until: int = await driver.fetchval(f"SELECT {_DUE}")
    return until


async def due(driver: Driver, only: Sequence[int] | None = None) -> list[int]:
    """The organizations that can be widened further; of all, or of some alone."""
    some, told = statements.among(only, "organization_id = ANY($1::integer[])")
    rows = await driver.fetch(f"SELECT organization_id FROM folds WHERE widened_until < {_DUE}{some}", *told)  # noqa: S608 - as above
    return [row["organization_id"] for row in rows]


_VALUES = statements.load("read_values")


async def values_after(driver: Driver, organization_id: int, after: Value, limit: int) -> list[Value]:
    """The next values that have any rollups, in order, found by hopping through the index."""
    dimension, value = after
    given = _VALUES.arguments(organization_id=organization_id, dimension=dimension, value=value, limit=limit)
    rows = await driver.fetch(_VALUES.text, *given)
    return [(row[0], row[1]) for row in rows]


async def widened(
    driver: Driver, organization_id: int, values: Sequence[Value], finer: Width, wide: Width, span: Span
) -> Cells:
    """Cells of a width over a span that is whole in it, added up from rollups of a finer width."""
    rows = await driver.fetch(
        """
        SELECT k.dimension, k.value, r.* FROM unnest($2::smallint[], $3::text[]) AS k(dimension, value)
        CROSS JOIN LATERAL (
            SELECT bucket, counter_keys, counter_amounts, NULL::integer[] AS bin_keys, NULL::bigint[] AS bin_counts,
                set_keys, sets, histogram_keys, histograms FROM rollups
            WHERE organization_id = $1 AND dimension = k.dimension AND value = k.value AND granularity = $4
                AND bucket >= $5 AND bucket < $6 OFFSET 0
        ) AS r
        """,
        organization_id,
        [dimension for dimension, _ in values],
        [value for _, value in values],
        int(finer),
        span.start,
        span.end,
    )
    return rollups.read(rows, wide)


async def advance(driver: Driver, organization_id: int, until: int) -> None:
    """Says that every width is whole up to there."""
    await driver.execute("UPDATE folds SET widened_until = $2 WHERE organization_id = $1", organization_id, until)
