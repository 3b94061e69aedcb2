"""Metrics of all events: how many there are, and whom and what they are about."""

from server.catalog.metrics import Aggregation, Better, Definition, Measure, Unit
from server.events import event_types

_TALKING = (*event_types.CONVERSATIONS, *event_types.MESSAGES, *event_types.CALLS)

METRICS: tuple[Definition, ...] = (
    Measure(
        number=1,
        name="events",
        title="Events",
        description="Events of any type.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
    ),
    Measure(
        number=47,
        name="custom_events",
        title="Custom events",
        description="Events of types that the service does not know.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        of_unknown_types=True,
    ),
    Measure(
        number=32,
        name="unique_users",
        title="Unique users",
        description="Distinct users on any event. Exact over any period; not the sum of daily uniques.",
        unit=Unit.COUNT,
        aggregation=Aggregation.UNIQUE,
        better=Better.HIGHER,
        field="user_id",
    ),
    Measure(
        number=33,
        name="active_agents",
        title="Active agents",
        description="Distinct agents on any conversation, message or call event.",
        unit=Unit.COUNT,
        aggregation=Aggregation.UNIQUE,
        event_types=_TALKING,
        field="agent_id",
    ),
)
