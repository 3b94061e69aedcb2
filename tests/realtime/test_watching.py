"""WatchMetrics, sentence by sentence: at once, no more often than asked for, never a queue, alive when all is quiet."""

import asyncio
import gc
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf import duration_pb2

from server import errors
from server.app import Running
from server.catalog.selections import AsOf
from server.realtime import rebuild, views
from server.realtime.hub import Hub
from server.realtime.view import View, ViewFilter
from server.rpc.subscription import Stream
from server.store import rollups, updates
from server.store.database import Driver
from tallywire import AsyncClient, event
from tallywire.v1 import realtime_service_pb2 as messages
from tallywire.v1 import realtime_service_pb2_grpc
from tests.support import waiting
from tests.support.subscribing import authorization
from tests.support.waiting import PATIENCE

Stubs = list[realtime_service_pb2_grpc.RealtimeServiceStub]
LEAST, MOST = duration_pb2.Duration(nanos=100_000_000), duration_pb2.Duration(seconds=60)


def watch(
    stub: object, key: str, interval: duration_pb2.Duration = LEAST, **narrowed: object
) -> grpc.aio.UnaryStreamCall:
    request = messages.WatchMetricsRequest(min_interval=interval, filter=messages.RealtimeFilter(**narrowed))  # type: ignore[arg-type]
    return stub.WatchMetrics(request, metadata=authorization(key))  # type: ignore[attr-defined, no-any-return]


async def first(call: grpc.aio.UnaryStreamCall) -> messages.RealtimeState:
    """What a subscriber is shown at once."""
    async with asyncio.timeout(PATIENCE):
        message = await call.read()
    assert message.HasField("state")
    return message.state  # type: ignore[no-any-return]


async def test_the_whole_state_comes_at_once_and_only_the_part_that_was_asked_for(
    client: AsyncClient, tenant: object, stubs: Stubs
) -> None:
    key = tenant.key  # type: ignore[attr-defined]
    for agent, channel in (("ann", "web"), ("bob", "web"), ("cid", "phone")):
        await client.track(event("message.sent", agent_id=agent, channel=channel, conversation_id=f"of {agent}"))
    for narrowed, expected in (
        ({}, {"of ann", "of bob", "of cid"}),
        ({"channel": "web"}, {"of ann", "of bob"}),
        ({"agent_ids": ["ann", "cid"]}, {"of ann", "of cid"}),
    ):
        call = watch(stubs[0], key, MOST, **narrowed)
        state = await first(call)
        call.cancel()
        assert state.metrics.messages_today == state.metrics.messages_last_minute == len(expected)
        assert {one.conversation_id for one in state.conversations} == expected
        assert len(state.minutes) == 60


async def test_no_more_often_than_asked_for(client: AsyncClient, tenant: object, stubs: Stubs) -> None:
    """While another subscriber of the same view is shown every change, one that asked for fewer is shown none."""
    rare, often = watch(stubs[0], tenant.key, MOST), watch(stubs[0], tenant.key)  # type: ignore[attr-defined]
    for call in (rare, often):
        await first(call)
    next_one = asyncio.ensure_future(rare.read())
    async with asyncio.timeout(PATIENCE):
        for number in range(3):
            await client.track(event("message.sent"))
            while (await often.read()).state.metrics.messages_today != number + 1:
                pass
    assert not next_one.done() or not next_one.result().HasField("state")
    for call in (rare, often):
        call.cancel()


async def test_what_came_within_an_interval_is_shown_at_its_end(
    client: AsyncClient, tenant: object, stubs: Stubs
) -> None:
    call = watch(stubs[0], tenant.key, duration_pb2.Duration(nanos=300_000_000))  # type: ignore[attr-defined]
    began, count, shown = time.monotonic(), 1, 0
    await first(call)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as writing:
        for _ in range(30):
            writing.create_task(client.track(event("message.sent")))
        while shown != 30:
            shown = (await call.read()).state.metrics.messages_today
            count += 1
    call.cancel()
    assert count <= 1 + (time.monotonic() - began) / 0.3


async def test_a_reader_that_was_away_gets_the_newest_state_and_no_queue(
    client: AsyncClient, tenant: object, server: Running
) -> None:
    """What is under way in the connection is all that it can get of what was before."""
    long = "x" * 230  # so that a state fills a good part of what the connection takes
    await client.track_batch(
        [
            event("message.sent", conversation_id=f"{number} {long}", agent_id=long, user_id=long, channel=long)
            for number in range(20)
        ]
    )
    options = (("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(server.address, options=options) as channel:
        call = watch(realtime_service_pb2_grpc.RealtimeServiceStub(channel), tenant.key)  # type: ignore[attr-defined]
        state = await first(call)
        assert state.ByteSize() > 15_000
        for _ in range(25):
            await client.track(event("message.sent"))
            await asyncio.sleep(0.1)
        seen = []
        async with asyncio.timeout(PATIENCE):
            while not seen or seen[-1] != 45:
                seen.append((await call.read()).state.metrics.messages_today)
        call.cancel()
    assert seen == sorted(seen)
    assert len(seen) <= 12


async def test_quiet_streams_are_heard_of(
    client: AsyncClient, tenant: object, server: Running, stubs: Stubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heartbeats tell the current revision, also within a long interval; bookmarks tell where to go on."""
    key = tenant.key  # type: ignore[attr-defined]
    service = server.services.realtime
    assert service.heartbeat_seconds == 15
    monkeypatch.setattr(service, "heartbeat_seconds", 0.2)
    states = watch(stubs[0], key, MOST)
    reading = stubs[0].WatchUpdates(messages.WatchUpdatesRequest(), metadata=authorization(key))
    await first(states)
    async with asyncio.timeout(PATIENCE):
        assert [(await states.read()).revision for _ in range(2)] == [0, 0]
        await client.track(event("message.sent"))
        while (heartbeat := await states.read()).revision == 0:
            pass
        assert not heartbeat.HasField("state")
        bookmarks = [await reading.read() for _ in range(3)]
        while bookmarks[-1].revision == 0 or not bookmarks[-1].bookmark:
            bookmarks.append(await reading.read())
    assert all(one.resume_token for one in bookmarks)
    states.cancel()
    reading.cancel()


async def test_a_new_day_begins_at_midnight_though_nothing_happens(
    client: AsyncClient, tenant: object, stubs: Stubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a database whose clock is put forward to midnight."""
    await client.track(event("message.sent"))
    now, ahead = datetime.now(UTC), timedelta()
    as_of, newest = rollups.as_of, updates.newest

    async def as_of_then(driver: Driver, organization_id: int) -> AsOf:
        found = await as_of(driver, organization_id)
        return AsOf(epoch=found.epoch, revision=found.revision, at=found.at + ahead)

    async def newest_then(driver: Driver, organization_ids: list[int]) -> tuple[str, datetime, dict[int, int]]:
        epoch, at, revisions = await newest(driver, organization_ids)
        return epoch, at + ahead, revisions

    monkeypatch.setattr(rollups, "as_of", as_of_then)
    monkeypatch.setattr(updates, "newest", newest_then)
    call = watch(stubs[0], tenant.key)  # type: ignore[attr-defined]
    assert (await first(call)).metrics.messages_today == 1
    ahead = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1) - now
    async with asyncio.timeout(PATIENCE):
        while not (shown := await call.read()).HasField("state") or shown.state.metrics.messages_today:
            pass
    call.cancel()


async def test_a_new_part_does_not_keep_the_others_waiting(
    client: AsyncClient, tenant: object, stubs: Stubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a view is being made the others go on; then it takes what it has missed, once."""
    key = tenant.key  # type: ignore[attr-defined]
    await client.track(event("message.sent", channel="web", conversation_id="a"))
    old = watch(stubs[0], key)
    await first(old)
    made, go_on, make = asyncio.Event(), asyncio.Event(), views.rebuild.view

    async def slowly(driver: Driver, organization_id: int, time_zone: str, part: ViewFilter) -> object:
        found = await make(driver, organization_id, time_zone, part)
        if part != ViewFilter():
            made.set()
            await go_on.wait()
        return found

    monkeypatch.setattr(views.rebuild, "view", slowly)
    new = [watch(stubs[0], key, channel="web") for _ in range(3)]
    reads = [asyncio.ensure_future(one.read()) for one in new]
    async with asyncio.timeout(PATIENCE):
        await made.wait()
        for number in range(4):
            await client.track(event("message.sent", channel="web", conversation_id="a"))
            while (await old.read()).state.metrics.messages_today != number + 2:
                pass
        assert not any(one.done() for one in reads)
        go_on.set()
        states = [(await one).state for one in reads]
        while any(state.as_of_revision < 6 for state in states):  # the first one may be of before
            states = [(await one.read()).state for one in new]
    for state in states:
        assert (state.metrics.messages_today, state.metrics.messages_last_minute, state.as_of_revision) == (5, 5, 6)
        assert [one.message_count for one in state.conversations] == [5]
    for call in (old, *new):
        call.cancel()


async def test_who_watches_makes_nobody_read_events_or_updates(
    client: AsyncClient, tenant: object, stubs: Stubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> None:
        raise AssertionError("a view is made from aggregates")

    monkeypatch.setattr(updates, "events_of", never)
    monkeypatch.setattr(updates, "after", never)
    call = watch(stubs[0], tenant.key)  # type: ignore[attr-defined]
    await first(call)
    for number in range(3):
        await client.track(event("message.sent", conversation_id="a"))
        now = datetime.now(UTC)
        answer = await client.overview(now - timedelta(hours=1), now + timedelta(minutes=1))
        revision = answer.context.as_of_revision
        async with asyncio.timeout(PATIENCE):
            while (shown := (await call.read()).state).as_of_revision < revision:
                pass
        assert (shown.metrics.messages_last_minute, shown.conversations[0].message_count) == (number + 1, number + 1)
    call.cancel()


async def test_a_view_that_cannot_be_made_anew_does_not_hold_up_the_others(
    client: AsyncClient, tenant: object, stubs: Stubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made once it can be."""
    key, make, fails = tenant.key, rebuild.view, True  # type: ignore[attr-defined]
    web, all_of_it = watch(stubs[0], key, channel="web"), watch(stubs[0], key)
    for call in (web, all_of_it):
        await first(call)

    async def failing(driver: Driver, organization_id: int, time_zone: str, part: ViewFilter) -> object:
        if fails and part != ViewFilter():
            raise errors.StorageUnavailable("database error 57014")
        return await make(driver, organization_id, time_zone, part)

    monkeypatch.setattr(rebuild, "view", failing)
    await client.track(event("message.sent", channel="web"))
    async with asyncio.timeout(PATIENCE):
        while (await all_of_it.read()).state.metrics.messages_today != 1:
            pass
        fails = False
        while (await web.read()).state.metrics.messages_today != 1:
            pass
    for call in (web, all_of_it):
        call.cancel()


async def test_subscribers_share_one_hub_and_leave_nothing_behind(
    client: AsyncClient, tenant: object, server: Running, stubs: Stubs
) -> None:
    key, organization = tenant.key, tenant.organization_id  # type: ignore[attr-defined]
    hubs = server.hubs

    def alive() -> Counter[type]:
        gc.collect()
        kinds = (Hub, View, Stream, asyncio.Task)
        # By type(): isinstance() asks an object for its __class__, and lazy objects of libraries set themselves up
        # to answer.
        return Counter(kind for kind in map(type, gc.get_objects()) if issubclass(kind, kinds))

    async def until_gone() -> None:
        await waiting.until(lambda: not hubs.subscriptions.total)
        await waiting.until(lambda: not any(alive()[kind] for kind in (Hub, View, Stream)))

    await until_gone()
    before = alive()
    for _ in range(2):
        calls = [watch(stubs[0], key, channel=f"c{number % 4}") for number in range(60)]
        calls += [stubs[0].WatchUpdates(messages.WatchUpdatesRequest(), metadata=authorization(key)) for _ in range(20)]
        await client.track(event("message.sent", channel="c0"))
        await asyncio.gather(*(call.read() for call in calls))
        assert hubs.subscriptions[organization] == 80
        during = alive()
        assert (during[Hub], during[View], during[Stream]) == (1, 4, 80)
        while calls:
            calls.pop().cancel()
        await until_gone()
    # The pool's and gRPC's own come and go.
    await waiting.until(lambda: alive()[asyncio.Task] <= before[asyncio.Task] + 3)
