"""Hubs, notifications and the log of updates at their edges: gaps, limits, slow readers, outages, old states."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest

from server.app import Running
from server.catalog import dimensions
from server.clock import Clock
from server.errors import Reason, Refused
from server.projections.projector import Projector
from server.realtime import notifications as module
from server.realtime.hubs import Hubs
from server.realtime.notifications import Notifications
from server.realtime.view import ViewFilter
from server.rpc import realtime_conversion
from server.rpc.subscription import Stream
from server.settings import Settings
from server.store import updates
from server.store.database import Database, Purpose
from server.store.isolation import EVERY, Of
from tallywire import AsyncClient, event
from tallywire.v1 import realtime_service_pb2 as messages
from tallywire.v1 import realtime_service_pb2_grpc
from tests.support import subscribing, waiting
from tests.support.subscribing import authorization
from tests.support.waiting import PATIENCE

Stubs = list[realtime_service_pb2_grpc.RealtimeServiceStub]
_MARK = 0  # no organization


@pytest.fixture
async def clock(database: Database) -> Clock:
    clock = Clock()
    clock.set((await database.condition()).now)
    return clock


@pytest.fixture
async def notifications(settings: Settings, clock: Clock) -> AsyncIterator[Notifications]:
    notifications = Notifications(settings.required("redis_url"), clock)
    notifications.start("test")
    yield notifications
    await notifications.close()


async def track(client: AsyncClient, count: int) -> None:
    for _ in range(count):
        await client.track(event("message.sent"))


async def test_a_gap_in_the_log_is_never_passed_over(
    client: AsyncClient, tenant: object, organization: int, database: Database, stubs: Stubs
) -> None:
    key = tenant.key  # type: ignore[attr-defined]
    reader = await subscribing.begin(stubs[0], key)
    await track(client, 6)
    async with database.transaction(of=EVERY) as driver:
        await driver.execute("DELETE FROM updates WHERE organization_id = $1 AND revision = 3", organization)
    request = messages.WatchUpdatesRequest(resume_after=reader.token)
    call = stubs[1].WatchUpdates(request, metadata=authorization(key))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await reader.drain(call)
    _, why, metadata = subscribing.reason(caught.value)
    assert (why, metadata["oldest_revision"]) == ("COMPACTED", "4")
    assert [one.revision for one in reader.updates] == [1, 2]


async def test_retention_goes_by_revision_wherever_rows_lie(
    client: AsyncClient, organization: int, database: Database
) -> None:
    await track(client, 6)
    now = (await database.condition()).now
    async with database.transaction(of=EVERY) as driver:
        await driver.execute(  # moves the row to the end of the table
            "UPDATE updates SET changes = changes || '' WHERE organization_id = $1 AND revision < 4", organization
        )
        assert await updates.remove_before(driver, organization, now, 2) == 2
        assert await updates.window(driver, organization) == updates.KeptRevisions(oldest=3, newest=6)
        left = await updates.after(driver, organization, 0, limit=9, events=9, counters=1000)
        assert [one.revision for one in left] == [3, 4, 5, 6]
        assert await updates.remove_before(driver, organization, now - timedelta(hours=1), 9) == 0
        assert await updates.remove_before(driver, organization, now, 9) == 4


async def test_pages_of_updates_are_bounded_by_their_events(
    client: AsyncClient, organization: int, database: Database
) -> None:
    for size in (3, 3, 30, 1):
        await client.track_batch([event("message.sent", agent_id="ann" if size == 3 else "bob") for _ in range(size)])
    async with database.snapshot(of=EVERY) as driver:
        for bound, expected in ((1, [1]), (4, [1, 2]), (7, [1, 2, 3]), (37, [1, 2, 3, 4])):
            found = await updates.after(driver, organization, 0, limit=9, events=bound, counters=1000)
            assert [one.revision for one in found] == expected


async def test_limits_hold_when_many_come_at_once(
    database: Database, notifications: Notifications, organization: int
) -> None:
    hubs = Hubs(
        database, Projector(database), notifications, realtime_conversion.CODEC, connections=4, limit=100, limit_each=3
    )
    admitted, over = 0, asyncio.Event()

    async def subscribe() -> None:
        nonlocal admitted
        async with hubs.subscribed(organization, "UTC"):
            admitted += 1
            await over.wait()

    tasks = [asyncio.create_task(subscribe()) for _ in range(50)]
    await waiting.until(lambda: admitted + sum(one.done() for one in tasks) == 50)
    over.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert admitted == 3
    assert [one.reason for one in outcomes if isinstance(one, Refused)] == [Reason.SUBSCRIPTION_LIMIT] * 47
    async with hubs.subscribed(organization, "UTC"):
        assert (len(hubs.subscriptions), hubs.subscriptions.total) == (1, 1)
    assert (len(hubs.subscriptions), hubs.subscriptions.total) == (0, 0)


async def test_only_so_many_filters_are_watched_at_once(
    database: Database, notifications: Notifications, organization: int
) -> None:
    hubs = Hubs(
        database,
        Projector(database),
        notifications,
        realtime_conversion.CODEC,
        connections=4,
        limit=100,
        limit_each=100,
    )
    async with hubs.subscribed(organization, "UTC") as hub, contextlib.AsyncExitStack() as stack:
        for number in range(32):
            await stack.enter_async_context(hub.watching(ViewFilter.of(dimensions.CHANNEL, f"c{number}")))
        with pytest.raises(Refused, match="filters"):
            await stack.enter_async_context(hub.watching(ViewFilter.of(dimensions.CHANNEL, "another")))
        await stack.enter_async_context(hub.watching(ViewFilter.of(dimensions.CHANNEL, "c0")))


async def test_organizations_in_which_nothing_happens_cost_one_statement_a_second(
    database: Database,
    notifications: Notifications,
    make_tenant: Callable[[], Awaitable[object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hubs = Hubs(
        database,
        Projector(database),
        notifications,
        realtime_conversion.CODEC,
        connections=4,
        limit=100,
        limit_each=100,
    )
    tenants = [await make_tenant() for _ in range(4)]
    snapshot, taken = database.snapshot, 0

    def counted(purpose: Purpose, *, of: Of) -> object:
        nonlocal taken
        taken += 1
        return snapshot(purpose, of=of)

    async with contextlib.AsyncExitStack() as stack:
        watched = []
        for tenant in tenants:
            hub = await stack.enter_async_context(hubs.subscribed(tenant.organization_id, "UTC"))  # type: ignore[attr-defined]
            await stack.enter_async_context(hub.watching(ViewFilter()))
            watched.append(hub)
        monkeypatch.setattr(database, "snapshot", counted)
        begun = time.monotonic()
        for _ in range(4):
            at = [hub.at for hub in watched]
            await waiting.until(lambda at=at: all(hub.at > old for hub, old in zip(watched, at, strict=True)))
        # Each hub may look once when Redis is there.
        assert taken <= time.monotonic() - begun + 1 + len(tenants)
        monkeypatch.undo()


async def test_deployments_on_one_redis_do_not_meet(
    settings: Settings, notifications: Notifications, clock: Clock, organization: int
) -> None:
    """What one tells, the other has not heard when it hears what was told later in its own deployment."""
    other, third = (Notifications(settings.required("redis_url"), clock) for _ in range(2))
    heard, marked = asyncio.Event(), asyncio.Event()
    for one in (other, third):
        one.start("another")

    async def is_marked() -> bool:
        third.committed(_MARK)
        return marked.is_set()

    async def is_shared() -> bool:
        notifications.share_state(organization, "UTC", ViewFilter(), 1, clock.now(), b"state")
        return await notifications.load_state(organization, "UTC", ViewFilter()) is not None

    try:
        other.listen(organization, heard.set)
        other.listen(_MARK, marked.set)
        await waiting.until(is_marked)
        heard.clear()  # at the beginning there may have been something
        notifications.committed(organization)
        await waiting.until(is_shared)
        marked.clear()
        await waiting.until(is_marked)
        assert await other.load_state(organization, "UTC", ViewFilter()) is None
        assert not heard.is_set()
    finally:
        await asyncio.gather(other.close(), third.close())


async def test_an_older_state_never_takes_the_place_of_a_newer_one(
    notifications: Notifications, clock: Clock, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However late a step of this test is, the state is young enough for the next one.
    monkeypatch.setattr(module, "_STATE_MILLISECONDS", 600_000)
    monkeypatch.setattr(module, "STATE_AGE", timedelta(minutes=5))
    now = clock.now()

    async def is_shared(*state: Any, part: ViewFilter) -> bool:
        notifications.share_state(organization, "UTC", part, *state)
        return await notifications.load_state(organization, "UTC", part) == (state[0], state[2])

    await waiting.until(lambda: is_shared(5, now, b"right", part=ViewFilter()))
    for revision, seconds, state in ((5, -1, b"older"), (4, 1, b"behind")):
        notifications.share_state(organization, "UTC", ViewFilter(), revision, now + timedelta(seconds=seconds), state)
        # What is shared later has come, so this one has, too.
        another = ViewFilter.of(dimensions.CHANNEL, state.decode())
        await waiting.until(lambda another=another: is_shared(1, now, b"later", part=another))
        assert await notifications.load_state(organization, "UTC", ViewFilter()) == (5, b"right")
    clock.set(now + timedelta(minutes=6))
    assert await notifications.load_state(organization, "UTC", ViewFilter()) is None


async def test_a_state_of_a_quiet_organization_is_of_now(tenant: object, database: Database, stubs: Stubs) -> None:
    """What another server shares of it goes on with the time, though nothing happens."""
    key = tenant.key  # type: ignore[attr-defined]
    call = stubs[0].WatchMetrics(messages.WatchMetricsRequest(), metadata=authorization(key))
    await anext(aiter(call))

    async def is_of(at: datetime) -> bool:
        found = await stubs[1].GetRealtimeMetrics(messages.GetRealtimeMetricsRequest(), metadata=authorization(key))
        return bool(found.state.as_of_time.ToDatetime(at.tzinfo) >= at)

    for _ in range(3):
        now = (await database.condition()).now
        await waiting.until(lambda now=now: is_of(now))
    call.cancel()


async def test_a_reader_that_stops_is_reported_so_and_counts_until_then(
    client: AsyncClient,
    tenant: object,
    organization: int,
    server: Running,
    stubs: Stubs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = tenant.key  # type: ignore[attr-defined]
    service = server.services.realtime
    monkeypatch.setattr(service, "write_seconds", 0.3)
    write, writing = Stream.write, list[float]()

    async def noted(stream: Stream, message: bytes) -> None:
        writing.append(time.monotonic())
        await write(stream, message)
        writing.clear()

    monkeypatch.setattr(Stream, "write", noted)
    reader = await subscribing.begin(stubs[0], key, include_events=True)
    for _ in range(8):
        await client.track_batch([event("message.sent", properties={"text": "x" * 3000}) for _ in range(200)])
    request = messages.WatchUpdatesRequest(resume_after=reader.token, include_events=True)
    options = (("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1))  # the window does not grow
    async with grpc.aio.insecure_channel(server.address, options=options) as channel:
        stub = realtime_service_pb2_grpc.RealtimeServiceStub(channel)
        call = stub.WatchUpdates(request, metadata=authorization(key))
        first = await anext(aiter(call))
        assert first.bookmark  # also before what has been missed
        await waiting.until(lambda: writing and time.monotonic() - writing[0] > 0.5)
        assert server.hubs.subscriptions[organization] == 1
        async with asyncio.timeout(PATIENCE):
            assert (await subscribing.refusal(call))[1] == "SLOW_CONSUMER"
        await waiting.until(lambda: not server.hubs.subscriptions[organization])
