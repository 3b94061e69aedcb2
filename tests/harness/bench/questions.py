"""Questions over months, uncached and folded, beside the same figures by SQL over raw events."""

import statistics
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tallywire.v1 import metrics_service_pb2 as messages
from tallywire.v1 import time_pb2
from tests.harness.bench import clickhouse, raw
from tests.harness.bench.asking import Asked, Row, compare
from tests.harness.bench.histories import History
from tests.harness.bench.report import Figure, Goal, at_least, at_most, of_rounds
from tests.harness.bench.suite import Bench

_AGENT = "agent-1"
_POSTGRESQL = "the same figures by SQL over the raw events in PostgreSQL, ms"
_ROUNDS, _CALLS = 3, 100


def _rounds(bench: Bench) -> int:
    return bench.of(_ROUNDS, 1)


async def overview(bench: Bench) -> Sequence[Figure]:
    """GetOverview of 90 days, over 1 and 10 million events, and over rollups that stand for 100 million."""
    days = bench.of(90, 10)
    asked = [overview_of(one, days) for one in await bench.histories.get("small", "large", "huge")]
    await compare(bench, asked, calls=bench.of(_CALLS, 10), rounds=_rounds(bench))
    figures = [
        _figure(
            "overview",
            f"GetOverview of {days} days, {_events(one, days):,} events, p50 in ms; judged is the p99",
            one,
            at_most(20),
            at_most(5),
        )
        for one in asked
    ]
    small, _, huge = asked
    ratio = Figure(
        name="overview",
        what=f"GetOverview of {days} days over rollups that stand for {_events(huge, days):,} events, p50 in ms",
        against=f"for {_events(small, days):,} events, p50 in ms",
        unit="ms",
        measured=huge.medians(),
        yardstick=small.medians(),
        result=of_rounds(huge.medians(), small.medians()),
        must=at_most(1.5),
    )
    return [*figures, ratio]


async def agent(bench: Bench) -> Sequence[Figure]:
    """GetAgentMetrics of 400 local days with a trend of as many."""
    (history,), days = await bench.histories.get("small"), bench.of(400, 20)
    start, end = _local(history, days)

    def request(time_range: time_pb2.TimeRange) -> bytes:
        return messages.GetAgentMetricsRequest(
            agent_id=_AGENT, time_range=time_range, trend_days=days
        ).SerializeToString()

    def same(answer: bytes, found: Sequence[Sequence[Row]]) -> None:
        response = messages.GetAgentMetricsResponse.FromString(answer)
        totals, trend = found
        _equal(response.agent, totals[0], raw.SAME_AGENT)
        for name in raw.SAME_AGENT_DAYS:
            assert [getattr(one, name) for one in response.trend if one.message_count] == [
                int(row[name]) for row in trend if row["message_count"]
            ], name

    asked = Asked(
        history=history,
        method="GetAgentMetrics",
        request=request,
        start=start,
        end=end,
        zone=raw.ZONE,
        statements=lambda to, first, last: [
            raw.agent(to, first, last, _AGENT),
            raw.agent_days(to, first, last, _AGENT),
        ],
        same=same,
    )
    await compare(bench, [asked], calls=bench.of(_CALLS, 10), rounds=_rounds(bench))
    what = f"GetAgentMetrics of {days} days of {raw.ZONE} with as many points, p50 in ms; judged is the p99"
    return [_figure("agent", what, asked, at_most(100), at_most(20))]


async def trends(bench: Bench) -> Sequence[Figure]:
    """GetUsageTrends by local day over 400 days, the six series that are the default."""
    (history,), days = await bench.histories.get("small"), bench.of(400, 20)
    start, end = _local(history, days)

    def request(time_range: time_pb2.TimeRange) -> bytes:
        return messages.GetUsageTrendsRequest(
            time_range=time_range, granularity=time_pb2.GRANULARITY_DAY
        ).SerializeToString()

    def same(answer: bytes, found: Sequence[Sequence[Row]]) -> None:
        response = messages.GetUsageTrendsResponse.FromString(answer)
        (rows,) = found
        series = {one.metric: [value.integer for value in one.values] for one in response.series}
        for name in raw.SAME_TRENDS:
            assert series[name] == [int(row[name] or 0) for row in rows], name

    asked = Asked(
        history=history,
        method="GetUsageTrends",
        request=request,
        start=start,
        end=end,
        zone=raw.ZONE,
        statements=lambda to, first, last: [raw.trends(to, first, last)],
        same=same,
    )
    await compare(bench, [asked], calls=bench.of(_CALLS, 10), rounds=_rounds(bench))
    what = f"GetUsageTrends by day of {raw.ZONE}, {days} days, 6 series, p50 in ms; judged is the p99"
    return [_figure("trends", what, asked, at_most(100), at_most(20))]


async def uniques(bench: Bench) -> Sequence[Figure]:
    """Exact unique users of 30 days, as part of GetOverview, beside COUNT(DISTINCT)."""
    (history,), days = await bench.histories.get("large"), bench.of(30, 10)
    users = 0

    def same(answer: bytes, found: Sequence[Sequence[Row]]) -> None:
        nonlocal users
        users = messages.GetOverviewResponse.FromString(answer).overview.unique_users
        assert users == found[0][0]["unique_users"]

    asked = overview_of(history, days, raw.uniques, same)
    await compare(bench, [asked], calls=bench.of(_CALLS, 10), rounds=_rounds(bench))
    speed_up = of_rounds(asked.postgresql, asked.medians())
    return [
        Figure(
            name="uniques",
            what=f"GetOverview of {days} days with exactly {users:,} unique users of {_events(asked, days):,} events,"
            " p50 in ms",
            against="COUNT(DISTINCT user_id) over the raw events in PostgreSQL, ms",
            unit="ms",
            measured=asked.medians(),
            yardstick=asked.postgresql,
            result=speed_up,
            result_unit="times as fast",
            must=at_least(50),
            aim=at_least(200),
            details=asked_details(asked),
            note="" if asked.clickhouse else clickhouse.MISSING,
        )
    ]


def overview_of(
    history: History,
    days: int,
    statement: Callable[[raw.Dialect, datetime, datetime], str] = raw.overview,
    same: Callable[[bytes, Sequence[Sequence[Row]]], None] | None = None,
    end: datetime | None = None,
) -> Asked:
    """GetOverview of the last days of a history, or up to another end, and what raw events are asked in its place."""
    end = end or history.end
    plan = history.plan

    def agree(answer: bytes, found: Sequence[Sequence[Row]]) -> None:
        figures = messages.GetOverviewResponse.FromString(answer).overview
        if found:
            _equal(figures, found[0][0], raw.SAME_OVERVIEW)
        else:
            assert figures.events == days * plan.events * plan.times

    return Asked(
        history=history,
        method="GetOverview",
        request=lambda time_range: messages.GetOverviewRequest(time_range=time_range).SerializeToString(),
        start=end - timedelta(days=days),
        end=end,
        statements=lambda to, first, last: [statement(to, first, last)],
        same=same or agree,
    )


def _equal(figures: object, row: Row, names: Sequence[str]) -> None:
    ours = {name: getattr(figures, name) for name in names}
    theirs = {name: int(row[name] or 0) for name in names}
    assert ours == theirs, f"{ours} and not {theirs}"


def _local(history: History, days: int) -> tuple[datetime, datetime]:
    """That many whole days of the zone, up to the last one that lies in the history."""
    end = history.end.astimezone(ZoneInfo(raw.ZONE)).replace(hour=0)
    end = end.replace(minute=0)
    return end - timedelta(days=days), end


def _events(asked: Asked, days: int) -> int:
    return days * asked.history.plan.events * asked.history.plan.times


def asked_details(asked: Asked) -> dict[str, float]:
    """Returns how long a question took beside its yardsticks."""
    details = {"p50 ms": asked.p50(), "p99 ms": asked.p99()}
    if asked.postgresql:
        details["PostgreSQL ÷ p50"] = of_rounds(asked.postgresql, asked.medians())
    if asked.clickhouse:
        details["ClickHouse ms"] = statistics.median(asked.clickhouse)
        details["ClickHouse ÷ p50"] = of_rounds(asked.clickhouse, asked.medians())
    return details


def _figure(name: str, what: str, asked: Asked, must: Goal, aim: Goal) -> Figure:
    has_raw = bool(asked.postgresql)
    return Figure(
        name=name,
        what=what,
        against=_POSTGRESQL if has_raw else "",
        unit="ms",
        measured=asked.medians(),
        yardstick=asked.postgresql,
        result=asked.p99(),
        result_unit="ms",
        must=must,
        aim=aim,
        details=asked_details(asked),
        note=clickhouse.MISSING if has_raw and not asked.clickhouse else "",
    )
