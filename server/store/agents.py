"""Agents as the projection keeps them."""

from collections.abc import Collection

from server.events.agent_profile import AgentEvent, AgentKind
from server.store import following, projections
from server.store.database import Driver
from server.store.following import FollowedEvents
from server.store.projection_rows import MergingTable
from server.store.projections import ProjectionPosition

TABLE = MergingTable(
    "agents",
    "agent_id",
    earliest=("first_seen_at",),
    latest=("last_seen_at", "created_at", "deleted_at"),
    newest={"name": "text", "kind": "smallint", "agent_version": "text", "team_id": "text"},
)
_VERSION = projections.VERSION.format("agents")
_DESCRIBED = "CASE WHEN event_type LIKE 'agent.%' THEN detail END"
_EVENTS = following.statement(
    (
        "agent_id",
        "coalesce(team_id, '')",
        f"coalesce({_DESCRIBED} ->> 'name', '')",
        f"coalesce(({_DESCRIBED} ->> 'kind')::smallint, 0)",
        f"coalesce({_DESCRIBED} ->> 'version', '')",
    ),
    "agent_id IS NOT NULL",
)
# OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
_HUMANS = f"""
    SELECT a.agent_id FROM unnest($2::text[]) AS w(agent_id) CROSS JOIN LATERAL (SELECT * FROM agents
    WHERE organization_id = $1 AND version = {_VERSION} AND agent_id = w.agent_id OFFSET 0) AS a WHERE a.kind = $3
"""  # noqa: S608 - constants of this file


async def events_after(
    driver: Driver, organization_id: int, position: ProjectionPosition, until: int, limit: int
) -> FollowedEvents[AgentEvent]:
    """Returns the events of agents after a position up to a revision, in the order of revisions, as many as a limit
    allows.
    """
    return await following.read(driver, _EVENTS, AgentEvent, organization_id, position, until, limit)


async def humans(driver: Driver, organization_id: int, agent_ids: Collection[str]) -> frozenset[str]:
    """Returns those of some agents that are known to be humans."""
    rows = await driver.fetch(_HUMANS, organization_id, list(agent_ids), AgentKind.HUMAN)
    return frozenset(row[0] for row in rows)
