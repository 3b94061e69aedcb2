"""Rows about questions."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import grpc
from google.protobuf import timestamp_pb2

from server import timerange
from server.organizations.settings import OrganizationSettings
from server.query import queries
from server.store import reading
from tallywire.v1 import answer_pb2, event_pb2, metrics_service_pb2, time_pb2
from tests.support import serving
from tests.support.bad_inputs import World, outcome, reported, row

HOUR, DAY, WEEK, MONTH = (
    time_pb2.GRANULARITY_HOUR,
    time_pb2.GRANULARITY_DAY,
    time_pb2.GRANULARITY_WEEK,
    time_pb2.GRANULARITY_MONTH,
)


def _range(
    start: timestamp_pb2.Timestamp | None = None, end: timestamp_pb2.Timestamp | None = None, zone: str = ""
) -> time_pb2.TimeRange:
    return time_pb2.TimeRange(start=start, end=end, time_zone=zone)


def _refused(id: str, expected: str, time_range: Callable[[], time_pb2.TimeRange]) -> None:  # noqa: A002 - the table's word
    """Registers a period that every question refuses."""

    @row(id, expected)
    async def run(world: World) -> str:
        for call in (world.caller.trends(time_range()), world.caller.agent("anyone", time_range())):
            assert await outcome(call) == expected
        return await outcome(world.caller.overview(time_range()))


_NOW = serving.now()
_HOUR_AGO, _THEN = serving.stamp(_NOW - timedelta(hours=1)), serving.stamp(_NOW)

_refused("Q-001", "INVALID_ARGUMENT REQUIRED_FIELD time_range.start", lambda: _range(end=_THEN))
_refused("Q-002", "INVALID_ARGUMENT REQUIRED_FIELD time_range.end", lambda: _range(start=_THEN))
_refused("Q-003", "INVALID_ARGUMENT INVALID_TIME_RANGE time_range.end", lambda: _range(_THEN, _HOUR_AGO))
_refused("Q-004", "INVALID_ARGUMENT INVALID_TIME_RANGE time_range.end", lambda: _range(_THEN, _THEN))
_refused(
    "Q-005",
    "INVALID_ARGUMENT TIME_RANGE_TOO_LARGE time_range",
    lambda: serving.period(_NOW - timedelta(days=1_831), _NOW),
)
_refused(
    "Q-006",
    "OUT_OF_RANGE TIME_BEFORE_FLOOR time_range.start",
    lambda: _range(timestamp_pb2.Timestamp(seconds=-62_135_596_800), _THEN),
)
_refused(
    "Q-009",
    "INVALID_ARGUMENT INVALID_TIMESTAMP time_range.start",
    lambda: _range(timestamp_pb2.Timestamp(seconds=1, nanos=1_000_000_000), _THEN),
)
_refused(
    "Q-010",
    "INVALID_ARGUMENT INVALID_TIMESTAMP time_range.start",
    lambda: _range(timestamp_pb2.Timestamp(seconds=2**63 - 1), _THEN),
)
for _id, _zone in {
    "Q-027": "Nope/Zone",
    "Q-028": "+25",
    "Q-031": "../../etc/passwd",
    "Q-033": "Europe/Berlin ",
    "Q-034": "x" * 10_240,
}.items():
    _refused(
        _id,
        "INVALID_ARGUMENT INVALID_TIME_ZONE time_range.time_zone",
        lambda zone=_zone: _range(_HOUR_AGO, _THEN, zone),  # type: ignore[misc]
    )


@row("Q-007", "OK", because="the end is moved back to the last instant that an event can have")
async def _(world: World) -> str:
    end = timestamp_pb2.Timestamp(seconds=253_402_300_799)
    answer = await world.caller.overview(_range(_HOUR_AGO, end))
    latest = answer.context.as_of_time.ToDatetime(UTC) + timedelta(hours=1)
    assert latest <= answer.context.end.ToDatetime(UTC) < latest + timedelta(minutes=15)
    assert answer.context.still_running
    return "OK"


@row("Q-008", "OK")
async def _(world: World) -> str:
    answer = await world.caller.overview(serving.period(_NOW + timedelta(days=2), _NOW + timedelta(days=3)))
    overview = answer.overview
    assert (overview.events, overview.HasField("events"), overview.HasField("error_rate")) == (0, True, False)
    assert overview.messages_change.absence_reason == answer_pb2.ABSENCE_REASON_TOO_EARLY
    return "OK"


@row("Q-011", "OK")
async def _(world: World) -> str:
    chosen = []
    for days in (3, 4, 92, 93, 400, 401):
        answer = await world.caller.trends(
            serving.period("2024-01-01", datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=days)), "events"
        )
        chosen.append(answer.granularity)
    assert chosen == [HOUR, DAY, DAY, WEEK, WEEK, MONTH]
    return "OK"


@row("Q-012", "INVALID_ARGUMENT INVALID_ENUM granularity")
async def _(world: World) -> str:
    return await outcome(world.caller.trends(serving.today(), granularity=99))


@row(
    "Q-013",
    "INVALID_ARGUMENT TOO_MANY_POINTS granularity",
)
async def _(world: World) -> str:
    error = await serving.refused(
        world.caller.trends(serving.period("2024-01-01", "2025-01-01"), granularity=time_pb2.GRANULARITY_MINUTE)
    )
    assert serving.info(error)["limit"] == "2000"
    return reported(error)


def _hours(answer: metrics_service_pb2.GetUsageTrendsResponse) -> list[float]:
    """The lengths of a series' points."""
    return [(one.end.seconds - one.start.seconds) / 3600 for one in answer.buckets]


def _days(answer: metrics_service_pb2.GetUsageTrendsResponse) -> list[str]:
    """The days, in UTC, on which a series' points begin."""
    return [one.start.ToJsonString()[:10] for one in answer.buckets]


@row("Q-019", "OK")
async def _(world: World) -> str:
    lord_howe = "Australia/Lord_Howe"
    spring = serving.period("2024-10-04T13:30", "2024-10-06T13:00", lord_howe)
    autumn = serving.period("2024-04-05T13:00", "2024-04-07T13:30", lord_howe)
    assert _hours(await world.caller.trends(spring, "events", granularity=DAY)) == [24, 23.5]
    assert _hours(await world.caller.trends(autumn, "events", granularity=DAY)) == [24, 24.5]
    return "OK"


@row("Q-023", "OK")
async def _(world: World) -> str:
    answer = await world.caller.trends(serving.period("2024-12-25", "2025-01-14"), "events", granularity=WEEK)
    assert _days(answer) == ["2024-12-25", "2024-12-30", "2025-01-06", "2025-01-13"]
    return "OK"


@row("Q-024", "OK")
async def _(world: World) -> str:
    answer = await world.caller.trends(serving.period("2024-01-31", "2024-04-01"), "events", granularity=MONTH)
    assert _days(answer) == ["2024-01-31", "2024-02-01", "2024-03-01"]
    return "OK"


@row("Q-025", "OK")
async def _(world: World) -> str:
    caller = await world.accounts.caller(settings=OrganizationSettings(time_zone="Asia/Kathmandu"))
    assert (await caller.overview(serving.today())).context.time_zone == "Asia/Kathmandu"
    return "OK"


@row("Q-026", "OK")
async def _(world: World) -> str:
    assert (await world.caller.overview(_range(_HOUR_AGO, _THEN, "utc"))).context.time_zone == "UTC"
    return "OK"


@row("Q-029", "OK", because="it is an IANA name")
async def _(world: World) -> str:
    return await outcome(world.caller.overview(_range(_HOUR_AGO, _THEN, "EST5EDT")))


@row("Q-035", "OK")
async def _(world: World) -> str:
    overview = (await world.caller.overview(serving.period("1980-01-02", "1980-01-04"))).overview
    assert overview.messages_change.absence_reason == answer_pb2.ABSENCE_REASON_BEFORE_FLOOR
    assert not overview.messages_change.HasField("percent")
    return "OK"


@row("Q-038", "OK", keeps=1)
async def _(world: World) -> str:
    await world.caller.track(serving.event(at=_NOW - timedelta(days=7)))
    overview = (await world.caller.overview(serving.period(_NOW - timedelta(days=2), _NOW))).overview
    assert overview.users_change.absence_reason == answer_pb2.ABSENCE_REASON_NO_BASELINE
    assert not overview.users_change.HasField("percent")
    return "OK"


def _comparison(
    id: str,  # noqa: A002 - the table's word
    expected: str,
    mode: int,
    start: datetime | None = None,
    end: datetime | None = None,
) -> None:
    """Registers a comparison that every question refuses."""

    @row(id, expected)
    async def run(world: World) -> str:
        asked = time_pb2.Comparison(
            mode=mode,  # type: ignore[arg-type]
            start=serving.stamp(start) if start else None,
            end=serving.stamp(end) if end else None,
        )
        caller, period = world.caller, serving.today()
        for call in (caller.trends(period, comparison=asked), caller.agent("anyone", period, comparison=asked)):
            assert await outcome(call) == expected
        return await outcome(caller.overview(period, asked))


_CUSTOM = time_pb2.COMPARISON_MODE_CUSTOM
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_comparison("Q-101", "INVALID_ARGUMENT INVALID_ENUM comparison.mode", 99)
_comparison("Q-102", "INVALID_ARGUMENT REQUIRED_FIELD comparison.start", _CUSTOM, end=_NOW)
_comparison(
    "Q-103", "INVALID_ARGUMENT INVALID_TIME_RANGE comparison.end", _CUSTOM, _NOW, _NOW - timedelta(microseconds=1)
)
_comparison("Q-104", "INVALID_ARGUMENT INVALID_VALUE comparison.end", time_pb2.COMPARISON_MODE_PREVIOUS_WEEK, end=_NOW)
_comparison(
    "Q-105",
    "OUT_OF_RANGE TIME_BEFORE_FLOOR comparison.start",
    _CUSTOM,
    _LONG_AGO,
    _LONG_AGO + timedelta(days=1),
)
_comparison(
    "Q-106",
    "INVALID_ARGUMENT TIME_RANGE_TOO_LARGE comparison",
    _CUSTOM,
    _NOW - timedelta(days=timerange.MAX_DAYS + 1),
    _NOW,
)


_refused(
    "Q-112",
    "INVALID_ARGUMENT INVALID_TIME_RANGE time_range.start",
    lambda: serving.period("9999-12-31", "9999-12-31T23:59:59"),
)
_refused(
    "Q-107",
    "INVALID_ARGUMENT INVALID_ENUM time_range.week_start",
    lambda: time_pb2.TimeRange(start=_HOUR_AGO, end=_THEN, week_start=99),  # type: ignore[arg-type]
)


@row("Q-111", "INVALID_ARGUMENT TIME_RANGE_TOO_LARGE time_range")
async def _(world: World) -> str:
    period = serving.period("2024-01-01", "2024-01-04")
    return await outcome(world.caller.trends(period, granularity=time_pb2.GRANULARITY_FIVE_MINUTES))


def _since(id: str, expected: str, since_revision: int, **part: str) -> None:  # noqa: A002 - the table's word
    @row(id, expected)
    async def run(world: World) -> str:
        return await outcome(world.caller.trends(serving.today(), since_revision=since_revision, **part))


_since("Q-108", "OUT_OF_RANGE VALUE_OUT_OF_RANGE since_revision", -1)
_since("Q-109", "OUT_OF_RANGE FUTURE_REVISION since_revision", 2**62)


@row("Q-110", "INVALID_ARGUMENT INVALID_VALUE since_revision", keeps=1)
async def _(world: World) -> str:
    await world.caller.track(serving.event(agent_id="a", channel="c"))
    return await outcome(world.caller.trends(serving.today(), since_revision=1, agent_id="a", channel="c"))


@row("Q-040", "OK", keeps=1)
async def _(world: World) -> str:
    await world.caller.track(serving.event(message=event_pb2.MessageDetail(response_time_ms=1234)))
    overview = (await world.caller.overview(serving.today())).overview
    percentiles = {
        overview.p50_response_time_ms,
        overview.p90_response_time_ms,
        overview.p95_response_time_ms,
        overview.p99_response_time_ms,
    }
    assert len(percentiles) == 1
    assert abs(percentiles.pop() - 1234) <= 12.34
    return "OK"


def _agent(id: str, expected: str, agent_id: str) -> None:  # noqa: A002 - the table's word
    @row(id, expected, keeps=1)
    async def run(world: World) -> str:
        await world.caller.track(serving.event(agent_id="known"))
        return await outcome(world.caller.agent(agent_id, serving.today()))


_agent("Q-041", "INVALID_ARGUMENT REQUIRED_FIELD agent_id", "")
_agent("Q-042", "INVALID_ARGUMENT REQUIRED_FIELD agent_id", "")
_agent("Q-043", "INVALID_ARGUMENT FIELD_TOO_LONG agent_id", "a" * 10_240)
_agent("Q-045", "NOT_FOUND AGENT_NOT_FOUND agent_id", "unknown")


@row(
    "Q-047",
    "NOT_FOUND AGENT_NOT_FOUND agent_id",
    because="the table names no reason: it is that of any unknown agent",
    keeps=1,
)
async def _(world: World) -> str:
    await world.caller.track(serving.event(agent_id="known"))
    return await outcome(world.caller.agent("%", serving.today()))


@row("Q-057", "INVALID_ARGUMENT TOO_MANY_FILTERS filter")
async def _(world: World) -> str:
    # Three for 101: there are at most two.
    return await outcome(world.caller.overview(serving.today(), agent_id="a", team_id="b", channel="c"))


@row("Q-067", "INVALID_ARGUMENT UNKNOWN_METRIC metrics")
async def _(world: World) -> str:
    error = await serving.refused(world.caller.trends(serving.today(), "events", "nope"))
    assert serving.info(error)["metric"] == "nope"
    return reported(error)


@row("Q-068", "OK", because="there are metrics for whoever asks for none")
async def _(world: World) -> str:
    answer = await world.caller.trends(serving.today())
    assert [one.metric for one in answer.series] == [
        "total_messages",
        "total_conversations",
        "token_usage",
        "unique_users",
        "api_calls",
        "cost_micros",
    ]
    return "OK"


@row("Q-069", "OK")
async def _(world: World) -> str:
    answer = await world.caller.trends(serving.today(), "events", "api_calls", "events")
    assert [one.metric for one in answer.series] == ["events", "api_calls"]
    return "OK"


@row("Q-089", "RESOURCE_EXHAUSTED+RetryInfo QUERY_CONCURRENCY", keeps=1)
async def _(world: World) -> str:
    # Two at once for 64, and each waits until the test lets it go.
    read, go_on = reading.read, asyncio.Event()

    async def held(*arguments: object) -> object:
        await go_on.wait()
        return await read(*arguments)  # type: ignore[arg-type]

    async with (
        serving.running(world.settings, max_queries=2) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        caller = serving.through(world.caller, channel)
        world.monkeypatch.setattr(queries.reading, "read", held)
        asked = [asyncio.create_task(outcome(caller.overview(serving.today()))) for _ in range(50)]
        await caller.track(serving.event())
        await asyncio.wait(asked, timeout=0.5)
        go_on.set()
        answers = sorted(await asyncio.gather(*asked))
        assert answers[:2] == ["OK", "OK"]
        assert set(answers[2:]) == {"RESOURCE_EXHAUSTED+RetryInfo QUERY_CONCURRENCY"}
        assert await outcome(caller.overview(serving.today())) == "OK"
        return answers[-1]
