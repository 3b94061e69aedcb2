"""Tables over rollups of ten thousand agents, beside the same rows by SQL over raw events."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from tallywire.v1 import conversation_metrics_pb2, time_pb2
from tallywire.v1 import metrics_service_pb2 as messages
from tests.harness.bench import clickhouse, projected, raw
from tests.harness.bench.asking import Asked, Row, compare
from tests.harness.bench.histories import COMES_BACK_AFTER, History
from tests.harness.bench.questions import asked_details
from tests.harness.bench.report import Figure, Goal, at_most
from tests.harness.bench.suite import Bench

_SHOWN = (
    "messages_sent",
    "messages_received",
    "total_conversations",
    "unique_users",
    "avg_response_time_ms",
    "p95_response_time_ms",
    "error_rate",
    "resolution_rate",
    "token_usage",
    "cost_micros",
)
_TOTAL = (
    *_SHOWN,
    "events",
    "active_agents",
    "p50_response_time_ms",
    "p99_response_time_ms",
    "satisfaction_score",
    "conversations_closed",
    "escalation_rate",
    "avg_conversation_duration_ms",
    "avg_first_response_time_ms",
    "api_calls",
)
_ADDED_UP = ("messages_sent", "messages_received", "cost_micros")
_USERS_SHOWN = 10  # where nothing else is asked for
_SPARKLINES = messages.SeriesRequest(granularity=time_pb2.GRANULARITY_DAY)


async def query(bench: Bench) -> Sequence[Figure]:
    """QueryMetrics over 28 days and ten thousand agents: the first 50 with a series each, ordered by several kinds of
    metrics; and a total of 20 metrics.
    """
    (history,) = await bench.histories.get("wide")
    top = [_asked(history, order_by) for order_by in ("messages_sent", "error_rate")]
    total = Asked(
        history=history,
        method="QueryMetrics",
        request=lambda time_range: messages.QueryMetricsRequest(
            time_range=time_range, metrics=_TOTAL
        ).SerializeToString(),
        start=history.end - timedelta(days=28),
        end=history.end,
        statements=lambda to, first, last: [raw.overview(to, first, last)],
        same=lambda answer, found: _same_total(history, answer, found),
    )
    await compare(bench, [*top, total], calls=bench.of(100, 5), rounds=bench.of(3, 1))
    events = 28 * history.plan.events * history.plan.times
    yardstick = f"; the yardsticks look at one of {history.plan.times}"
    return [
        *(
            _figure(
                f"QueryMetrics of 28 days, {history.plan.agents:,} agents, {events:,} events, the {raw.RANKED} first by"
                f" {order_by} with {len(_SHOWN)} metrics and a series of each, p50 in ms; judged is the p99{yardstick}",
                asked,
                at_most(300),
            )
            for order_by, asked in zip(("messages_sent", "error_rate"), top, strict=True)
        ),
        _figure(
            f"QueryMetrics of 28 days, {events:,} events, a total of {len(_TOTAL)} metrics, p50 in ms; judged is the"
            f" p99{yardstick}",
            total,
            at_most(30),
        ),
    ]


async def costs(bench: Bench) -> Sequence[Figure]:
    """GetCosts of 90 days, over 10 million events: the total, four breakdowns and a series; and between midnights of
    UTC, where users are ranked besides.
    """
    (history,), days = await bench.histories.get("large"), bench.of(90, 10)
    await projected.repeat(bench.histories.world, history, *projected.USERS)
    asked, with_users = _asked_for_costs(history, days), _asked_for_costs(history, days, with_users=True)
    await compare(bench, [asked], calls=bench.of(100, 5), rounds=bench.of(3, 1))
    await compare(bench, [with_users], calls=bench.of(10, 5), rounds=bench.of(3, 1))
    events = days * history.plan.events
    what = f"GetCosts of {days} days, {events:,} events, four breakdowns and a series, p50 in ms; judged is the p99"
    between_midnights = (
        f"GetCosts of up to {days} whole days, {events:,} events, the same and the {_USERS_SHOWN} users that cost most"
        f" of up to {history.plan.users * COMES_BACK_AFTER:,}, p50 in ms; judged is the p99"
    )
    return [
        _figure(what, asked, at_most(100), name="costs"),
        _figure(between_midnights, with_users, at_most(100), name="costs"),
    ]


def _asked_for_costs(history: History, days: int, *, with_users: bool = False) -> Asked:
    """GetCosts, which ranks users where the period begins and ends at midnight: raw events at its ends are gone."""

    def same(answer: bytes, found: Sequence[Sequence[Row]]) -> None:
        response = messages.GetCostsResponse.FromString(answer)
        for name in ("cost_micros", "prompt_tokens", "completion_tokens"):
            assert getattr(response.total, name) == sum(int(row[name] or 0) for row in found[0]), name
        if with_users:
            (by_user,) = (one for one in response.breakdowns if one.dimension == "user")
            assert [row.figures.cost_micros for row in by_user.rows] == [int(row["cost_micros"]) for row in found[2]]

    def statements(to: raw.Dialect, first: datetime, last: datetime) -> list[str]:
        by_user = [raw.costs_by(to, first, last, "user_id", most=_USERS_SHOWN)] if with_users else []
        return [*(raw.costs_by(to, first, last, one) for one in ("channel", "agent_id")), *by_user]

    return Asked(
        history=history,
        method="GetCosts",
        request=lambda time_range: messages.GetCostsRequest(
            time_range=time_range, series=_SPARKLINES
        ).SerializeToString(),
        start=history.end - timedelta(days=days),
        end=history.end,
        step=timedelta(days=1) if with_users else timedelta(minutes=15),
        steps=6 if with_users else 40,
        statements=statements,
        same=same,
    )


async def conversations(bench: Bench) -> Sequence[Figure]:
    """GetConversationMetrics of 90 days, over 10 million events: with breakdowns, hours of the week and a series, and
    what came after each conversation that was closed.
    """
    (history,), days = await bench.histories.get("large"), bench.of(90, 10)
    await projected.repeat(bench.histories.world, history, *projected.CONVERSATIONS)
    closed = 0

    def same(answer: bytes, found: Sequence[Sequence[Row]]) -> None:
        nonlocal closed
        response = conversation_metrics_pb2.GetConversationMetricsResponse.FromString(answer)
        began, closed = response.figures.total_conversations, response.figures.conversations_closed
        assert sum(one.figures.total_conversations for one in response.series) == began > 0
        # Every conversation was looked at that rollups have counted.
        assert response.repeat_contacts.mature + response.repeat_contacts.not_yet_known == closed > 0

    asked = Asked(
        history=history,
        method="GetConversationMetrics",
        request=lambda time_range: conversation_metrics_pb2.GetConversationMetricsRequest(
            time_range=time_range, granularity=time_pb2.GRANULARITY_DAY
        ).SerializeToString(),
        start=history.end - timedelta(days=days),
        end=history.end,
        statements=lambda to, first, last: [raw.outcomes_by(to, first, last, one) for one in ("channel", "day")],
        same=same,
    )
    await compare(bench, [asked], calls=bench.of(100, 5), rounds=bench.of(3, 1))
    events = days * history.plan.events
    what = (
        f"GetConversationMetrics of {days} days, {events:,} events, with breakdowns, hours of the week, a series, and"
        f" what came after each of {closed:,} conversations, p50 in ms; judged is the p99; the yardsticks count events"
        " by channel and by day alone"
    )
    return [_figure(what, asked, at_most(300), name="conversations")]


def _asked(history: History, order_by: str) -> Asked:
    def request(time_range: time_pb2.TimeRange) -> bytes:
        return messages.QueryMetricsRequest(
            time_range=time_range,
            group_by=["agent"],
            metrics=_SHOWN,
            order_by=order_by,
            page_size=raw.RANKED,
            series=_SPARKLINES,
        ).SerializeToString()

    return Asked(
        history=history,
        method="QueryMetrics",
        request=request,
        start=history.end - timedelta(days=28),
        end=history.end,
        statements=lambda to, first, last: [raw.ranking(to, first, last), raw.ranking_days(to, first, last)],
        same=_same_rows(history) if order_by == "messages_sent" else lambda answer, found: None,
    )


def _same_rows(history: History) -> Callable[[bytes, Sequence[Sequence[Row]]], None]:
    def same(answer: bytes, found: Sequence[Sequence[Row]]) -> None:
        response = messages.QueryMetricsResponse.FromString(answer)
        rows, _ = found
        assert [row.values[0] for row in response.rows] == [row["agent_id"] for row in rows]
        for row, other in zip(response.rows, rows, strict=True):
            _same_figures(history, row, other)

    return same


def _same_total(history: History, answer: bytes, found: Sequence[Sequence[Row]]) -> None:
    _same_figures(history, messages.QueryMetricsResponse.FromString(answer).total, found[0][0])


def _same_figures(history: History, row: messages.MetricRow, other: Row) -> None:
    for name in _ADDED_UP:
        assert row.figures[_TOTAL.index(name)].integer == int(other[name] or 0) * history.plan.times, name
    assert row.figures[_TOTAL.index("unique_users")].integer == other["unique_users"]


def _figure(what: str, asked: Asked, must: Goal, name: str = "query") -> Figure:
    return Figure(
        name=name,
        what=what,
        against="the same rows by SQL over the raw events in PostgreSQL, ms",
        unit="ms",
        measured=asked.medians(),
        yardstick=asked.postgresql,
        result=asked.p99(),
        result_unit="ms",
        must=must,
        details=asked_details(asked),
        note="" if asked.clickhouse else clickhouse.MISSING,
    )
