"""The statuses of agents over time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from server import timerange
from server.events.event import Event
from server.store.database import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """An agent's status from an instant on; the numbers are those of AgentStatus."""

    occurred_at: datetime
    status: int


async def append(driver: Driver, events: Iterable[tuple[int, Event]]) -> None:
    """Stores status changes of agents of organizations."""
    await driver.copy_records_to_table(
        "agent_statuses",
        columns=["organization_id", "agent_id", "occurred_at", "event_key", "status"],
        records=[
            (
                organization_id,
                event.agent_id,
                timerange.EPOCH + timedelta(microseconds=event.occurred_at),
                event.event_key,
                event.detail["status"],
            )
            for organization_id, event in events
        ],
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
