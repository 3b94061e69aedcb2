"""Tables over rollups of ten thousand agents, beside the same rows by SQL over raw events."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from tallywire.v1 import metrics_service_pb2 as messages
from tallywire.v1 import time_pb2
from tests.harness.bench import clickhouse, raw
from tests.harness.bench.asking import Asked, Row, compare
from tests.harness.bench.histories import History
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


def _figure(what: str, asked: Asked, must: Goal) -> Figure:
    return Figure(
        name="query",
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
