"""Metrics of conversations: how many begin, how they close, how long they take, and how soon somebody answers."""

from server.catalog.metrics import Aggregation, Definition, Measure, Quantile, Ratio, Unit

PROJECTION = "conversations"
# The outcomes, of which a closed conversation has one.
_CLOSED = ("conversations_resolved", "conversations_escalated", "conversations_abandoned", "conversations_ended")

_PERCENTS = (50, 90, 95, 99)


def percentiles(measure: str, unit: Unit) -> tuple[Quantile, ...]:
    """Returns the percentiles of a measure that the catalogue has."""
    return tuple(
        Quantile(
            name=f"p{percent}_{measure}",
            description=f"The {percent / 100}-quantile of {measure}.",
            unit=unit,
            measure=measure,
            q=percent / 100,
        )
        for percent in _PERCENTS
    )


_METRICS: tuple[Definition, ...] = (
    Measure(
        number=2,
        name="total_conversations",
        description="Conversations that began: one per conversation_id, at its earliest start event, or where no start "
        "was told at its first event.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        field="began",
        projection=PROJECTION,
    ),
    Measure(
        number=19,
        name="conversations_resolved",
        description="Closed conversations that the agent resolved alone, at the time of closing.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        field="resolved",
        projection=PROJECTION,
    ),
    Measure(
        number=20,
        name="conversations_escalated",
        description="Closed conversations that a human took over, whatever came after, at the time of closing.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        field="escalated",
        projection=PROJECTION,
    ),
    Measure(
        number=21,
        name="conversations_abandoned",
        description="Closed conversations that the user walked away from, at the time of closing.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        field="abandoned",
        projection=PROJECTION,
    ),
    Measure(
        number=22,
        name="conversations_ended",
        description="Closed conversations without another outcome, at the time of closing.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        field="ended",
        projection=PROJECTION,
    ),
    Measure(
        number=23,
        name="closed_conversation_messages",
        description="Messages of closed conversations, at the time of closing.",
        unit=Unit.COUNT,
        aggregation=Aggregation.HISTOGRAM,
        field="messages",
        projection=PROJECTION,
    ),
    Measure(
        number=34,
        name="conversation_duration_ms",
        description="Time from the beginning of closed conversations to their closing, at the time of closing.",
        unit=Unit.MILLISECONDS,
        aggregation=Aggregation.HISTOGRAM,
        field="duration",
        projection=PROJECTION,
    ),
    Measure(
        number=35,
        name="conversations_reopened",
        description="Closed conversations that had been reopened before, at the time of closing.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        field="reopened",
        projection=PROJECTION,
    ),
    Measure(
        number=36,
        name="first_response_time_ms",
        description="Time from the beginning of a conversation to the first message sent in it, at the time of "
        "the beginning.",
        unit=Unit.MILLISECONDS,
        aggregation=Aggregation.HISTOGRAM,
        field="first_response",
        projection=PROJECTION,
    ),
    Measure(
        number=37,
        name="first_human_response_time_ms",
        description="Time from the beginning of a conversation to the first message that a human sent in it, at the "
        "time of the beginning.",
        unit=Unit.MILLISECONDS,
        aggregation=Aggregation.HISTOGRAM,
        field="first_human_response",
        projection=PROJECTION,
    ),
    Measure(
        number=38,
        name="human_wait_time_ms",
        description="Time from the first hand-over of a closed conversation to the first message of a human after "
        "it, at the time of closing.",
        unit=Unit.MILLISECONDS,
        aggregation=Aggregation.HISTOGRAM,
        field="human_wait",
        projection=PROJECTION,
    ),
    Measure(
        number=39,
        name="escalated_conversations_resolved",
        description="Conversations escalated that a human has resolved since, at the time of closing.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        field="escalated_resolved",
        projection=PROJECTION,
    ),
    Measure(
        number=40,
        name="human_resolutions",
        description="Conversations that were handed over and then resolved, at the time of the resolving event, which "
        "also says by whom.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        field="human_resolved",
        projection=PROJECTION,
    ),
    Measure(
        number=41,
        name="final_resolution_time_ms",
        description="Time from the beginning of conversations with a human resolution to that resolution, at its time.",
        unit=Unit.MILLISECONDS,
        aggregation=Aggregation.HISTOGRAM,
        field="final_resolution",
        projection=PROJECTION,
    ),
    Measure(
        number=200,
        name="closed_conversation_cost_micros",
        description="Recorded cost of the messages of closed conversations, at the time of closing; 0 for those "
        "without any. At most 10^12 each.",
        unit=Unit.MICROS,
        aggregation=Aggregation.HISTOGRAM,
        field="cost",
        projection=PROJECTION,
    ),
    Measure(
        number=201,
        name="closed_conversation_tokens",
        description="Tokens that models read and wrote for closed conversations, at the time of closing; 0 for those "
        "without any. At most 10^12 each.",
        unit=Unit.TOKENS,
        aggregation=Aggregation.HISTOGRAM,
        field="tokens",
        projection=PROJECTION,
    ),
    Measure(
        number=202,
        name="open_conversations",
        description="Conversations that are open, at the time of their beginning. One that was handed over is open "
        "until it is resolved, abandoned or ended.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        field="open",
        projection=PROJECTION,
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
        numerators=_CLOSED,
    ),
    Ratio(
        name="resolution_rate",
        description="Conversations resolved ÷ closed. The four rates of outcomes add up to 1.",
        unit=Unit.FRACTION,
        numerators=("conversations_resolved",),
        denominators=_CLOSED,
    ),
    Ratio(
        name="escalation_rate",
        description="Conversations escalated ÷ closed: the hand-off rate.",
        unit=Unit.FRACTION,
        numerators=("conversations_escalated",),
        denominators=_CLOSED,
    ),
    Ratio(
        name="abandonment_rate",
        description="Conversations abandoned ÷ closed.",
        unit=Unit.FRACTION,
        numerators=("conversations_abandoned",),
        denominators=_CLOSED,
    ),
    Ratio(
        name="ended_rate",
        description="Conversations ended without another outcome ÷ closed.",
        unit=Unit.FRACTION,
        numerators=("conversations_ended",),
        denominators=_CLOSED,
    ),
    Ratio(
        name="avg_messages_per_conversation",
        description="Messages of the conversations closed ÷ those conversations.",
        unit=Unit.COUNT,
        numerators=("closed_conversation_messages",),
        denominators=_CLOSED,
    ),
    Ratio(
        name="avg_conversation_duration_ms",
        description="Time from beginning to closing of the conversations closed ÷ those conversations.",
        unit=Unit.MILLISECONDS,
        numerators=("conversation_duration_ms",),
        denominators=("conversation_duration_ms.count",),
    ),
    Ratio(
        name="reopened_rate",
        description="Conversations closed that had been reopened before ÷ closed.",
        unit=Unit.FRACTION,
        numerators=("conversations_reopened",),
        denominators=_CLOSED,
    ),
    Ratio(
        name="human_resolution_rate",
        description="Conversations escalated that a human has resolved since ÷ escalated.",
        unit=Unit.FRACTION,
        numerators=("escalated_conversations_resolved",),
        denominators=("conversations_escalated",),
    ),
    Ratio(
        name="avg_first_response_time_ms",
        description="first_response_time_ms ÷ the conversations that have one.",
        unit=Unit.MILLISECONDS,
        numerators=("first_response_time_ms",),
        denominators=("first_response_time_ms.count",),
    ),
    Ratio(
        name="avg_first_human_response_time_ms",
        description="first_human_response_time_ms ÷ the conversations that have one.",
        unit=Unit.MILLISECONDS,
        numerators=("first_human_response_time_ms",),
        denominators=("first_human_response_time_ms.count",),
    ),
    Ratio(
        name="avg_human_wait_time_ms",
        description="human_wait_time_ms ÷ the conversations that have one.",
        unit=Unit.MILLISECONDS,
        numerators=("human_wait_time_ms",),
        denominators=("human_wait_time_ms.count",),
    ),
    Ratio(
        name="avg_final_resolution_time_ms",
        description="final_resolution_time_ms ÷ the conversations that have one.",
        unit=Unit.MILLISECONDS,
        numerators=("final_resolution_time_ms",),
        denominators=("final_resolution_time_ms.count",),
    ),
    Ratio(
        name="avg_closed_conversation_cost_micros",
        description="Recorded cost of the conversations closed ÷ those conversations.",
        unit=Unit.MICROS,
        numerators=("closed_conversation_cost_micros",),
        denominators=("closed_conversation_cost_micros.count",),
    ),
    Ratio(
        name="cost_per_resolved_conversation_micros",
        description="Recorded cost of all conversations closed ÷ those of them that the agent resolved alone.",
        unit=Unit.MICROS,
        numerators=("closed_conversation_cost_micros",),
        denominators=("conversations_resolved",),
    ),
    Ratio(
        name="avg_closed_conversation_tokens",
        description="Tokens of the conversations closed ÷ those conversations.",
        unit=Unit.TOKENS,
        numerators=("closed_conversation_tokens",),
        denominators=("closed_conversation_tokens.count",),
    ),
)
_DISTRIBUTIONS = (
    ("first_response_time_ms", Unit.MILLISECONDS),
    ("first_human_response_time_ms", Unit.MILLISECONDS),
    ("human_wait_time_ms", Unit.MILLISECONDS),
    ("final_resolution_time_ms", Unit.MILLISECONDS),
    ("conversation_duration_ms", Unit.MILLISECONDS),
    ("closed_conversation_messages", Unit.COUNT),
    ("closed_conversation_cost_micros", Unit.MICROS),
    ("closed_conversation_tokens", Unit.TOKENS),
)
METRICS = (*_METRICS, *(one for measure, unit in _DISTRIBUTIONS for one in percentiles(measure, unit)))
