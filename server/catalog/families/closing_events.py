"""Metrics of the events that close and reopen conversations, whatever becomes of the conversations later."""

from server.catalog.metrics import Aggregation, Definition, Measure, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=42,
        name="resolution_events",
        description="Events conversation.resolved, each at its own time and agent, whatever happens later.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("conversation.resolved",),
    ),
    Measure(
        number=43,
        name="escalation_events",
        description="Events conversation.escalated, each at its own time and agent, whatever happens later.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("conversation.escalated",),
    ),
    Measure(
        number=44,
        name="abandonment_events",
        description="Events conversation.abandoned, each at its own time and agent, whatever happens later.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("conversation.abandoned",),
    ),
    Measure(
        number=45,
        name="ending_events",
        description="Events conversation.ended, each at its own time and agent, whatever happens later.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("conversation.ended",),
    ),
    Measure(
        number=46,
        name="reopening_events",
        description="Events conversation.reopened, each at its own time and agent, whatever happens later.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("conversation.reopened",),
    ),
)
