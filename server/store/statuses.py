"""The statuses of agents over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from server import timerange
from server.events import Event
from server.store.database import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """An agent's status from an instant on; the numbers are those of AgentStatus."""

    occurred_at: datetime
    status: int


async def append(driver: Driver, organization_id: int, events: Sequence[Event]) -> None:
    """Stores status changes."""
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
            for event in events
        ],
    )


async def changes(
    connection: AsyncConnection, organization_id: int, agent_id: str, start: datetime, end: datetime
) -> list[StatusChange]:
    """The agent's status changes in [start, end) and the one before them, in order."""
    rows = await connection.execute(
        sa.text(
            "(SELECT occurred_at, status, event_key FROM agent_statuses WHERE organization_id = :organization"
            " AND agent_id = :agent AND occurred_at < :start ORDER BY occurred_at DESC, event_key DESC LIMIT 1)"
            " UNION ALL"
            " (SELECT occurred_at, status, event_key FROM agent_statuses WHERE organization_id = :organization"
            " AND agent_id = :agent AND occurred_at >= :start AND occurred_at < :end)"
            " ORDER BY occurred_at, event_key"
        ),
        {"organization": organization_id, "agent": agent_id, "start": start, "end": end},
    )
    return [StatusChange(occurred_at=row.occurred_at, status=row.status) for row in rows]
