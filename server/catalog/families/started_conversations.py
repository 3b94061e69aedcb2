"""Metrics of how those conversations went that began in a period: the same as of those that were closed in it, but at
the time of the beginning, and for whom they began.
"""

from collections.abc import Mapping

from server.catalog.families.conversations import PROJECTION, percentiles
from server.catalog.metrics import Aggregation, Definition, Measure, Ratio, Unit

# The field of a measure at the time of the beginning, by the one at the time of closing.
OF_STARTED: Mapping[str, str] = {
    name: f"started_{name}"
    for name in (
        "resolved",
        "escalated",
        "abandoned",
        "ended",
        "reopened",
        "escalated_resolved",
        "messages",
        "duration",
        "human_wait",
        "cost",
        "tokens",
    )
}
_COUNTS = (
    (203, "started_conversations_resolved", "resolved", "were closed since, resolved by the agent alone"),
    (204, "started_conversations_escalated", "escalated", "were closed since in that a human took over"),
    (205, "started_conversations_abandoned", "abandoned", "were closed since in that the user walked away"),
    (206, "started_conversations_ended", "ended", "were closed since without another outcome"),
    (207, "started_conversations_reopened", "reopened", "were closed since and had been reopened before"),
    (
        208,
        "started_escalated_conversations_resolved",
        "escalated_resolved",
        "were handed over since and then resolved by a human",
    ),
)
_DISTRIBUTIONS = (
    (209, "started_conversation_messages", "messages", Unit.COUNT, "Messages"),
    (210, "started_conversation_duration_ms", "duration", Unit.MILLISECONDS, "Time from the beginning to the closing"),
    (
        211,
        "started_human_wait_time_ms",
        "human_wait",
        Unit.MILLISECONDS,
        "Time from the first hand-over to the first message of a human after it",
    ),
    (212, "started_conversation_cost_micros", "cost", Unit.MICROS, "Recorded cost of the messages"),
    (213, "started_conversation_tokens", "tokens", Unit.TOKENS, "Tokens that models read and wrote"),
)
_CLOSED = tuple(name for _, name, field, _ in _COUNTS if field in ("resolved", "escalated", "abandoned", "ended"))
_WHEN = "at the time of the beginning"


def _rate(name: str, numerator: str, what: str) -> Ratio:
    return Ratio(
        name=name,
        description=f"Conversations that began in the period and {what} ÷ those of them that are closed.",
        unit=Unit.FRACTION,
        numerators=(numerator,),
        denominators=_CLOSED,
    )


METRICS: tuple[Definition, ...] = (
    *(
        Measure(
            number=number,
            name=name,
            description=f"Conversations that {what}, {_WHEN}.",
            unit=Unit.COUNT,
            aggregation=Aggregation.COUNT,
            field=OF_STARTED[field],
            projection=PROJECTION,
        )
        for number, name, field, what in _COUNTS
    ),
    *(
        Measure(
            number=number,
            name=name,
            description=f"{what} of conversations that are closed, {_WHEN}.",
            unit=unit,
            aggregation=Aggregation.HISTOGRAM,
            field=OF_STARTED[field],
            projection=PROJECTION,
        )
        for number, name, field, unit, what in _DISTRIBUTIONS
    ),
    Ratio(
        name="started_conversations_closed",
        description="Conversations that began in the period and are closed: the sum of the four outcomes.",
        unit=Unit.COUNT,
        numerators=_CLOSED,
    ),
    _rate("started_resolution_rate", "started_conversations_resolved", "the agent resolved alone"),
    _rate("started_escalation_rate", "started_conversations_escalated", "a human took over"),
    _rate("started_abandonment_rate", "started_conversations_abandoned", "the user walked away from"),
    _rate("started_ended_rate", "started_conversations_ended", "ended without another outcome"),
    _rate("started_reopened_rate", "started_conversations_reopened", "had been reopened before they were closed"),
    Ratio(
        name="started_human_resolution_rate",
        description="Conversations that began in the period, were handed over and then resolved by a human ÷ those "
        "that were handed over.",
        unit=Unit.FRACTION,
        numerators=("started_escalated_conversations_resolved",),
        denominators=("started_conversations_escalated",),
    ),
    Ratio(
        name="cost_per_started_resolved_conversation_micros",
        description="Recorded cost of the conversations that began in the period and are closed ÷ those of them that "
        "the agent resolved alone.",
        unit=Unit.MICROS,
        numerators=("started_conversation_cost_micros",),
        denominators=("started_conversations_resolved",),
    ),
    *(
        Ratio(
            name=f"avg_{name}",
            description=f"{name} ÷ the conversations that have one.",
            unit=unit,
            numerators=(name,),
            denominators=(f"{name}.count",),
        )
        for _, name, _, unit, _ in _DISTRIBUTIONS
    ),
    *(one for _, name, _, unit, _ in _DISTRIBUTIONS for one in percentiles(name, unit)),
)
