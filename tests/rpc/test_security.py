"""Who gets in, over what, and what gets out: never more than a status of ours."""

import asyncio
import pathlib
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import SecretStr, ValidationError

from server import errors
from server import settings as settings_module
from server.app import Running
from server.clock import Clock
from server.local import embedded
from server.organizations.organization import OrganizationState
from server.rpc import services
from server.settings import Settings
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration, api_keys
from server.tenancy.authentication import Authenticator
from server.tenancy.principal import Scope
from tallywire.v1 import realtime_service_pb2, realtime_service_pb2_grpc
from tests.support import serving
from tests.support.bad_inputs import outcome
from tests.support.certificates import Certificates, Pair
from tests.support.serving import Accounts, Caller, refused

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


# Transport


def credentials(authority: Pair | None, client: Pair | None = None) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        root_certificates=authority.certificate.read_bytes() if authority else None,
        private_key=client.key.read_bytes() if client else None,
        certificate_chain=client.certificate.read_bytes() if client else None,
    )


async def tried(address: str, caller: Caller, given: grpc.ChannelCredentials | None) -> str:
    """What comes of a call over a connection with these credentials."""
    target = f"localhost:{address.rpartition(':')[2]}"
    channel = grpc.aio.insecure_channel(target) if given is None else grpc.aio.secure_channel(target, given)
    async with channel:
        try:
            await serving.through(caller, channel).overview(serving.today())
        except grpc.aio.AioRpcError as error:
            return error.code().name
    return "OK"


async def test_over_tls_both_sides_must_speak_it_and_the_client_must_trust_the_authority(
    caller: Caller, tls_server: Running, certificate: Certificates
) -> None:
    address = tls_server.address
    assert await tried(address, caller, credentials(certificate.authority)) == "OK"
    assert await tried(address, caller, credentials(certificate.client)) == "UNAVAILABLE"
    assert await tried(address, caller, None) == "UNAVAILABLE"


async def test_over_mutual_tls_the_client_must_have_a_certificate_of_the_authority(
    caller: Caller, settings: Settings, certificate: Certificates
) -> None:
    async with serving.running(
        settings,
        tls_certificate=certificate.server.certificate,
        tls_key=certificate.server.key,
        tls_client_ca=certificate.authority.certificate,
    ) as server:
        known = credentials(certificate.authority, certificate.client)
        assert await tried(server.address, caller, known) == "OK"
        for client in (None, certificate.stranger):
            assert await tried(server.address, caller, credentials(certificate.authority, client)) == "UNAVAILABLE"


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "127.8.9.1:1", "[::1]:1", "localhost:1"])
def test_without_tls_loopback_is_served(listen: str) -> None:
    assert Settings(listen=listen).listen == listen


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1", "localhost.example.org:1", ":1"]
)
def test_without_tls_nothing_but_loopback_is_served_unless_reported(listen: str, certificate: Certificates) -> None:
    with pytest.raises(ValidationError, match="TALLYWIRE_ALLOW_PLAINTEXT"):
        Settings(listen=listen)
    assert Settings(listen=listen, allow_plaintext=True).allow_plaintext
    pair = {"tls_certificate": certificate.server.certificate, "tls_key": certificate.server.key}
    assert Settings(listen=listen, **pair).tls_key == certificate.server.key


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"LISTEN": "0.0.0.0:1"}, "TALLYWIRE_ALLOW_PLAINTEXT"),
        ({"TLS_KEY": "/k"}, "TALLYWIRE_TLS_CERTIFICATE and TALLYWIRE_TLS_KEY go together"),
        ({"TLS_CLIENT_CA": "/c"}, "TALLYWIRE_TLS_CLIENT_CA needs"),
        ({"KEY_PEPPER": "hunter2"}, "TALLYWIRE_KEY_PEPPER: must have at least 32 characters"),
    ],
)
def test_a_setting_that_is_wrong_is_one_line_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"TALLYWIRE_{name}", value)
    with pytest.raises(errors.SetupError) as refusal:
        settings_module.load()
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


async def test_a_certificate_that_is_not_there_is_said_by_its_variable(
    settings: Settings, tmp_path: pathlib.Path
) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(errors.SetupError, match="TALLYWIRE_TLS_KEY"):
        async with serving.running(settings, tls_certificate=missing, tls_key=missing):
            pass


@pytest.mark.usefixtures("database")
async def test_metrics_are_served_at_the_address_that_is_set(settings: Settings) -> None:
    with pytest.raises(errors.SetupError, match=r"cannot serve metrics on 192\.0\.2\.1:9464"):
        async with serving.running(settings, metrics_address="192.0.2.1", metrics_port=9464):
            pass


# Keys


@pytest.mark.parametrize("method", services.SCOPES)
@pytest.mark.parametrize("scope", Scope)
async def test_every_rpc_asks_for_its_scope(accounts: Accounts, method: str, scope: Scope) -> None:
    caller = await accounts.caller(scopes=[scope])
    call = caller.channel.stream_stream(method)(metadata=caller.metadata, timeout=10)
    try:
        await call.write(b"")
        await call.done_writing()
        await call.read()
        reason = "" if not call.done() else await reason_of(call)
    except grpc.aio.AioRpcError as error:
        reason = serving.refusal(error).reason
    finally:
        call.cancel()
    assert (reason == "SCOPE_MISSING") == (scope not in (services.SCOPES[method], Scope.ADMIN))
    assert reason not in ("INTERNAL", "CREDENTIALS_INVALID")


async def test_raw_events_need_a_scope_of_their_own(accounts: Accounts) -> None:
    reader = await accounts.caller(scopes=[Scope.READ])
    whole = await accounts.another(reader, scopes=[Scope.READ, Scope.EVENTS])
    admin = await accounts.another(reader, scopes=[Scope.ADMIN])
    only = await accounts.another(reader, scopes=[Scope.EVENTS])
    assert (await first_update(reader, include_events=False)).bookmark
    for caller in (whole, admin):
        assert (await first_update(caller, include_events=True)).bookmark
    error = await refused(first_update(reader, include_events=True))
    assert serving.refusal(error) == ("PERMISSION_DENIED", "SCOPE_MISSING", "include_events", False)
    assert serving.info(error)["scope"] == "events"
    error = await refused(first_update(only, include_events=True))
    assert serving.info(error)["scope"] == "read"


async def first_update(caller: Caller, *, include_events: bool) -> Any:
    """The first message of a subscription."""
    request = realtime_service_pb2.WatchUpdatesRequest(include_events=include_events)
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    call = stub.WatchUpdates(request, metadata=caller.metadata, timeout=20)
    try:
        return await call.read()
    finally:
        call.cancel()


@pytest.mark.parametrize("names", [["weight = 1, state"], ["state"], ["weight", "name"], []])
async def test_nothing_but_limits_is_set_as_a_limit(accounts: Accounts, caller: Caller, names: list[str]) -> None:
    with pytest.raises(ValueError, match="no settings that can be changed"):
        await administration.change_settings(accounts.database, caller.name, dict.fromkeys(names, 1))


async def test_a_scope_of_a_newer_version_is_no_fault(accounts: Accounts, caller: Caller) -> None:
    async with accounts.database.transaction(of=EVERY) as driver:
        await driver.execute("UPDATE api_keys SET scopes = scopes || '{reports}' WHERE key_id = $1", caller.key.key_id)
    await caller.track(serving.event())


async def reason_of(call: Any) -> str:
    code = await call.code()
    if code is grpc.StatusCode.OK:
        return ""
    trailing = await call.trailing_metadata()
    return serving.refusal(grpc.aio.AioRpcError(code, trailing, trailing, await call.details())).reason


async def test_a_revoked_key_is_refused_on_every_server_within_ten_seconds(
    accounts: Accounts, caller: Caller, settings: Settings
) -> None:
    async with serving.running(settings) as second, grpc.aio.insecure_channel(second.address) as channel:
        callers = (caller, serving.through(caller, channel))
        for one in callers:
            await one.track(serving.event())
        await api_keys.revoke_key(accounts.database, caller.key.key_id)
        revoked = time.monotonic()
        for one in callers:
            while (answer := await outcome(one.track(serving.event()))) == "OK":
                assert time.monotonic() - revoked < 10
                await asyncio.sleep(0.1)
            assert answer == "UNAUTHENTICATED CREDENTIALS_INVALID"
        assert time.monotonic() - revoked < 10


@pytest.mark.parametrize(
    ("state", "code", "reason"),
    [
        (OrganizationState.SUSPENDED, "FAILED_PRECONDITION", "TENANT_SUSPENDED"),
        (OrganizationState.REVOKED, "UNAUTHENTICATED", "CREDENTIALS_INVALID"),
    ],
)
async def test_an_organization_that_is_suspended_or_revoked_gets_nothing(
    accounts: Accounts, caller: Caller, state: OrganizationState, code: str, reason: str
) -> None:
    await administration.set_state(accounts.database, caller.name, state)
    call = caller.stream()
    for attempt in (caller.track(serving.event()), caller.overview(serving.today()), serving.read_ack(call)):
        assert serving.refusal(await refused(attempt)) == (code, reason, "", False)
    assert await serving.stored(accounts.database, caller) == []


async def test_what_is_stored_of_a_key_does_not_open_anything(accounts: Accounts, caller: Caller) -> None:
    async with accounts.database.transaction(of=EVERY) as driver:
        row = await driver.fetchrow("SELECT * FROM api_keys WHERE key_id = $1", caller.key.key_id)
    assert row is not None
    reported = " ".join(str(value) for value in row.values())
    assert caller.key.key_id in reported
    assert caller.key.secret not in reported
    assert caller.key.secret.split("_", 2)[2] not in reported  # whose own characters may be underscores


async def test_a_good_key_whose_organization_is_away_does_not_use_up_the_limit(
    accounts: Accounts, database: Database
) -> None:
    authenticator = Authenticator(database, accounts.secrets, Clock())
    caller = await accounts.caller()
    await administration.set_state(database, caller.name, OrganizationState.SUSPENDED)
    for _ in range(150):
        with pytest.raises(errors.Refused) as refusal:
            await authenticator.authenticate(caller.key.secret)
        assert refusal.value.reason is errors.Reason.TENANT_SUSPENDED


# Without a key


async def test_health_answers_without_a_key(server: Running) -> None:
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in services._NAMES:
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
            assert answer.status == SERVING
        error = await refused(stub.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=5))
        assert error.code() is grpc.StatusCode.NOT_FOUND


# Durability


async def administer(engines: embedded.Engines, *statements: str) -> None:
    connection = await asyncpg.connect(engines.admin_url.replace("+asyncpg", ""))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def until(channel: grpc.aio.Channel, status: int) -> None:
    """Waits until health checks say so."""
    stub = health_pb2_grpc.HealthStub(channel)
    for _ in range(200):
        if (await stub.Check(health_pb2.HealthCheckRequest())).status == status:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("health checks do not say so")


@pytest.fixture
async def weak(frail_engines: embedded.Engines) -> AsyncIterator[None]:
    """The frail database could lose what it has acknowledged."""
    await administer(frail_engines, "ALTER SYSTEM SET synchronous_commit = off", "SELECT pg_reload_conf()")
    yield
    await administer(frail_engines, "ALTER SYSTEM RESET synchronous_commit", "SELECT pg_reload_conf()")


async def test_nothing_is_taken_in_while_the_database_is_not_durable(
    frail_engines: embedded.Engines, frail: tuple[Running, Accounts]
) -> None:
    _, accounts = frail
    caller = await accounts.caller()
    await caller.track(serving.event())
    try:
        await administer(frail_engines, "ALTER SYSTEM SET synchronous_commit = off", "SELECT pg_reload_conf()")
        await until(caller.channel, NOT_SERVING)
        # An orchestrator that asks this way does not restart the server, which would be no help.
        process = health_pb2.HealthCheckRequest(service=services.PROCESS)
        assert (await health_pb2_grpc.HealthStub(caller.channel).Check(process)).status == SERVING
        expected = ("UNAVAILABLE", "DURABILITY_WEAK", "", True)
        assert serving.refusal(await refused(caller.track(serving.event()))) == expected
        call = caller.stream()
        await call.write(serving.batch(1, [serving.event()]))
        assert serving.refusal(await refused(serving.rest(call))) == expected
        assert (await caller.overview(serving.today())).overview.events == 1
    finally:
        await administer(frail_engines, "ALTER SYSTEM RESET synchronous_commit", "SELECT pg_reload_conf()")
    await until(caller.channel, SERVING)
    await caller.track(serving.event())
    assert (await caller.overview(serving.today())).overview.events == 2


@pytest.mark.usefixtures("weak")
async def test_a_server_does_not_start_on_a_database_that_is_not_durable(
    frail_engines: embedded.Engines, frail: tuple[Running, Accounts], settings: Settings
) -> None:
    urls = {"database_url": SecretStr(frail_engines.database_url), "redis_url": SecretStr(frail_engines.redis_url)}
    with pytest.raises(errors.SetupError, match="synchronous_commit = off"):
        async with serving.running(settings, **urls):
            pass
