"""What gets out of a server in errors and logs: never a key, a value of a tenant's or words of the database."""

import asyncio
import contextlib
import os
import pathlib
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf import struct_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from server.app import Running
from server.local import embedded
from server.settings import Settings
from server.store import isolation
from tallywire.v1 import event_pb2, metrics_service_pb2
from tests.support import children, serving
from tests.support.serving import Accounts, Caller, refused

PLANTED = "hunter2-of-the-tenant"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


async def provoked(caller: Caller, engines: embedded.Engines) -> list[grpc.aio.AioRpcError]:
    """The errors of a server to which much goes wrong at once."""
    poison = serving.event(
        "poison.pill", agent_id=PLANTED, user_id=f"{PLANTED}@example.org", properties=struct_pb2.Struct()
    )
    poison.properties.update({"note": PLANTED, "password": PLANTED})
    in_a_field = metrics_service_pb2.GetAgentMetricsRequest(agent_id=caller.key.secret, time_range=serving.today())
    found = [
        await refused(caller.raw(serving.TRACK_EVENT, PLANTED.encode())),
        await refused(caller.raw(serving.TRACK_EVENT, b"", metadata=(("authorization", f"Bearer {PLANTED}"),))),
        await refused(caller.ask("GetAgentMetrics", in_a_field)),
        await refused(caller.track(serving.event(event_id=f"{PLANTED} with a space"))),
        await refused(caller.track(serving.event(message=event_pb2.MessageDetail(model=PLANTED * 20)))),
        await refused(caller.track(poison)),
    ]
    async with damaged(engines, caller):
        found.append(await refused(caller.overview(serving.today(), agent_id=PLANTED)))
    batch = await caller.track_all([poison, serving.event()])
    assert serving.statuses(batch.results) == ["INVALID_VALUE", "ACCEPTED"]
    assert PLANTED not in str(batch)
    return found


@contextlib.asynccontextmanager
async def own(engines: embedded.Engines) -> AsyncIterator[Any]:
    """A connection of the service's own role."""
    connection = await asyncpg.connect(
        engines.database_url.replace("+asyncpg", ""), server_settings={isolation.SETTING: isolation.EVERY.value}
    )
    try:
        yield connection
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def poisoned(engines: embedded.Engines) -> AsyncIterator[None]:
    """The database refuses events of the type poison.pill, and says so with all of their values."""
    async with own(engines) as connection:
        await connection.execute(
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'Failing row contains %', NEW USING ERRCODE = '22023'; END $$"
        )
        await connection.execute(
            "CREATE TRIGGER poison BEFORE INSERT ON events FOR EACH ROW"
            " WHEN (NEW.event_type = 'poison.pill') EXECUTE FUNCTION poison()"
        )
        try:
            yield
        finally:
            await connection.execute("DROP FUNCTION poison CASCADE")


@contextlib.asynccontextmanager
async def damaged(engines: embedded.Engines, caller: Caller) -> AsyncIterator[None]:
    """A figure of the organization's is stored as something that is no figure."""
    async with own(engines) as connection:
        await connection.execute(
            "INSERT INTO deltas (organization_id, dimension, value, bucket, revision, created_at, counter_keys,"
            " counter_amounts, set_keys, sets) VALUES ($1, 1, $2, $3, 1, now(), '{}', '{}', '{32}', $4)",
            caller.organization_id,
            PLANTED,
            int(time.time()) // 900,
            [PLANTED.encode()],
        )
        try:
            yield
        finally:
            await connection.execute("DELETE FROM deltas WHERE organization_id = $1", caller.organization_id)


@contextlib.asynccontextmanager
async def started(environment: dict[str, str], log: pathlib.Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A server in a process of its own."""
    with log.open("wb") as file:
        command = sys.executable, "-m", "server", "serve"
        async with children.child(*command, env=environment, stdout=file, stderr=file) as process:
            yield process


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_no_error_and_no_log_tells_a_secret(
    frail_engines: embedded.Engines,
    frail: tuple[Running, Accounts],
    settings: Settings,
    tmp_path: pathlib.Path,
    log_format: str,
) -> None:
    port, log = free_port(), tmp_path / "log"
    environment = {
        **os.environ,
        "DATABASE_URL": frail_engines.database_url,
        "REDIS_URL": frail_engines.redis_url,
        "TALLYWIRE_KEY_PEPPER": settings.required("key_pepper"),
        "TALLYWIRE_LISTEN": f"127.0.0.1:{port}",
        "TALLYWIRE_LOG_LEVEL": "DEBUG",
        "TALLYWIRE_LOG_FORMAT": log_format,
    }
    caller = await frail[1].caller()
    async with poisoned(frail_engines), started(environment, log) as process:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            ready = health_pb2_grpc.HealthStub(channel).Check
            await ready(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=20)
            found = await provoked(serving.through(caller, channel), frail_engines)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            assert await process.wait() == 0
    logged = log.read_text()
    for expected in ("call failed", "the database refused an event", "stopped"):
        assert expected in logged
    assert [serving.refusal(error).reason for error in found] == [
        "MALFORMED_MESSAGE",
        "CREDENTIALS_INVALID",
        "AGENT_NOT_FOUND",
        "INVALID_CHARACTER",
        "FIELD_TOO_LONG",
        "INVALID_VALUE",
        "INTERNAL",
    ]
    reported = logged + "".join(repr(error) + repr(error.trailing_metadata()) for error in found)
    password = frail_engines.database_url.partition("://")[2].partition("@")[0].partition(":")[2]
    assert password
    for secret in (PLANTED, caller.key.secret, settings.required("key_pepper"), password, "Failing row", "SELECT"):
        assert secret not in reported
    for error in found:
        assert "Traceback" not in repr(error)


def test_settings_print_no_secret(settings: Settings) -> None:
    reported = repr(settings) + str(settings) + settings.model_dump_json()
    for name in ("key_pepper", "database_url", "redis_url"):
        assert settings.required(name) not in reported
