"""Realtime figures and updates: exact, resumable on any server, indifferent to what happens to Redis."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import pytest
import redis.asyncio
from google.protobuf import duration_pb2

from server.app import Running
from server.ingest.idle import IdleConversations
from server.local import embedded
from server.settings import Settings
from server.store import updates
from server.store.database import Database, Driver
from server.tasks import retention
from server.tasks.kinds import Work
from server.tasks.wakeups import Wakeups
from server.tenancy import api_keys
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope
from tallywire import AsyncClient, event
from tallywire.v1 import realtime_service_pb2 as messages
from tallywire.v1 import realtime_service_pb2_grpc
from tests.harness.faults.promises import Table
from tests.support import subscribing, waiting
from tests.support.subscribing import Reader, authorization
from tests.support.waiting import PATIENCE

Stubs = list[realtime_service_pb2_grpc.RealtimeServiceStub]
FAST = duration_pb2.Duration(nanos=100_000_000)


async def state(stub: object, key: str, **filters: object) -> messages.RealtimeState:
    request = messages.GetRealtimeMetricsRequest(filter=messages.RealtimeFilter(**filters))  # type: ignore[arg-type]
    return (await stub.GetRealtimeMetrics(request, metadata=authorization(key))).state  # type: ignore[attr-defined]


async def drained(call: grpc.aio.UnaryStreamCall) -> None:
    """Reads what is left of a stream."""
    async for _ in call:
        pass


def watch(stub: object, key: str, interval: duration_pb2.Duration = FAST) -> grpc.aio.UnaryStreamCall:
    request = messages.WatchMetricsRequest(min_interval=interval)
    return stub.WatchMetrics(request, metadata=authorization(key))  # type: ignore[attr-defined, no-any-return]


async def talk(client: AsyncClient, conversation: str, *, outcome: str = "", at: datetime | None = None) -> None:
    """A conversation of a question and an answer, closed where an outcome is given."""
    now = at or datetime.now(UTC) - timedelta(seconds=2)
    common = {
        "conversation_id": conversation,
        "agent_id": "ann",
        "user_id": f"user of {conversation}",
        "channel": "web",
    }
    events = [
        event("conversation.started", occurred_at=now, **common),
        event("message.received", occurred_at=now, **common),
        event("message.sent", occurred_at=now, response_time_ms=40, prompt_tokens=3, completion_tokens=4, **common),
    ]
    if outcome:
        events.append(event(f"conversation.{outcome}", occurred_at=now + timedelta(seconds=1), **common))
    await client.track_batch(events)


async def test_figures_of_now(client: AsyncClient, tenant: object, stubs: Stubs) -> None:
    key = tenant.key  # type: ignore[attr-defined]
    await talk(client, "open")
    await talk(client, "done", outcome="resolved")
    await talk(client, "old", at=datetime.now(UTC) - timedelta(days=2))
    await client.track(event("message.sent", failed=True, response_time_ms=60))
    found = await state(stubs[1], key)
    metrics = found.metrics
    assert (metrics.active_conversations, metrics.messages_last_minute, metrics.messages_last_hour) == (1, 5, 5)
    assert metrics.avg_response_time_ms == pytest.approx(140 / 3)
    assert metrics.success_rate == pytest.approx(2 / 3)
    feed = {one.conversation_id: one for one in found.conversations}
    assert feed["open"].status == messages.CONVERSATION_STATUS_ACTIVE
    assert feed["done"].status == messages.CONVERSATION_STATUS_RESOLVED
    assert [one.conversation_id for one in found.conversations][-1] == "old"
    assert (feed["open"].agent_id, feed["open"].message_count, feed["open"].channel) == ("ann", 2, "web")
    assert sum(minute.messages for minute in found.minutes) == 5
    assert len(found.minutes) == 60


async def test_idle_conversations_are_active_no_more(
    server: Running, database: Database, make_tenant: Callable[..., Awaitable[Any]], stubs: Stubs
) -> None:
    tenant = await make_tenant(close_idle_after=10)
    now = datetime.now(UTC)
    async with AsyncClient(server.address, api_key=tenant.key) as client:
        await talk(client, "idle", at=now - timedelta(minutes=11))
        await talk(client, "open", at=now - timedelta(minutes=1))
    assert (await state(stubs[0], tenant.key)).metrics.active_conversations == 2
    work = Work(database=database, task_id=1, organization_id=0, payload={}, now=now, period=None, last={})
    await IdleConversations(distinct=None, on_commit=server.notifications.committed).end(work)

    async def is_ended() -> bool:
        return (await state(stubs[0], tenant.key)).metrics.active_conversations == 1

    await waiting.until(is_ended)
    shown = {one.conversation_id: one.status for one in (await state(stubs[0], tenant.key)).conversations}
    assert shown == {
        "idle": messages.CONVERSATION_STATUS_ENDED,
        "open": messages.CONVERSATION_STATUS_ACTIVE,
    }


async def test_today_agrees_with_the_overview_and_updates_with_the_trends(
    client: AsyncClient, tenant: object, stubs: Stubs
) -> None:
    key = tenant.key  # type: ignore[attr-defined]
    reader = Reader()
    assert await reader.read(stubs[0], key, until=0, include_events=True)  # the first bookmark: nothing comes before it
    watching = watch(stubs[1], key)
    states = [await anext(aiter(watching))]
    for number in range(11):
        await talk(
            client,
            f"c{number}",
            outcome=("resolved", "escalated", "")[number % 3],
            at=datetime.now(UTC) - timedelta(minutes=40 * number),
        )
    later = datetime.now(UTC) + timedelta(seconds=2)  # than it was closed, so that it changes the state
    await client.track(event("conversation.reopened", conversation_id="c0", occurred_at=later))
    now = datetime.now(UTC)
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
    answer = await client.overview(midnight, midnight + timedelta(days=1))
    overview, newest = answer.overview, answer.context.as_of_revision
    assert await reader.read(stubs[0], key, until=newest, include_events=True)
    async with asyncio.timeout(PATIENCE):
        async for one in watching:
            states.append(one)
            if one.revision == newest:
                break
    watching.cancel()
    subscribing.monotonic(states)
    metrics = states[-1].state.metrics
    assert metrics.messages_today == overview.total_messages
    assert metrics.conversations_today == overview.total_conversations
    assert metrics.tokens_today == overview.token_usage
    assert (await state(stubs[0], key)).metrics.messages_today == overview.total_messages
    table = Table()
    for update in reader.updates:
        table.take(update)
    for measure in ("total_conversations", "messages_sent", "conversations_resolved", "conversations_escalated"):
        usage = await client.usage(
            now - timedelta(days=2), now + timedelta(hours=1), granularity="hour", metrics=[measure]
        )
        by_hour: dict[datetime, int] = {}
        for bucket, count in table.counts(measure).items():
            hour = bucket.replace(minute=0)
            by_hour[hour] = by_hour.get(hour, 0) + count
        hours = (bucket.start.ToDatetime(UTC).replace(minute=0) for bucket in usage.buckets)
        found: dict[datetime, int] = {}
        for hour, value in zip(hours, usage.series[0].values, strict=True):
            found[hour] = found.get(hour, 0) + value.integer
        assert {hour: count for hour, count in found.items() if count} == {
            hour: count for hour, count in by_hour.items() if count
        }, measure


async def test_windows_slide_when_nothing_happens(client: AsyncClient, tenant: object, stubs: Stubs) -> None:
    await client.track(event("message.sent", occurred_at=datetime.now(UTC) - timedelta(seconds=50)))
    call = watch(stubs[0], tenant.key)  # type: ignore[attr-defined]
    seen = []
    async with asyncio.timeout(PATIENCE):
        async for one in call:
            seen.append(one.state.metrics.messages_last_minute)
            if seen[-1] == 0:
                break
    call.cancel()
    assert seen[0] == 1
    assert one.state.metrics.messages_last_hour == 1


async def test_what_is_an_hour_old_leaves_the_figures_though_nothing_happens(
    client: AsyncClient, tenant: object, stubs: Stubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead, begun = timedelta(0), datetime.now(UTC) - timedelta(minutes=1)
    newest = updates.newest

    async def newest_then(driver: Driver, organization_ids: list[int]) -> tuple[str, datetime, dict[int, int]]:
        epoch, at, revisions = await newest(driver, organization_ids)
        return epoch, at + ahead, revisions

    monkeypatch.setattr(updates, "newest", newest_then)
    await talk(client, "fading")
    call = watch(stubs[0], tenant.key)  # type: ignore[attr-defined]
    for minutes, expected in ((0, (1, 2, True)), (58, (1, 2, True)), (61, (0, 0, False))):
        ahead = timedelta(minutes=minutes)
        async with asyncio.timeout(PATIENCE):
            while (shown := (await call.read()).state).as_of_time.ToDatetime(UTC) < begun + ahead:
                pass
        metrics = shown.metrics
        found = (metrics.active_conversations, metrics.messages_last_hour, metrics.HasField("success_rate"))
        assert found == expected
    assert [minute.messages for minute in shown.minutes] == [0] * 60
    call.cancel()


async def test_filters(client: AsyncClient, tenant: object, stubs: Stubs) -> None:
    key = tenant.key  # type: ignore[attr-defined]
    reader = Reader()
    for agent in ("ann", "bob", "cid"):
        await client.track(event("message.sent", agent_id=agent, channel="web" if agent == "ann" else "phone"))
    assert (await state(stubs[0], key, agent_ids=["ann", "bob"])).metrics.messages_today == 2
    assert (await state(stubs[0], key, channel="phone")).metrics.messages_today == 2
    assert (await state(stubs[1], key, agent_ids=["nobody"])).metrics.messages_today == 0
    both = messages.RealtimeFilter(agent_ids=["ann"], channel="web")
    call = stubs[0].WatchUpdates(messages.WatchUpdatesRequest(filter=both), metadata=authorization(key))
    assert (await subscribing.refusal(call))[1] == "TOO_MANY_FILTERS"
    assert not reader.updates


async def test_resuming(client: AsyncClient, tenant: object, make_tenant: object, stubs: Stubs) -> None:
    """A token goes on at the other server; it is good for its own organization and filter alone."""
    key = tenant.key  # type: ignore[attr-defined]
    reader = await subscribing.begin(stubs[0], key)
    for number in range(5):
        await client.track(event("message.sent", agent_id=f"a{number}"))
    assert await reader.read(stubs[0], key, until=2)
    assert await reader.read(stubs[1], key, until=5)
    subscribing.reliable(reader, 5)
    other = await make_tenant()  # type: ignore[operator]
    damaged = reader.token[:-2] + ("AA" if not reader.token.endswith("AA") else "BB")
    forged = [
        (other.key, messages.WatchUpdatesRequest(resume_after=reader.token)),
        (key, messages.WatchUpdatesRequest(resume_after=damaged)),
        (key, messages.WatchUpdatesRequest(resume_after=reader.token[:-3])),
        (key, messages.WatchUpdatesRequest(resume_after="x" * 1000)),
        (key, messages.WatchUpdatesRequest(resume_after="não")),
        (key, messages.WatchUpdatesRequest(resume_after=reader.token, include_events=True)),
        (
            key,
            messages.WatchUpdatesRequest(resume_after=reader.token, filter=messages.RealtimeFilter(channel="web")),
        ),
    ]
    for whose, request in forged:
        found = await subscribing.refusal(stubs[1].WatchUpdates(request, metadata=authorization(whose)))
        assert found[:2] == (grpc.StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID")


async def test_a_token_older_than_the_window(
    client: AsyncClient, tenant: object, database: Database, stubs: Stubs
) -> None:
    key = tenant.key  # type: ignore[attr-defined]
    await client.track(event("message.sent"))
    reader = await subscribing.begin(stubs[0], key)
    await client.track(event("message.sent"))
    now = (await database.condition()).now
    await retention.update_retention(database, now + timedelta(seconds=1), {}, window=timedelta())
    await client.track(event("message.sent"))
    call = stubs[1].WatchUpdates(messages.WatchUpdatesRequest(resume_after=reader.token), metadata=authorization(key))
    code, why, metadata = await subscribing.refusal(call)
    assert (code, why, metadata["oldest_revision"]) == (grpc.StatusCode.OUT_OF_RANGE, "COMPACTED", "3")
    reader.token = metadata["oldest_token"]
    assert await reader.read(stubs[1], key, until=3)
    assert [update.revision for update in reader.updates] == [3]


async def test_intervals(tenant: object, stubs: Stubs) -> None:
    key = tenant.key  # type: ignore[attr-defined]
    for interval in (
        duration_pb2.Duration(nanos=1),
        duration_pb2.Duration(seconds=61),
        duration_pb2.Duration(seconds=-1),
    ):
        assert (await subscribing.refusal(watch(stubs[0], key, interval)))[1] == "INTERVAL_OUT_OF_RANGE"


async def test_redis_does_not_matter(
    client: AsyncClient, tenant: object, engines: embedded.Engines, stubs: Stubs
) -> None:
    """Emptied, killed and started again: streams go on, nothing is missed, figures are right."""
    key = tenant.key  # type: ignore[attr-defined]
    reader = Reader()
    assert await reader.read(stubs[1], key, until=0)  # the first bookmark: nothing comes before it
    reading = asyncio.create_task(reader.read(stubs[1], key, until=30))
    for number in range(30):
        await client.track(event("message.sent"))
        if number == 5:
            async with redis.asyncio.Redis.from_url(engines.redis_url) as connection:
                await connection.flushall()
        if number == 12:
            await asyncio.to_thread(engines.stop_redis)
        if number == 20:
            await asyncio.to_thread(engines.restart_redis)
        await asyncio.sleep(0.05)
    assert await reading
    subscribing.reliable(reader, 30)

    async def right() -> bool:
        return (await state(stubs[0], key)).metrics.messages_today == 30

    await waiting.until(right)


async def test_a_server_that_drains_tells_where_to_go_on(
    settings: Settings, database: Database, client: AsyncClient, tenant: object, stubs: Stubs
) -> None:
    key = tenant.key  # type: ignore[attr-defined]
    wakeups = Wakeups(settings.required("redis_url"))
    third = Running(settings, database, wakeups)
    await third.start()
    reader = Reader()
    async with grpc.aio.insecure_channel(third.address) as channel:
        stub = realtime_service_pb2_grpc.RealtimeServiceStub(channel)
        updates = stub.WatchUpdates(messages.WatchUpdatesRequest(), metadata=authorization(key))
        states = watch(stub, key)
        await anext(aiter(states))
        await anext(aiter(updates))
        await client.track(event("message.sent"))
        reader.take(await anext(aiter(updates)))
        await asyncio.gather(third.stop(), wakeups.close())
        for call in (updates, states):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await drained(call)
            assert subscribing.reason(caught.value)[:2] == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
            assert dict(caught.value.trailing_metadata() or ())["resume-token"]
    await client.track(event("message.sent"))
    assert await reader.read(stubs[0], key, until=2)
    assert [update.revision for update in reader.updates] == [1, 2]


async def test_limits_and_revocation(
    settings: Settings, database: Database, client: AsyncClient, tenant: object
) -> None:
    """Subscriptions are limited for each organization; one whose key is revoked ends."""
    name = tenant.name  # type: ignore[attr-defined]
    key = await api_keys.create_key(
        database, KeyedHashes(settings.required("key_pepper")), name, name="reader", scopes=[Scope.READ]
    )
    wakeups = Wakeups(settings.required("redis_url"))
    third = Running(settings.model_copy(update={"max_subscriptions_per_organization": 2}), database, wakeups)
    await third.start()
    async with grpc.aio.insecure_channel(third.address) as channel:
        stub = realtime_service_pb2_grpc.RealtimeServiceStub(channel)
        calls = [watch(stub, key.secret, interval) for interval in (FAST, duration_pb2.Duration(seconds=60))]
        for call in calls:
            await anext(aiter(call))
        code, why, metadata = await subscribing.refusal(watch(stub, key.secret))
        assert (code, why, metadata["limit"]) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SUBSCRIPTION_LIMIT", "2")
        await api_keys.revoke_key(database, key.key_id)
        async with asyncio.timeout(PATIENCE):
            assert [(await subscribing.refusal(call))[1] for call in calls] == ["CREDENTIALS_INVALID"] * 2
    await third.stop()
    await wakeups.close()


async def test_a_day_is_the_organizations_own(make_tenant: object, server: Running, stubs: Stubs) -> None:
    zone = "Pacific/Kiritimati"
    tenant = await make_tenant(time_zone=zone)  # type: ignore[operator]
    midnight = datetime.now(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    async with AsyncClient(server.address, api_key=tenant.key) as client:
        await client.track(event("message.sent", occurred_at=midnight - timedelta(minutes=1)))
        await client.track(event("message.sent", occurred_at=midnight + timedelta(seconds=1)))
    found = await state(stubs[0], tenant.key)
    assert (found.metrics.messages_today, found.time_zone) == (1, zone)
