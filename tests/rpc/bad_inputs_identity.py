"""Rows about who calls."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc

from server.organizations.organization import OrganizationState
from server.tenancy import administration, api_keys, authentication
from server.tenancy.principal import Scope
from tallywire.v1 import metrics_service_pb2
from tests.support import serving, wire
from tests.support.bad_inputs import World, outcome, row
from tests.support.serving import Caller

INVALID = "UNAUTHENTICATED CREDENTIALS_INVALID"
MISSING = "UNAUTHENTICATED CREDENTIALS_MISSING"


async def _track(world: World, caller: Caller, **options: Any) -> str:
    """What comes back of an event, sent with whatever metadata."""
    body = serving.body()
    return await outcome(caller.raw(serving.TRACK_EVENT, body, **options))


async def _with_credential(world: World, *credentials: str) -> str:
    metadata = tuple(("authorization", credential) for credential in credentials)
    return await _track(world, world.caller, metadata=metadata)


@row("I-001", MISSING)
async def _(world: World) -> str:
    return await _with_credential(world)


@row("I-002", MISSING)
async def _(world: World) -> str:
    for credential in ("Bearer", "Bearer ", "Basic abc", world.caller.key.secret):
        assert await _with_credential(world, credential) == MISSING
    return await _with_credential(world, "")


@row("I-007", INVALID)
async def _(world: World) -> str:
    secret = world.caller.key.secret
    return await _with_credential(world, f"Bearer {secret[:-43]}{secret[-43:].swapcase()}")


@row("I-009", INVALID)
async def _(world: World) -> str:
    return await _with_credential(world, f"Bearer {world.caller.key.secret}x")


@row("I-010", "UNAUTHENTICATED")
async def _(world: World) -> str:
    # By hand: no client library sends a line feed in a header.
    body = serving.body()
    async with wire.connected(world.server.address) as connection:
        connection.headers(1, wire.request(serving.TRACK_EVENT, secret=f"{world.caller.key.secret}\n"))
        connection.data(1, wire.message(body), end=True)
        return await connection.answer()


@row("I-013", INVALID)
async def _(world: World) -> str:
    return await _with_credential(world, "Bearer ' OR 1=1--")


def _forget_soon(world: World) -> None:
    """Makes servers ask for keys again after a moment; that they do within 10 seconds is shown in test_security."""
    world.monkeypatch.setattr(authentication, "_FRESH_SECONDS", 0.2)


async def _refused_soon(world: World, caller: Caller) -> str:
    """What comes back once the server has asked for the key again."""
    await asyncio.sleep(0.3)
    return await _track(world, caller)


@row("I-014", INVALID, keeps=1)
async def _(world: World) -> str:
    _forget_soon(world)
    assert await _track(world, world.caller) == "OK"
    await api_keys.revoke_key(world.accounts.database, world.caller.key.key_id)
    return await _refused_soon(world, world.caller)


@row("I-015", INVALID)
async def _(world: World) -> str:
    expired = await world.accounts.another(world.caller, expires_at=serving.now() - timedelta(seconds=1))
    return await _track(world, expired)


@row("I-016", INVALID, keeps=1)
async def _(world: World) -> str:
    _forget_soon(world)
    assert await _track(world, world.caller) == "OK"
    await administration.set_state(world.accounts.database, world.caller.name, OrganizationState.REVOKED)
    return await _refused_soon(world, world.caller)


@row("I-017", "FAILED_PRECONDITION TENANT_SUSPENDED", keeps=2)
async def _(world: World) -> str:
    _forget_soon(world)
    assert await _track(world, world.caller) == "OK"
    await administration.set_state(world.accounts.database, world.caller.name, OrganizationState.SUSPENDED)
    answer = await _refused_soon(world, world.caller)
    await administration.set_state(world.accounts.database, world.caller.name, OrganizationState.ACTIVE)
    assert await _refused_soon(world, world.caller) == "OK"
    return answer


@row("I-019", "PERMISSION_DENIED SCOPE_MISSING")
async def _(world: World) -> str:
    writer = await world.accounts.another(world.caller, scopes=[Scope.INGEST])
    reader = await world.accounts.another(world.caller, scopes=[Scope.READ])
    assert await _track(world, reader) == "PERMISSION_DENIED SCOPE_MISSING"
    error = await serving.refused(writer.overview(serving.today()))
    assert serving.info(error) == {"scope": "read"}
    return await outcome(writer.overview(serving.today()))


@row("I-023", "UNAUTHENTICATED AMBIGUOUS_CREDENTIALS")
async def _(world: World) -> str:
    return await _with_credential(world, f"Bearer {world.caller.key.secret}", "Bearer eyJhbGciOiJub25lIn0.e30.")


@row("I-025", MISSING)
async def _(world: World) -> str:
    # That no field is ever logged is shown in test_security.
    request = metrics_service_pb2.GetAgentMetricsRequest(agent_id=world.caller.key.secret, time_range=serving.today())
    return await outcome(
        world.caller.raw("/tallywire.v1.MetricsService/GetAgentMetrics", request.SerializeToString(), metadata=())
    )


@row("I-026", "OK", keeps=2)
async def _(world: World) -> str:
    old = await world.accounts.another(world.caller, expires_at=serving.now() + timedelta(seconds=60))
    assert await _track(world, world.caller) == "OK"
    return await _track(world, old)


@row("I-027", INVALID, keeps=2)
async def _(world: World) -> str:
    # Within the time for which the server remembers a key: it remembers when the key expires, too.
    old = await world.accounts.another(world.caller, expires_at=serving.now() + timedelta(seconds=0.5))
    assert await _track(world, old) == "OK"
    await asyncio.sleep(0.6)
    assert await _track(world, world.caller) == "OK"
    return await _track(world, old)


@row("I-028", "RESOURCE_EXHAUSTED+RetryInfo AUTH_RATE_LIMIT", keeps=1)
async def _(world: World) -> str:
    # 150 for 1,000, on a server of its own. Addresses are told apart: see test_security.
    async with serving.running(world.settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        known, unknown = channel.unary_unary(serving.TRACK_EVENT), channel.unary_unary(serving.TRACK_EVENT)
        body = serving.body()
        await known(body, metadata=world.caller.metadata, timeout=5)
        answers = []
        for number in range(150):
            key = f"tw_{'a' * 16}_{number:043}"
            answers.append(await outcome(unknown(body, metadata=(("authorization", f"Bearer {key}"),), timeout=5)))
        assert answers == [INVALID] * 100 + ["RESOURCE_EXHAUSTED+RetryInfo AUTH_RATE_LIMIT"] * 50
        await known(body, metadata=world.caller.metadata, timeout=5)
        return answers[-1]


@row("I-077", "OK", keeps=1)
async def _(world: World) -> str:
    foreign = (("x-tenant-id", str(world.other.organization_id)), ("x-organization-id", world.other.name))
    answer = await _track(world, world.caller, metadata=(*world.caller.metadata, *foreign))
    assert await serving.stored(world.accounts.database, world.other) == []
    return answer


@row("I-080", "NOT_FOUND AGENT_NOT_FOUND agent_id", because="the table says only that it must be as for an unknown one")
async def _(world: World) -> str:
    await world.other.track(serving.event(agent_id="theirs"))
    theirs = await serving.refused(world.caller.agent("theirs", serving.today()))
    nobodys = await serving.refused(world.caller.agent("nobodys", serving.today()))
    assert (theirs.details(), serving.info(theirs)) == (nobodys.details(), serving.info(nobodys))
    return await outcome(world.caller.agent("theirs", serving.today()))


@row("I-088", "OK", keeps=1)
async def _(world: World) -> str:
    event = serving.event()
    first, second = await world.other.track(event), await world.caller.track(event)
    assert serving.statuses([first.result, second.result]) == ["ACCEPTED", "ACCEPTED"]
    return "OK"


@row("I-089", "OK")
async def _(world: World) -> str:
    await world.other.track(serving.event(agent_id="theirs"))
    theirs = (await world.other.overview(serving.today(), agent_id="theirs")).overview
    ours = (await world.caller.overview(serving.today(), agent_id="theirs")).overview
    assert (theirs.events, ours.events) == (1, 0)
    assert ours.HasField("events")
    return "OK"
