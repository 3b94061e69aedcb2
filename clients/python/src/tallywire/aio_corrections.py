"""Corrections for asyncio code."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import grpc
import grpc.aio

from tallywire import aio_stubs, corrections, retries
from tallywire.corrections import CorrectionResult, EventHistory
from tallywire.v1 import event_pb2, event_service_pb2

Call = Callable[
    ["grpc.aio.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None],
    Awaitable[Any],
]


class AsyncCorrections:
    """Corrections of stored events, as `client.corrections` of an AsyncClient."""

    def __init__(self, bound: Callable[[], aio_stubs.Stubs], call: Call) -> None:
        self._bound = bound
        self._call = call

    async def correct(
        self, events: Iterable[event_pb2.Event], *, reason: str, timeout: float | None = None
    ) -> list[CorrectionResult]:
        """Makes stored events what is given under their ids, as Corrections.correct() does."""
        results: list[CorrectionResult] = []
        for request in corrections.correcting(events, reason):
            results += await self._results(self._bound().events.CorrectEvents, request, timeout)
        return results

    async def retract(
        self, event_ids: Iterable[str], *, reason: str, timeout: float | None = None
    ) -> list[CorrectionResult]:
        """Takes events out of all figures, as Corrections.retract() does."""
        results: list[CorrectionResult] = []
        for request in corrections.retracting(event_ids, reason):
            results += await self._results(self._bound().events.RetractEvents, request, timeout)
        return results

    async def history(self, event_id: str, *, timeout: float | None = None) -> EventHistory:
        """Returns an event as it counts now, and what it was before, as Corrections.history() does."""
        request = event_service_pb2.GetEventRequest(event_id=event_id)
        found: EventHistory = await self._call(self._bound().events.GetEvent, lambda: request, retries.QUERY, timeout)
        return found

    async def _results(self, method: Any, request: object, timeout: float | None) -> Iterable[CorrectionResult]:
        answer = await self._call(method, lambda: request, retries.INGEST, timeout)
        found: Iterable[CorrectionResult] = answer.results
        return found
