"""Rows of the table of bad inputs about where webhooks may go, and about what is sent there."""

import dataclasses
from typing import Any

from server.delivery.reachable import AddressGuard
from server.tenancy.principal import Scope
from tallywire.v1 import delivery_service_pb2, delivery_service_pb2_grpc
from tests.support.bad_inputs import World, outcome, row

_BECAUSE = "whatever a URL cannot be is INVALID_VALUE, and the message says what is wrong"
_INVALID = "INVALID_ARGUMENT INVALID_VALUE destination.webhook.url"
_URLS = {
    "H-003": ["not a url"],
    "H-005": ["ftp://x/"],
    "H-006": ["file:///etc/passwd"],
    "H-007": ["gopher://x:6379/_FLUSHALL"],
    "H-009": ["//x/"],
    "H-012": ["https://good.com@127.0.0.1/"],
    "H-013": ["https://127.0.0.1#@good.com/"],
    "H-015": ["https://example.org/\r\nHost: x", "https://example.org/\n"],
    "H-017": [f"https://example.org:{port}/" for port in (22, 25, 6379, 5432)],
    "H-018": ["https://example.org:0/", "https://example.org:65536/"],
    "H-019": ["https://127.0.0.1/"],
    "H-020": ["https://127.1/"],
    "H-021": ["https://2130706433/"],
    "H-022": ["https://0x7f.1/"],
    "H-023": ["https://0177.0.0.1/"],
    "H-024": ["https://①②⑦.⓪.⓪.①/"],
    "H-025": ["https://0.0.0.0/"],
    "H-026": ["https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/"],
    "H-027": ["https://169.254.169.254/"],
    "H-028": ["https://metadata.google.internal/"],
    "H-032": ["https://[::1]/"],
    "H-033": ["https://[::]/"],
    "H-037": ["https://[2002:7f00:1::]/"],
    "H-041": ["https://localhost/", "https://localhost./", "https://a.localhost/"],
}


async def ask(world: World, rpc: str, **fields: Any) -> Any:
    """Calls an RPC of DeliveryService as somebody who may do everything, where nothing but the internet is allowed."""
    kept = world.server.services.deliveries._destinations
    world.monkeypatch.setattr(kept, "reach", dataclasses.replace(kept.reach, guard=AddressGuard()))
    admin = await world.accounts.another(world.caller, scopes=(Scope.ADMIN,))
    stub = delivery_service_pb2_grpc.DeliveryServiceStub(admin.channel)
    request = getattr(delivery_service_pb2, f"{rpc}Request")(**fields)
    return await getattr(stub, rpc)(request, metadata=admin.metadata, timeout=20)


async def made(world: World, url: str = "https://example.org/hooks") -> Any:
    """Makes a webhook."""
    return await ask(world, "CreateDestination", destination={"name": "Hook", "webhook": {"url": url}})


def _refused(urls: list[str]) -> Any:
    async def run(world: World) -> str:
        (found,) = {await outcome(made(world, url)) for url in urls}
        return found

    return run


for _id, _urls in _URLS.items():
    row(_id, _INVALID, because=_BECAUSE)(_refused(_urls))


@row("H-001", "INVALID_ARGUMENT REQUIRED_FIELD destination.webhook.url")
async def _(world: World) -> str:
    return await outcome(made(world, ""))


@row("H-002", "INVALID_ARGUMENT FIELD_TOO_LONG destination.webhook.url")
async def _(world: World) -> str:
    return await outcome(made(world, f"https://example.org/{'a' * 2029}"))


@row("H-064", "RESOURCE_EXHAUSTED DESTINATION_LIMIT", because="an organization may have 100 destinations of all kinds")
async def _(world: World) -> str:
    for _ in range(100):
        await made(world)
    return await outcome(made(world))


@row("H-065", "RESOURCE_EXHAUSTED+RetryInfo TEST_RATE")
async def _(world: World) -> str:
    destination_id = (await made(world)).destination.destination_id
    for _ in range(30):
        await ask(world, "TestDestination", destination_id=destination_id)
    return await outcome(ask(world, "TestDestination", destination_id=destination_id))


@row("H-066", "OK", because="not even a part of a secret is shown again")
async def _(world: World) -> str:
    answer = await made(world)
    found = await ask(world, "GetDestination", destination_id=answer.destination.destination_id)
    assert answer.secret.removeprefix("whsec_")[-4:] not in str(found)
    return "OK"
