"""Metrics of how those conversations went that began in a period: the same as of those that were closed in it, but at
the time of the beginning, and for whom they began.
"""

from collections.abc import Mapping

from server.catalog.families.conversations import PROJECTION
from server.catalog.metrics import Aggregation, Better, Definition, Distribution, Measure, Ratio, Unit


def _of(name: str, title: str, unit: Unit, better: Better = Better.NEITHER) -> Distribution:
    name = f"started_conversation_{name}"
    return Distribution(
        measure=name, name=name, title=title, of=f"{name} of the conversations that have one", unit=unit, better=better
    )


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
    (203, "started_conversations_resolved", "resolved", "Resolved by the agent", Better.HIGHER),
    (204, "started_conversations_escalated", "escalated", "Handed over to a human", Better.NEITHER),
    (205, "started_conversations_abandoned", "abandoned", "Abandoned", Better.LOWER),
    (206, "started_conversations_ended", "ended", "Ended otherwise", Better.NEITHER),
    (207, "started_conversations_reopened", "reopened", "Reopened before", Better.LOWER),
    (208, "started_escalated_conversations_resolved", "escalated_resolved", "Handed over and resolved", Better.HIGHER),
)
_WHAT: Mapping[str, str] = {
    "resolved": "were closed since, resolved by the agent alone",
    "escalated": "were closed since in that a human took over",
    "abandoned": "were closed since in that the user walked away",
    "ended": "were closed since without another outcome",
    "reopened": "were closed since and had been reopened before",
    "escalated_resolved": "were handed over since and then resolved by a human",
}
_DISTRIBUTIONS = (
    (209, "messages", "Messages", _of("messages", "messages per conversation", Unit.COUNT)),
    (
        210,
        "duration",
        "Time from the beginning to the closing",
        _of("duration_ms", "conversation duration", Unit.MILLISECONDS),
    ),
    (
        211,
        "human_wait",
        "Time from the first hand-over to the first message of a human after it",
        Distribution(
            measure="started_human_wait_time_ms",
            name="started_human_wait_time_ms",
            title="wait for a human",
            of="started_human_wait_time_ms of the conversations that have one",
            unit=Unit.MILLISECONDS,
            better=Better.LOWER,
        ),
    ),
    (
        212,
        "cost",
        "Recorded cost of the messages",
        _of("cost_micros", "cost of a closed conversation", Unit.MICROS, Better.LOWER),
    ),
    (213, "tokens", "Tokens that models read and wrote", _of("tokens", "tokens of a closed conversation", Unit.TOKENS)),
)
_CLOSED = tuple(name for _, name, field, *_ in _COUNTS if field in ("resolved", "escalated", "abandoned", "ended"))
_WHEN = "at the time of the beginning"


_RATES = (
    ("resolution", "resolved", "Resolution rate", Better.HIGHER, "the agent resolved alone"),
    ("escalation", "escalated", "Escalation rate", Better.LOWER, "a human took over"),
    ("abandonment", "abandoned", "Abandonment rate", Better.LOWER, "the user walked away from"),
    ("ended", "ended", "Ended otherwise, rate", Better.NEITHER, "ended without another outcome"),
    ("reopened", "reopened", "Reopened rate", Better.LOWER, "had been reopened before they were closed"),
)

METRICS: tuple[Definition, ...] = (
    *(
        Measure(
            number=number,
            name=name,
            title=title,
            description=f"Conversations that {_WHAT[field]}, {_WHEN}.",
            unit=Unit.COUNT,
            aggregation=Aggregation.COUNT,
            better=better,
            field=OF_STARTED[field],
            projection=PROJECTION,
        )
        for number, name, field, title, better in _COUNTS
    ),
    *(
        Measure(
            number=number,
            name=of.measure,
            title=of.total,
            description=f"{what} of conversations that are closed, {_WHEN}.",
            unit=of.unit,
            aggregation=Aggregation.HISTOGRAM,
            field=OF_STARTED[field],
            projection=PROJECTION,
        )
        for number, field, what, of in _DISTRIBUTIONS
    ),
    Ratio(
        name="started_conversations_closed",
        title="Conversations closed",
        description="Conversations that began in the period and are closed: the sum of the four outcomes.",
        unit=Unit.COUNT,
        numerators=_CLOSED,
    ),
    *(
        Ratio(
            name=f"started_{name}_rate",
            title=title,
            description=f"Conversations that began in the period and {what} ÷ those of them that are closed.",
            unit=Unit.FRACTION,
            numerators=(f"started_conversations_{numerator}",),
            denominators=_CLOSED,
            better=better,
        )
        for name, numerator, title, better, what in _RATES
    ),
    Ratio(
        name="started_human_resolution_rate",
        title="Human resolution rate",
        better=Better.HIGHER,
        description="Conversations that began in the period, were handed over and then resolved by a human ÷ those "
        "that were handed over.",
        unit=Unit.FRACTION,
        numerators=("started_escalated_conversations_resolved",),
        denominators=("started_conversations_escalated",),
    ),
    Ratio(
        name="cost_per_started_resolved_conversation_micros",
        title="Cost per resolved conversation",
        better=Better.LOWER,
        description="Recorded cost of the conversations that began in the period and are closed ÷ those of them that "
        "the agent resolved alone.",
        unit=Unit.MICROS,
        numerators=("started_conversation_cost_micros",),
        denominators=("started_conversations_resolved",),
    ),
    *(of.mean() for *_, of in _DISTRIBUTIONS),
    *(one for *_, of in _DISTRIBUTIONS for one in of.percentiles(50, 90, 95, 99)),
)
