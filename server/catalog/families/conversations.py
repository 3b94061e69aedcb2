"""Metrics of conversations: how many begin, how they close, and with how many messages."""

from server.catalog.metrics import Aggregation, Definition, Measure, Ratio, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=2,
        name="total_conversations",
        description="Conversations started.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("conversation.started",),
    ),
    Measure(
        number=19,
        name="conversations_resolved",
        description="Closed conversations that the agent resolved alone, at the time of closing.",
        unit=Unit.COUNT,
        aggregation=Aggregation.OUTCOME,
    ),
    Measure(
        number=20,
        name="conversations_escalated",
        description="Closed conversations that a human took over, whatever came after, at the time of closing.",
        unit=Unit.COUNT,
        aggregation=Aggregation.OUTCOME,
    ),
    Measure(
        number=21,
        name="conversations_abandoned",
        description="Closed conversations that the user walked away from, at the time of closing.",
        unit=Unit.COUNT,
        aggregation=Aggregation.OUTCOME,
    ),
    Measure(
        number=22,
        name="conversations_ended",
        description="Closed conversations without another outcome, at the time of closing.",
        unit=Unit.COUNT,
        aggregation=Aggregation.OUTCOME,
    ),
    Measure(
        number=23,
        name="closed_conversation_messages",
        description="Messages of closed conversations, at the time of closing.",
        unit=Unit.COUNT,
        aggregation=Aggregation.OUTCOME_SUM,
    ),
    Ratio(
        name="conversation_count",
        description="Conversations started: total_conversations of one agent.",
        unit=Unit.COUNT,
        numerators=("total_conversations",),
    ),
    Ratio(
        name="conversations_closed",
        description="Conversations closed: the sum of the four outcomes.",
        unit=Unit.COUNT,
        numerators=(
            "conversations_resolved",
            "conversations_escalated",
            "conversations_abandoned",
            "conversations_ended",
        ),
    ),
    Ratio(
        name="resolution_rate",
        description="Conversations resolved ÷ closed. The four rates of outcomes add up to 1.",
        unit=Unit.FRACTION,
        numerators=("conversations_resolved",),
        denominators=(
            "conversations_resolved",
            "conversations_escalated",
            "conversations_abandoned",
            "conversations_ended",
        ),
    ),
    Ratio(
        name="escalation_rate",
        description="Conversations escalated ÷ closed: the hand-off rate.",
        unit=Unit.FRACTION,
        numerators=("conversations_escalated",),
        denominators=(
            "conversations_resolved",
            "conversations_escalated",
            "conversations_abandoned",
            "conversations_ended",
        ),
    ),
    Ratio(
        name="abandonment_rate",
        description="Conversations abandoned ÷ closed.",
        unit=Unit.FRACTION,
        numerators=("conversations_abandoned",),
        denominators=(
            "conversations_resolved",
            "conversations_escalated",
            "conversations_abandoned",
            "conversations_ended",
        ),
    ),
    Ratio(
        name="ended_rate",
        description="Conversations ended without another outcome ÷ closed.",
        unit=Unit.FRACTION,
        numerators=("conversations_ended",),
        denominators=(
            "conversations_resolved",
            "conversations_escalated",
            "conversations_abandoned",
            "conversations_ended",
        ),
    ),
    Ratio(
        name="avg_messages_per_conversation",
        description="Messages of the conversations closed ÷ those conversations.",
        unit=Unit.COUNT,
        numerators=("closed_conversation_messages",),
        denominators=(
            "conversations_resolved",
            "conversations_escalated",
            "conversations_abandoned",
            "conversations_ended",
        ),
    ),
)
