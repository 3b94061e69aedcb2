"""Rows of the table of bad inputs about people who are erased or exported."""

from typing import Any

from server.tenancy.principal import Scope
from tallywire.v1 import privacy_service_pb2, privacy_service_pb2_grpc
from tests.support.bad_inputs import World, outcome, row


async def ask(world: World, rpc: str, **fields: Any) -> Any:
    """Calls an RPC of PrivacyService as somebody who may do everything."""
    admin = await world.accounts.another(world.caller, scopes=(Scope.ADMIN,))
    stub = privacy_service_pb2_grpc.PrivacyServiceStub(admin.channel)
    request = getattr(privacy_service_pb2, f"{rpc}Request")(**fields)
    call = getattr(stub, rpc)(request, metadata=admin.metadata, timeout=20)
    return [one async for one in call] if rpc == "ExportUser" else await call


@row("P-001", "INVALID_ARGUMENT REQUIRED_FIELD user_id")
async def _(world: World) -> str:
    return await outcome(ask(world, "EraseUser"))


@row("P-002", "INVALID_ARGUMENT FIELD_TOO_LONG user_id")
async def _(world: World) -> str:
    return await outcome(ask(world, "EraseUser", user_id="a" * 257))


@row("P-003", "INVALID_ARGUMENT INVALID_CHARACTER user_id")
async def _(world: World) -> str:
    return await outcome(ask(world, "EraseUser", user_id="\x1e_erased:AAAA"))


@row("P-004", "INVALID_ARGUMENT PLACEHOLDER_ID user_id")
async def _(world: World) -> str:
    return await outcome(ask(world, "EraseUser", user_id="undefined"))


@row("P-005", "INVALID_ARGUMENT INVALID_VALUE request_id")
async def _(world: World) -> str:
    return await outcome(ask(world, "EraseUser", user_id="ann-7", request_id="erase-ANN-7"))


@row("P-006", "INVALID_ARGUMENT FIELD_TOO_LONG request_id")
async def _(world: World) -> str:
    return await outcome(ask(world, "EraseUser", user_id="ann-7", request_id="r" * 129))


@row("P-007", "INVALID_ARGUMENT INVALID_CHARACTER request_id")
async def _(world: World) -> str:
    return await outcome(ask(world, "EraseUser", user_id="ann-7", request_id="my ticket"))


@row("P-008", "NOT_FOUND ERASURE_NOT_FOUND erasure_id")
async def _(world: World) -> str:
    return await outcome(ask(world, "GetErasure"))


@row("P-009", "NOT_FOUND ERASURE_NOT_FOUND erasure_id")
async def _(world: World) -> str:
    return await outcome(ask(world, "GetErasure", erasure_id="'; DROP TABLE erased_users; --"))


@row("P-010", "INVALID_ARGUMENT REQUIRED_FIELD user_id")
async def _(world: World) -> str:
    return await outcome(ask(world, "ExportUser"))


@row("P-011", "OK")
async def _(world: World) -> str:
    (answer,) = await ask(world, "ExportUser", user_id="nobody")
    assert [line.startswith('{"kind":"counts"') for line in answer.lines] == [True]
    return "OK"
