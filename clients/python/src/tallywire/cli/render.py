"""Answers as tables for a terminal of 80 columns or more, printed to the given console."""

from collections.abc import Callable, Sequence
from typing import Final

from google.protobuf.message import Message
from rich.console import Console
from rich.text import Text

from tallywire.cli import agent_profile, families, figure_tables, formatting, layout, points
from tallywire.cli.figure_tables import figure
from tallywire.v1 import answer_pb2, metrics_service_pb2, time_pb2

_Form = Callable[[float], str]
_Row = tuple[str, str, _Form]

_EVENT_TYPES: Final = 8  # event types listed below an overview
_TREND_FIGURES: Final = (
    figure("conversation_count", "Conversations"),
    figure("message_count", "Messages"),
    figure("avg_response_time_ms", "Response", formatting.milliseconds),
    figure("p95_response_time_ms", "p95", formatting.milliseconds),
    figure("satisfaction_score", "Rating", formatting.rating),
)
_TREND, _TREND_LEAST = 28, 7  # characters of a sparkline
_BAR: Final = 40

# (field, what it is called, how it is written); Overview and AgentMetrics name the same figure alike.
_RESPONSE: Final[tuple[_Row, ...]] = (
    ("avg_response_time_ms", "Response time, mean", formatting.milliseconds),
    ("p50_response_time_ms", "Response time, median", formatting.milliseconds),
    ("p90_response_time_ms", "Response time, p90", formatting.milliseconds),
    ("p95_response_time_ms", "Response time, p95", formatting.milliseconds),
    ("p99_response_time_ms", "Response time, p99", formatting.milliseconds),
)
_QUALITY: Final[tuple[_Row, ...]] = (
    ("error_rate", "Error rate", formatting.fraction),
    ("success_rate", "Success rate", formatting.fraction),
    ("satisfaction_score", "Satisfaction (1–5)", formatting.rating),
    ("rating_count", "Ratings", formatting.count),
)
_OUTCOMES: Final[tuple[_Row, ...]] = (
    ("conversations_closed", "Conversations closed", formatting.count),
    ("conversations_resolved", "· resolved", formatting.count),
    ("conversations_escalated", "· escalated", formatting.count),
    ("conversations_abandoned", "· abandoned", formatting.count),
    ("conversations_ended", "· ended otherwise", formatting.count),
    ("conversations_reopened", "· reopened before", formatting.count),
    ("human_resolutions", "Resolved after a hand-over", formatting.count),
    ("avg_conversation_duration_ms", "Duration, mean", formatting.milliseconds),
    ("avg_first_response_time_ms", "First response, mean", formatting.milliseconds),
    ("avg_human_wait_time_ms", "Wait for a human, mean", formatting.milliseconds),
)
_RESOURCES: Final[tuple[_Row, ...]] = (
    ("prompt_tokens", "Tokens read", formatting.count),
    ("completion_tokens", "Tokens written", formatting.count),
    ("token_usage", "Tokens", formatting.count),
    ("cost_micros", "Cost", formatting.money),
    ("api_calls", "API and tool calls", formatting.count),
)
_RATES: Final[tuple[_Row, ...]] = (
    ("resolution_rate", "Resolution rate", formatting.fraction),
    ("escalation_rate", "Escalation rate", formatting.fraction),
    ("abandonment_rate", "Abandonment rate", formatting.fraction),
)
_ANSWERS: Final[tuple[_Row, ...]] = (
    ("fallback_rate", "Fallback rate", formatting.fraction),
    ("knowledge_hit_rate", "Knowledge hit rate", formatting.fraction),
)
_OVERVIEW: Final[tuple[tuple[_Row, ...], ...]] = (
    (
        ("events", "Events", formatting.count),
        ("total_messages", "Messages", formatting.count),
        ("messages_received", "· received", formatting.count),
        ("messages_sent", "· sent", formatting.count),
        ("total_conversations", "Conversations", formatting.count),
        ("active_agents", "Active agents", formatting.count),
        ("unique_users", "Unique users", formatting.count),
    ),
    _RESPONSE,
    (*_QUALITY, *_ANSWERS),
    (*_OUTCOMES, *_RATES),
    (
        *_RESOURCES,
        ("cost_per_conversation_micros", "Cost per conversation", formatting.money),
        ("api_error_rate", "API error rate", formatting.fraction),
        ("storage_used_bytes", "Storage in use", formatting.size),
    ),
)
_CHANGES: Final = {
    "total_messages": "messages_change",
    "total_conversations": "conversations_change",
    "unique_users": "users_change",
}
_AGENT: Final[tuple[tuple[_Row, ...], ...]] = (
    (
        ("conversation_count", "Conversations", formatting.count),
        ("message_count", "Messages", formatting.count),
        ("messages_received", "· received", formatting.count),
        ("messages_sent", "· sent", formatting.count),
        ("unique_users", "Unique users", formatting.count),
        ("avg_messages_per_conversation", "Messages per conversation", formatting.rating),
    ),
    (*_OUTCOMES, *_RATES),
    _RESPONSE,
    (*_QUALITY, *_ANSWERS),
    (*_RESOURCES, ("cost_per_conversation_micros", "Cost per conversation", formatting.money)),
)
# Shown where one of them is there: they are about people, and most agents are not.
_HUMAN: Final[tuple[_Row, ...]] = (
    ("calls_handled", "Calls handled", formatting.count),
    ("avg_handle_time_ms", "Handle time, mean", formatting.milliseconds),
    ("avg_wait_ms", "Waiting time, mean", formatting.milliseconds),
    ("available_time_ms", "Time available", formatting.milliseconds),
    ("occupancy", "Occupancy", formatting.fraction),
    ("leads_converted", "Leads converted", formatting.count),
    ("conversion_rate", "Conversion rate", formatting.fraction),
    ("tasks_completed", "Tasks completed", formatting.count),
)

_OF_ONE_AGENT: Final = ("available_time_ms", "occupancy")


def overview(console: Console, response: metrics_service_pb2.GetOverviewResponse) -> None:
    """Prints the key figures with their changes, those of an earlier period if there are any, and the most frequent
    event types.
    """
    answer, context, earlier = response.overview, response.context, response.HasField("earlier")
    notes = layout.comparison(response.compared, formatting.zone(context.time_zone))
    console.print(layout.heading("Overview", context, notes))
    if not answer.events:
        console.print(_nothing(context), highlight=False)
    columns = (("Value", "right"), *((("Earlier", "right"),) if earlier else ()), ("Change", "right"))
    table = layout.table(("Figure", "left"), *columns)
    for section in (*_OVERVIEW, *families.counted(answer, response.earlier)):
        for name, label, form in section:
            change = formatting.change(answer, _CHANGES[name]) if name in _CHANGES else ""
            table.add_row(label, *_pair(answer, response.earlier if earlier else None, name, form, context), change)
        table.add_section()
    console.print(table)
    if answer.events_by_type:
        console.print()
        _event_types(console, answer.events_by_type)


def _nothing(context: answer_pb2.AnswerContext) -> str:
    """Returns what to say of a period in which nothing was counted."""
    if not context.HasField("first_event_at"):
        return "The organization has no events yet; `tallywire track` stores one.\n"
    first = formatting.instant(context.first_event_at, formatting.zone(context.time_zone), "%Y-%m-%d")
    return f"Nothing was counted. The first event of all is of {first}: ask --from then.\n"


def _pair(
    answer: Message, earlier: Message | None, name: str, form: _Form, context: answer_pb2.AnswerContext
) -> list[str]:
    """Returns a figure, and behind it that of the earlier period if there is one."""
    written = formatting.form_of(form, context.currency)
    return [formatting.field(one, name, written) for one in (answer, earlier) if one is not None]


def agent(
    console: Console,
    response: metrics_service_pb2.GetAgentMetricsResponse,
    width: time_pb2.Granularity.ValueType = time_pb2.GRANULARITY_DAY,
    team_id: str = "",
) -> None:
    """Prints who an agent is, its figures, those of an earlier period if there are any, and its trend, which has points
    of that width; or those of the team that is named.
    """
    answer, where = response.agent, formatting.zone(response.context.time_zone)
    earlier = response.earlier if response.HasField("earlier") else None
    title = f"Team {team_id}" if team_id else _named(response)
    notes = layout.comparison(response.compared, where)
    about = agent_profile.lines(response.profile, where) if response.HasField("profile") else []
    console.print(layout.heading(formatting.plain(title), response.context, notes, about))
    columns = (("Value", "right"), *((("Earlier", "right"),) if earlier else ()))
    table = layout.table(("Figure", "left"), *columns)
    people = [row for row in _HUMAN if not team_id or row[0] not in _OF_ONE_AGENT]
    human = any(answer.HasField("available_time_ms") or getattr(answer, name) for name, _, _ in people)
    for section in (*_AGENT, people) if human else _AGENT:
        for name, label, form in section:
            table.add_row(label, *_pair(answer, earlier, name, form, response.context))
        table.add_section()
    console.print(table)
    if response.trend:
        figure_tables.show_series(console, response.context, width, response.trend, _TREND_FIGURES)


def _named(response: metrics_service_pb2.GetAgentMetricsResponse) -> str:
    """Returns what an agent is called, with its id."""
    agent_id, name = response.agent.agent_id, response.profile.agent_name
    return f"Agent {name} ({agent_id})" if name else f"Agent {agent_id}"


def agents(console: Console, responses: Sequence[metrics_service_pb2.GetAgentMetricsResponse]) -> None:
    """Prints one line for each agent, with the messages of its trend as a line of bars."""
    if responses:
        console.print(layout.heading("Agents", responses[0].context))
    right = ("Conv.", "Messages", "Users", "Resolved", "p95", "Rating")
    table = layout.table(("Agent", "left"), *((label, "right") for label in right), ("Trend", "left"))
    table.columns[0].max_width, table.columns[0].overflow = 16, "ellipsis"
    for response in responses:
        answer = response.agent
        table.add_row(
            Text(formatting.plain(answer.agent_id)),
            formatting.field(answer, "conversation_count", formatting.short),
            formatting.field(answer, "message_count", formatting.short),
            formatting.field(answer, "unique_users", formatting.short),
            formatting.field(answer, "resolution_rate", formatting.fraction),
            formatting.field(answer, "p95_response_time_ms", formatting.milliseconds),
            formatting.field(answer, "satisfaction_score", formatting.rating),
            formatting.sparkline([_optional(point, "message_count") for point in response.trend], 7),
        )
    console.print(table)


def usage(console: Console, response: metrics_service_pb2.GetUsageTrendsResponse, currency: str = "") -> None:
    """Prints each series as a line of bars with its least, greatest and latest value, and the earlier value that the
    latest is compared with; a single one point by point. Money is in the currency of a filter, if there is one.
    """
    if currency:
        kept, response = response, metrics_service_pb2.GetUsageTrendsResponse()
        response.CopyFrom(kept)
        response.context.currency = currency
    width = time_pb2.Granularity.Name(response.granularity).removeprefix("GRANULARITY_").lower().replace("_", " ")
    states = points.states(response.buckets, response.granularity, response.context)
    notes = layout.comparison(response.compared, formatting.zone(response.context.time_zone))
    console.print(layout.heading(f"Usage by {width}", response.context, [*points.summary(states), *notes]))
    right = ("Least", "Greatest", "Latest", *(("Earlier",) if response.earlier_series else ()))
    rows = [
        (formatting.plain(one.title or one.metric), _begun(one, states), _extremes(response, place, states))
        for place, one in enumerate(response.series)
    ]
    # The line of bars gets what the figures leave of the width.
    widths = [max(map(len, texts)) for texts in zip(*((name, *texts) for name, _, texts in rows), strict=True)]
    room = console.width - sum(max(width, 8) for width in widths) - 2 * len(right)
    table = layout.table(("Metric", "left"), ("Trend", "left"), *((label, "right") for label in right))
    for name, values, texts in rows:
        table.add_row(Text(name), formatting.sparkline(values, max(_TREND_LEAST, min(_TREND, room - 2))), *texts)
    console.print(table)
    if len(response.series) == 1:
        console.print()
        _points(console, response, states)


def _values(series: metrics_service_pb2.Series) -> list[float | None]:
    """Returns the points of a series."""
    return [formatting.of_series(value) for value in series.values]


def _begun(series: metrics_service_pb2.Series, states: Sequence[points.PointState]) -> list[float | None]:
    """Returns the points of a series that have begun: the others are no zeros."""
    pairs = zip(_values(series), states, strict=False)
    return [value for value, state in pairs if state is not points.PointState.NOT_BEGUN]


def _extremes(
    response: metrics_service_pb2.GetUsageTrendsResponse, place: int, states: Sequence[points.PointState]
) -> list[str]:
    """Returns the least, the greatest and the latest value of a series, as they are written, and the earlier value that
    the latest is compared with, if there is one.

    Parts of an hour or a day are not compared with whole ones; they count only if no point is whole.
    """
    series = response.series[place]
    form = _form(series, response.context)
    values = _values(series)
    chosen = [at for at, state in enumerate(states) if state is points.PointState.WHOLE] or [
        at for at, state in enumerate(states) if state is not points.PointState.NOT_BEGUN
    ]
    known = [value for at in chosen if (value := values[at]) is not None]
    least, greatest = (min(known), max(known)) if known else (None, None)
    found = [least, greatest, values[chosen[-1]] if chosen else None]
    if response.earlier_series:
        found.append(_values(response.earlier_series[place])[chosen[-1]] if chosen else None)
    return [_written(value, form) for value in found]


def _form(series: metrics_service_pb2.Series, context: answer_pb2.AnswerContext) -> _Form:
    """Returns how values of a series are written."""
    return formatting.form_of(formatting.BY_UNIT.get(series.unit, formatting.count), context.currency)


def _written(value: float | None, form: _Form) -> str:
    """Returns a figure, or a dash when it is absent."""
    return formatting.ABSENT if value is None else form(value)


def _points(
    console: Console, response: metrics_service_pb2.GetUsageTrendsResponse, states: Sequence[points.PointState]
) -> None:
    """Prints the only series of an answer bucket by bucket, with a bar chart: pale where a point is not whole."""
    series, where = response.series[0], formatting.zone(response.context.time_zone)
    form = _form(series, response.context)
    values, earlier = _values(series), [_values(one) for one in response.earlier_series]
    top = max((value for value in values if value is not None), default=0.0)
    columns = (("Value", "right"), *(("Earlier", "right") for _ in earlier))
    table = layout.table(("Start", "left"), *columns, ("", "left"))
    for place, (bucket, value, state) in enumerate(zip(response.buckets, values, states, strict=False)):
        label = formatting.bucket(bucket.start, where, response.granularity)
        before = [_written(one[place], form) for one in earlier]
        if state is points.PointState.NOT_BEGUN:
            table.add_row(label, formatting.ABSENT, *before, state.word)
            continue
        bar = formatting.bar(value, top, _BAR - 8)
        if state is not points.PointState.WHOLE:
            bar = f"{'░' * len(bar)} {state.word}".strip()
        table.add_row(label, _written(value, form), *before, bar)
    console.print(table)


def _event_types(console: Console, types: Sequence[metrics_service_pb2.EventTypeCount]) -> None:
    """Prints the most frequent event types with bars, and how many others there are."""
    table = layout.table(("Event type", "left"), ("Events", "right"), ("", "left"))
    for entry in types[:_EVENT_TYPES]:
        name = Text(formatting.plain(entry.event_type))
        table.add_row(name, formatting.count(entry.events), formatting.bar(entry.events, types[0].events, 24))
    if len(types) > _EVENT_TYPES:
        rest = sum(entry.events for entry in types[_EVENT_TYPES:])
        table.add_row(f"{len(types) - _EVENT_TYPES} others", formatting.count(rest), "")
    console.print(table)


def _optional(message: Message, name: str) -> float | None:
    """Returns an optional field of a message, or None when it is absent."""
    return getattr(message, name) if message.HasField(name) else None
