"""PrivacyService: erasing what is kept about a person, and handing it out."""

import contextlib
import time
from typing import Any, TypeAlias

import grpc

from server.errors import Reason, Refused
from server.privacy.erasures import Begun, Erasures
from server.privacy.export import UserExports
from server.rpc import gate
from server.rpc.endings import Lifetime
from server.rpc.questions import shared
from tallywire.v1 import privacy_service_pb2, privacy_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_WRITE_SECONDS = 20.0  # in which a caller has to read a message of an export


class PrivacyService(privacy_service_pb2_grpc.PrivacyServiceServicer):
    """The service that erases people of the caller's organization, and exports what is kept about them."""

    def __init__(self, erasures: Erasures, exports: UserExports) -> None:
        self._erasures = erasures
        self._exports = exports

    async def EraseUser(  # noqa: N802 - the name in the contract
        self, request: privacy_service_pb2.EraseUserRequest, context: _Context
    ) -> privacy_service_pb2.EraseUserResponse:
        """Begins to erase a person."""
        principal, by = gate.caller().principal, gate.actor(context)
        found = await self._erasures.begin(principal, request.user_id, request.request_id, by)
        return privacy_service_pb2.EraseUserResponse(erasure=self._erasure(found))

    async def GetErasure(  # noqa: N802 - the name in the contract
        self, request: privacy_service_pb2.GetErasureRequest, context: _Context
    ) -> privacy_service_pb2.GetErasureResponse:
        """Returns how far an erasure is."""
        found = await self._erasures.get(gate.caller().principal, request.erasure_id)
        return privacy_service_pb2.GetErasureResponse(erasure=self._erasure(found))

    # Responses are written to the context and not yielded, so that a client that does not read them can be told so.
    async def ExportUser(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: privacy_service_pb2.ExportUserRequest, context: _Context
    ) -> None:
        """Sends all that is kept about a person."""
        lifetime = Lifetime(context, 0)
        lines_of = self._exports.lines(gate.caller().principal, request.user_id, gate.actor(context))
        async with contextlib.aclosing(lines_of) as portions:
            async for lines in portions:
                lifetime.check()
                begun = time.monotonic()
                await context.write(privacy_service_pb2.ExportUserResponse(lines=lines))
                if time.monotonic() - begun > _WRITE_SECONDS:
                    raise Refused(Reason.SLOW_CONSUMER, "the messages are not being read")

    def _erasure(self, found: Begun) -> privacy_service_pb2.Erasure:
        message = privacy_service_pb2.Erasure(
            erasure_id=str(found.erasure_id),
            state=(
                privacy_service_pb2.ERASURE_STATE_RUNNING
                if found.erased_at is None
                else privacy_service_pb2.ERASURE_STATE_DONE
            ),
            progress=found.progress,
            requested_at=shared.instant(found.requested_at),
            request_id=found.request_id,
        )
        receipt = self._erasures.receipt(found)
        if receipt is not None and found.erased_at is not None:
            message.receipt.CopyFrom(
                privacy_service_pb2.ErasureReceipt(
                    user_digest=receipt.user_digest,
                    rows=[privacy_service_pb2.ErasedRows(table=name, rows=rows) for name, rows in receipt.rows.items()],
                    erased_at=shared.instant(found.erased_at),
                    revision=found.revision or 0,
                    exports_to_delete=receipt.exports_to_delete,
                    signature=receipt.signature,
                )
            )
        return message
