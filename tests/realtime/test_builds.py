"""Views that are made from snapshots: who asks for many costs others one turn, and ends when it goes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import pytest
from held_queries import Held

from server.app import Running
from server.catalog import dimensions
from server.realtime import rebuild, states
from server.realtime.builds import MAX_BUILDS
from server.realtime.hubs import Hubs
from server.realtime.notifications import SharedState
from server.realtime.view import ViewFilter
from tallywire import AsyncClient, event
from tallywire.v1 import realtime_service_pb2 as messages
from tallywire.v1 import realtime_service_pb2_grpc
from tests.support import subscribing
from tests.support.subscribing import authorization
from tests.support.waiting import PATIENCE, until

if TYPE_CHECKING:
    from tests.conftest import Tenant

MakeTenant: TypeAlias = "Callable[[], Awaitable[Tenant]]"


@pytest.fixture
async def held(organization: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Held]:
    """Views of the test's organization are held up until the test lets them go."""
    held = Held(rebuild.view, organization)
    monkeypatch.setattr(rebuild, "view", held.call)
    yield held
    held.let_go.set()


@pytest.fixture
def hubs(server: Running) -> Hubs:
    """The hubs of the server."""
    return server.hubs


def realtime(stub: Any, tenant: "Tenant", channel: str) -> Any:
    """Asks for the figures of a channel."""
    request = messages.GetRealtimeMetricsRequest(filter=messages.RealtimeFilter(channel=channel))
    return stub.GetRealtimeMetrics(request, metadata=authorization(tenant.key), timeout=PATIENCE)


async def ended(calls: list[Any], hubs: Hubs) -> None:
    """Cancels calls and waits until nothing of them is left."""
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await until(lambda: not hubs.builds.begun)


@pytest.fixture
def stub(stubs: list[realtime_service_pb2_grpc.RealtimeServiceStub]) -> realtime_service_pb2_grpc.RealtimeServiceStub:
    """RealtimeService of the server whose hubs the tests look at."""
    return stubs[0]


async def test_builds_that_nobody_waits_for_end(
    tenant: "Tenant", make_tenant: MakeTenant, stub: Any, held: Held, hubs: Hubs
) -> None:
    other = await make_tenant()
    calls = [realtime(stub, tenant, f"c{number}") for number in range(MAX_BUILDS)]
    await until(lambda: hubs.builds.begun[tenant.organization_id] == MAX_BUILDS and len(held.begun) == 2)
    await ended(calls, hubs)
    await realtime(stub, other, "web")  # although none of those that were begun was ever let go
    assert held.begun.count(tenant.organization_id) < MAX_BUILDS


async def test_subscriptions_that_have_ended_before_their_first_state_leave_nothing(
    tenant: "Tenant", make_tenant: MakeTenant, stub: Any, held: Held, hubs: Hubs
) -> None:
    other = await make_tenant()
    calls = [
        stub.WatchMetrics(
            messages.WatchMetricsRequest(filter=messages.RealtimeFilter(channel=f"c{number}")),
            metadata=authorization(tenant.key),
        )
        for number in range(8)
    ]
    await until(lambda: hubs.builds.begun[tenant.organization_id] == 8 and len(held.begun) == 2)
    for call in calls:
        call.cancel()
    await until(lambda: not hubs.builds.begun)
    await realtime(stub, other, "web")


async def test_one_build_more_than_the_limit_is_refused_until_others_have_ended(
    tenant: "Tenant", stub: Any, held: Held, hubs: Hubs
) -> None:
    calls = [realtime(stub, tenant, f"c{number}") for number in range(MAX_BUILDS)]
    await until(lambda: hubs.builds.begun[tenant.organization_id] == MAX_BUILDS)
    joined = realtime(stub, tenant, "c0")  # which is being made already
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await realtime(stub, tenant, "one more")
    assert subscribing.reason(refused.value) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "QUERY_CONCURRENCY",
        {"limit": str(MAX_BUILDS)},
    )
    assert "grpc-retry-pushback-ms" in dict(refused.value.trailing_metadata() or ())
    held.let_go.set()
    await asyncio.gather(*calls, joined)
    assert held.begun.count(tenant.organization_id) == MAX_BUILDS
    await realtime(stub, tenant, "one more")


async def test_who_comes_newly_waits_for_a_turn_and_for_no_queue(
    tenant: "Tenant", make_tenant: MakeTenant, stub: Any, held: Held, hubs: Hubs
) -> None:
    other = await make_tenant()
    calls = [realtime(stub, tenant, f"c{number}") for number in range(MAX_BUILDS)]
    await until(lambda: len(held.begun) == 2)
    theirs = realtime(stub, other, "web")
    await until(lambda: hubs.builds.begun[other.organization_id] == 1)
    held.let_go.set()
    await asyncio.gather(*calls, theirs)
    assert held.begun.index(other.organization_id) <= 3


async def test_a_caller_who_stays_gets_the_state_when_another_one_leaves(
    tenant: "Tenant", stub: Any, held: Held, hubs: Hubs
) -> None:
    leaving, staying = (realtime(stub, tenant, "web") for _ in range(2))
    key = (tenant.organization_id, ViewFilter.of(dimensions.CHANNEL, "web"))
    await until(lambda: hubs.states.callers(*key) == 2)
    leaving.cancel()
    await until(lambda: hubs.states.callers(*key) == 1)
    held.let_go.set()
    await staying
    assert held.begun == [tenant.organization_id]


async def test_callers_of_a_build_that_is_older_than_an_answer_get_one_that_is_not(
    tenant: "Tenant",
    stub: Any,
    client: AsyncClient,
    server: Running,
    hubs: Hubs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two callers wait for a build. Before it ends, a third one is answered with a newer state of another server."""
    built, let_go, build = 0, asyncio.Event(), rebuild.view
    shared: SharedState | None = None

    async def held_after_reading(*arguments: Any) -> Any:
        nonlocal built
        found = await build(*arguments)
        built += 1
        await let_go.wait()
        return found

    async def loaded(*_: object) -> SharedState | None:
        return shared

    monkeypatch.setattr(states, "_REMEMBER_SECONDS", 20.0)  # on a slow machine, too
    monkeypatch.setattr(rebuild, "view", held_after_reading)
    monkeypatch.setattr(server.notifications, "load_state", loaded)
    await client.track(event("message.sent", channel="web"))
    waiting = [realtime(stub, tenant, "web") for _ in range(2)]
    await until(
        lambda: (
            hubs.states.callers(tenant.organization_id, ViewFilter.of(dimensions.CHANNEL, "web")) == 2 and built == 1
        )
    )
    await client.track(event("message.sent", channel="web"))
    newer = messages.RealtimeState(as_of_revision=2)
    shared = SharedState(2, messages.GetRealtimeMetricsResponse(state=newer).SerializeToString())
    assert (await realtime(stub, tenant, "web")).state.as_of_revision == 2
    shared = None
    let_go.set()
    assert [(await call).state.as_of_revision for call in waiting] == [2, 2]
    assert built == 2
