"""Metrics of all events: how many there are, and whom and what they are about."""

from server.catalog.metrics import Aggregation, Definition, Measure, Unit
from server.events import event_types

METRICS: tuple[Definition, ...] = (
    Measure(
        number=1,
        name="events",
        description="Events of any type.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
    ),
    Measure(
        number=32,
        name="unique_users",
        description="Distinct users on any event. Exact over any period; not the sum of daily uniques.",
        unit=Unit.COUNT,
        aggregation=Aggregation.UNIQUE,
        field="user_id",
    ),
    Measure(
        number=33,
        name="active_agents",
        description="Distinct agents on any conversation, message or call event.",
        unit=Unit.COUNT,
        aggregation=Aggregation.UNIQUE,
        event_types=(*event_types.CONVERSATIONS, *event_types.MESSAGES, *event_types.CALLS),
        field="agent_id",
    ),
)
