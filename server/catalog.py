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

_COUNT, _SUM, _UNIQUE = Aggregation.COUNT, Aggregation.SUM, Aggregation.UNIQUE
_HISTOGRAM, _OUTCOME = Aggregation.HISTOGRAM, Aggregation.OUTCOME

MEASURES: tuple[Measure, ...] = (
    Measure(number=1, name="events", aggregation=_COUNT, description="Events of any type."),
    Measure(
        number=2,
        name="total_conversations",
        aggregation=_COUNT,
        event_types=("conversation.started",),
        description="Conversations started.",
    ),
    Measure(
        number=3,
        name="messages_received",
        aggregation=_COUNT,
        event_types=(RECEIVED,),
        description="Messages written by users.",
    ),
    Measure(
        number=4,
        name="messages_sent",
        aggregation=_COUNT,
        event_types=(SENT,),
        description="Messages written by agents.",
    ),
    Measure(
        number=5,
        name="failed_messages",
        aggregation=_COUNT,
        event_types=(SENT,),
        field="failed",
        description="Messages sent that are marked as failed.",
    ),
    Measure(
        number=6,
        name="fallback_messages",
        aggregation=_COUNT,
        event_types=(SENT,),
        field="fallback",
        description="Messages sent with a stock phrase because the agent did not understand.",
    ),
    Measure(
        number=7,
        name="knowledge_messages",
        aggregation=_COUNT,
        event_types=(SENT,),
        field="knowledge_hit",
        description="Messages sent that were answered from the organization's knowledge.",
    ),
    Measure(
        number=8,
        name="response_time_sum_ms",
        aggregation=_HISTOGRAM,
        event_types=(SENT,),
        field="response_time_ms",
        unit=Unit.MILLISECONDS,
        description="Response times of the messages sent that carry one, added up.",
    ),
    Measure(
        number=9,
        name="prompt_tokens",
        aggregation=_SUM,
        event_types=(RECEIVED, SENT),
        field="prompt_tokens",
        unit=Unit.TOKENS,
        description="Tokens read by models, on messages.",
    ),
    Measure(
        number=10,
        name="completion_tokens",
        aggregation=_SUM,
        event_types=(RECEIVED, SENT),
        field="completion_tokens",
        unit=Unit.TOKENS,
        description="Tokens written by models, on messages.",
    ),
    Measure(
        number=11,
        name="cost_micros",
        aggregation=_SUM,
        event_types=(RECEIVED, SENT),
        field="cost_micros",
        unit=Unit.MICROS,
        description="Cost recorded on messages.",
    ),
    Measure(
        number=12,
        name="rating_sum",
        aggregation=_SUM,
        event_types=("feedback.submitted",),
        field="rating",
        unit=Unit.RATING,
        description="Ratings (1 to 5) added up.",
    ),
    Measure(
        number=13,
        name="api_calls",
        aggregation=_COUNT,
        event_types=("api.called",),
        description="API and tool calls.",
    ),
    Measure(
        number=14,
        name="api_request_bytes",
        aggregation=_SUM,
        event_types=("api.called",),
        field="request_bytes",
        unit=Unit.BYTES,
        description="Bytes sent in API calls.",
    ),
    Measure(
        number=15,
        name="api_response_bytes",
        aggregation=_SUM,
        event_types=("api.called",),
        field="response_bytes",
        unit=Unit.BYTES,
        description="Bytes received in API calls.",
    ),
    Measure(
        number=16,
        name="storage_change_bytes",
        aggregation=_SUM,
        event_types=("storage.changed",),
        field="bytes_delta",
        unit=Unit.BYTES,
        description="Change of the storage in use, by kind. Added up from the beginning it is the storage in use.",
    ),
    Measure(
        number=17,
        name="workflow_executions",
        aggregation=_COUNT,
        event_types=("workflow.executed",),
        description="Workflows run.",
    ),
    Measure(
        number=18,
        name="workflow_failures",
        aggregation=_COUNT,
        event_types=("workflow.failed",),
        description="Workflows that failed.",
    ),
    Measure(
        number=19,
        name="conversations_resolved",
        aggregation=_OUTCOME,
        description="Closed conversations that the agent resolved alone, at the time of closing.",
    ),
    Measure(
        number=20,
        name="conversations_escalated",
        aggregation=_OUTCOME,
        description="Closed conversations that a human took over, whatever came after, at the time of closing.",
    ),
    Measure(
        number=21,
        name="conversations_abandoned",
        aggregation=_OUTCOME,
        description="Closed conversations that the user walked away from, at the time of closing.",
    ),
    Measure(
        number=22,
        name="conversations_ended",
        aggregation=_OUTCOME,
        description="Closed conversations without another outcome, at the time of closing.",
    ),
    Measure(
        number=23,
        name="closed_conversation_messages",
        aggregation=Aggregation.OUTCOME_SUM,
        description="Messages of closed conversations, at the time of closing.",
    ),
    Measure(
        number=24,
        name="calls_handled",
        aggregation=_COUNT,
        event_types=("call.ended",),
        description="Calls that ended.",
    ),
    Measure(
        number=25,
        name="talk_ms",
        aggregation=_SUM,
        event_types=("call.ended",),
        field="talk_ms",
        unit=Unit.MILLISECONDS,
        description="Talk time of calls that ended.",
    ),
    Measure(
        number=26,
        name="hold_ms",
        aggregation=_SUM,
        event_types=("call.ended",),
        field="hold_ms",
        unit=Unit.MILLISECONDS,
        description="Hold time of calls that ended.",
    ),
    Measure(
        number=27,
        name="wrap_up_ms",
        aggregation=_SUM,
        event_types=("call.ended",),
        field="wrap_up_ms",
        unit=Unit.MILLISECONDS,
        description="Wrap-up time of calls that ended.",
    ),
    Measure(
        number=28,
        name="wait_ms",
        aggregation=_SUM,
        event_types=("call.answered",),
        field="wait_ms",
        unit=Unit.MILLISECONDS,
        description="Waiting time of calls answered.",
    ),
    Measure(
        number=29,
        name="leads_converted",
        aggregation=_COUNT,
        event_types=("lead.converted",),
        description="Leads converted.",
    ),
    Measure(
        number=30,
        name="leads_lost",
        aggregation=_COUNT,
        event_types=("lead.lost",),
        description="Leads lost.",
    ),
    Measure(
        number=31,
        name="tasks_completed",
        aggregation=_COUNT,
        event_types=("task.completed",),
        description="Tasks completed.",
    ),
    Measure(
        number=32,
        name="unique_users",
        aggregation=_UNIQUE,
        field="user_id",
        description="Distinct users on any event. Exact over any period; not the sum of daily uniques.",
    ),
    Measure(
        number=33,
        name="active_agents",
        aggregation=_UNIQUE,
        event_types=(*CONVERSATION_TYPES, RECEIVED, SENT, *CALL_TYPES),
        field="agent_id",
        description="Distinct agents on any conversation, message or call event.",
    ),
)

_CLOSED = ("conversations_resolved", "conversations_escalated", "conversations_abandoned", "conversations_ended")

RATIOS: tuple[Ratio, ...] = (
    Ratio(
        name="total_messages",
        numerators=("messages_received", "messages_sent"),
        description="Messages received and sent.",
    ),
    Ratio(
        name="message_count",
        numerators=("messages_received", "messages_sent"),
        description="Messages received and sent: total_messages of one agent.",
    ),
    Ratio(
        name="conversation_count",
        numerators=("total_conversations",),
        description="Conversations started: total_conversations of one agent.",
    ),
    Ratio(
        name="response_time_count",
        numerators=("response_time_sum_ms.count",),
        description="Messages sent that carry a response time.",
    ),
    Ratio(
        name="avg_response_time_ms",
        unit=Unit.MILLISECONDS,
        numerators=("response_time_sum_ms",),
        denominators=("response_time_sum_ms.count",),
        description="Mean response time of the messages sent that carry one.",
    ),
    Ratio(
        name="error_rate",
        unit=Unit.FRACTION,
        numerators=("failed_messages",),
        denominators=("messages_sent",),
        description="Failed messages ÷ messages sent.",
    ),
    Ratio(
        name="success_rate",
        unit=Unit.FRACTION,
        numerators=("messages_sent",),
        subtrahends=("failed_messages",),
        denominators=("messages_sent",),
        description="1 − error_rate.",
    ),
    Ratio(
        name="rating_count",
        numerators=("rating_sum.count",),
        description="Ratings given.",
    ),
    Ratio(
        name="satisfaction_score",
        unit=Unit.RATING,
        numerators=("rating_sum",),
        denominators=("rating_sum.count",),
        description="Mean rating, 1 to 5.",
    ),
    Ratio(
        name="token_usage",
        unit=Unit.TOKENS,
        numerators=("prompt_tokens", "completion_tokens"),
        description="Tokens read and written by models.",
    ),
    Ratio(
        name="conversations_closed",
        numerators=_CLOSED,
        description="Conversations closed: the sum of the four outcomes.",
    ),
    Ratio(
        name="resolution_rate",
        unit=Unit.FRACTION,
        numerators=("conversations_resolved",),
        denominators=_CLOSED,
        description="Conversations resolved ÷ closed. The four rates of outcomes add up to 1.",
    ),
    Ratio(
        name="escalation_rate",
        unit=Unit.FRACTION,
        numerators=("conversations_escalated",),
        denominators=_CLOSED,
        description="Conversations escalated ÷ closed: the hand-off rate.",
    ),
    Ratio(
        name="abandonment_rate",
        unit=Unit.FRACTION,
        numerators=("conversations_abandoned",),
        denominators=_CLOSED,
        description="Conversations abandoned ÷ closed.",
    ),
    Ratio(
        name="ended_rate",
        unit=Unit.FRACTION,
        numerators=("conversations_ended",),
        denominators=_CLOSED,
        description="Conversations ended without another outcome ÷ closed.",
    ),
    Ratio(
        name="avg_messages_per_conversation",
        numerators=("closed_conversation_messages",),
        denominators=_CLOSED,
        description="Messages of the conversations closed ÷ those conversations.",
    ),
    Ratio(
        name="fallback_rate",
        unit=Unit.FRACTION,
        numerators=("fallback_messages",),
        denominators=("messages_sent",),
        description="Messages sent with a stock phrase ÷ messages sent.",
    ),
    Ratio(
        name="knowledge_hit_rate",
        unit=Unit.FRACTION,
        numerators=("knowledge_messages",),
        denominators=("messages_sent",),
        description="Messages sent that were answered from knowledge ÷ messages sent.",
    ),
    Ratio(
        name="cost_per_conversation_micros",
        unit=Unit.MICROS,
        numerators=("cost_micros",),
        denominators=("total_conversations",),
        description="Cost of messages ÷ conversations started.",
    ),
    Ratio(
        name="avg_handle_time_ms",
        unit=Unit.MILLISECONDS,
        numerators=("talk_ms", "hold_ms", "wrap_up_ms"),
        denominators=("calls_handled",),
        description="Talk, hold and wrap-up time ÷ calls that ended.",
    ),
    Ratio(
        name="avg_wait_ms",
        unit=Unit.MILLISECONDS,
        numerators=("wait_ms",),
        denominators=("wait_ms.count",),
        description="Waiting time ÷ calls answered that carry one.",
    ),
    Ratio(
        name="conversion_rate",
        unit=Unit.FRACTION,
        numerators=("leads_converted",),
        denominators=("leads_converted", "leads_lost"),
        description="Leads converted ÷ leads converted or lost in the period.",
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
