"""The questions as SQL over raw events: in PostgreSQL, and in ClickHouse's engine with the details as columns.

Both leave out figures that the service answers with besides: changes against the period before, outcomes of
conversations, storage, and the counts by type. Of conversations they count the events that tell a start, where the
service counts every conversation that begins: that number is not compared. PostgreSQL is given memory for its sorts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

ZONE = "Asia/Kathmandu"
WORK_MEM = "256MB"
RANKED = 50  # rows of a table


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one of the two engines says what the other says otherwise."""

    table: str
    number: Callable[[str], str]  # of the event's detail
    percentiles: Callable[[str], str]
    day: str
    instant: Callable[[datetime], str]


def postgresql(table: str) -> Dialect:
    """Exact percentiles, since it has no others."""
    return Dialect(
        table=table,
        number=lambda name: f"(detail->>'{name}')::bigint",
        percentiles=lambda x: f"percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY {x})",
        day=f"date_trunc('day', occurred_at AT TIME ZONE '{ZONE}')",
        instant=lambda at: f"timestamptz '{at.isoformat()}'",
    )


def clickhouse(table: str) -> Dialect:
    """Percentiles within 1 %, by the sketch that the service uses, too."""
    return Dialect(
        table=table,
        number=lambda name: name,
        percentiles=lambda x: f"quantilesDD(0.01, 0.5, 0.9, 0.95, 0.99)({x})",
        day=f"toStartOfDay(toTimeZone(occurred_at, '{ZONE}'))",
        instant=lambda at: f"toDateTime64('{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}', 6, 'UTC')",
    )


def overview(to: Dialect, start: datetime, end: datetime) -> str:
    """The key figures of a period."""
    return f"SELECT {_figures(to)} FROM {to.table} WHERE {_within(to, start, end)}"


def agent(to: Dialect, start: datetime, end: datetime, agent_id: str) -> str:
    """The figures of an agent over a period."""
    return f"{overview(to, start, end)} AND agent_id = '{agent_id}'"


def agent_days(to: Dialect, start: datetime, end: datetime, agent_id: str) -> str:
    """The agent's trend by day."""
    return (
        f"SELECT {to.day} AS day, {_CONVERSATIONS} AS conversation_count, {_MESSAGES} AS message_count,"
        f" avg({to.number('response_time_ms')}) AS avg_response_time_ms,"
        f" {to.percentiles(to.number('response_time_ms'))} AS percentiles, avg({to.number('rating')}) AS score"
        f" FROM {to.table} WHERE {_within(to, start, end)} AND agent_id = '{agent_id}' GROUP BY day ORDER BY day"
    )


def trends(to: Dialect, start: datetime, end: datetime) -> str:
    """The default series by day."""
    return (
        f"SELECT {to.day} AS day, {_MESSAGES} AS total_messages, {_CONVERSATIONS} AS total_conversations,"
        f" sum({to.number('prompt_tokens')}) + sum({to.number('completion_tokens')}) AS token_usage,"
        f" count(DISTINCT user_id) AS unique_users, {_of_type('api.called')} AS api_calls,"
        f" sum({to.number('cost_micros')}) AS cost_micros"
        f" FROM {to.table} WHERE {_within(to, start, end)} GROUP BY day ORDER BY day"
    )


def ranking(to: Dialect, start: datetime, end: datetime) -> str:
    """The figures of the agents with the most messages sent."""
    return (
        f"SELECT agent_id, {_figures(to)} FROM {to.table} WHERE {_within(to, start, end)} AND agent_id <> ''"
        f" GROUP BY agent_id ORDER BY messages_sent DESC, agent_id LIMIT {RANKED}"
    )


def ranking_days(to: Dialect, start: datetime, end: datetime) -> str:
    """The messages of these agents by day."""
    best = (
        f"SELECT agent_id FROM {to.table} WHERE {_within(to, start, end)} AND agent_id <> ''"
        f" GROUP BY agent_id ORDER BY {_of_type('message.sent')} DESC, agent_id LIMIT {RANKED}"
    )
    return (
        f"SELECT agent_id, {to.day} AS day, {_of_type('message.sent')} AS messages_sent FROM {to.table}"
        f" WHERE {_within(to, start, end)} AND agent_id IN ({best}) GROUP BY agent_id, day"
    )


def costs_by(to: Dialect, start: datetime, end: datetime, column: str, most: int = 1000) -> str:
    """Cost and tokens by the values of a column, those that cost most."""
    sums = ", ".join(
        f"coalesce(sum({to.number(name)}), 0) AS {name}"
        for name in ("cost_micros", "prompt_tokens", "completion_tokens")
    )
    return (
        f"SELECT {column} AS value, {sums} FROM {to.table} WHERE {_within(to, start, end)}"
        f" GROUP BY value ORDER BY cost_micros DESC LIMIT {most}"
    )


def outcomes_by(to: Dialect, start: datetime, end: datetime, column: str) -> str:
    """The events that begin and resolve conversations by the values of a column, or by the day."""
    return (
        f"SELECT {to.day if column == 'day' else column} AS value, {_CONVERSATIONS} AS started,"
        f" {_of_type('conversation.resolved')} AS resolved FROM {to.table} WHERE {_within(to, start, end)}"
        " GROUP BY value ORDER BY value"
    )


def uniques(to: Dialect, start: datetime, end: datetime) -> str:
    """How many users a period had."""
    return f"SELECT count(DISTINCT user_id) AS unique_users FROM {to.table} WHERE {_within(to, start, end)}"


def _of_type(event_type: str) -> str:
    return f"count(*) FILTER (WHERE event_type = '{event_type}')"


_MESSAGES = "count(*) FILTER (WHERE event_type IN ('message.received', 'message.sent'))"
_CONVERSATIONS = _of_type("conversation.started")


def _within(to: Dialect, start: datetime, end: datetime) -> str:
    return f"occurred_at >= {to.instant(start)} AND occurred_at < {to.instant(end)}"


def _figures(to: Dialect) -> str:
    response = to.number("response_time_ms")
    parts = {
        "events": "count(*)",
        "messages_received": _of_type("message.received"),
        "messages_sent": _of_type("message.sent"),
        "total_conversations": _CONVERSATIONS,
        "active_agents": "count(DISTINCT agent_id)",
        "unique_users": "count(DISTINCT user_id)",
        "response_time_count": f"count({response})",
        "response_time_sum_ms": f"sum({response})",
        "percentiles": to.percentiles(response),
        "failed_messages": f"count(*) FILTER (WHERE {to.number('failed')} = 1)",
        "rating_count": f"count({to.number('rating')})",
        "rating_sum": f"sum({to.number('rating')})",
        "prompt_tokens": f"sum({to.number('prompt_tokens')})",
        "completion_tokens": f"sum({to.number('completion_tokens')})",
        "cost_micros": f"sum({to.number('cost_micros')})",
    }
    return ", ".join(f"{expression} AS {name}" for name, expression in parts.items())


# What the service and both engines must agree on to the last bit before anything is timed.
SAME_OVERVIEW = (
    "events",
    "messages_received",
    "messages_sent",
    "active_agents",
    "unique_users",
    "response_time_count",
    "response_time_sum_ms",
    "rating_count",
    "prompt_tokens",
    "completion_tokens",
    "cost_micros",
)
SAME_AGENT = tuple(name for name in SAME_OVERVIEW if name not in ("events", "active_agents"))
SAME_AGENT_DAYS = ("message_count",)
SAME_TRENDS = ("total_messages", "token_usage", "unique_users", "api_calls", "cost_micros")
