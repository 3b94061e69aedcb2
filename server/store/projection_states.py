"""How projections stand, for operators: how far they are behind over all organizations, and which have stopped."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from server.store import statements
from server.store.database import Driver
from server.store.projections import ON_DEMAND

_STATES = statements.load("read_projection_states", OF_SOME="")
_STATES_OF_SOME = statements.load("read_projection_states", OF_SOME="AND r.organization_id = ANY(:only::integer[])")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionState:
    """How far a projection is behind over all organizations: how many of them, by how many revisions together, and the
    seconds between the time up to which one has seen everything and that of its newest revision, at most.
    """

    name: str
    organizations: int
    revisions: int
    seconds: float


async def read(driver: Driver, names: Collection[str], only: Sequence[int] | None = None) -> list[ProjectionState]:
    """Returns how far projections are behind, of all organizations or of some alone."""
    given = {"names": list(names), "on_demand": list(ON_DEMAND)}
    if only is None:
        rows = await driver.fetch(_STATES.text, *_STATES.arguments(**given))
    else:
        rows = await driver.fetch(_STATES_OF_SOME.text, *_STATES_OF_SOME.arguments(**given, only=only))
    found = {
        row[0]: ProjectionState(name=row[0], organizations=row[1], revisions=row[2], seconds=row[3]) for row in rows
    }
    return [
        found.get(name) or ProjectionState(name=name, organizations=0, revisions=0, seconds=0.0)
        for name in sorted(names)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedProjection:
    """A projection of an organization that cannot get over a revision."""

    name: str
    organization_id: int
    revision: int
    at: datetime
    failure: str


async def stopped_count(driver: Driver, only: Sequence[int] | None = None) -> int:
    """Returns how many projections of organizations have stopped, of all or of some alone."""
    some, told = statements.among(only, "organization_id = ANY($1::integer[])")
    found: int = await driver.fetchval(
        f"SELECT count(*) FROM projections WHERE failed_revision IS NOT NULL{some}",  # noqa: S608
        *told,
    )
    return found


async def stopped(driver: Driver, limit: int) -> list[StoppedProjection]:
    """Returns projections that have stopped, the first of them, as many as a limit allows."""
    rows = await driver.fetch(
        "SELECT name, organization_id, failed_revision AS revision, failed_at AS at, failure FROM projections"
        " WHERE failed_revision IS NOT NULL ORDER BY failed_at, organization_id LIMIT $1",
        limit,
    )
    return [StoppedProjection(**row) for row in rows]
