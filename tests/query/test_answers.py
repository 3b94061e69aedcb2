"""MetricsService on a real socket: filters, changes, storage, costs, presence, and what an agent's answer holds."""

from datetime import UTC, timedelta
from typing import Any

import pytest

from server import timerange
from server.admission.query_slots import QuerySlots
from server.catalog import registry
from server.catalog.filters import Filter
from server.clock import Clock
from server.organizations.settings import OrganizationSettings
from server.projections.projector import Projector
from server.query import overview
from server.query.answers import Period
from server.query.overview import OverviewQuestion
from server.query.queries import Queries
from server.rollups import fold
from server.store.database import Database
from server.tenancy.principal import Principal
from tallywire.v1 import (
    answer_pb2,
    event_pb2,
    metrics_service_pb2,
    time_pb2,
)
from tests.support import serving
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import DAY, NOON, PART, THE_DAY, by_field, e, presence, sent, stored_bytes

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


async def test_there_are_at_most_two_filters(caller: Caller) -> None:
    part = {"agent_id": "a", "channel": "b", "team_id": "c"}
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
    answer = await caller.overview(THE_DAY)
    assert not answer.HasField("compared")
    assert not answer.HasField("earlier")
    overview = answer.overview
    assert change(overview.messages_change) == pytest.approx(expected)
    assert change(overview.users_change) == pytest.approx(expected)
    assert change(overview.conversations_change) == "NO_BASELINE"


async def test_a_period_before_the_floor_is_no_baseline(caller: Caller) -> None:
    await caller.track(serving.event(at="1980-01-01"))
    for start, end, expected in (
        ("1980-01-01", "1980-01-02", "BEFORE_FLOOR"),
        ("1980-01-02", "1980-01-03", -100),
        ("1980-01-02", "1980-01-04", "BEFORE_FLOOR"),
        ("1980-01-02", "1980-01-03T00:15", "BEFORE_FLOOR"),
    ):
        overview = (await caller.overview(serving.period(start, end))).overview
        assert change(overview.messages_change) == expected


async def test_a_period_before_the_first_event_is_no_baseline(caller: Caller, database: Database) -> None:
    """Folded or not, whatever part of the organization is asked about."""
    await caller.track_all([serving.event(at=DAY - timedelta(hours=12), channel="phone"), e("message.sent")])
    week_before = time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_WEEK)
    for _ in ("in deltas", "in rollups"):
        for hours, expected in ((13, "BEFORE_FIRST_EVENT"), (12, -100)):
            asked = serving.period(DAY, DAY + timedelta(hours=hours))
            overview = (await caller.overview(asked, channel="phone")).overview
            assert change(overview.messages_change) == expected
        await fold.fold_all(database, caller.organization_id)
    answer = await caller.overview(THE_DAY, week_before)
    assert answer.compared.absence_reason == answer_pb2.ABSENCE_REASON_BEFORE_FIRST_EVENT
    assert not answer.HasField("earlier")
    series = await caller.trends(THE_DAY, "events", comparison=week_before)
    assert series.compared == answer.compared
    assert not [*series.earlier_buckets, *series.earlier_series]
    agent = await caller.agent("bot", THE_DAY, comparison=week_before)
    assert (agent.compared, agent.HasField("earlier")) == (answer.compared, False)


async def test_a_comparison_has_the_figures_of_the_earlier_period(caller: Caller) -> None:
    """They are those of a question for that period."""
    week = 7 * 24 * 60
    await caller.track_all(
        [
            serving.event(at=DAY - timedelta(days=20)),
            *(sent(minute, response_time_ms=100) for minute in (0, 60)),
            *(sent(minute - week, response_time_ms=50) for minute in (0, 1, 125)),
            presence(-week, event_pb2.AGENT_STATUS_AVAILABLE),
            stored_bytes(40, at=NOON - timedelta(days=7)),
        ]
    )
    asked = serving.period(DAY, DAY + timedelta(days=1), "Europe/Berlin")
    then = serving.period(DAY - timedelta(days=7), DAY - timedelta(days=6), "Europe/Berlin")
    compared_with = time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_WEEK)
    answer, alone = await caller.overview(asked, compared_with), await caller.overview(then)
    assert (answer.compared.start, answer.compared.end) == (then.start, then.end)
    assert answer.compared.compared_until == asked.end
    assert {**by_field(answer.earlier), **dict.fromkeys(registry.CHANGES)} == by_field(alone.overview) | dict.fromkeys(
        registry.CHANGES
    )
    assert answer.earlier.storage_by_kind == alone.overview.storage_by_kind
    assert change(answer.overview.messages_change) == pytest.approx(-100 / 3)
    agent = await caller.agent("bot", asked, comparison=compared_with)
    assert agent.earlier == (await caller.agent("bot", then)).agent
    assert agent.earlier.available_time_ms > 0
    series = await caller.trends(asked, "messages_sent", "avg_response_time_ms", comparison=compared_with)
    before = await caller.trends(then, "messages_sent", "avg_response_time_ms")
    assert (series.earlier_buckets, series.earlier_series) == (before.buckets, before.series)


async def test_a_running_period_is_compared_with_equally_many_quarter_hours(caller: Caller) -> None:
    quarter = timerange.QUARTER
    asked = serving.now()
    start = timerange.instant(timerange.floor_bucket(asked)) - 8 * quarter
    times = [start + quarter * place for place in (0, 1, 6)]  # elapsed whenever the question is answered
    times += [start + 8 * quarter]  # in the quarter hour that is running
    length = (start + 8 * quarter + timedelta(hours=1, minutes=30)) - start
    times += [start - length + quarter * place for place in (-1, 0, 3, 7, 8, 10, 13)]
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


@pytest.mark.parametrize("off", [-timedelta(days=2), -timedelta(minutes=20), timedelta(minutes=20), timedelta(days=2)])
async def test_the_time_is_the_databases_whatever_the_servers_copy_says(
    caller: Caller, database: Database, off: timedelta
) -> None:
    await caller.track(serving.event(at=serving.now() + timedelta(minutes=50)))
    clock = Clock()
    clock.set(serving.now() + off)
    principal = Principal(
        organization_id=caller.organization_id, key_id="", scopes=frozenset(), settings=serving.UTC_SETTINGS
    )
    start = serving.now() - timedelta(days=1)
    period = Period(start=start, end=start + timedelta(days=2), zone=None)
    queries = Queries(database, clock, QuerySlots(1, limit=1, limit_each=1), Projector(database))
    answer = await overview.answer(queries, principal, OverviewQuestion(period=period, part=Filter()))
    assert abs(answer.context.as_of.at - serving.now()) < timedelta(minutes=1)
    assert answer.context.period.now == answer.context.as_of.at
    assert answer.context.period.span.end == timerange.ceil_bucket(answer.context.as_of.at + timerange.MAX_AHEAD)
    assert answer.figures["messages_sent"] == 1


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
        settings=OrganizationSettings(time_zone="UTC", storage_rate_micros=3_000_000, bandwidth_rate_micros=80_000)
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


async def test_presence_ends_by_itself_once_nothing_is_heard_of_the_agent(accounts: Accounts, caller: Caller) -> None:
    short = await accounts.caller(settings=OrganizationSettings(time_zone="UTC", presence_timeout=2))
    two_days = serving.period(NOON - timedelta(hours=12), NOON + timedelta(hours=36))
    events = [
        presence(0, event_pb2.AGENT_STATUS_AVAILABLE),
        e("call.ended", 60, call=event_pb2.CallDetail()),
        e("message.sent", 10 * 60, agent_id="another"),
    ]
    for one, ended_after in ((caller, 13), (short, 3)):
        await one.track_all(events)
        assert (await one.agent("bot", two_days)).agent.available_time_ms == ended_after * 3600_000


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


async def test_a_team_and_what_an_agent_is_called(caller: Caller) -> None:
    named = event_pb2.AgentDetail(name="Ada", kind=event_pb2.AGENT_KIND_HUMAN, version="7")
    await caller.track_all(
        [
            serving.event("agent.created", at=NOON, agent_id="a", team_id="north", agent=named),
            serving.event("message.sent", at=NOON, agent_id="a", team_id="north", conversation_id="c"),
            serving.event("message.sent", at=NOON + timedelta(hours=1), agent_id="b", team_id="north"),
            serving.event("message.sent", at=NOON, agent_id="a", team_id="south"),
        ]
    )
    request = metrics_service_pb2.GetAgentMetricsRequest(
        team_id="north", time_range=THE_DAY, trend_days=1, trend_granularity=time_pb2.GRANULARITY_HOUR
    )
    team = await caller.ask("GetAgentMetrics", request)
    assert (team.agent.messages_sent, team.agent.agent_id, team.HasField("profile")) == (2, "", False)
    assert not team.agent.HasField("available_time_ms")
    assert {point.start.seconds // 3600 % 24: point.message_count for point in team.trend if point.message_count} == {
        NOON.hour: 1,
        NOON.hour + 1: 1,
    }
    assert len(team.trend) == 24
    agent = await caller.agent("a", THE_DAY)
    profile = agent.profile
    assert (agent.agent.messages_sent, len(agent.trend)) == (2, 7)
    assert (profile.agent_name, profile.version, profile.team_id) == ("Ada", "7", "north")
    assert (profile.kind, profile.HasField("deleted_at")) == (event_pb2.AGENT_KIND_HUMAN, False)
    assert profile.created_at.ToDatetime(UTC) == profile.first_seen_at.ToDatetime(UTC) == NOON
    for fields, reason in (({"team_id": "no"}, "TEAM_NOT_FOUND"), ({"team_id": "x", "agent_id": "a"}, "INVALID_VALUE")):
        asked = metrics_service_pb2.GetAgentMetricsRequest(time_range=THE_DAY, **fields)
        assert serving.refusal(await refused(caller.ask("GetAgentMetrics", asked)))[1:3] == (reason, "team_id")
