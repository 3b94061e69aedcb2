"""Subscriptions that catch up: however many one organization has, they cost no question and no other subscription more
than a turn.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from held_queries import Held

from server.app import Running
from server.projections.projector import Projector
from server.projections.registry import REALTIME
from server.realtime import lookup_slots
from server.realtime.lookup_slots import CATCHING_UP, Lookups
from server.store import projections, updates
from server.store.database import Database
from server.store.isolation import EVERY
from tallywire import AsyncClient, event
from tallywire.v1 import metrics_service_pb2, metrics_service_pb2_grpc, realtime_service_pb2_grpc, time_pb2
from tallywire.v1 import realtime_service_pb2 as messages
from tests.support import subscribing, worlds
from tests.support.subscribing import authorization
from tests.support.waiting import PATIENCE, until

if TYPE_CHECKING:
    import grpc

    from tests.conftest import Tenant

MakeTenant: TypeAlias = "Callable[[], Awaitable[Tenant]]"
READERS = 40
QUESTIONS = 16


@pytest.fixture
async def held(organization: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Held]:
    """Look-ups of the test's organization for what its subscriptions have missed are held up until they are let go."""
    held = Held(updates.after, organization)
    monkeypatch.setattr(updates, "after", held.call)
    yield held
    held.let_go.set()


async def behind(
    stub: realtime_service_pb2_grpc.RealtimeServiceStub, tenant: "Tenant", address: str
) -> Callable[[], Any]:
    """Makes subscriptions that go on from before three events, of which the server has nothing at hand."""
    reader = await subscribing.begin(stub, tenant.key, include_events=True)
    async with AsyncClient(address, api_key=tenant.key) as client:
        for _ in range(3):
            await client.track(event("message.sent"))
    request = messages.WatchUpdatesRequest(resume_after=reader.token, include_events=True)
    return lambda: stub.WatchUpdates(request, metadata=authorization(tenant.key), timeout=PATIENCE)


async def caught_up(subscribe: Callable[[], Any]) -> None:
    """Subscribes and reads until the third update has come."""
    call = subscribe()
    async for message in call:
        if message.revision == 3:
            break
    call.cancel()


def overview(channel: "grpc.aio.Channel", tenant: "Tenant") -> Any:
    """Asks for the key figures of this day."""
    now = datetime.now(UTC)
    period = time_pb2.TimeRange()
    period.start.FromDatetime(now - timedelta(days=1))
    period.end.FromDatetime(now)
    request = metrics_service_pb2.GetOverviewRequest(time_range=period)
    stub = metrics_service_pb2_grpc.MetricsServiceStub(channel)
    return stub.GetOverview(request, metadata=authorization(tenant.key), timeout=PATIENCE)


async def test_questions_do_not_wait_for_subscriptions_that_catch_up(
    tenant: "Tenant",
    make_tenant: MakeTenant,
    server: Running,
    channels: "list[grpc.aio.Channel]",
    stubs: list[realtime_service_pb2_grpc.RealtimeServiceStub],
    held: Held,
) -> None:
    other = await make_tenant()
    subscribe = await behind(stubs[0], tenant, server.address)
    readers = [asyncio.create_task(caught_up(subscribe)) for _ in range(READERS)]
    await until(lambda: len(held.begun) == CATCHING_UP)
    await asyncio.gather(*(overview(channels[0], other) for _ in range(QUESTIONS)))
    assert not held.let_go.is_set()
    assert len(held.begun) == CATCHING_UP
    held.let_go.set()
    await asyncio.gather(*readers)


async def test_a_subscription_waits_for_a_turn_and_for_no_queue_of_another_organization(
    tenant: "Tenant",
    make_tenant: MakeTenant,
    server: Running,
    stubs: list[realtime_service_pb2_grpc.RealtimeServiceStub],
    held: Held,
) -> None:
    other = await make_tenant()
    mine, theirs = [await behind(stubs[0], one, server.address) for one in (tenant, other)]
    held.begun.clear()
    readers = [asyncio.create_task(caught_up(mine)) for _ in range(READERS)]
    await until(lambda: held.begun.count(tenant.organization_id) == CATCHING_UP)
    readers.append(asyncio.create_task(caught_up(theirs)))
    await until(lambda: server.hubs.lookups.catch_up_slots.waiting(other.organization_id) == 1)
    held.let_go.set()
    await asyncio.gather(*readers)
    assert held.begun.index(other.organization_id) <= CATCHING_UP + 1
    assert held.begun.count(tenant.organization_id) >= READERS


async def test_work_for_those_who_catch_up_is_done_piece_by_piece_and_by_turns(database: Database) -> None:
    lookups, order, held = Lookups(database, Projector(database), 2), list[int](), 0

    async def work(organization_id: int) -> None:
        nonlocal held
        async with lookups.piece(organization_id) as is_over:
            order.append(organization_id)
            held += 1
            assert held == 1
            while not is_over():
                pass
            held -= 1

    turns = 0

    async def somebody_else() -> None:
        nonlocal turns
        while len(order) < 21:
            turns += 1
            await asyncio.sleep(0)

    await asyncio.gather(*(work(1) for _ in range(20)), work(2), somebody_else())
    assert order.index(2) <= 2
    assert turns >= 20  # after each piece at least


async def test_what_is_shown_is_as_far_as_projections_are_where_others_hold_them(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a rebuild does. A step gives up after a time of its own, whoever waits for it and since when."""
    monkeypatch.setattr(projections, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(lookup_slots, "_PROJECTING_SECONDS", 1)
    await worlds.store(own_database, own_organization, worlds.events(1, 10))
    lookups = Lookups(own_database, Projector(own_database), 2)
    async with own_database.transaction(of=EVERY) as driver:
        await projections.lock(driver, own_organization, REALTIME[0])
        async with lookups.projected_snapshot(own_organization) as reader:
            assert await projections.seen(reader, own_organization, REALTIME[0]) == 0
    monkeypatch.setattr(lookup_slots, "_PROJECTING_SECONDS", 60)
    async with lookups.projected_snapshot(own_organization) as reader:
        assert await projections.seen(reader, own_organization, REALTIME[0]) > 0
