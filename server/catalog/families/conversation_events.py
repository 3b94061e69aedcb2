"""Metrics of the events that begin, close and reopen conversations, whatever becomes of the conversations later."""

from server.catalog.metrics import Aggregation, Better, Definition, Measure, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=61,
        name="starting_events",
        title="Starting events",
        description="Events conversation.started, each at its own time and agent, whatever happens later.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("conversation.started",),
    ),
    Measure(
        number=42,
        name="resolution_events",
        title="Resolution events",
        description="Events conversation.resolved, each at its own time and agent, whatever happens later.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        better=Better.HIGHER,
        event_types=("conversation.resolved",),
    ),
    Measure(
        number=43,
        name="escalation_events",
        title="Escalation events",
        description="Events conversation.escalated, each at its own time and agent, whatever happens later.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("conversation.escalated",),
    ),
    Measure(
        number=44,
        name="abandonment_events",
        title="Abandonment events",
        description="Events conversation.abandoned, each at its own time and agent, whatever happens later.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        better=Better.LOWER,
        event_types=("conversation.abandoned",),
    ),
    Measure(
        number=45,
        name="ending_events",
        title="Ending events",
        description="Events conversation.ended, each at its own time and agent, whatever happens later.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("conversation.ended",),
    ),
    Measure(
        number=46,
        name="reopening_events",
        title="Reopening events",
        description="Events conversation.reopened, each at its own time and agent, whatever happens later.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        better=Better.LOWER,
        event_types=("conversation.reopened",),
    ),
)
