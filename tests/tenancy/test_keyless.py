"""Whoever has no key cannot make a server hold much."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from server.app import Running
from server.rpc import keyless, services
from server.settings import Settings
from server.store.database import Database
from server.tenancy import api_keys
from server.tenancy.principal import Scope
from tests.support import serving, wire
from tests.support.serving import Accounts

LONG = "x" * 3_000_000


@pytest.fixture
async def channel(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[grpc.aio.Channel]:
    """A connection to a server with places for two subscriptions to health and two calls to reflection."""
    monkeypatch.setattr(keyless, "_MOST_WATCHES", 2)
    monkeypatch.setattr(keyless, "_MOST_TOOLS", 2)
    async with serving.running(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        yield channel


@pytest.mark.parametrize("method", services.SCOPES)
async def test_a_call_without_a_good_key_is_refused_before_its_request_is_there(
    accounts: Accounts, server: Running, method: str
) -> None:
    other = Scope.READ if services.SCOPES[method] is not Scope.READ else Scope.INGEST
    keys = {
        "": "UNAUTHENTICATED",
        api_keys.new_key().secret: "UNAUTHENTICATED",
        (await accounts.caller(scopes=[other])).key.secret: "PERMISSION_DENIED",
    }
    async with wire.connected(server.address) as connection:
        for number, (key, status) in enumerate(keys.items()):
            stream = 2 * number + 1
            connection.headers(stream, wire.request(method, secret=key))
            connection.data(stream, wire.message(LONG.encode())[:10_000])  # and no more
            assert await connection.answer(stream, seconds=30) == status


def watch(channel: grpc.aio.Channel, service: str = "") -> Any:
    return health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=service), timeout=30)


async def reflect(channel: grpc.aio.Channel, name: str = "") -> Any:
    call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(timeout=30)
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=name))
    return call


async def ending(call: Any) -> grpc.StatusCode:
    """The status of a call that says nothing else."""
    with pytest.raises(grpc.aio.AioRpcError):
        await call.read()
    return await call.code()


async def test_a_long_request_is_refused_and_not_held(channel: grpc.aio.Channel) -> None:
    check = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=LONG), timeout=30)
    assert (await serving.refused(check)).code() is grpc.StatusCode.INVALID_ARGUMENT
    for call in (watch(channel, LONG), await reflect(channel, LONG)):
        assert await ending(call) is grpc.StatusCode.INVALID_ARGUMENT


async def test_subscriptions_to_health_are_bounded_and_others_do_without(channel: grpc.aio.Channel) -> None:
    held = [watch(channel), watch(channel, "nobody")]
    assert (await held[0].read()).status == health_pb2.HealthCheckResponse.SERVING
    assert (await held[1].read()).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    assert await ending(watch(channel)) is grpc.StatusCode.UNIMPLEMENTED
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    held[0].cancel()
    async with asyncio.timeout(30):
        while not await serves(again := watch(channel)):
            pass
    again.cancel()
    held[1].cancel()


async def serves(call: Any) -> bool:
    """True where a subscription begins."""
    try:
        return (await call.read()).status == health_pb2.HealthCheckResponse.SERVING
    except grpc.aio.AioRpcError:
        return False


async def test_calls_to_reflection_are_bounded_and_end(
    channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [await reflect(channel) for _ in range(2)]
    for call in held:
        assert (await call.read()).list_services_response.service
    assert await ending(await reflect(channel)) is grpc.StatusCode.RESOURCE_EXHAUSTED
    await held[0].done_writing()
    assert await held[0].read() is grpc.aio.EOF
    monkeypatch.setattr(keyless, "_TOOL_SECONDS", 0.1)
    last = await reflect(channel)
    assert (await last.read()).list_services_response.service
    assert await ending(last) is grpc.StatusCode.DEADLINE_EXCEEDED
    held[1].cancel()
