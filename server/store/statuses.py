"""The statuses of agents over time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from server import timerange
from server.catalog import dimensions
from server.events.event import Event
from server.store import appending, statements
from server.store.database import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """An agent's status from an instant on; the numbers are those of AgentStatus."""

    occurred_at: datetime
    status: int


async def append(driver: Driver, events: Iterable[tuple[int, Event]]) -> None:
    """Stores status changes of agents of organizations."""
    given = list(events)
    if not given:
        return
    values: dict[str, list[Any]] = {
        "agent_id": [event.agent_id for _, event in given],
        "occurred_at": [timerange.EPOCH + timedelta(microseconds=event.occurred_at) for _, event in given],
        "event_key": [event.event_key for _, event in given],
        "status": [event.detail["status"] for _, event in given],
    }
    organizations = [organization_id for organization_id, _ in given]
    if driver.is_distributed:
        (organization_id,) = set(organizations)
        await appending.insert(driver, "agent_statuses", organization_id, values)
        return
    await driver.execute(
        "INSERT INTO agent_statuses (organization_id, agent_id, occurred_at, event_key, status)"
        " SELECT * FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::bytea[], $5::smallint[])",
        organizations,
        *values.values(),
    )


async def remove(driver: Driver, organization_id: int, events: Sequence[Event]) -> None:
    """Removes the status changes that events have told."""
    if events:
        await driver.execute(
            "DELETE FROM agent_statuses WHERE organization_id = $1 AND (agent_id, event_key) IN"
            " (SELECT * FROM unnest($2::text[], $3::bytea[]))",
            organization_id,
            [event.agent_id for event in events],
            [event.event_key for event in events],
        )


async def changes(
    driver: Driver, organization_id: int, agent_id: str, start: datetime, end: datetime
) -> list[StatusChange]:
    """The agent's status changes in [start, end) and the one before them, in order."""
    rows = await driver.fetch(
        "(SELECT occurred_at, status, event_key FROM agent_statuses WHERE organization_id = $1"
        " AND agent_id = $2 AND occurred_at < $3 ORDER BY occurred_at DESC, event_key DESC LIMIT 1)"
        " UNION ALL"
        " (SELECT occurred_at, status, event_key FROM agent_statuses WHERE organization_id = $1"
        " AND agent_id = $2 AND occurred_at >= $3 AND occurred_at < $4)"
        " ORDER BY occurred_at, event_key",
        organization_id,
        agent_id,
        start,
        end,
    )
    return [StatusChange(occurred_at=row[0], status=row[1]) for row in rows]


_SILENCES = statements.load("read_silences", AGENT=dimensions.AGENT.number)


async def silences(
    driver: Driver, organization_id: int, agent_id: str, start: datetime, end: datetime, silence: timedelta
) -> list[int]:
    """Returns the quarter hours of [start, end), in order, in which any event of an agent is followed by a time without
    one that is longer than a silence, or by none at all.
    """
    arguments = _SILENCES.arguments(
        organization_id=organization_id,
        agent_id=agent_id,
        first=timerange.floor_bucket(start),
        last=timerange.ceil_bucket(end),
        silence=silence // timerange.QUARTER,
    )
    return [row[0] for row in await driver.fetch(_SILENCES.text, *arguments)]
