"""The ladder of refusals, rung by rung, against a real server; and who is not touched by it."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import SecretStr

from server import errors
from server.admission import query_slots, rates
from server.admission.memory_shortage import Shortage
from server.admission.pressure import Pressure
from server.organizations.settings import OrganizationSettings
from server.settings import Settings
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration, authentication
from tests.support import serving, waiting, worlds
from tests.support.bad_inputs import outcome
from tests.support.holding import Held, HeldQuestions, Served
from tests.support.serving import Accounts, Caller, event, refused
from tests.support.waiting import PATIENCE

RATE = "RESOURCE_EXHAUSTED+RetryInfo EVENT_RATE"
QUOTA = "RESOURCE_EXHAUSTED EVENT_QUOTA"
OVERLOADED = "UNAVAILABLE+RetryInfo OVERLOADED"
BUSY = "UNAVAILABLE+RetryInfo STORAGE_BUSY"
QUERIES = "RESOURCE_EXHAUSTED+RetryInfo QUERY_CONCURRENCY"


async def limited(accounts: Accounts, **limits: int) -> Caller:
    return await accounts.caller(settings=OrganizationSettings(time_zone="UTC", **limits))


@pytest.fixture
def patient_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that are made from now on go by the rates in Redis, however late it answers."""
    monkeypatch.setattr(rates, "_ANSWER_SECONDS", PATIENCE)


def batch_of(count: int) -> list[Any]:
    return [event() for _ in range(count)]


def retry_seconds(error: grpc.aio.AioRpcError) -> float:
    (pushback,) = (value for key, value in error.trailing_metadata() or () if key == "grpc-retry-pushback-ms")
    return int(pushback) / 1000


# Rates


@pytest.mark.usefixtures("patient_rates")
async def test_a_rate_lets_a_burst_in_and_says_when_to_come_back(
    accounts: Accounts, served: Served, database: Database
) -> None:
    async with served() as channel:
        caller = serving.through(await limited(accounts, events_per_second=4, burst_events=5), channel)
        begun = time.monotonic()
        answers = [await outcome(caller.track(event())) for _ in range(5)]
        assert answers == ["OK"] * 5
        error = await refused(asyncio.gather(*(caller.track(event()) for _ in range(40))))
        assert serving.refusal(error) == ("RESOURCE_EXHAUSTED", "EVENT_RATE", "", True)
        assert serving.info(error) == {"limit": "4"}
        assert 0 < retry_seconds(error) < 1

        async def is_let_in() -> bool:
            return await outcome(caller.track(event())) == "OK"

        await waiting.until(is_let_in)
        assert 6 <= len(await serving.stored(database, caller)) <= 5 + 4 * (time.monotonic() - begun) + 1


@pytest.mark.usefixtures("patient_rates")
async def test_a_call_may_overdraw_its_rate_and_waits_for_it(accounts: Accounts, served: Served) -> None:
    async with served() as channel:
        caller = serving.through(await limited(accounts, events_per_second=1, burst_events=5), channel)
        begun = time.monotonic()
        assert len((await caller.track_all(batch_of(65))).results) == 65
        error = await refused(caller.track(event()))
        assert serving.refusal(error).reason == "EVENT_RATE"
        assert 60 - (time.monotonic() - begun) < retry_seconds(error) <= 61  # 60 events of debt


@pytest.mark.usefixtures("patient_rates")
async def test_servers_share_a_rate(accounts: Accounts, served: Served) -> None:
    caller = await limited(accounts, events_per_second=1, burst_events=20)
    async with served() as one, served() as other:
        begun = time.monotonic()
        answers = []
        for _ in range(25):
            answers += [await outcome(serving.through(caller, way).track(event())) for way in (one, other)]
        let_in = answers.count("OK")
        assert set(answers) == {"OK", RATE}
        assert 20 <= let_in <= 20 + 1 * (time.monotonic() - begun) + 1


async def test_without_redis_a_server_grants_its_share(accounts: Accounts, served: Served) -> None:
    caller = await limited(accounts, events_per_second=1, burst_events=20)
    async with served(redis_url=SecretStr("redis://127.0.0.1:1/0"), rate_share=0.5) as channel:
        begun = time.monotonic()
        answers = [await outcome(serving.through(caller, channel).track(event())) for _ in range(40)]
        let_in = answers.count("OK")
        assert set(answers) == {"OK", RATE}
        assert 10 <= let_in <= 10 + 0.5 * (time.monotonic() - begun) + 1


@pytest.mark.usefixtures("patient_rates")
async def test_a_stream_is_slowed_down_to_its_rate(accounts: Accounts, served: Served) -> None:
    async with served() as channel:
        caller = serving.through(await limited(accounts, events_per_second=50, burst_events=10), channel)
        call, begun = caller.stream(), time.monotonic()
        for sequence in range(1, 6):
            await call.write(serving.batch(sequence, batch_of(10)))
        await call.done_writing()
        acks = await serving.rest(call)
        assert [ack.sequence for ack in acks] == [1, 2, 3, 4, 5]
        assert time.monotonic() - begun > 0.5  # 30 events and more beyond the burst


@pytest.mark.usefixtures("patient_rates")
async def test_a_stream_that_would_wait_long_is_refused(accounts: Accounts, served: Served, database: Database) -> None:
    async with served() as channel:
        caller = serving.through(await limited(accounts, events_per_second=1, burst_events=10), channel)
        call = caller.stream()
        for sequence in range(1, 4):
            await call.write(serving.batch(sequence, batch_of(100)))
        ack = await serving.read_ack(call)
        assert ack.sequence == 1
        error = await refused(serving.read_ack(call))
        assert serving.refusal(error) == ("RESOURCE_EXHAUSTED", "EVENT_RATE", "", True)
        assert serving.last_acked(error) == 1
    assert len(await serving.stored(database, caller)) == 100


# Quotas


async def test_a_quota_is_never_exceeded_and_refuses_whole_calls(accounts: Accounts, database: Database) -> None:
    caller = await limited(accounts, monthly_events=10)
    first = batch_of(8)
    await caller.track_all(first)
    error = await refused(caller.track_all(batch_of(3)))
    assert serving.refusal(error) == ("RESOURCE_EXHAUSTED", "EVENT_QUOTA", "", False)
    reported = serving.info(error)
    assert (reported["limit"], reported["left"]) == ("10", "2")
    assert reported["resets_at"].endswith("-01T00:00:00Z")
    assert violations(error) == [(f"organization:{caller.organization_id}", error.details())]
    assert set(serving.statuses((await caller.track_all(first)).results)) == {"DUPLICATE"}
    assert await outcome(caller.track_all(batch_of(2))) == "OK"
    assert await outcome(caller.track(event())) == QUOTA
    assert set(serving.statuses((await caller.track_all(first)).results)) == {"DUPLICATE"}
    assert len(await serving.stored(database, caller)) == 10


def violations(error: grpc.aio.AioRpcError) -> list[tuple[str, str]]:
    (details,) = (value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin")
    failure = error_details_pb2.QuotaFailure()
    for one in status_pb2.Status.FromString(details).details:
        if one.Unpack(failure):
            return [(violation.subject, violation.description) for violation in failure.violations]
    return []


async def test_calls_that_share_a_transaction_are_held_to_the_quota_one_by_one(
    accounts: Accounts, served: Served, database: Database
) -> None:
    caller = await limited(accounts, monthly_events=10)
    async with served() as channel:
        ways = (caller, serving.through(caller, channel))
        answers = await asyncio.gather(*(outcome(ways[number % 2].track(event())) for number in range(40)))
    assert sorted(answers) == ["OK"] * 10 + [QUOTA] * 30
    assert len(await serving.stored(database, caller)) == 10


async def test_a_quota_begins_anew_with_the_month(accounts: Accounts, database: Database) -> None:
    caller = await limited(accounts, monthly_events=10)
    await caller.track_all(batch_of(10))
    async with database.transaction(of=EVERY) as driver:
        await driver.execute(
            f"UPDATE revisions SET revised_at = {worlds.moved('revised_at', '-32 days')} WHERE organization_id = $1",
            caller.organization_id,
        )
    await caller.track_all(batch_of(10))
    assert await outcome(caller.track(event())) == QUOTA
    assert len(await serving.stored(database, caller)) == 20


async def test_a_quota_that_is_raised_holds_without_a_restart(
    accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "_FRESH_SECONDS", 0.0)
    caller = await limited(accounts, monthly_events=1)
    assert [await outcome(caller.track(event())) for _ in range(2)] == ["OK", QUOTA]
    await administration.change_settings(database, caller.name, {"monthly_events": 2})
    assert [await outcome(caller.track(event())) for _ in range(2)] == ["OK", QUOTA]
    await administration.change_settings(database, caller.name, {"monthly_events": 0})
    assert [await outcome(caller.track(event())) for _ in range(2)] == ["OK", "OK"]


@pytest.mark.usefixtures("patient_rates")
async def test_a_spent_quota_is_reported_before_the_rate(accounts: Accounts, served: Served) -> None:
    async with served() as channel:
        caller = serving.through(
            await limited(accounts, monthly_events=2, events_per_second=1, burst_events=3), channel
        )
        answers = [await outcome(caller.track(event())) for _ in range(6)]
    assert answers[:3] == ["OK", "OK", QUOTA]
    assert set(answers[3:]) == {QUOTA}


# What the server can bear


async def test_one_organization_cannot_fill_the_server_with_bytes(
    accounts: Accounts, caller: Caller, other: Caller, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, caller)
    async with served(max_inflight_mib=0.004) as channel:  # about 4,000 bytes, 1,000 of one organization
        mine, theirs = serving.through(caller, channel), serving.through(other, channel)
        under_way = asyncio.create_task(outcome(mine.track(event(properties={"text": "x" * 800}))))
        await waiting.until(lambda: held.begun == 1)
        assert await outcome(mine.track(event(properties={"text": "x" * 800}))) == OVERLOADED
        assert await outcome(theirs.track(event(properties={"text": "x" * 800}))) == "OK"
        held.go_on.set()
        assert await under_way == "OK"
        assert await outcome(mine.track(event())) == "OK"


async def test_a_queue_that_stands_takes_no_more_and_keeps_nobody_else_waiting(
    caller: Caller, other: Caller, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, organization = Held(monkeypatch, caller), caller.organization_id
    async with (
        serving.running(settings, max_queue_seconds=PATIENCE) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        mine, theirs = serving.through(caller, channel), serving.through(other, channel)
        calls = [asyncio.create_task(outcome(mine.track(event())))]
        await waiting.until(lambda: held.begun == 1)
        # Two more wait for their transaction to begin.
        calls += [asyncio.create_task(outcome(mine.track(event()))) for _ in range(2)]
        scheduler, admission = server._ingest._scheduler, server._admission
        await waiting.until(lambda: len(scheduler.get(organization).waiting) == 2)  # type: ignore[union-attr]
        assert held.begun == 1
        admission._bounds = dataclasses.replace(admission._bounds, queue_seconds=0.2)
        await waiting.until(lambda: server._ingest.expected_wait(organization) > 0.2)
        assert await outcome(mine.track(event())) == OVERLOADED
        assert await outcome(theirs.track(event())) == "OK"
        held.go_on.set()
        assert await asyncio.gather(*calls) == ["OK"] * 3
        assert await outcome(mine.track(event())) == "OK"
    assert len(await serving.stored(database, caller)) == 4


async def test_a_server_that_is_pressed_refuses_before_it_reads(
    caller: Caller, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pressure, "lag", 90.0)
    async with served() as channel:
        pressed = serving.through(caller, channel)
        assert await outcome(pressed.track(event())) == OVERLOADED
        assert await outcome(pressed.raw(serving.TRACK_EVENT, b"\xff" * 20)) == OVERLOADED  # not MALFORMED_MESSAGE
        assert await outcome(pressed.overview(serving.today())) == OVERLOADED
        assert (
            await outcome(pressed.raw(serving.TRACK_EVENT, b"", metadata=())) == "UNAUTHENTICATED CREDENTIALS_MISSING"
        )
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_refusal_does_not_wait_for_the_request(
    caller: Caller, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served() as channel:
        assert await outcome(serving.through(caller, channel).track(event())) == "OK"  # the key is known from now on
        monkeypatch.setattr(Pressure, "lag", 90.0)
        call = channel.stream_unary(serving.TRACK_EVENT)(metadata=caller.metadata, timeout=20)
        try:
            error = await refused(call)  # nothing is ever written
            assert serving.refusal(error) == ("UNAVAILABLE", "OVERLOADED", "", True)
            assert 1 <= retry_seconds(error) <= 2
        finally:
            call.cancel()


async def test_pressure_is_a_loop_that_is_late_again_and_again() -> None:
    pressure = Pressure(Shortage(0))
    pressure.start()
    try:
        time.sleep(0.4)  # noqa: ASYNC251 - the case
        await asyncio.sleep(0.25)
        assert pressure.lag < 0.2
        for _ in range(4):
            time.sleep(0.3)  # noqa: ASYNC251 - the case
            await asyncio.sleep(0.001)
        assert pressure.lag > 0.15
        assert pressure.resident_bytes > 10 * 2**20
    finally:
        await pressure.close()


# Questions and the database


async def test_one_organization_cannot_take_every_question(
    caller: Caller, other: Caller, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldQuestions(monkeypatch, caller)
    async with served(max_queries_per_organization=1, query_connections=4) as channel:
        mine, theirs = serving.through(caller, channel), serving.through(other, channel)
        first = asyncio.create_task(outcome(mine.overview(serving.today())))
        await waiting.until(lambda: held.begun)
        assert await outcome(mine.overview(serving.today())) == QUERIES
        assert await outcome(theirs.overview(serving.today())) == "OK"
        held.go_on.set()
        assert await first == "OK"


async def test_a_question_does_not_wait_long_for_a_connection(
    caller: Caller, other: Caller, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldQuestions(monkeypatch, caller)
    async with served(query_connections=1) as channel:
        first = asyncio.create_task(outcome(serving.through(caller, channel).overview(serving.today())))
        await waiting.until(lambda: held.begun)
        monkeypatch.setattr(query_slots, "PATIENCE", 0.2)
        theirs = serving.through(other, channel)
        assert await outcome(theirs.overview(serving.today())) == BUSY
        assert await outcome(theirs.track(event())) == "OK"  # ingest has a pool of its own
        held.go_on.set()
        assert await first == "OK"


async def test_waiting_for_a_pool_ends_after_a_second(settings: Settings) -> None:
    database = Database(settings.required("database_url"), ingest_connections=1, query_connections=1)
    try:
        for borrowed in (database.ingest, database.snapshot):
            async with borrowed(of=EVERY):
                begun = time.monotonic()
                assert isinstance(await _failure(borrowed), errors.StorageBusy)
                assert time.monotonic() - begun > 0.9
    finally:
        await database.close()


async def _failure(borrowed: Callable[[], contextlib.AbstractAsyncContextManager[Any]]) -> Exception | None:
    try:
        async with borrowed(of=EVERY):
            return None
    except errors.StorageUnavailable as error:
        return error
