"""Events as projections read them: those after a position, in the order of revisions."""

from collections.abc import Sequence

import asyncpg

from server.store import statements
from server.store.database import Driver
from server.store.projections import ProjectionPosition
from server.store.statements import Statement


def statement(columns: Sequence[str], condition: str) -> Statement:
    """Returns the statement that reads events with a condition. Its rows begin with revision, time of receipt and of
    occurrence in microseconds, key and type; the columns come behind.
    """
    return statements.load("events_after", COLUMNS=", ".join(columns), CONDITION=condition)


async def read(
    driver: Driver, chosen: Statement, organization_id: int, position: ProjectionPosition, until: int, limit: int
) -> list[asyncpg.Record]:
    """Returns the rows of events after a position up to a revision, as many as a limit allows."""
    arguments = chosen.arguments(
        organization_id=organization_id,
        revision=position.revision,
        revised_at=position.revised_at,
        until=until,
        limit=limit,
    )
    return await driver.fetch(chosen.text, *arguments)
