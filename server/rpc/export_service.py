"""ExportService: answers and lists as files."""

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, TypeAlias

import grpc

from server.errors import Reason, Refused
from server.exports.exports import ExportRoom
from server.rpc import gate, writing
from server.rpc.asking import Asking
from server.rpc.endings import Lifetime
from server.rpc.exports.messages import Part
from server.rpc.exports.metric_streams import MetricStreams
from server.rpc.exports.row_streams import RowStreams
from server.rpc.subscription import Draining, Guard
from tallywire.v1 import export_service_pb2, export_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
WRITE_SECONDS: Final = 20.0  # in which a caller has to read a message
_FIELDS: Final = {
    export_service_pb2.ExportHeader: "header",
    export_service_pb2.ExportChunk: "chunk",
    export_service_pb2.ExportTrailer: "trailer",
}


class ExportService(export_service_pb2_grpc.ExportServiceServicer):
    """The service that makes files for the caller's organization.

    Responses are written to the context and not yielded, so that a client that does not read them can be told so.
    """

    def __init__(self, asking: Asking, exports: ExportRoom, *, max_seconds: float) -> None:
        self._metrics = MetricStreams(asking, exports)
        self._rows = RowStreams(asking, exports)
        self._max_seconds = max_seconds
        self._draining = Draining()

    def drain(self) -> None:
        """Ends the streams of a server that stops."""
        self._draining.begin()

    async def ExportMetrics(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: export_service_pb2.ExportMetricsRequest, context: _Context
    ) -> None:
        """Sends a file of the answer to a question."""
        parts = self._metrics.parts(gate.caller().principal, request, gate.actor(context))
        await self._send(context, parts, export_service_pb2.ExportMetricsResponse)

    async def ExportRows(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: export_service_pb2.ExportRowsRequest, context: _Context
    ) -> None:
        """Sends a file of the rows of a list."""
        parts = self._rows.parts(gate.caller().principal, request, gate.actor(context))
        await self._send(context, parts, export_service_pb2.ExportRowsResponse)

    async def _send(self, context: _Context, parts: AsyncGenerator[Part, None], response: Callable[..., Any]) -> None:
        """Sends parts as they come. Whatever they hold is free before a caller that does not read is waited for.

        A stream that lasts as long as one may ends where it can be gone on with: gRPC would cut it anywhere.
        """
        lifetime, age, guard, unread = Lifetime(context, 0), Lifetime(context, self._max_seconds), Guard(), None
        self._draining.check()
        async with contextlib.aclosing(parts) as each:
            async for part in each:
                self._draining.check()
                lifetime.check()
                await guard.check()
                message = response(**{_FIELDS[type(part)]: part})
                unread = await writing.write(context, message, WRITE_SECONDS)
                if unread is not None:
                    break
                if isinstance(part, export_service_pb2.ExportChunk) and part.resume_token:
                    age.check()
        if unread is not None:
            await unread  # gRPC sends no status after an unfinished message
            raise Refused(Reason.SLOW_CONSUMER, "the messages are not being read")
