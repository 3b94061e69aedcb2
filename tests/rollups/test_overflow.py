"""Values over their limit, as senders and askers meet them: totals stay exact, and nothing pretends to be zero."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace

import grpc
import prometheus_client
import pytest

from server.catalog.cells import OTHER
from server.rollups import audit
from server.settings import Settings
from server.store.database import Database
from tallywire.v1 import realtime_service_pb2, realtime_service_pb2_grpc
from tests.support import serving
from tests.support.serving import Accounts, Caller

AGENTS, TEAMS = [f"agent-{number}" for number in range(5)], [f"team-{number}" for number in range(5)]
LIMITS = {"agent": 2, "channel": 1, "team": 5, "event_type": 1}
OVERFLOW = ("FAILED_PRECONDITION", "CARDINALITY_OVERFLOW")


@pytest.fixture(scope="module")
async def channel(settings: Settings) -> AsyncIterator[grpc.aio.Channel]:
    """A server with small limits."""
    async with (
        serving.running(settings, max_distinct=LIMITS) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        yield channel


@pytest.fixture
async def limited(accounts: Accounts, channel: grpc.aio.Channel) -> Caller:
    """An organization that calls it."""
    return replace(await accounts.caller(), channel=channel)


async def refused(call: Awaitable[object]) -> tuple[str, str, str]:
    error = await serving.refused(call)
    said = serving.refusal(error)
    assert not said.retry
    assert serving.info(error)["counted_under"] == OTHER
    return said.code, said.reason, said.field


def overflowed() -> float:
    """How many events Prometheus is told of."""
    return prometheus_client.REGISTRY.get_sample_value("tallywire_overflowed_events_total") or 0.0


async def send(caller: Caller) -> list[list[str]]:
    """One message of every agent, each of a team and a channel of its own, and one custom event; the warnings."""
    answers = []
    for number, (agent, team) in enumerate(zip(AGENTS, TEAMS, strict=True)):
        own = {"agent_id": agent, "team_id": team, "channel": f"channel-{number}", "user_id": f"user-{number}"}
        message = serving.event("message.received", **own)
        answers.append(await caller.track_all([message, serving.event(f"own.type_{number}"), message]))
    return [serving.warnings(result) for answer in answers for result in answer.results]


async def test_senders_are_reported_and_nothing_is_lost(limited: Caller, database: Database) -> None:
    before = overflowed()
    warnings = await send(limited)
    over = ["CARDINALITY_OVERFLOW"]
    assert warnings == [[], [], [], *[over] * 12]
    # Not counted twice where it is a duplicate.
    assert overflowed() - before == 8
    assert (await audit.check(database, limited.organization_id)).mismatches == 0


async def test_the_values_of_each_dimension_add_up_to_the_total(limited: Caller) -> None:
    await send(limited)
    total = (await limited.overview(serving.today())).overview
    assert (total.events, total.messages_received, total.active_agents, total.unique_users) == (10, 5, 5, 5)
    for field, values, kept in (
        ("agent_id", AGENTS, 2),
        ("channel", [f"channel-{number}" for number in range(5)], 1),
        ("team_id", TEAMS, 5),
    ):
        asked = values[:kept] + [OTHER] * (kept < 5)
        parts = [(await limited.overview(serving.today(), **{field: value})).overview for value in asked]
        for name in ("messages_received", "unique_users", "active_agents"):
            assert sum(getattr(part, name) for part in parts) == getattr(total, name), (field, name)
        for value in values[kept:]:
            assert await refused(limited.overview(serving.today(), **{field: value})) == (*OVERFLOW, "filter")
            assert await refused(limited.trends(serving.today(), "events", **{field: value})) == (*OVERFLOW, "filter")
    by_type = {one.event_type: one.events for one in total.events_by_type}
    assert by_type == {"message.received": 5, "own.type_0": 1, OTHER: 4}


async def test_an_agent_over_the_limit_is_not_zero(limited: Caller) -> None:
    assert (await serving.refused(limited.agent(OTHER, serving.today()))).code() is grpc.StatusCode.NOT_FOUND
    await send(limited)
    assert (await limited.agent(AGENTS[1], serving.today())).agent.message_count == 1
    assert await refused(limited.agent(AGENTS[2], serving.today())) == (*OVERFLOW, "agent_id")
    others = (await limited.agent(OTHER, serving.today())).agent
    assert (others.message_count, others.unique_users) == (3, 3)
    assert not others.HasField("available_time_ms")
    trends = await limited.trends(serving.today(), "messages_received", agent_id=OTHER)
    assert sum(value.integer for value in trends.series[0].values) == 3
    assert (await serving.refused(limited.agent("nobody", serving.today()))).code() is grpc.StatusCode.NOT_FOUND


async def test_every_server_answers_alike(limited: Caller, accounts: Accounts) -> None:
    await send(limited)
    elsewhere = replace(limited, channel=accounts.channel)  # whose limits are larger: for values that are new
    assert await refused(elsewhere.agent(AGENTS[4], serving.today())) == (*OVERFLOW, "agent_id")
    answer = await elsewhere.track(serving.event("message.received", agent_id=AGENTS[4]))
    assert serving.warnings(answer.result) == ["CARDINALITY_OVERFLOW"]
    answer = await elsewhere.track(serving.event("message.received", agent_id="new"))
    assert serving.warnings(answer.result) == []
    assert (await limited.agent("new", serving.today())).agent.message_count == 1
    assert (await limited.agent(OTHER, serving.today())).agent.message_count == 4


def stub(caller: Caller) -> realtime_service_pb2_grpc.RealtimeServiceStub:
    return realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)


async def test_realtime_figures_are_absent_where_there_are_none_of_its_own(limited: Caller) -> None:
    """But for the conversations that are active, which are counted one by one."""
    await send(limited)
    talk = serving.event("message.received", agent_id=AGENTS[4])
    talk.conversation_id = "c"
    await limited.track(talk)
    for agent, known in ((AGENTS[0], True), (AGENTS[4], False)):
        narrowed = realtime_service_pb2.RealtimeFilter(agent_ids=[agent])
        request = realtime_service_pb2.GetRealtimeMetricsRequest(filter=narrowed)
        state = (await stub(limited).GetRealtimeMetrics(request, metadata=limited.metadata, timeout=20)).state
        figures = {field.name for field, _ in state.metrics.ListFields()}
        assert {"messages_last_hour", "messages_today"} <= figures if known else figures == {"active_conversations"}
        assert state.metrics.active_conversations == (not known)
        assert [one.conversation_id for one in state.conversations] == ([] if known else ["c"])
        assert sum(minute.messages for minute in state.minutes) == known
    narrowed = realtime_service_pb2.RealtimeFilter(agent_ids=[OTHER])
    request = realtime_service_pb2.GetRealtimeMetricsRequest(filter=narrowed)
    call = stub(limited).GetRealtimeMetrics(request, metadata=limited.metadata, timeout=20)
    assert serving.refusal(await serving.refused(call)).reason == "INVALID_VALUE"


async def read(call: grpc.aio.UnaryStreamCall, agents: Counter[str], *, until: int) -> None:
    """Reads updates up to a revision, and adds up the events by agent."""
    async for message in call:
        for change in message.changes:
            if change.dimension == realtime_service_pb2.CHANGE_DIMENSION_AGENT and change.measure == "events":
                agents[change.value] += change.count
        if message.revision >= until and not message.more and not message.bookmark:
            return


def watch(caller: Caller, *agents: str) -> grpc.aio.UnaryStreamCall:
    narrowed = realtime_service_pb2.RealtimeFilter(agent_ids=agents)
    request = realtime_service_pb2.WatchUpdatesRequest(filter=narrowed)
    return stub(caller).WatchUpdates(request, metadata=caller.metadata, timeout=20)


async def test_a_stream_of_updates_ends_when_its_value_goes_over_the_limit(limited: Caller) -> None:
    call, seen = watch(limited, AGENTS[0], AGENTS[3]), Counter[str]()
    await call.initial_metadata()  # comes with the first bookmark: nothing is missed from here on
    await limited.track(serving.event("message.received", agent_id=AGENTS[0]))
    await read(call, seen, until=1)
    await send(limited)
    assert await refused(read(call, seen, until=6)) == (*OVERFLOW, "filter")
    assert seen.keys() == {AGENTS[0]}
    assert await refused(read(watch(limited, AGENTS[3]), seen, until=1)) == (*OVERFLOW, "filter")


async def test_updates_of_the_whole_name_the_others(limited: Caller) -> None:
    call, seen = watch(limited), Counter[str]()
    opened = asyncio.create_task(read(call, seen, until=5))
    await call.initial_metadata()
    await send(limited)
    await opened
    call.cancel()
    assert seen == {AGENTS[0]: 1, AGENTS[1]: 1, OTHER: 3}
