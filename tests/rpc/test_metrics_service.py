"""MetricsService: small worlds whose figures can be worked out by hand, asked for by every road there is."""

import pathlib
import zoneinfo
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import serving
from google.protobuf import descriptor_pb2, descriptor_pool
from serving import Accounts, Caller, refused

from agentmetrics.v1 import (
    answer_pb2,
    error_reason_pb2,
    event_pb2,
    metrics_service_pb2,
    realtime_service_pb2,
    time_pb2,
)
from server import catalog, errors, fold, timerange
from server.answers import Absence
from server.catalog import Derived, Quantile
from server.rpc import services
from server.store.database import Database
from server.store.organizations import Settings

DAY = datetime(2024, 5, 15, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)
THE_DAY = serving.period(DAY, DAY + timedelta(days=1))
Figure = float | None

# What every event of the worlds carries, so that each filter and the agent's answer hold the same figures as the whole.
PART = {"agent_id": "bot", "channel": "web", "team_id": "blue"}


def e(event_type: str, minute: float = 0, **fields: Any) -> event_pb2.Event:
    """An event so many minutes after noon."""
    return serving.event(event_type, at=NOON + timedelta(minutes=minute), **{**PART, **fields})


def sent(minute: float = 0, conversation_id: str = "", **detail: Any) -> event_pb2.Event:
    return e("message.sent", minute, conversation_id=conversation_id, message=event_pb2.MessageDetail(**detail))


def closing(conversation_id: str, *kinds: str) -> list[event_pb2.Event]:
    return [e(f"conversation.{kind}", minute, conversation_id=conversation_id) for minute, kind in enumerate(kinds)]


def presence(minute: float, status: int) -> event_pb2.Event:
    return e("agent.status_changed", minute, agent=event_pb2.AgentDetail(status=status))


def stored_bytes(delta: int, kind: int = event_pb2.STORAGE_KIND_UNSPECIFIED, at: datetime = NOON) -> event_pb2.Event:
    return serving.event(
        "storage.changed", at=at, storage=event_pb2.StorageDetail(bytes_delta=delta, kind=kind), **PART
    )


CONVERSATION = [
    e("conversation.started", 0, conversation_id="c", user_id="u1"),
    e("message.received", 1, conversation_id="c", user_id="u1"),
    sent(2, "c", response_time_ms=10, prompt_tokens=10, completion_tokens=5, cost_micros=200),
    sent(3, "c", response_time_ms=20, failed=True, fallback=True, knowledge_hit=True, cost_micros=100),
    sent(4, "c", failed=False),
    sent(5, "c", response_time_ms=0),
    e("conversation.resolved", 6, conversation_id="c", user_id="u2"),
]

# A world is events and the figures that they must give. Every metric of the catalogue stands in one at least.
WORLDS: Mapping[str, tuple[Sequence[event_pb2.Event], Mapping[str, Figure]]] = {
    "a conversation": (
        CONVERSATION,
        {
            "events": 7,
            "total_conversations": 1,
            "conversation_count": 1,
            "messages_received": 1,
            "messages_sent": 4,
            "total_messages": 5,
            "message_count": 5,
            "failed_messages": 1,
            "fallback_messages": 1,
            "knowledge_messages": 1,
            "error_rate": 1 / 4,
            "success_rate": 3 / 4,
            "fallback_rate": 1 / 4,
            "knowledge_hit_rate": 1 / 4,
            "response_time_sum_ms": 30,
            "response_time_count": 3,
            "avg_response_time_ms": 10,
            "p50_response_time_ms": 10,
            "p90_response_time_ms": 18,
            "p95_response_time_ms": 19,
            "p99_response_time_ms": 19.8,
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "token_usage": 15,
            "cost_micros": 300,
            "cost_per_conversation_micros": 300,
            "unique_users": 2,
            "active_agents": 1,
            "conversations_resolved": 1,
            "conversations_closed": 1,
            "closed_conversation_messages": 5,
            "avg_messages_per_conversation": 5,
            "resolution_rate": 1,
        },
    ),
    "nothing but an agent": (
        [e("agent.created")],
        {
            "events": 1,
            "messages_sent": 0,
            "total_messages": 0,
            "unique_users": 0,
            "active_agents": 0,
            "token_usage": 0,
            "rating_count": 0,
            "conversations_closed": 0,
            "error_rate": None,
            "success_rate": None,
            "avg_response_time_ms": None,
            "p50_response_time_ms": None,
            "p99_response_time_ms": None,
            "satisfaction_score": None,
            "resolution_rate": None,
            "ended_rate": None,
            "avg_messages_per_conversation": None,
            "fallback_rate": None,
            "knowledge_hit_rate": None,
            "cost_per_conversation_micros": None,
            "avg_handle_time_ms": None,
            "avg_wait_ms": None,
            "conversion_rate": None,
            "storage_used_bytes": 0,
            "available_time_ms": None,
            "occupancy": None,
            "messages_change": None,
        },
    ),
    "ratings": (
        [e("feedback.submitted", feedback=event_pb2.FeedbackDetail(rating=rating)) for rating in (4, 5, 5)]
        + [e("feedback.submitted", feedback=event_pb2.FeedbackDetail(comment_length=3))],
        {"rating_sum": 14, "rating_count": 3, "satisfaction_score": 14 / 3},
    ),
    "calls of interfaces": (
        [
            e("api.called", api=event_pb2.ApiDetail(request_bytes=100, response_bytes=5000)),
            e("api.called", api=event_pb2.ApiDetail(response_bytes=1)),
            e("api.called"),
        ],
        {"api_calls": 3, "api_request_bytes": 100, "api_response_bytes": 5001},
    ),
    "storage": (
        [stored_bytes(1000), stored_bytes(500, event_pb2.STORAGE_KIND_UPLOAD), stored_bytes(-200)],
        {"storage_change_bytes": 1300, "storage_used_bytes": 1300},
    ),
    "workflows": (
        [e("workflow.executed"), e("workflow.executed"), e("workflow.failed"), e("workflow.created")],
        {"workflow_executions": 2, "workflow_failures": 1},
    ),
    "outcomes": (
        [
            *closing("c1", "resolved", "escalated"),
            *closing("c2", "ended", "resolved"),
            *closing("c3", "abandoned"),
            *closing("c4", "ended"),
            *closing("c5", "resolved", "reopened"),
            sent(0, "c1"),
            sent(0, "c4"),
            sent(0, "c5"),
        ],
        {
            "conversations_escalated": 1,
            "conversations_resolved": 1,
            "conversations_abandoned": 1,
            "conversations_ended": 1,
            "conversations_closed": 4,
            "escalation_rate": 1 / 4,
            "resolution_rate": 1 / 4,
            "abandonment_rate": 1 / 4,
            "ended_rate": 1 / 4,
            "closed_conversation_messages": 2,
            "avg_messages_per_conversation": 1 / 2,
            "total_conversations": 0,
        },
    ),
    "telephone": (
        [
            e("call.answered", call=event_pb2.CallDetail(wait_ms=4000)),
            e("call.answered"),
            e("call.abandoned", call=event_pb2.CallDetail(wait_ms=9000)),
            e("call.ended", call=event_pb2.CallDetail(talk_ms=60_000, hold_ms=5000, wrap_up_ms=10_000)),
            e("call.ended", call=event_pb2.CallDetail(talk_ms=30_000)),
        ],
        {
            "calls_handled": 2,
            "talk_ms": 90_000,
            "hold_ms": 5000,
            "wrap_up_ms": 10_000,
            "avg_handle_time_ms": 52_500,
            "wait_ms": 4000,
            "avg_wait_ms": 4000,
            "active_agents": 1,
        },
    ),
    "leads": (
        [e("lead.created"), e("lead.converted"), e("lead.lost"), e("lead.lost"), e("lead.lost")],
        {"leads_converted": 1, "leads_lost": 3, "conversion_rate": 1 / 4},
    ),
    "tasks": ([e("task.created"), e("task.completed"), e("task.completed")], {"tasks_completed": 2}),
    "presence": (
        [
            presence(0, event_pb2.AGENT_STATUS_AVAILABLE),
            presence(30, event_pb2.AGENT_STATUS_BUSY),
            presence(40, event_pb2.AGENT_STATUS_AWAY),
            presence(60, event_pb2.AGENT_STATUS_OFFLINE),
        ],
        {"available_time_ms": 30 * 60_000, "occupancy": 1 / 4, "active_agents": 0},
    ),
    "presence that began before and goes on after": (
        [presence(-24 * 60, event_pb2.AGENT_STATUS_BUSY), presence(0, event_pb2.AGENT_STATUS_AVAILABLE)],
        {"available_time_ms": 12 * 3600_000, "occupancy": 1 / 2},
    ),
    "growth": (
        [
            *(e("message.sent", -24 * 60 + minute, user_id="u1") for minute in range(2)),
            *(e("message.sent", minute, user_id=f"u{minute}") for minute in range(3)),
            e("conversation.started", -24 * 60, conversation_id="c1"),
            e("conversation.started", -24 * 60, conversation_id="c2"),
            e("conversation.started", 0, conversation_id="c3"),
        ],
        {"messages_change": 50, "users_change": 200, "conversations_change": -50, "total_messages": 3},
    ),
    "users and agents": (
        [
            e("message.received", user_id="u1"),
            e("message.received", 60, user_id="u1"),
            e("custom.thing", 120, user_id="u2"),
            e("message.received", -24 * 60, user_id="u3"),
        ],
        {"unique_users": 2, "active_agents": 1, "users_change": 100},
    ),
}


def series_names() -> list[str]:
    return list(catalog.METRICS)


async def by_series(caller: Caller, **part: str) -> dict[str, Figure]:
    """Every figure of the day from its series, which has one point."""
    found: dict[str, Figure] = {}
    names = series_names()
    for first in range(0, len(names), 20):
        answer = await caller.trends(THE_DAY, *names[first : first + 20], granularity=time_pb2.GRANULARITY_DAY, **part)
        for one in answer.series:
            (value,) = one.values
            kind = value.WhichOneof("value")
            metric = catalog.METRICS[one.metric]
            assert kind in (("integer",) if catalog.is_integer(metric) else ("number", None))
            found[one.metric] = getattr(value, kind) if kind else None
    return found


def by_field(message: Any) -> dict[str, Figure]:
    """The figures of a message by the names of their fields; what is unset is absent."""
    found: dict[str, Figure] = {}
    for field in message.DESCRIPTOR.fields:
        if field.message_type is answer_pb2.Change.DESCRIPTOR:
            change = getattr(message, field.name)
            found[field.name] = change.percent if change.HasField("percent") else None
        elif field.message_type is None and field.name != "agent_id":
            found[field.name] = getattr(message, field.name) if message.HasField(field.name) else None
    return found


async def every_road(caller: Caller) -> dict[str, dict[str, Figure]]:
    """The figures of the day by every road that leads to them."""
    roads = {
        "overview": by_field((await caller.overview(THE_DAY)).overview),
        "agent": by_field((await caller.agent("bot", THE_DAY)).agent),
        "series": await by_series(caller),
    }
    for name, value in PART.items():
        roads[f"overview by {name}"] = by_field((await caller.overview(THE_DAY, **{name: value})).overview)
        roads[f"series by {name}"] = await by_series(caller, **{name: value})
        assert roads[f"overview by {name}"].pop("storage_used_bytes") is None
    return roads


@pytest.mark.parametrize("world", WORLDS)
async def test_the_figures_of_a_world(caller: Caller, database: Database, world: str) -> None:
    """By every road, before and after folding, and in whatever order the events arrive."""
    events, expected = WORLDS[world]
    for one in reversed(events):
        await caller.track(one)
    before = await every_road(caller)
    for road, found in before.items():
        told = {name: figure for name, figure in expected.items() if name in found}
        assert {name: found[name] for name in told} == pytest.approx(told), road
    assert expected.keys() <= {name for found in before.values() for name in found}
    assert await fold.fold_all(database, caller.organization_id) > 0
    assert await every_road(caller) == before


def test_every_metric_of_the_catalogue_is_in_a_world() -> None:
    told = {name for _, expected in WORLDS.values() for name, figure in expected.items() if figure is not None}
    assert told == {*catalog.METRICS, *(one.name for one in catalog.DERIVED)}


async def test_zero_is_told_and_what_cannot_be_computed_is_absent(caller: Caller) -> None:
    overview = (await caller.overview(THE_DAY)).overview
    figures = by_field(overview)
    integers = {name for name in catalog.OVERVIEW if catalog.is_integer(catalog.METRICS[name])}
    assert {name for name, figure in figures.items() if figure == 0} == integers | {"storage_used_bytes"}
    assert {name for name, figure in figures.items() if figure is None} == set(catalog.OVERVIEW) - integers | set(
        catalog.CHANGES
    )
    assert not overview.events_by_type
    assert not overview.storage_by_kind


async def test_events_are_told_by_type_the_most_frequent_first(caller: Caller) -> None:
    await caller.track_all([e("b.b"), e("a.a"), e("c.c"), e("c.c"), e("elsewhen", -24 * 60)])
    overview = (await caller.overview(THE_DAY)).overview
    assert [(one.event_type, one.events) for one in overview.events_by_type] == [("c.c", 2), ("a.a", 1), ("b.b", 1)]
    assert not (await caller.overview(THE_DAY, agent_id="bot")).overview.events_by_type


# Filters


async def test_a_filter_keeps_what_carries_its_value(caller: Caller) -> None:
    await caller.track_all(
        [
            serving.event(at=NOON, agent_id="a", channel="web", team_id="x"),
            serving.event(at=NOON, agent_id="a", channel="phone"),
            serving.event(at=NOON, agent_id="b", channel="web"),
            serving.event(at=NOON),
        ]
    )

    async def messages(**part: str) -> int:
        overview = (await caller.overview(THE_DAY, **part)).overview
        assert overview.HasField("messages_sent")
        assert overview.HasField("storage_used_bytes") == (not part)
        return overview.messages_sent

    assert [
        await messages(),
        await messages(agent_id="a"),
        await messages(agent_id="b"),
        await messages(channel="web"),
        await messages(team_id="x"),
        await messages(team_id="nobody"),
        await messages(channel="a"),
    ] == [4, 2, 1, 2, 1, 0, 0]


@pytest.mark.parametrize("part", [{"agent_id": "a", "channel": "b"}, {"agent_id": "a", "channel": "b", "team_id": "c"}])
async def test_there_is_at_most_one_filter(caller: Caller, part: dict[str, str]) -> None:
    expected = ("INVALID_ARGUMENT", "TOO_MANY_FILTERS", "filter", False)
    assert serving.refusal(await refused(caller.overview(THE_DAY, **part))) == expected
    assert serving.refusal(await refused(caller.trends(THE_DAY, **part))) == expected


@pytest.mark.parametrize("name", PART)
async def test_a_filter_is_an_id_like_any_other(caller: Caller, name: str) -> None:
    error = await refused(caller.overview(THE_DAY, **{name: "x" * 257}))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", "FIELD_TOO_LONG", f"filter.{name}", False)


# Changes


def change(message: answer_pb2.Change) -> float | str:
    if message.HasField("percent"):
        assert message.absence_reason == answer_pb2.ABSENCE_REASON_UNSPECIFIED
        return message.percent
    return answer_pb2.AbsenceReason.Name(message.absence_reason).removeprefix("ABSENCE_REASON_")


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [(0, 0, "NO_BASELINE"), (0, 5, "NO_BASELINE"), (4, 0, -100), (4, 4, 0), (4, 6, 50), (3, 4, 100 / 3)],
)
async def test_a_change_is_against_the_period_just_before(
    caller: Caller, before: int, now: int, expected: float | str
) -> None:
    await caller.track_all(
        [e("message.sent", -24 * 60, user_id=f"u{n}") for n in range(before)]
        + [e("message.sent", 0, user_id=f"u{n}") for n in range(now)]
        + [e("message.sent", -48 * 60), e("message.sent", 24 * 60)]
    )
    overview = (await caller.overview(THE_DAY)).overview
    assert change(overview.messages_change) == pytest.approx(expected)
    assert change(overview.users_change) == pytest.approx(expected)
    assert change(overview.conversations_change) == "NO_BASELINE"


async def test_a_period_before_the_floor_is_no_baseline(caller: Caller) -> None:
    await caller.track(serving.event(at="2000-01-01"))
    for start, end, expected in (
        ("2000-01-01", "2000-01-02", "BEFORE_FLOOR"),
        ("2000-01-02", "2000-01-03", -100),
        ("2000-01-02", "2000-01-03T00:15", "BEFORE_FLOOR"),
    ):
        overview = (await caller.overview(serving.period(start, end))).overview
        assert change(overview.messages_change) == expected


async def test_a_running_period_is_compared_with_equally_many_quarter_hours(caller: Caller) -> None:
    quarter = timerange.QUARTER
    asked = serving.now()
    start = timerange.instant(timerange.floor_bucket(asked)) - 8 * quarter
    times = [start + quarter * place for place in (0, 1, 6)]  # elapsed whenever the question is answered
    times += [start + 8 * quarter]  # in the quarter hour that is running
    length = (start + 8 * quarter + timedelta(hours=1, minutes=30)) - start
    times += [start - length + quarter * place for place in (0, 3, 7, 8, 10, 13)]
    await caller.track_all([serving.event(at=at) for at in times])
    answer = await caller.overview(serving.period(start, start + length))
    first, last, as_of = (
        one.ToDatetime(UTC) for one in (answer.context.start, answer.context.end, answer.context.as_of_time)
    )
    assert answer.context.still_running
    assert answer.overview.messages_sent == 4
    elapsed = timerange.instant(timerange.floor_bucket(as_of)) - first
    before = first - (last - first)
    now = sum(first <= at < first + elapsed for at in times)
    then = sum(before <= at < before + elapsed for at in times)
    assert now > 0
    assert 0 < then < sum(before <= at < first for at in times)
    assert change(answer.overview.messages_change) == pytest.approx((now - then) / then * 100)


async def test_a_period_that_has_not_begun_is_too_early_to_compare(caller: Caller) -> None:
    start = serving.now() + timedelta(minutes=20)
    answer = await caller.overview(serving.period(start, start + timedelta(hours=2)))
    assert change(answer.overview.messages_change) == "TOO_EARLY"


# Storage and costs


async def test_storage_is_what_is_in_use_at_the_end_by_kind(caller: Caller) -> None:
    document, backup = event_pb2.STORAGE_KIND_DOCUMENT, event_pb2.STORAGE_KIND_BACKUP
    await caller.track_all(
        [
            stored_bytes(1000, document, DAY - timedelta(days=200)),
            stored_bytes(50, backup),
            stored_bytes(-50, backup, NOON + timedelta(hours=1)),
            stored_bytes(-300, document),
            stored_bytes(7, document, DAY + timedelta(days=1)),
        ]
    )
    overview = (await caller.overview(THE_DAY)).overview
    assert [(one.kind, one.bytes) for one in overview.storage_by_kind] == [(document, 700), (backup, 0)]
    assert overview.storage_used_bytes == 700
    trends = await caller.trends(THE_DAY)
    assert list(trends.storage_by_kind) == list(overview.storage_by_kind)
    assert not (await caller.trends(THE_DAY, agent_id="bot")).storage_by_kind


async def test_costs_are_estimated_from_what_was_recorded_and_the_rate_card(accounts: Accounts) -> None:
    gib = 2**30
    caller = await accounts.caller(
        settings=Settings(time_zone="UTC", storage_rate_micros=3_000_000, bandwidth_rate_micros=80_000)
    )
    start = DAY - timedelta(days=30)
    await caller.track_all(
        [
            stored_bytes(gib, at=start - timedelta(days=1)),
            stored_bytes(gib, at=start + timedelta(days=15)),
            sent(-60, cost_micros=1234),
            e("api.called", -24 * 60, api=event_pb2.ApiDetail(request_bytes=gib, response_bytes=gib // 2)),
        ]
    )
    period = serving.period(start, DAY + timedelta(hours=12))
    expected = {
        metrics_service_pb2.COST_RESOURCE_MODEL_CALLS: 1234,
        # 15 days of one GiB and 15.5 of two, of which 30 GiB days cost 3,000,000.
        metrics_service_pb2.COST_RESOURCE_STORAGE: 4_600_000,
        metrics_service_pb2.COST_RESOURCE_BANDWIDTH: 120_000,
    }
    for granularity in (time_pb2.GRANULARITY_HOUR, time_pb2.GRANULARITY_DAY):
        answer = await caller.trends(period, granularity=granularity)
        assert {one.resource: one.cost_micros for one in answer.estimated_costs} == expected
    assert not (await caller.trends(period, agent_id="bot")).estimated_costs


async def test_a_resource_without_a_rate_is_left_out(caller: Caller) -> None:
    await caller.track_all([stored_bytes(2**30), sent(cost_micros=5)])
    costs = (await caller.trends(THE_DAY)).estimated_costs
    assert [(one.resource, one.cost_micros) for one in costs] == [(metrics_service_pb2.COST_RESOURCE_MODEL_CALLS, 5)]


# Presence


async def test_an_agent_is_available_until_it_says_otherwise_or_the_period_ends(caller: Caller) -> None:
    await caller.track(presence(0, event_pb2.AGENT_STATUS_AVAILABLE))
    agent = (await caller.agent("bot", serving.period(NOON, NOON + timedelta(hours=3)))).agent
    assert (agent.available_time_ms, agent.occupancy) == (3 * 3600_000, 0)
    assert agent.HasField("occupancy")


async def test_presence_in_the_future_is_not_counted(caller: Caller) -> None:
    since = serving.now() - timedelta(minutes=30)
    available = event_pb2.AgentDetail(status=event_pb2.AGENT_STATUS_AVAILABLE)
    await caller.track(serving.event("agent.status_changed", at=since, agent_id="bot", agent=available))
    agent = (await caller.agent("bot", serving.period(since - timedelta(hours=1), since + timedelta(hours=2)))).agent
    assert 30 * 60_000 <= agent.available_time_ms < 31 * 60_000


async def test_an_agent_that_was_never_available_or_busy_has_no_occupancy(caller: Caller) -> None:
    await caller.track(presence(0, event_pb2.AGENT_STATUS_OFFLINE))
    agent = (await caller.agent("bot", THE_DAY)).agent
    assert agent.available_time_ms == 0
    assert (agent.HasField("available_time_ms"), agent.HasField("occupancy")) == (True, False)


# Series


def lengths(answer: Any) -> list[float]:
    """The hours of each bucket."""
    return [(one.end.seconds - one.start.seconds) / 3600 for one in answer.buckets]


def values(answer: Any, metric: str) -> list[Figure]:
    (series,) = (one for one in answer.series if one.metric == metric)
    assert len(series.values) == len(answer.buckets)
    return [getattr(one, one.WhichOneof("value")) if one.WhichOneof("value") else None for one in series.values]


def quarters(start: datetime, end: datetime) -> list[event_pb2.Event]:
    """An event in every quarter hour."""
    count = (end - start) // timerange.QUARTER
    return [serving.event("a.b", at=start + number * timerange.QUARTER) for number in range(count)]


@pytest.mark.parametrize(
    ("zone", "day", "hours", "points"),
    [
        ("Europe/Berlin", "2024-03-31", 23, 23),
        ("Europe/Berlin", "2024-10-27", 25, 25),
        ("Australia/Lord_Howe", "2024-10-06", 23.5, 24),
        ("Australia/Lord_Howe", "2024-04-07", 24.5, 25),
        ("Asia/Kathmandu", "2024-05-15", 24, 24),
        ("America/St_Johns", "2024-03-10", 23, 23),
    ],
)
async def test_days_and_hours_where_clocks_change(
    caller: Caller, zone: str, day: str, hours: float, points: int
) -> None:
    local = datetime.fromisoformat(day).replace(tzinfo=zoneinfo.ZoneInfo(zone))
    before, start = (one.astimezone(UTC) for one in (local - timedelta(days=1), local))
    end, after = ((local + timedelta(days=days)).astimezone(UTC) for days in (1, 2))
    await caller.track_all(quarters(before, after))
    days = await caller.trends(serving.period(before, after, zone), "events", granularity=time_pb2.GRANULARITY_DAY)
    assert lengths(days) == [24, hours, 24]
    assert values(days, "events") == [96, hours * 4, 96]
    by_hour = await caller.trends(serving.period(start, end, zone), "events", granularity=time_pb2.GRANULARITY_HOUR)
    assert len(by_hour.buckets) == points
    assert values(by_hour, "events") == [length * 4 for length in lengths(by_hour)]
    assert sum(lengths(by_hour)) == hours
    assert (by_hour.context.time_zone, by_hour.granularity) == (zone, time_pb2.GRANULARITY_HOUR)


@pytest.mark.parametrize(
    ("granularity", "start", "end", "expected"),
    [
        (
            time_pb2.GRANULARITY_WEEK,
            "2024-12-25",
            "2025-01-14",
            [("2024-12-25", 5), ("2024-12-30", 7), ("2025-01-06", 7), ("2025-01-13", 1)],
        ),
        (
            time_pb2.GRANULARITY_MONTH,
            "2024-01-31",
            "2024-04-02",
            [("2024-01-31", 1), ("2024-02-01", 29), ("2024-03-01", 31), ("2024-04-01", 1)],
        ),
        (time_pb2.GRANULARITY_MONTH, "2023-12-01", "2024-02-01", [("2023-12-01", 31), ("2024-01-01", 31)]),
    ],
)
async def test_weeks_are_those_of_iso_and_months_those_of_the_calendar(
    caller: Caller, granularity: int, start: str, end: str, expected: list[tuple[str, int]]
) -> None:
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    days = [first + timedelta(days=number) for number in range((last - first).days)]
    await caller.track_all(serving.event("a.b", at=day, user_id="u") for day in days)
    answer = await caller.trends(serving.period(first, last), "events", "unique_users", granularity=granularity)
    begins = [one.start.ToJsonString()[:10] for one in answer.buckets]
    assert list(zip(begins, values(answer, "events"), strict=True)) == expected
    assert values(answer, "unique_users") == [1] * len(expected)


async def test_gaps_are_zero_where_something_is_counted_and_absent_elsewhere(caller: Caller) -> None:
    await caller.track_all([sent(0, response_time_ms=7), sent(2 * 24 * 60, response_time_ms=9)])
    period = serving.period(DAY - timedelta(days=1), DAY + timedelta(days=4))
    answer = await caller.trends(
        period, "messages_sent", "avg_response_time_ms", "p95_response_time_ms", "unique_users"
    )
    assert answer.granularity == time_pb2.GRANULARITY_DAY
    assert values(answer, "messages_sent") == [0, 1, 0, 1, 0]
    assert values(answer, "avg_response_time_ms") == [None, 7, None, 9, None]
    assert values(answer, "p95_response_time_ms") == [None, 7, None, 9, None]
    assert values(answer, "unique_users") == [0] * 5
    assert [one.unit for one in answer.series] == ["1", "ms", "ms", "1"]
    assert list(answer.context.approximation.metrics) == ["p95_response_time_ms"]
    assert answer.context.approximation.max_relative_error == 0.01


async def test_an_answer_without_percentiles_is_exact(caller: Caller) -> None:
    answer = await caller.trends(THE_DAY, "events", "avg_response_time_ms")
    assert not answer.context.HasField("approximation")
    assert not answer.context.still_running


async def test_a_range_is_widened_to_quarter_hours_and_says_so(caller: Caller) -> None:
    await caller.track_all([e("a.b", minute) for minute in (0, 14.9, 15, 29.9, 30)])
    period = serving.period(NOON + timedelta(minutes=16), NOON + timedelta(minutes=17))
    answer = await caller.overview(period)
    assert answer.overview.events == 2
    assert answer.context.start.ToDatetime(UTC) == NOON + timedelta(minutes=15)
    assert answer.context.end.ToDatetime(UTC) == NOON + timedelta(minutes=30)


async def test_unset_metrics_and_zone_have_defaults(accounts: Accounts) -> None:
    caller = await accounts.caller(settings=Settings(time_zone="Pacific/Auckland"))
    answer = await caller.trends(THE_DAY)
    assert [one.metric for one in answer.series] == list(catalog.DEFAULT_TRENDS)
    assert answer.context.time_zone == "Pacific/Auckland"
    assert answer.granularity == time_pb2.GRANULARITY_HOUR


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        (["nope"], "UNKNOWN_METRIC"),
        (["events", "occupancy"], "UNKNOWN_METRIC"),
        ([""], "UNKNOWN_METRIC"),
        (list(catalog.METRICS)[:21], "TOO_MANY_METRICS"),
    ],
)
async def test_metrics_that_cannot_be_had_are_refused(caller: Caller, metrics: list[str], reason: str) -> None:
    error = await refused(caller.trends(THE_DAY, *metrics))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", reason, "metrics", False)


# Agents


async def test_the_trend_of_an_agent_is_seven_days_up_to_the_last(caller: Caller) -> None:
    await caller.track_all(
        [
            e("conversation.started", 0, conversation_id="c1"),
            sent(1, response_time_ms=40),
            e("feedback.submitted", -2 * 24 * 60, feedback=event_pb2.FeedbackDetail(rating=3)),
        ]
    )
    answer = await caller.agent("bot", THE_DAY)
    begins = [one.start.ToDatetime(UTC) for one in answer.trend]
    assert begins == [DAY - timedelta(days=6 - number) for number in range(7)]
    assert [one.conversation_count for one in answer.trend] == [0] * 6 + [1]
    assert [by_field(one)["avg_response_time_ms"] for one in answer.trend] == [None] * 6 + [40]
    assert [by_field(one)["satisfaction_score"] for one in answer.trend] == [None] * 4 + [3, None, None]
    assert len((await caller.agent("bot", THE_DAY, trend_days=3)).trend) == 3


async def test_the_trend_of_an_agent_follows_the_zone(caller: Caller) -> None:
    await caller.track(e("a.b"))
    zone = "Australia/Lord_Howe"
    period = serving.period("2024-10-05T13:30", "2024-10-06T13:00", zone)
    assert lengths_of_trend(await caller.agent("bot", period, trend_days=2)) == [24, 23.5]


def lengths_of_trend(answer: Any) -> list[float]:
    return [(one.end.seconds - one.start.seconds) / 3600 for one in answer.trend]


@pytest.mark.parametrize("days", [-1, 401])
async def test_the_trend_of_an_agent_has_limits(caller: Caller, days: int) -> None:
    error = await refused(caller.agent("bot", THE_DAY, trend_days=days))
    assert serving.refusal(error) == ("OUT_OF_RANGE", "VALUE_OUT_OF_RANGE", "trend_days", False)
    assert serving.info(error) == {"field": "trend_days", "minimum": "1", "maximum": "400"}


async def test_what_counts_for_an_agent_is_what_happened_under_its_name(caller: Caller) -> None:
    await caller.track_all(
        [
            e("message.sent", 0, agent_id="bot", conversation_id="c"),
            e("message.sent", 1, agent_id="human", conversation_id="c"),
            e("conversation.escalated", 2, agent_id="bot", conversation_id="c"),
            e("conversation.resolved", 3, agent_id="human", conversation_id="c"),
        ]
    )
    bot, human = [(await caller.agent(name, THE_DAY)).agent for name in ("bot", "human")]
    assert (bot.message_count, bot.conversations_escalated, bot.avg_messages_per_conversation) == (1, 1, 2)
    assert (human.message_count, human.conversations_closed, human.HasField("resolution_rate")) == (1, 0, False)


# The contract and the catalogue


async def test_the_catalogue_is_told_as_it_is(caller: Caller) -> None:
    answer = await caller.ask("ListMetrics", metrics_service_pb2.ListMetricsRequest())
    told = {one.name: one for one in answer.metrics}
    everything = {**catalog.METRICS, **{one.name: one for one in catalog.DERIVED}}
    assert [one.name for one in answer.metrics] == sorted(everything)
    for name, metric in everything.items():
        assert (told[name].description, told[name].unit) == (metric.description, metric.unit)
        assert told[name].has_series == (not isinstance(metric, Derived))
        assert (told[name].max_relative_error > 0) == isinstance(metric, Quantile)
        measure = metrics_service_pb2.METRIC_KIND_MEASURE
        assert (told[name].kind == measure) == (name in catalog.MEASURE)


@pytest.mark.parametrize(
    ("message", "metrics"),
    [
        (metrics_service_pb2.Overview, {*catalog.OVERVIEW, *catalog.CHANGES, "storage_used_bytes"}),
        (metrics_service_pb2.AgentMetrics, {*catalog.AGENT, "available_time_ms", "occupancy"}),
        (metrics_service_pb2.AgentTrendPoint, set(catalog.AGENT_TREND)),
    ],
)
def test_the_fields_of_answers_are_metrics_and_have_presence(message: Any, metrics: set[str]) -> None:
    others = {"agent_id", "storage_by_kind", "events_by_type", "start", "end"}
    fields = {field.name: field for field in message.DESCRIPTOR.fields if field.name not in others}
    assert fields.keys() == metrics
    known = {**catalog.METRICS, **{one.name: one for one in catalog.DERIVED}}
    for name, field in fields.items():
        assert name in known
        assert field.has_presence
        if field.message_type is None:
            integer = field.type == descriptor_pb2.FieldDescriptorProto.TYPE_INT64
            metric = known[name]
            whole = metric.unit in ("By", "ms") if isinstance(metric, Derived) else catalog.is_integer(metric)
            assert integer == whole


def test_the_reasons_of_the_contract_and_of_the_service_are_the_same() -> None:
    told = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118
    assert told - {"UNSPECIFIED"} == set(errors.Reason.__members__)


def test_the_comment_of_each_reason_gives_its_status() -> None:
    text = (pathlib.Path(__file__).parents[2] / "protos/agentmetrics/v1/error_reason.proto").read_text()
    lines = iter(text.splitlines())
    comment, seen = "", 0
    for line in map(str.strip, lines):
        if line.startswith("//"):
            comment = comment or line
        else:
            name = line.partition(" = ")[0].removeprefix("ERROR_REASON_")
            if name in errors.Reason.__members__:
                assert comment.startswith(f"// {errors.Reason[name].status.name}"), name
                seen += 1
            comment = ""
    assert seen == len(errors.Reason)


def test_the_reasons_of_absence_are_the_same() -> None:
    told = {name.removeprefix("ABSENCE_REASON_") for name in answer_pb2.AbsenceReason.keys()}  # noqa: SIM118
    assert told - {"UNSPECIFIED"} == set(Absence.__members__)


def test_every_rpc_has_a_scope() -> None:
    assert realtime_service_pb2.DESCRIPTOR.package == "agentmetrics.v1"
    pool = descriptor_pool.Default()
    names = ("EventService", "MetricsService", "RealtimeService")
    methods = {
        f"/agentmetrics.v1.{name}/{method.name}"
        for name in names
        for method in pool.FindServiceByName(f"agentmetrics.v1.{name}").methods
    }
    assert services.SCOPES.keys() == methods
    assert {f"agentmetrics.v1.{name}" for name in names} | {""} == set(services._NAMES)
