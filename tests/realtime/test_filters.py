"""Realtime filters: some values of one dimension, for figures and for updates, in the short forms and by name."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from tallywire import AsyncClient, event
from tallywire.v1 import answer_pb2, event_pb2, realtime_service_pb2_grpc
from tallywire.v1 import realtime_service_pb2 as messages
from tests.support import serving, subscribing
from tests.support.subscribing import authorization

Stubs = list[realtime_service_pb2_grpc.RealtimeServiceStub]
RPCS = ("GetRealtimeMetrics", "WatchMetrics", "WatchUpdates")
FIGURES = RPCS[:2]
PATIENCE = 60.0


def by(*named: tuple[str, str], **short: Any) -> messages.RealtimeFilter:
    """A filter by values of dimensions, beside those in short forms."""
    filters = [answer_pb2.DimensionFilter(dimension=name, value=value) for name, value in named]
    return messages.RealtimeFilter(dimensions=filters, **short)


async def state(stub: object, key: str, narrowed: messages.RealtimeFilter) -> messages.RealtimeState:
    request = messages.GetRealtimeMetricsRequest(filter=narrowed)
    answer = await stub.GetRealtimeMetrics(request, metadata=authorization(key), timeout=PATIENCE)  # type: ignore[attr-defined]
    return answer.state  # type: ignore[no-any-return]


def call(stub: object, rpc: str, key: str, narrowed: messages.RealtimeFilter, **asked: Any) -> Any:
    """A call of an RPC, as a stream of its answers whatever it is."""
    request = getattr(messages, f"{rpc}Request")(filter=narrowed, **asked)
    return getattr(stub, rpc)(request, metadata=authorization(key), timeout=PATIENCE)


async def refusal(called: Any) -> tuple[str, str, str, str]:
    """The status, the reason, the field and the message with which a call is refused."""

    async def end() -> None:
        if isinstance(called, grpc.aio.UnaryUnaryCall):
            await called
        else:
            async for _ in called:
                pass

    error = await serving.refused(end())
    said = serving.refusal(error)
    return said.code, said.reason, said.field, error.details() or ""


def message(team: str, number: int, **fields: Any) -> event_pb2.Event:
    """A message of a conversation of its own."""
    own = {"conversation_id": f"{team} {number}", "agent_id": f"agent of {team}", "channel": "web"}
    return event("message.sent", team_id=team, response_time_ms=100 * number, **{**own, **fields})


@pytest.fixture
async def teams(client: AsyncClient) -> None:
    """Messages of three teams: one of the north, two of the south, three of the west, and one of none."""
    some = [
        message(team, number)
        for team, count in (("north", 1), ("south", 2), ("west", 3))
        for number in range(1, count + 1)
    ]
    await client.track_batch([*some, message("", 9, agent_id="", conversation_id="of nobody")])


@pytest.mark.usefixtures("teams")
async def test_a_supervisor_sees_a_team_and_what_it_is_doing(tenant: Any, stubs: Stubs) -> None:
    for stub in stubs:
        found = await state(stub, tenant.key, by(("team", "south")))
        shown = found.metrics
        assert (shown.messages_last_hour, shown.messages_today) == (2, 2)
        assert (shown.avg_response_time_ms, shown.active_conversations, shown.conversations_today) == (150, 2, 2)
        assert {one.conversation_id for one in found.conversations} == {"south 1", "south 2"}
        assert sum(one.messages for one in found.minutes) == 2


@pytest.mark.usefixtures("teams")
@pytest.mark.parametrize(
    ("narrowed", "messages_of"),
    [
        (by(("team", "north"), ("team", "west")), 4),
        (by(("team", "west"), ("team", "north"), ("team", "north")), 4),
        (by(("agent", "agent of south")), 2),
        (by(("agent", "agent of west"), agent_ids=["agent of north"]), 4),
        (by(("channel", "phone"), channel="web"), 7),
        (by(("team", "nobody's")), 0),
        (by(), 7),
    ],
)
async def test_a_filter_keeps_what_carries_any_of_its_values(
    tenant: Any, stubs: Stubs, narrowed: messages.RealtimeFilter, messages_of: int
) -> None:
    found = await state(stubs[0], tenant.key, narrowed)
    assert found.metrics.messages_today == found.metrics.messages_last_hour == messages_of
    assert found.metrics.active_conversations == len(found.conversations) == messages_of


async def test_a_team_is_watched_as_it_works(client: AsyncClient, tenant: Any, stubs: Stubs) -> None:
    watched = call(stubs[1], "WatchMetrics", tenant.key, by(("team", "north"), ("team", "south")))
    assert (await watched.read()).state.metrics.messages_today == 0
    for number, team in enumerate(("north", "west", "south"), 1):
        await client.track(message(team, number))
    async with asyncio.timeout(PATIENCE):
        while len((shown := (await watched.read()).state).conversations) < 2:  # which come in revisions of their own
            pass
    assert {one.conversation_id for one in shown.conversations} == {"north 1", "south 3"}
    assert (shown.metrics.messages_today, shown.metrics.active_conversations) == (2, 2)
    watched.cancel()


async def test_states_that_servers_share_are_those_of_their_filter(
    make_tenant: Callable[[], Awaitable[Any]], stubs: Stubs, server: Any
) -> None:
    """Of the organization that asks, of the dimension and of the values; the second server has them from the first."""
    tenants = [await make_tenant() for _ in range(2)]
    for count, tenant in enumerate(tenants, 1):
        async with AsyncClient(server.address, api_key=tenant.key) as client:
            await client.track_batch(message("north", number) for number in range(1, count + 1))
            await client.track_batch(message("south", number, agent_id="north") for number in range(3))
            await client.track(message("west", 1, agent_id="south"))
    for stub in stubs:
        for count, tenant in enumerate(tenants, 1):
            for narrowed, messages_of in (
                (by(("team", "north")), count),
                (by(("agent", "north")), 3),
                (by(("team", "north"), ("team", "south")), count + 3),
                (by(("agent", "north"), ("agent", "south")), 4),
                (by(), count + 4),
            ):
                assert (await state(stub, tenant.key, narrowed)).metrics.messages_today == messages_of


NAMES = "agent, channel, team"
ALL_NAMES = "agent, channel, team, event_type, model, endpoint, campaign, queue, topic, handoff_reason"


@pytest.mark.parametrize(
    ("rpcs", "narrowed", "reason", "field", "said"),
    [
        (
            RPCS,
            by(agent_ids=["a"], channel="web"),
            "TOO_MANY_FILTERS",
            "filter.channel",
            "values of agent and of channel",
        ),
        (
            RPCS,
            by(("team", "north"), channel="web"),
            "TOO_MANY_FILTERS",
            "filter.dimensions.dimension",
            "values of channel and of team: leave one of the two out",
        ),
        (
            RPCS,
            by(("team", "north"), ("agent", "a"), ("team", "south")),
            "TOO_MANY_FILTERS",
            "filter.dimensions.dimension",
            "values of team and of agent",
        ),
        (FIGURES, by(("model", "m")), "UNKNOWN_DIMENSION", "filter.dimensions.dimension", f"these are: {NAMES}"),
        (FIGURES, by(("event_type", "a.b")), "UNKNOWN_DIMENSION", "filter.dimensions.dimension", "'event_type' is no"),
        (RPCS, by(("colour", "red")), "UNKNOWN_DIMENSION", "filter.dimensions.dimension", "'colour' is no dimension"),
        (RPCS, by(("total", "")), "UNKNOWN_DIMENSION", "filter.dimensions.dimension", "these are: agent, channel"),
        (RPCS[2:], by(("storage_kind", "x")), "UNKNOWN_DIMENSION", "filter.dimensions.dimension", ALL_NAMES),
        (RPCS, by(("team", "")), "REQUIRED_FIELD", "filter.dimensions.value", ""),
        (RPCS, by(("team", "_other")), "INVALID_VALUE", "filter.dimensions.value", "_other is no value"),
        (RPCS, by(("team", "x" * 257)), "FIELD_TOO_LONG", "filter.dimensions.value", ""),
        (
            RPCS,
            by(*[("team", f"{n}") for n in range(100)], agent_ids=["a"]),
            "TOO_MANY_FILTERS",
            "filter",
            "100 values",
        ),
    ],
)
async def test_what_is_refused_says_what_is_possible(
    tenant: Any,
    stubs: Stubs,
    rpcs: tuple[str, ...],
    narrowed: messages.RealtimeFilter,
    reason: str,
    field: str,
    said: str,
) -> None:
    for rpc in rpcs:
        code, *found, text = await refusal(call(stubs[0], rpc, tenant.key, narrowed))
        assert (code, *found) == ("INVALID_ARGUMENT", reason, field)
        assert said in text


async def test_a_hundred_long_values_are_taken(tenant: Any, stubs: Stubs) -> None:
    teams = by(*(("team", f"{number:0256}") for number in range(100)))
    assert (await state(stubs[0], tenant.key, teams)).metrics.messages_today == 0
    endpoints = by(*(("endpoint", f"{number:0513}") for number in range(100)))
    updates = call(stubs[0], "WatchUpdates", tenant.key, endpoints)
    assert (await updates.read()).bookmark
    updates.cancel()


EVENTS = (
    event("message.sent", team_id="north", model="small", conversation_id="c"),
    event("message.sent", team_id="south", model="large", conversation_id="c"),
    event("message.received", team_id="north", campaign_id="spring"),
    event("api.called", method="GET", endpoint="/orders", channel="web"),
    event("own.type", team_id="west", agent_id="ann"),
)


async def read(updates: Any, events: int) -> AsyncIterator[messages.WatchUpdatesResponse]:
    """Yields updates up to the one that completes so many events of the organization."""
    while True:
        update = await updates.read()
        yield update
        if update.revision >= events and not update.more and not update.bookmark:
            return


@pytest.mark.parametrize(
    ("dimension", "values", "expected"),
    [
        ("team", ["north"], [0, 2]),
        ("team", ["north", "west"], [0, 2, 4]),
        ("model", ["small"], [0]),
        ("model", ["small", "large"], [0, 1]),
        ("campaign", ["spring"], [2]),
        ("endpoint", ["GET /orders"], [3]),
        ("event_type", ["message.sent", "own.type"], [0, 1, 4]),
    ],
)
async def test_updates_are_narrowed_by_any_dimension_that_events_carry(
    client: AsyncClient, tenant: Any, stubs: Stubs, dimension: str, values: list[str], expected: list[int]
) -> None:
    """Changes are those of its values, events those that carry them; every revision comes."""
    narrowed = by(*((dimension, value) for value in values))
    updates = call(stubs[0], "WatchUpdates", tenant.key, narrowed, include_events=True)
    assert (await updates.read()).bookmark
    await client.track_batch(EVENTS)
    async with asyncio.timeout(PATIENCE):
        found = [update async for update in read(updates, 1)]
    updates.cancel()
    number = messages.ChangeDimension.Value(f"CHANGE_DIMENSION_{dimension.upper()}")
    changes = [change for update in found for change in update.changes]
    assert {(change.dimension, change.value) for change in changes} == {(number, value) for value in values}
    assert sum(change.count for change in changes if change.measure == "events") == len(expected)
    ids = {one.event_id for update in found for one in update.events}
    assert ids == {EVENTS[place].event_id for place in expected}


async def test_a_token_is_good_for_its_filter_in_whatever_form_it_is_named(
    client: AsyncClient, tenant: Any, make_tenant: Callable[[], Awaitable[Any]], stubs: Stubs
) -> None:
    reader = await subscribing.begin(stubs[0], tenant.key, filter=by(("agent", "ann"), ("agent", "bob")))
    await client.track(event("message.sent", agent_id="bob"))
    other = await make_tenant()
    for narrowed in (
        by(("agent", "bob"), ("agent", "ann")),
        by(agent_ids=["ann", "bob"]),
        by(("agent", "ann"), agent_ids=["bob", "ann"]),
    ):
        updates = call(stubs[1], "WatchUpdates", tenant.key, narrowed, resume_after=reader.token)
        async with asyncio.timeout(PATIENCE):
            update = await updates.read()
            while update.bookmark:
                update = await updates.read()
        assert (update.revision, {change.value for change in update.changes}) == (1, {"bob"})
        updates.cancel()
    for key, narrowed in (
        (tenant.key, by(("agent", "ann"))),
        (tenant.key, by(("team", "ann"), ("team", "bob"))),
        (tenant.key, by(("agent", "ann"), ("agent", "bob"), ("agent", "cid"))),
        (tenant.key, by()),
        (other.key, by(("agent", "ann"), ("agent", "bob"))),
    ):
        refused = await refusal(call(stubs[1], "WatchUpdates", key, narrowed, resume_after=reader.token))
        assert refused[:2] == ("INVALID_ARGUMENT", "RESUME_TOKEN_INVALID")
