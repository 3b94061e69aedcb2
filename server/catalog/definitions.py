"""The metric catalogue: every number that the service knows, defined once.

A Measure is stored: what is taken from which events, and how. A Ratio is computed from measures when it is asked for (a
plain total is a Ratio without denominator), a Quantile is read from a measure's histogram. Names, descriptions and
units are the documentation: ListMetrics and the README's table are made of them. A measure's number is stored with its
figures and is never changed or used again. To add a metric on known events, add an entry here and a row to its test.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from server import histogram


class Aggregation(enum.Enum):
    """How a measure is taken from its events."""

    COUNT = "count"  # the events; with a field: those that carry it and not as zero
    SUM = "sum"  # a field's values added up, and how many carried it
    UNIQUE = "unique"  # the distinct values of an id
    HISTOGRAM = "histogram"  # as SUM, and the values' distribution
    OUTCOME = "outcome"  # conversations by how they went, counted at the time of closing while they are closed
    OUTCOME_SUM = "outcome_sum"  # as OUTCOME, a number of the conversation added up


class Unit(enum.StrEnum):
    """The unit of a figure, in UCUM where it has one."""

    COUNT = "1"
    MILLISECONDS = "ms"
    BYTES = "By"
    MICROS = "micros"
    TOKENS = "tokens"
    FRACTION = "fraction"
    RATING = "rating"
    PERCENT = "%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A stored number. An empty event_types means every event."""

    number: int
    name: str
    description: str
    aggregation: Aggregation
    unit: Unit = Unit.COUNT
    event_types: tuple[str, ...] = ()
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """(numerators − subtrahends) ÷ denominators, each a sum of measures; absent where the denominators add up to 0.

    "name" means the value of a measure, "name.count" how many events carried it. Without denominators it is a total.
    """

    name: str
    description: str
    numerators: tuple[str, ...]
    unit: Unit = Unit.COUNT
    subtrahends: tuple[str, ...] = ()
    denominators: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names that it is computed from."""
        return self.numerators + self.subtrahends + self.denominators


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """A percentile of a measure with a histogram; absent without values."""

    name: str
    description: str
    measure: str
    q: float
    unit: Unit = Unit.MILLISECONDS
    max_relative_error: float = histogram.RELATIVE_ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A figure that is more than the cells of its period added up; a named function works it out."""

    name: str
    description: str
    unit: Unit


Metric = Measure | Ratio | Quantile

RECEIVED, SENT = "message.received", "message.sent"
CONVERSATION_TYPES = tuple(
    f"conversation.{what}" for what in ("started", "ended", "resolved", "escalated", "abandoned", "reopened")
)
CALL_TYPES = tuple(f"call.{what}" for what in ("started", "answered", "ended", "abandoned"))

_AGENTS_AT_WORK = (*CONVERSATION_TYPES, RECEIVED, SENT, *CALL_TYPES)


def _count(number: int, name: str, description: str, *event_types: str, field: str = "") -> Measure:
    return Measure(
        number=number,
        name=name,
        description=description,
        aggregation=Aggregation.COUNT,
        event_types=event_types,
        field=field,
    )


def _sum(
    number: int,
    name: str,
    description: str,
    unit: Unit,
    field: str,
    *event_types: str,
    aggregation: Aggregation = Aggregation.SUM,
) -> Measure:
    return Measure(
        number=number,
        name=name,
        description=description,
        aggregation=aggregation,
        unit=unit,
        event_types=event_types,
        field=field,
    )


def _histogram(number: int, name: str, description: str, unit: Unit, field: str, *event_types: str) -> Measure:
    return _sum(number, name, description, unit, field, *event_types, aggregation=Aggregation.HISTOGRAM)


def _unique(number: int, name: str, description: str, field: str, *event_types: str) -> Measure:
    return _sum(number, name, description, Unit.COUNT, field, *event_types, aggregation=Aggregation.UNIQUE)


def _outcome(number: int, name: str, description: str, aggregation: Aggregation = Aggregation.OUTCOME) -> Measure:
    return Measure(number=number, name=name, description=description, aggregation=aggregation)


def _total(name: str, description: str, numerators: tuple[str, ...], unit: Unit = Unit.COUNT) -> Ratio:
    return Ratio(name=name, description=description, unit=unit, numerators=numerators)


def _ratio(
    name: str,
    description: str,
    unit: Unit,
    numerators: tuple[str, ...],
    denominators: tuple[str, ...],
    subtrahends: tuple[str, ...] = (),
) -> Ratio:
    return Ratio(
        name=name,
        description=description,
        unit=unit,
        numerators=numerators,
        subtrahends=subtrahends,
        denominators=denominators,
    )


MEASURES: tuple[Measure, ...] = (
    _count(1, "events", "Events of any type."),
    _count(2, "total_conversations", "Conversations started.", "conversation.started"),
    _count(3, "messages_received", "Messages written by users.", RECEIVED),
    _count(4, "messages_sent", "Messages written by agents.", SENT),
    _count(5, "failed_messages", "Messages sent that are marked as failed.", SENT, field="failed"),
    _count(
        6,
        "fallback_messages",
        "Messages sent with a stock phrase because the agent did not understand.",
        SENT,
        field="fallback",
    ),
    _count(
        7,
        "knowledge_messages",
        "Messages sent that were answered from the organization's knowledge.",
        SENT,
        field="knowledge_hit",
    ),
    _histogram(
        8,
        "response_time_sum_ms",
        "Response times of the messages sent that carry one, added up.",
        Unit.MILLISECONDS,
        "response_time_ms",
        SENT,
    ),
    _sum(9, "prompt_tokens", "Tokens read by models, on messages.", Unit.TOKENS, "prompt_tokens", RECEIVED, SENT),
    _sum(
        10,
        "completion_tokens",
        "Tokens written by models, on messages.",
        Unit.TOKENS,
        "completion_tokens",
        RECEIVED,
        SENT,
    ),
    _sum(11, "cost_micros", "Cost recorded on messages.", Unit.MICROS, "cost_micros", RECEIVED, SENT),
    _sum(12, "rating_sum", "Ratings (1 to 5) added up.", Unit.RATING, "rating", "feedback.submitted"),
    _count(13, "api_calls", "API and tool calls.", "api.called"),
    _sum(14, "api_request_bytes", "Bytes sent in API calls.", Unit.BYTES, "request_bytes", "api.called"),
    _sum(15, "api_response_bytes", "Bytes received in API calls.", Unit.BYTES, "response_bytes", "api.called"),
    _sum(
        16,
        "storage_change_bytes",
        "Change of the storage in use, by kind. Added up from the beginning it is the storage in use.",
        Unit.BYTES,
        "bytes_delta",
        "storage.changed",
    ),
    _count(17, "workflow_executions", "Workflows run.", "workflow.executed"),
    _count(18, "workflow_failures", "Workflows that failed.", "workflow.failed"),
    _outcome(
        19, "conversations_resolved", "Closed conversations that the agent resolved alone, at the time of closing."
    ),
    _outcome(
        20,
        "conversations_escalated",
        "Closed conversations that a human took over, whatever came after, at the time of closing.",
    ),
    _outcome(
        21, "conversations_abandoned", "Closed conversations that the user walked away from, at the time of closing."
    ),
    _outcome(22, "conversations_ended", "Closed conversations without another outcome, at the time of closing."),
    _outcome(
        23,
        "closed_conversation_messages",
        "Messages of closed conversations, at the time of closing.",
        Aggregation.OUTCOME_SUM,
    ),
    _count(24, "calls_handled", "Calls that ended.", "call.ended"),
    _sum(25, "talk_ms", "Talk time of calls that ended.", Unit.MILLISECONDS, "talk_ms", "call.ended"),
    _sum(26, "hold_ms", "Hold time of calls that ended.", Unit.MILLISECONDS, "hold_ms", "call.ended"),
    _sum(27, "wrap_up_ms", "Wrap-up time of calls that ended.", Unit.MILLISECONDS, "wrap_up_ms", "call.ended"),
    _sum(28, "wait_ms", "Waiting time of calls answered.", Unit.MILLISECONDS, "wait_ms", "call.answered"),
    _count(29, "leads_converted", "Leads converted.", "lead.converted"),
    _count(30, "leads_lost", "Leads lost.", "lead.lost"),
    _count(31, "tasks_completed", "Tasks completed.", "task.completed"),
    _unique(
        32,
        "unique_users",
        "Distinct users on any event. Exact over any period; not the sum of daily uniques.",
        "user_id",
    ),
    _unique(
        33, "active_agents", "Distinct agents on any conversation, message or call event.", "agent_id", *_AGENTS_AT_WORK
    ),
)

_CLOSED = ("conversations_resolved", "conversations_escalated", "conversations_abandoned", "conversations_ended")

RATIOS: tuple[Ratio, ...] = (
    _total("total_messages", "Messages received and sent.", ("messages_received", "messages_sent")),
    _total(
        "message_count",
        "Messages received and sent: total_messages of one agent.",
        ("messages_received", "messages_sent"),
    ),
    _total("conversation_count", "Conversations started: total_conversations of one agent.", ("total_conversations",)),
    _total("response_time_count", "Messages sent that carry a response time.", ("response_time_sum_ms.count",)),
    _ratio(
        "avg_response_time_ms",
        "Mean response time of the messages sent that carry one.",
        Unit.MILLISECONDS,
        ("response_time_sum_ms",),
        ("response_time_sum_ms.count",),
    ),
    _ratio("error_rate", "Failed messages ÷ messages sent.", Unit.FRACTION, ("failed_messages",), ("messages_sent",)),
    _ratio(
        "success_rate",
        "1 − error_rate.",
        Unit.FRACTION,
        ("messages_sent",),
        ("messages_sent",),
        subtrahends=("failed_messages",),
    ),
    _total("rating_count", "Ratings given.", ("rating_sum.count",)),
    _ratio("satisfaction_score", "Mean rating, 1 to 5.", Unit.RATING, ("rating_sum",), ("rating_sum.count",)),
    _total(
        "token_usage", "Tokens read and written by models.", ("prompt_tokens", "completion_tokens"), unit=Unit.TOKENS
    ),
    _total("conversations_closed", "Conversations closed: the sum of the four outcomes.", _CLOSED),
    _ratio(
        "resolution_rate",
        "Conversations resolved ÷ closed. The four rates of outcomes add up to 1.",
        Unit.FRACTION,
        ("conversations_resolved",),
        _CLOSED,
    ),
    _ratio(
        "escalation_rate",
        "Conversations escalated ÷ closed: the hand-off rate.",
        Unit.FRACTION,
        ("conversations_escalated",),
        _CLOSED,
    ),
    _ratio(
        "abandonment_rate", "Conversations abandoned ÷ closed.", Unit.FRACTION, ("conversations_abandoned",), _CLOSED
    ),
    _ratio(
        "ended_rate",
        "Conversations ended without another outcome ÷ closed.",
        Unit.FRACTION,
        ("conversations_ended",),
        _CLOSED,
    ),
    _ratio(
        "avg_messages_per_conversation",
        "Messages of the conversations closed ÷ those conversations.",
        Unit.COUNT,
        ("closed_conversation_messages",),
        _CLOSED,
    ),
    _ratio(
        "fallback_rate",
        "Messages sent with a stock phrase ÷ messages sent.",
        Unit.FRACTION,
        ("fallback_messages",),
        ("messages_sent",),
    ),
    _ratio(
        "knowledge_hit_rate",
        "Messages sent that were answered from knowledge ÷ messages sent.",
        Unit.FRACTION,
        ("knowledge_messages",),
        ("messages_sent",),
    ),
    _ratio(
        "cost_per_conversation_micros",
        "Cost of messages ÷ conversations started.",
        Unit.MICROS,
        ("cost_micros",),
        ("total_conversations",),
    ),
    _ratio(
        "avg_handle_time_ms",
        "Talk, hold and wrap-up time ÷ calls that ended.",
        Unit.MILLISECONDS,
        ("talk_ms", "hold_ms", "wrap_up_ms"),
        ("calls_handled",),
    ),
    _ratio(
        "avg_wait_ms",
        "Waiting time ÷ calls answered that carry one.",
        Unit.MILLISECONDS,
        ("wait_ms",),
        ("wait_ms.count",),
    ),
    _ratio(
        "conversion_rate",
        "Leads converted ÷ leads converted or lost in the period.",
        Unit.FRACTION,
        ("leads_converted",),
        ("leads_converted", "leads_lost"),
    ),
)

QUANTILES: tuple[Quantile, ...] = tuple(
    Quantile(
        name=f"p{percent}_response_time_ms",
        measure="response_time_sum_ms",
        q=percent / 100,
        description=f"{percent}th percentile of the response time of the messages sent that carry one.",
    )
    for percent in (50, 90, 95, 99)
)

CHANGES = {
    "messages_change": "total_messages",
    "conversations_change": "total_conversations",
    "users_change": "unique_users",
}

_ALL: tuple[Metric, ...] = (*MEASURES, *RATIOS, *QUANTILES)
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}
MEASURE: Mapping[str, Measure] = {measure.name: measure for measure in MEASURES}

DERIVED: tuple[Derived, ...] = (
    Derived(
        name="storage_used_bytes",
        unit=Unit.BYTES,
        description="Storage in use at the end of the period: storage_change_bytes added up from the beginning.",
    ),
    Derived(
        name="available_time_ms",
        unit=Unit.MILLISECONDS,
        description="Time an agent spent in status available, from agent.status_changed.",
    ),
    Derived(
        name="occupancy",
        unit=Unit.FRACTION,
        description="Time an agent was busy ÷ time available or busy, from agent.status_changed.",
    ),
    *(
        Derived(
            name=name,
            unit=Unit.PERCENT,
            description=f"Change of {metric} against the period of equal length just before.",
        )
        for name, metric in CHANGES.items()
    ),
)

_RESPONSE_TIMES = (
    "response_time_count",
    "response_time_sum_ms",
    "avg_response_time_ms",
    *(one.name for one in QUANTILES),
)
_QUALITY = ("error_rate", "success_rate", "satisfaction_score", "rating_count")
_TOKENS = ("prompt_tokens", "completion_tokens", "token_usage", "cost_micros")

# What each answer holds; the names are fields of its message.
OVERVIEW = (
    "events",
    "messages_received",
    "messages_sent",
    "total_messages",
    "total_conversations",
    "active_agents",
    "unique_users",
    *_RESPONSE_TIMES,
    *_QUALITY,
    *_TOKENS,
    "api_calls",
    "workflow_executions",
    "workflow_failures",
    "conversations_closed",
    *_CLOSED,
)
AGENT = (
    "conversation_count",
    "message_count",
    "messages_received",
    "messages_sent",
    "unique_users",
    "avg_messages_per_conversation",
    "conversations_closed",
    *_CLOSED,
    "resolution_rate",
    "escalation_rate",
    "abandonment_rate",
    "ended_rate",
    "fallback_rate",
    "knowledge_hit_rate",
    *_RESPONSE_TIMES,
    *_QUALITY,
    *_TOKENS,
    "cost_per_conversation_micros",
    "api_calls",
    "calls_handled",
    "avg_handle_time_ms",
    "avg_wait_ms",
    "leads_converted",
    "conversion_rate",
    "tasks_completed",
)
AGENT_TREND = (
    "conversation_count",
    "message_count",
    "avg_response_time_ms",
    "p95_response_time_ms",
    "satisfaction_score",
)
DEFAULT_TRENDS = (
    "total_messages",
    "total_conversations",
    "token_usage",
    "unique_users",
    "api_calls",
    "cost_micros",
)


def measures_of(metric: Metric) -> tuple[Measure, ...]:
    """The measures that a metric is made of."""
    if isinstance(metric, Measure):
        return (metric,)
    names = (metric.measure,) if isinstance(metric, Quantile) else metric.inputs
    return tuple(MEASURE[name.removesuffix(".count")] for name in names)


def is_integer(metric: Metric) -> bool:
    """True where the figure is exact and whole: counts, sums, uniques and totals of them."""
    return isinstance(metric, Measure) or (isinstance(metric, Ratio) and not metric.denominators)
