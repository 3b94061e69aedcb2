"""Agents as the projection keeps them."""

from collections.abc import Collection, Iterable
from datetime import datetime

from server import timerange
from server.events.agent_profile import AgentEvent, AgentKind, AgentProfile, KindChange, KnownKinds, Told
from server.store import instants, projections, statements
from server.store.database import Driver
from server.store.following import EventReader, FollowedEvents
from server.store.projection_rows import MergingTable
from server.store.projections import ProjectionPosition, Rows

TABLES = ("agents", "agent_kinds")
TABLE = MergingTable(
    "agents",
    "agent_id",
    earliest=("first_seen_at",),
    latest=("last_seen_at", "created_at", "deleted_at"),
    newest={"name": "text", "kind": "smallint", "agent_version": "text", "team_id": "text"},
)
_VERSION = projections.VERSION.format("agents")


class AgentReader(EventReader[AgentEvent]):
    """Reads what events say of agents: of most of them no more matters than when they occurred."""

    def __init__(self) -> None:
        columns = ("agent_id", "''", "''", "0::smallint", "''", "1::bigint")
        super().__init__(columns, "agent_id IS NOT NULL", AgentEvent._make)

    async def after(
        self, driver: Driver, organization_id: int, position: ProjectionPosition, until: int, limit: int
    ) -> FollowedEvents[AgentEvent]:
        """Returns what the events of agents after a position up to a revision say, in the order of revisions, as many
        as a limit allows to look at. What has been replaced since is left out: that is made anew then.
        """
        arguments = _EVENTS_AFTER.arguments(
            organization_id=organization_id,
            revision=position.revision,
            revised_at=position.revised_at,
            until=until,
            looked_at=limit,
        )
        rows = await driver.fetch(_EVENTS_AFTER.text, *arguments)
        most = 2 * limit + 1
        if len(rows) < most and all(row["event_type"] is not None for row in rows):
            return FollowedEvents(events=list(map(AgentEvent._make, rows)))
        unread, received_at = rows[-1][0], rows[-1][1]  # a revision of which some may be missing
        return FollowedEvents(
            events=[AgentEvent._make(row) for row in rows if row[0] < unread],
            reached=ProjectionPosition(revision=unread - 1, revised_at=timerange.of_microseconds(received_at)),
        )


_EVENTS_AFTER = statements.load("agent_events_after")
EVENTS = AgentReader()
# OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
_TOLD_KINDS = f"""
    SELECT a.agent_id, {instants.selected("a.kind_at")}, a.kind FROM unnest($3::text[]) AS w(agent_id)
    CROSS JOIN LATERAL (SELECT * FROM agents
    WHERE organization_id = $1 AND version = $2 AND agent_id = w.agent_id OFFSET 0) AS a
"""  # noqa: S608 - constants of this file
_TIMES = ", ".join(map(instants.selected, ("first_seen_at", "last_seen_at", "created_at", "deleted_at")))
_PROFILE = f"""
    SELECT {_TIMES}, kind, name, agent_version, team_id FROM agents
    WHERE organization_id = $1 AND version = {_VERSION} AND agent_id = $2
"""  # noqa: S608 - constants of this file
# As above.
_NAMES = f"""
    SELECT a.agent_id, a.name FROM unnest($2::text[]) AS w(agent_id)
    CROSS JOIN LATERAL (SELECT agent_id, name FROM agents
    WHERE organization_id = $1 AND version = {_VERSION} AND agent_id = w.agent_id AND name <> '' OFFSET 0) AS a
"""  # noqa: S608 - constants of this file
_NAMED = f"""
    SELECT agent_id FROM agents
    WHERE organization_id = $1 AND version = {_VERSION} AND name <> ''
        AND starts_with(lower(name COLLATE "default"), lower($2::text))
    ORDER BY agent_id LIMIT $3
"""  # noqa: S608 - constants of this file
_HISTORY = f"organization_id = $1 AND version = {_VERSION} AND agent_id = w.agent_id"
_KINDS = f"""
    SELECT w.agent_id, k.revision, k.kind FROM unnest($2::text[]) AS w(agent_id) CROSS JOIN LATERAL (
        (SELECT revision, kind FROM agent_kinds WHERE {_HISTORY} AND revision <= $3 ORDER BY revision DESC LIMIT 1)
        UNION ALL
        (SELECT revision, kind FROM agent_kinds WHERE {_HISTORY} AND revision > $3 AND revision <= $4)
    ) AS k ORDER BY w.agent_id, k.revision
"""  # noqa: S608 - constants of this file


async def see_again(driver: Driver, rows: Rows, agent_ids: Collection[str], until: int, kept_from: datetime) -> None:
    """Makes anew when agents were seen first and last, of events up to a revision, and removes those that were not. Of
    what happened before kept_from raw events may be gone: what was known of it stays.
    """
    if not agent_ids:
        return
    ids = sorted(agent_ids)
    arguments = _SEE_AGAIN.arguments(
        organization_id=rows.organization_id, version=rows.version, agent_ids=ids, until=until, kept_from=kept_from
    )
    await driver.execute(_SEE_AGAIN.text, *arguments)


_SEE_AGAIN = statements.load("see_agents_again")


async def told_kinds(driver: Driver, rows: Rows, agent_ids: Collection[str]) -> dict[str, Told]:
    """Returns when the kind of agents was said last, and which it is, of those of them that are known."""
    found = await driver.fetch(_TOLD_KINDS, *rows, list(agent_ids))
    return {agent_id: (at, AgentKind(kind)) for agent_id, at, kind in found}


async def profile(driver: Driver, organization_id: int, agent_id: str) -> AgentProfile | None:
    """Returns what is known of an agent; None where nothing is."""
    rows = await driver.fetch(_PROFILE, organization_id, agent_id)
    if not rows:
        return None
    first, last, created, deleted, kind, name, version, team_id = rows[0]
    return AgentProfile(
        first_seen_at=first,
        last_seen_at=last,
        created_at=created,
        deleted_at=deleted,
        kind=AgentKind(kind),
        name=name,
        agent_version=version,
        team_id=team_id,
    )


async def names(driver: Driver, organization_id: int, agent_ids: Collection[str]) -> dict[str, str]:
    """Returns what people call agents, of those of them whose names were told."""
    rows = await driver.fetch(_NAMES, organization_id, list(agent_ids))
    return {row[0]: row[1] for row in rows}


async def named(driver: Driver, organization_id: int, prefix: str, limit: int) -> list[str]:
    """Returns agents whose names begin with a prefix, whatever its case."""
    rows = await driver.fetch(_NAMED, organization_id, prefix, limit)
    return [row[0] for row in rows]


async def add_kinds(driver: Driver, rows: Rows, changes: Iterable[KindChange]) -> None:
    """Stores from which revisions on agents are known to be of which kinds."""
    columns = list(zip(*changes, strict=True))
    if columns:
        await driver.execute(
            "INSERT INTO agent_kinds (organization_id, version, agent_id, revision, kind)"
            " SELECT b.organization_id, $2, c.*"
            " FROM unnest($3::text[], $4::bigint[], $5::smallint[]) AS c, revisions AS b WHERE b.organization_id = $1",
            *rows,
            *columns,
        )


async def known_kinds(
    driver: Driver, organization_id: int, agent_ids: Collection[str], first: int, last: int
) -> KnownKinds:
    """Returns of which kinds some agents were known to be in the revisions from first to last."""
    changes: dict[str, list[tuple[int, AgentKind]]] = {}
    for agent_id, revision, kind in await driver.fetch(_KINDS, organization_id, list(agent_ids), first, last):
        changes.setdefault(agent_id, []).append((revision, AgentKind(kind)))
    return KnownKinds(changes)


async def keep(driver: Driver, old: Rows, new: Rows, complete_from: datetime) -> None:
    """Takes over what raw events may be gone of: what was known of agents that were seen before an instant, and since
    when which kind was known of these.
    """
    await TABLE.keep(driver, old, new, complete_from)
    known = "SELECT agent_id FROM agents WHERE organization_id = $1 AND version = $2 AND first_seen_at < $4"
    await driver.execute(
        "DELETE FROM agent_kinds WHERE organization_id = $1 AND version = $3"  # noqa: S608 - constants of the code
        f" AND agent_id IN ({known})",
        *old,
        new.version,
        complete_from,
    )
    await driver.execute(
        "INSERT INTO agent_kinds (organization_id, version, agent_id, revision, kind)"  # noqa: S608 - as above
        " SELECT organization_id, $3, agent_id, revision, kind FROM agent_kinds"
        f" WHERE organization_id = $1 AND version = $2 AND agent_id IN ({known})",
        *old,
        new.version,
        complete_from,
    )
