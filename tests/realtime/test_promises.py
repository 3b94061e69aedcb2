"""WatchUpdates and GetRealtimeMetrics, sentence by sentence, on two servers and whatever becomes of Redis."""

import asyncio
import functools
import os
import signal
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pydantic
import pytest
import redis.asyncio

from server.app import Running
from server.local import embedded
from server.realtime import notifications
from server.settings import Settings
from server.store.database import Database
from server.tasks import retention
from server.tasks.wakeups import Wakeups
from tallywire import AsyncClient, Client, event
from tallywire.v1 import realtime_service_pb2 as messages
from tallywire.v1 import realtime_service_pb2_grpc
from tests.support import subscribing, waiting
from tests.support.subscribing import Reader, authorization
from tests.support.waiting import PATIENCE

Stubs = list[realtime_service_pb2_grpc.RealtimeServiceStub]


async def state(stub: object, key: str) -> messages.RealtimeState:
    request = messages.GetRealtimeMetricsRequest()
    return (await stub.GetRealtimeMetrics(request, metadata=authorization(key))).state  # type: ignore[attr-defined]


def _counted(used: Counter[str], name: str, call: Callable[..., object], *arguments: object, **named: object) -> object:
    used[name + "".join(map(str, arguments[:1]))] += 1
    return call(*arguments, **named)


async def shared(connection: "redis.asyncio.Redis[bytes]", organization: int) -> list[bytes]:
    """Waits until states of an organization are in Redis, and returns their names."""
    names: list[bytes] = []

    async def is_there() -> bool:
        names[:] = await connection.keys(f"*{{{organization}}}:realtime:*")
        return bool(names)

    await waiting.until(is_there)
    return names


async def test_a_state_is_read_from_redis_in_one_round_trip_and_made_anew_without(
    client: AsyncClient,
    tenant: object,
    database: Database,
    engines: embedded.Engines,
    server: Running,
    second_server: Running,
    stubs: Stubs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = tenant.key  # type: ignore[attr-defined]
    await client.track(event("message.sent"))
    used: Counter[str] = Counter()
    execute = redis.asyncio.Redis.execute_command

    def counted(self: "redis.asyncio.Redis[bytes]", command: str, *arguments: Any, **options: Any) -> Any:
        used[command] += 1
        return execute(self, command, *arguments, **options)

    # However late a step of this test is, the state is young enough for the next one.
    monkeypatch.setattr(notifications, "_STATE_MILLISECONDS", 600_000)
    monkeypatch.setattr(notifications, "STATE_AGE", timedelta(minutes=10))
    monkeypatch.setattr(redis.asyncio.Redis, "execute_command", counted)
    for name, running in (("first", server), ("second", second_server)):
        counted_snapshot = functools.partial(_counted, used, f"{name}: ", running.database.snapshot)
        monkeypatch.setattr(running.database, "snapshot", counted_snapshot)
    assert (await state(stubs[0], key)).metrics.messages_today == 1
    assert used == {"HMGET": 1, "first: Purpose.REALTIME": 1}
    async with redis.asyncio.Redis.from_url(engines.redis_url) as connection:
        await shared(connection, tenant.organization_id)  # type: ignore[attr-defined]
        used.clear()
        assert (await state(stubs[1], key)).metrics.messages_today == 1
        assert used == {"HMGET": 1}
        await connection.flushall()
    used.clear()
    assert (await state(stubs[1], key)).metrics.messages_today == 1
    assert used == {"HMGET": 1, "second: Purpose.REALTIME": 1}


async def test_what_an_old_dump_brings_back_is_not_reported(
    client: AsyncClient, tenant: object, engines: embedded.Engines, stubs: Stubs
) -> None:
    key = tenant.key  # type: ignore[attr-defined]
    await client.track(event("message.sent"))
    async with redis.asyncio.Redis.from_url(engines.redis_url) as connection:
        dumps: dict[bytes, bytes | None] = {b"": None}
        while None in dumps.values():  # a state is in Redis for a moment alone
            await state(stubs[0], key)
            names = await shared(connection, tenant.organization_id)  # type: ignore[attr-defined]
            dumps = {name: await connection.dump(name) for name in names}
        await client.track(event("message.sent"))
        for stub in stubs:
            await state(stub, key)
        for name, dump in dumps.items():  # while it is young, and when it has aged
            await connection.restore(name, 0, dump, replace=True)
        assert (await state(stubs[0], key)).as_of_revision >= 1
        await asyncio.sleep(2.1)
        for stub in stubs:
            for name, dump in dumps.items():
                await connection.restore(name, 0, dump, replace=True)
            assert (await state(stub, key)).metrics.messages_today == 2
        await connection.delete(*names)


async def test_figures_never_go_backwards_whatever_happens_to_redis(
    client: AsyncClient, tenant: object, engines: embedded.Engines, stubs: Stubs
) -> None:
    """Emptied again and again, then killed with kill -9 and started again by its keeper: right in the end."""
    key = tenant.key  # type: ignore[attr-defined]
    over = asyncio.Event()
    seen: list[list[int]] = [[], []]
    watched: list[int] = []

    async def ask(number: int) -> None:
        while not over.is_set():
            seen[number].append((await state(stubs[number], key)).metrics.messages_today)
            await asyncio.sleep(0.02)

    async def watch() -> None:
        request = messages.WatchMetricsRequest()
        request.min_interval.FromMilliseconds(100)
        call = stubs[1].WatchMetrics(request, metadata=authorization(key))
        async for one in call:
            if one.HasField("state"):
                watched.append(one.state.metrics.messages_today)
            if watched[-1] == 40:
                break
        call.cancel()

    tasks = [asyncio.create_task(one) for one in (ask(0), ask(1))]
    watching = asyncio.create_task(watch())
    async with redis.asyncio.Redis.from_url(engines.redis_url) as connection:
        pid = (await connection.info())["process_id"]
        for number in range(40):
            await client.track(event("message.sent"))
            if number < 20:
                await connection.flushall()
            elif number == 25:
                os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.02)
    async with asyncio.timeout(PATIENCE):
        await watching
        while not all(one and one[-1] == 40 for one in seen):  # noqa: ASYNC110 - others fill the lists
            await asyncio.sleep(0.05)
    over.set()
    await asyncio.gather(*tasks)
    for one in (*seen, watched):
        assert one == sorted(one)


async def test_without_redis_the_other_server_looks_by_itself(
    client: AsyncClient, tenant: object, engines: embedded.Engines, stubs: Stubs
) -> None:
    key = tenant.key  # type: ignore[attr-defined]
    updates = stubs[1].WatchUpdates(messages.WatchUpdatesRequest(), metadata=authorization(key))
    states = stubs[1].WatchMetrics(messages.WatchMetricsRequest(), metadata=authorization(key))
    await asyncio.gather(updates.read(), states.read())
    await asyncio.to_thread(engines.stop_redis)
    try:
        await client.track(event("message.sent"))
        async with asyncio.timeout(PATIENCE):
            assert (await updates.read()).revision == 1
            while (await states.read()).state.metrics.messages_today != 1:
                pass
            assert (await state(stubs[1], key)).metrics.messages_today == 1
    finally:
        await asyncio.to_thread(engines.restart_redis)
        updates.cancel()
        states.cancel()


async def test_one_subscription_of_redis_serves_all_of_an_organization(
    tenant: object, engines: embedded.Engines, stubs: Stubs
) -> None:
    key, organization = tenant.key, tenant.organization_id  # type: ignore[attr-defined]
    calls = [stub.WatchUpdates(messages.WatchUpdatesRequest(), metadata=authorization(key)) for stub in stubs * 15]
    await asyncio.gather(*(call.read() for call in calls))
    async with redis.asyncio.Redis.from_url(engines.redis_url) as connection, asyncio.timeout(PATIENCE):
        while True:
            (channel,) = await connection.pubsub_channels(f"*{{{organization}}}*") or [b""]
            if (await connection.pubsub_numsub(channel))[0][1] == len(stubs):
                break
            await asyncio.sleep(0.05)
    for call in calls:
        call.cancel()


async def test_an_update_tells_what_changed_in_the_part_that_was_asked_for(
    client: AsyncClient, tenant: object, stubs: Stubs
) -> None:
    """Bucket, dimension, measure, count and sum, and the events; other revisions come, too, and are empty."""
    key, filters = tenant.key, messages.RealtimeFilter(channel="web")  # type: ignore[attr-defined]
    call = stubs[1].WatchUpdates(
        messages.WatchUpdatesRequest(filter=filters, include_events=True), metadata=authorization(key)
    )
    await call.read()
    at = datetime.now(UTC) - timedelta(hours=3)
    sent = [
        event("message.sent", channel="web", agent_id="ann", occurred_at=at, response_time_ms=number, prompt_tokens=5)
        for number in (40, 60)
    ]
    await client.track_batch([*sent, event("message.sent", channel="phone")])
    await client.track(event("message.sent", channel="phone"))
    whole, empty = await call.read(), await call.read()
    call.cancel()
    assert (whole.revision, empty.revision) == (1, 2)
    assert whole.resume_token
    assert empty.resume_token
    assert not empty.changes
    assert not empty.events
    assert {one.event_id for one in whole.events} == {one.event_id for one in sent}
    changes = {one.measure: one for one in whole.changes}
    assert {(one.dimension, one.value) for one in whole.changes} == {(messages.CHANGE_DIMENSION_CHANNEL, "web")}
    assert (changes["response_time_sum_ms"].count, changes["response_time_sum_ms"].sum) == (2, 100)
    assert (changes["messages_sent"].count, changes["prompt_tokens"].sum) == (2, 10)
    begun = changes["messages_sent"].bucket.ToDatetime(UTC)
    assert begun <= at < begun + timedelta(minutes=15)
    assert begun.minute % 15 == begun.second == 0


async def test_sums_of_updates_agree_with_the_trends(client: AsyncClient, tenant: object, stubs: Stubs) -> None:
    key = tenant.key  # type: ignore[attr-defined]
    reader = await subscribing.begin(stubs[0], key)
    now = datetime.now(UTC)
    for number in range(12):
        await client.track(
            event(
                "message.sent",
                occurred_at=now - timedelta(hours=number),
                response_time_ms=10 * number,
                prompt_tokens=number,
                cost_micros=7,
            )
        )
    assert await reader.read(stubs[1], key, until=12)
    for measure in ("response_time_sum_ms", "prompt_tokens", "cost_micros"):
        table: Counter[datetime] = Counter()
        for update in reader.updates:
            for change in update.changes:
                if change.measure == measure and change.dimension == messages.CHANGE_DIMENSION_TOTAL:
                    table[change.bucket.ToDatetime(UTC).replace(minute=0)] += change.sum
        usage = await client.usage(
            now - timedelta(days=1), now + timedelta(hours=1), granularity="hour", metrics=[measure]
        )
        hours = (bucket.start.ToDatetime(UTC).replace(minute=0) for bucket in usage.buckets)
        found = {hour: value.integer for hour, value in zip(hours, usage.series[0].values, strict=True)}
        assert sum(found.values()) > 0
        assert {hour: one for hour, one in found.items() if one} == {hour: one for hour, one in table.items() if one}


async def test_a_reader_that_falls_out_of_the_window_while_it_is_connected(
    client: AsyncClient, tenant: object, server: Running, database: Database, stubs: Stubs
) -> None:
    """Gets what was under way, in order and without a gap, and then is told where it can begin again."""
    key = tenant.key  # type: ignore[attr-defined]
    reader = await subscribing.begin(stubs[0], key, include_events=True)
    for _ in range(16):
        await client.track_batch([event("message.sent", properties={"text": "x" * 3000}) for _ in range(250)])
    options = (("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(server.address, options=options) as channel:
        stub = realtime_service_pb2_grpc.RealtimeServiceStub(channel)
        request = messages.WatchUpdatesRequest(resume_after=reader.token, include_events=True)
        call = stub.WatchUpdates(request, metadata=authorization(key))
        reader.take(await anext(aiter(call)))
        await asyncio.sleep(0.5)
        now = (await database.condition()).now
        await retention.update_retention(database, now + timedelta(seconds=1), {}, window=timedelta())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await reader.drain(call)
    code, why, metadata = subscribing.reason(caught.value)
    assert (code, why, metadata["oldest_revision"]) == (grpc.StatusCode.OUT_OF_RANGE, "COMPACTED", "17")
    revisions = [update.revision for update in reader.updates if not update.more]
    assert revisions == list(range(1, len(revisions) + 1))
    assert 0 < len(revisions) < 16
    await client.track(event("message.sent"))
    again = Reader(token=metadata["oldest_token"])
    assert await again.read(stubs[1], key, until=17, include_events=True)
    assert [update.revision for update in again.updates] == [17]


def test_the_window_is_a_day_at_least(settings: Settings) -> None:
    assert settings.update_window_hours == 24
    known = {"DATABASE_URL": settings.required("database_url"), "REDIS_URL": settings.required("redis_url")}
    assert Settings(**known, update_window_hours=72).update_window_hours == 72  # type: ignore[arg-type]
    with pytest.raises(pydantic.ValidationError):
        Settings(**known, update_window_hours=23)  # type: ignore[arg-type]


async def test_the_clients_go_on_when_their_server_is_started_again(
    settings: Settings, database: Database, client: AsyncClient, tenant: object
) -> None:
    """Plain iterators, asynchronous and ordinary ones, see every revision once; states go on, too."""
    key = tenant.key  # type: ignore[attr-defined]
    wakeups = Wakeups(settings.required("redis_url"))
    running = Running(settings, database, wakeups)
    await running.start()
    address = running.address
    seen: list[list[int]] = [[], []]
    begun = [asyncio.Event(), asyncio.Event()]
    loop = asyncio.get_running_loop()

    async def read(subscriber: AsyncClient) -> None:
        async for update in subscriber.updates(bookmarks=True):
            begun[0].set()
            if not update.bookmark:
                seen[0].append(update.revision)
            if update.revision == 6:
                return

    def read_plainly() -> None:
        with Client(address, api_key=key) as subscriber, subscriber.updates(bookmarks=True) as updates:
            for update in updates:
                loop.call_soon_threadsafe(begun[1].set)
                if not update.bookmark:
                    seen[1].append(update.revision)
                if update.revision == 6:
                    return

    async def watch(subscriber: AsyncClient) -> int:
        async for shown in subscriber.watch(min_interval=0.1):
            if shown.state.metrics.messages_today == 6:
                return shown.revision
        return 0

    async with AsyncClient(address, api_key=key) as subscriber, asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(read(subscriber))
        group.create_task(asyncio.to_thread(read_plainly))
        watching = group.create_task(watch(subscriber))
        for one in begun:
            await one.wait()
        for number in range(6):
            await client.track(event("message.sent"))
            if number == 2:
                await running.stop()
            if number == 4:
                running = Running(settings.model_copy(update={"listen": address}), database, wakeups)
                await running.start()
    assert seen == [list(range(1, 7))] * 2
    assert watching.result() == 6
    await running.stop()
    await wakeups.close()
