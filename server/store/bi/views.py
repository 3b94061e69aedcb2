"""The views of figures: which metrics each has, by which dimension. docs/bi.md says what they are for.

Their columns are metrics of the catalogue, with its descriptions as comments, which tools show.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.catalog import dimensions, figures, registry
from server.catalog.dimensions import Dimension
from server.catalog.metrics import Metric
from server.quarters import QUARTER_SECONDS
from server.store.bi import figures as expressions
from server.store.bi import rows

_CONVERSATIONS = (
    *("total_conversations", "conversations_closed", "conversations_resolved", "conversations_escalated"),
    *("conversations_abandoned", "conversations_ended", "conversations_reopened", "resolution_rate"),
    *("escalation_rate", "abandonment_rate", "human_resolution_rate", "avg_messages_per_conversation"),
    *("avg_conversation_duration_ms", "p50_conversation_duration_ms", "avg_first_response_time_ms"),
    *("p50_first_response_time_ms", "p95_first_response_time_ms", "avg_human_wait_time_ms"),
    "closed_conversation_cost_micros",
)
_MESSAGES = (
    *("total_messages", "messages_received", "messages_sent", "failed_messages", "error_rate"),
    *("avg_response_time_ms", "p50_response_time_ms", "p95_response_time_ms", "p99_response_time_ms"),
)
_TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens", "token_usage", "cost_micros")
_FEEDBACK = ("rating_count", "satisfaction_score")
_CALLS = (
    *("calls_offered", "calls_answered", "calls_abandoned", "calls_handled", "call_abandonment_rate", "talk_ms"),
    *("hold_ms", "wrap_up_ms", "avg_handle_time_ms", "p50_handle_time_ms", "p95_handle_time_ms", "avg_talk_time_ms"),
    *("avg_wait_ms", "p50_wait_ms", "p95_wait_ms", "longest_wait_ms", "avg_abandoned_wait_ms", "outbound_calls"),
    *("outbound_calls_answered", "outbound_calls_abandoned", "outbound_calls_ended", "avg_outbound_talk_time_ms"),
)
_API = (
    *("api_calls", "api_errors", "api_client_errors", "api_error_rate", "api_client_error_rate", "api_request_bytes"),
    *("api_response_bytes", "avg_api_latency_ms", "p50_api_latency_ms", "p95_api_latency_ms", "p99_api_latency_ms"),
)
_LEADS = (
    *("leads_created", "leads_contacted", "leads_converted", "leads_lost", "leads_generated", "cohort_leads_contacted"),
    *("cohort_leads_converted", "cohort_leads_lost", "cohort_leads_open", "lead_contact_rate", "lead_conversion_rate"),
    "lead_loss_rate",
)
_AMOUNTS = (
    *("campaign_cost_micros", "lead_value_micros", "converted_value_micros", "cohort_lead_value_micros"),
    *("cohort_converted_value_micros", "payment_amount_micros"),
)
_PEOPLE = ("unique_users", "active_agents")
_OVERVIEW = (
    *("events", *_PEOPLE, *_CONVERSATIONS, *_MESSAGES, *_TOKENS, "cost_per_conversation_micros"),
    *("cost_per_user_micros", *_FEEDBACK, "calls_handled", "api_calls", "leads_created", "leads_converted"),
    *("tasks_completed", "workflow_executions", "content_gaps_found"),
)
_SERVED = ("events", "unique_users", *_CONVERSATIONS, *_MESSAGES, *_TOKENS, *_FEEDBACK)
_BY_AGENT = (*_SERVED, "calls_handled", "avg_handle_time_ms", "leads_converted", "tasks_completed")


@dataclass(frozen=True, slots=True, kw_only=True)
class BiColumn:
    """A column of a view, and what its comment says."""

    name: str
    sql: str
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BiView:
    """A view of the schema bi. source is what follows FROM."""

    name: str
    comment: str
    columns: Sequence[BiColumn]
    source: str

    @property
    def statements(self) -> Iterator[str]:
        """Yields what makes it. Who may read it sees no row of others: conditions of a reader that could tell what they
        look at come after that of the view (security_barrier). Everybody may: without a login of an organization it
        is empty. Thousands of logins in its list of privileges would be more than PostgreSQL can store.
        """
        selected = ",\n".join(f"    {one.sql} AS {one.name}" for one in self.columns)
        yield f"CREATE VIEW bi.{self.name} WITH (security_barrier) AS SELECT\n{selected}\nFROM {self.source}"
        yield f"COMMENT ON VIEW bi.{self.name} IS {literal(self.comment)}"
        for one in self.columns:
            yield f"COMMENT ON COLUMN bi.{self.name}.{one.name} IS {literal(one.comment)}"
        yield f"GRANT SELECT ON bi.{self.name} TO PUBLIC"


def literal(text: str) -> str:
    """Returns a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


DAY = BiColumn(name="day", sql="r.day", comment="The day, in the organization's time zone.")
HOUR = (
    DAY,
    BiColumn(
        name="hour",
        sql=f"to_timestamp(r.hour_bucket::bigint * {QUARTER_SECONDS})",
        comment="When the hour begins. Hours are those of the clock on the wall in the organization's time zone.",
    ),
    BiColumn(
        name="local_hour",
        sql=f"to_timestamp((r.hour_bucket + r.ahead)::bigint * {QUARTER_SECONDS}) AT TIME ZONE 'UTC'",
        comment="The same on the clock on the wall. Where clocks go back, two hours have the same one.",
    ),
)
_HOUR_GROUP = "r.day, r.hour_bucket, r.ahead"


def _metrics(names: Sequence[str], by: Dimension) -> list[BiColumn]:
    lost = [name for name in names if not figures.is_kept(name, by)]
    if lost:
        raise ValueError(f"{', '.join(lost)} cannot be told by {by.name}")
    return [
        BiColumn(
            name=name,
            sql=f"({expressions.expression(one)})::{expressions.type_of(one)}",
            comment=described(one),
        )
        for name in names
        for one in (registry.METRICS[name],)
    ]


def described(one: Metric) -> str:
    """Returns what a metric is, with its unit."""
    return f"{one.title}. {one.description} Unit: {one.unit}."


def _values(by: Dimension, *names: str) -> list[BiColumn]:
    """Returns the columns of the value of a dimension, or of the two of a pair."""
    if by.sides is None:
        return [BiColumn(name=names[0], sql="r.value", comment=f"{by.description} _other: values beyond the limit.")]
    return [
        BiColumn(
            name=name,
            sql=f"split_part(r.value, chr(31), {place})",
            comment=f"{side.description} _other: values beyond the limit.",
        )
        for place, (name, side) in enumerate(zip(names, by.sides, strict=True), 1)
    ]


def _source(by: Dimension) -> rows.RowSource:
    return rows.TOTAL if by is dimensions.TOTAL else rows.of(by.number)


def _by_day(name: str, comment: str, by: Dimension, metrics: Sequence[str], *keys: str) -> BiView:
    values = _values(by, *keys) if keys else []
    group = "r.day, r.value" if keys else "r.day"
    return BiView(
        name=name,
        comment=comment,
        columns=[DAY, *values, *_metrics(metrics, by)],
        source=f"({rows.daily(_source(by))}) AS r GROUP BY {group}",
    )


def _by_hour(name: str, comment: str, by: Dimension, metrics: Sequence[str], *keys: str) -> BiView:
    values = _values(by, *keys) if keys else []
    return BiView(
        name=name,
        comment=comment,
        columns=[*HOUR, *values, *_metrics(metrics, by)],
        source=f"({rows.hourly(_source(by))}) AS r GROUP BY {_HOUR_GROUP}{', r.value' if keys else ''}",
    )


_TOTAL = dimensions.TOTAL
_PAIRS = {one.name: one for one in dimensions.TABLE.standing}
WIDE: Sequence[BiView] = (
    _by_day("daily", "The organization's key figures by day; no day is missing.", _TOTAL, _OVERVIEW),
    _by_hour("hourly", "The organization's key figures by hour; hours without events are missing.", _TOTAL, _OVERVIEW),
    _by_day("agents_daily", "Figures of each agent by day.", dimensions.AGENT, _BY_AGENT, "agent_id"),
    _by_hour("agents_hourly", "Figures of each agent by hour.", dimensions.AGENT, _BY_AGENT, "agent_id"),
    _by_day(
        "channels_daily", "Figures of each channel by day.", dimensions.CHANNEL, (*_PEOPLE[1:], *_SERVED), "channel"
    ),
    _by_day("teams_daily", "Figures of each team by day.", dimensions.TEAM, (*_PEOPLE[1:], *_SERVED), "team_id"),
    _by_day("topics_daily", "Figures of conversations by topic and day.", dimensions.TOPIC, _CONVERSATIONS, "topic"),
    _by_day("calls_daily", "Figures of phone calls by day; no day is missing.", _TOTAL, _CALLS),
    _by_day("queues_daily", "Figures of phone calls by queue and day.", dimensions.QUEUE, _CALLS, "queue"),
    _by_day("campaigns_daily", "Leads of each campaign by day.", dimensions.CAMPAIGN, _LEADS, "campaign_id"),
    _by_day(
        "campaign_amounts_daily",
        "Amounts of each campaign by currency and day, in millionths of the currency.",
        _PAIRS["campaign,currency"],
        _AMOUNTS,
        "campaign_id",
        "currency",
    ),
    _by_day("api_usage_daily", "Calls of interfaces and tools by day; no day is missing.", _TOTAL, _API),
    _by_day(
        "endpoints_daily", "Calls of interfaces and tools by endpoint and day.", dimensions.ENDPOINT, _API, "endpoint"
    ),
    _by_day(
        "endpoint_statuses_daily",
        "Calls of interfaces by endpoint, class of the status and day.",
        _PAIRS["endpoint,status_class"],
        _API,
        "endpoint",
        "status_class",
    ),
)
