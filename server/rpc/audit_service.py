"""AuditService: figures proved and mended, and the record of who administered what."""

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeAlias, TypeVar

import grpc

from server.query.verifications import Verifications
from server.rpc import gate
from server.rpc.asking import Asking
from server.rpc.endings import Lifetime
from server.rpc.questions import audit as messages
from server.rpc.questions import shared
from server.rpc.subscription import Draining, Guard
from tallywire.v1 import audit_service_pb2, audit_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Step = TypeVar("_Step")


class AuditService(audit_service_pb2_grpc.AuditServiceServicer):
    """The service that proves and mends the figures of the caller's organization, and lists its audit trail."""

    def __init__(self, asking: Asking, verifications: Verifications, *, max_seconds: float) -> None:
        self._asking = asking
        self._verifications = verifications
        self._max_seconds = max_seconds
        self._draining = Draining()

    def drain(self) -> None:
        """Ends the streams of a server that stops."""
        self._draining.begin()

    async def VerifyMetrics(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: audit_service_pb2.VerifyMetricsRequest, context: _Context
    ) -> None:
        """Sends how far the verification is, and at last what came of it."""
        period, most = shared.period(request.time_range), messages.most_differences(request)
        steps = self._verifications.verify(gate.caller().principal, period, request.dimension, most)
        last = await self._each(context, steps, lambda step: context.write(messages.verification(step, is_last=False)))
        await context.write(messages.verification(last, is_last=True))

    async def RepairMetrics(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: audit_service_pb2.RepairMetricsRequest, context: _Context
    ) -> None:
        """Sends how far the repair is, and at last what came of it."""
        period, principal = shared.period(request.time_range), gate.caller().principal
        steps = self._verifications.repair(principal, period, request.dimension, gate.actor(context))
        await self._each(context, steps, lambda step: context.write(messages.repair(step)))

    async def _each(
        self, context: _Context, steps: AsyncGenerator[_Step, None], send: "Callable[[_Step], Any]"
    ) -> _Step:
        """Sends each step as it comes and returns the last one; ends the stream if it must end, or its key is no longer
        valid.
        """
        lifetime, guard, last = Lifetime(context, self._max_seconds), Guard(), None
        self._draining.check()
        async with contextlib.aclosing(steps) as each:
            async for last in each:
                await send(last)
                self._draining.check()
                lifetime.check()
                await guard.check()
        assert last is not None  # noqa: S101 - there is a step at least
        return last

    async def ListAuditEntries(  # noqa: N802 - the name in the contract
        self, request: audit_service_pb2.ListAuditEntriesRequest, context: _Context
    ) -> audit_service_pb2.ListAuditEntriesResponse:
        """Returns a page of the audit trail."""
        return await self._asking.audit_entries(gate.caller().principal, request)
