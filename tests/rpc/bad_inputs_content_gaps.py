"""Rows of the table of bad inputs about content gaps."""

from typing import Any

from server.tenancy.principal import Scope
from tallywire.v1 import content_gap_pb2, directory_service_pb2_grpc
from tests.support.bad_inputs import World, outcome, row


async def ask(world: World, rpc: str, **fields: Any) -> Any:
    """Calls an RPC of DirectoryService as somebody who may do everything."""
    admin = await world.accounts.another(world.caller, scopes=(Scope.ADMIN,))
    stub = directory_service_pb2_grpc.DirectoryServiceStub(admin.channel)
    request = getattr(content_gap_pb2, f"{rpc}Request")(**fields)
    return await getattr(stub, rpc)(request, metadata=admin.metadata, timeout=20)


def _refused(id: str, expected: str, rpc: str, **fields: Any) -> None:  # noqa: A002 - the table's word
    """Registers a request that is refused."""

    @row(id, expected)
    async def run(world: World) -> str:
        return await outcome(ask(world, rpc, **fields))


_refused("G-001", "INVALID_ARGUMENT REQUIRED_FIELD topic", "GetContentGap")
_refused("G-002", "INVALID_ARGUMENT FIELD_TOO_LONG topic", "GetContentGap", topic="a" * 1_025)
_refused("G-003", "INVALID_ARGUMENT NUL_CHARACTER topic", "GetContentGap", topic="a\0b")
_refused("G-004", "NOT_FOUND CONTENT_GAP_NOT_FOUND topic", "GetContentGap", topic="'; DROP TABLE content_gaps; --")
_refused("G-005", "NOT_FOUND CONTENT_GAP_NOT_FOUND topic", "GetContentGap", topic="%")
_refused("G-006", "INVALID_ARGUMENT INVALID_ENUM status", "UpdateContentGap", topic="a", status=77)
_refused("G-007", "INVALID_ARGUMENT REQUIRED_FIELD status", "UpdateContentGap", topic="a")
_refused("G-008", "INVALID_ARGUMENT FIELD_TOO_LONG note", "UpdateContentGap", topic="a", note="é" * 513)
_refused("G-009", "INVALID_ARGUMENT INVALID_VALUE into_topic", "MergeContentGaps", topic="A-b", into_topic=" a B")
_refused("G-010", "INVALID_ARGUMENT REQUIRED_FIELD into_topic", "MergeContentGaps", topic="a")
_refused("G-011", "NOT_FOUND CONTENT_GAP_NOT_FOUND topic", "UndoContentGapMerge", topic="a")
_refused("G-012", "INVALID_ARGUMENT INVALID_ENUM order_by", "ListContentGaps", order_by=-1)


@row("G-013", "OK")
async def _(world: World) -> str:
    answer = await ask(world, "ListContentGaps", prefix="\\%_'", search="???")
    assert not answer.content_gaps
    return "OK"
