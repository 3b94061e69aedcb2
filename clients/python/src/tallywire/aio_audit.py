"""The audit for asyncio code."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any, Generic, Self, Unpack

import grpc
import grpc.aio

from tallywire import aio_stubs, audit, errors, retries
from tallywire.aio_custom_metrics import Call
from tallywire.audit import AuditEntry, EntriesOptions, Progress, RepairResult, Result, VerificationResult


class AsyncSteps(Generic[Result]):
    """An asynchronous iterator over how far a verification or a repair is, as audit.Steps is for ordinary code."""

    def __init__(self, begin: "Callable[[], grpc.aio.UnaryStreamCall[Any, Any]]") -> None:
        self._begin = begin
        self._stream: grpc.aio.UnaryStreamCall[Any, Any] | None = None
        self.result: Result | None = None

    def __aiter__(self) -> Self:
        """Returns the iterator itself."""
        return self

    async def __anext__(self) -> Progress:
        """Returns how far it is. Raises the error that ended it."""
        if self.result is not None:
            raise StopAsyncIteration
        if self._stream is None:
            self._stream = self._begin()
        try:
            message: Any = await self._stream.read()
        except grpc.RpcError as failure:
            raise errors.from_rpc(failure) from failure
        if message is grpc.aio.EOF:
            raise StopAsyncIteration
        if message.HasField("result"):
            self.result = message.result
            await self.aclose()
            raise StopAsyncIteration
        progress: Progress = message.progress
        return progress

    async def __aenter__(self) -> Self:
        """Returns the iterator itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ends it."""
        await self.aclose()

    async def wait(self) -> Result:
        """Waits until it has ended, and returns its result."""
        async for _ in self:
            pass
        if self.result is None:
            raise RuntimeError("it was closed before its end")
        return self.result

    async def aclose(self) -> None:
        """Ends it. A repair that is ended has mended whole windows."""
        if self._stream is not None:
            self._stream.cancel()


class AsyncAudit:
    """Figures verified and repaired, and the audit trail, as `client.audit` of an AsyncClient."""

    def __init__(self, bound: Callable[[], aio_stubs.Stubs], metadata: tuple[tuple[str, str], ...], call: Call) -> None:
        self._bound = bound
        self._metadata = metadata
        self._call = call

    def verify_metrics(
        self,
        start: datetime,
        end: datetime,
        *,
        dimension: str | None = None,
        max_differences: int | None = None,
        time_zone: str | None = None,
        timeout: float | None = None,
    ) -> AsyncSteps[VerificationResult]:
        """Counts the raw events of [start, end) again and compares every figure, as Audit.verify_metrics() does."""
        request = audit.verification(start, end, dimension, max_differences, time_zone)
        return AsyncSteps(lambda: self._bound().audit.VerifyMetrics(request, timeout=timeout, metadata=self._metadata))

    def repair_metrics(
        self,
        start: datetime,
        end: datetime,
        *,
        dimension: str | None = None,
        time_zone: str | None = None,
        timeout: float | None = None,
    ) -> AsyncSteps[RepairResult]:
        """Mends the figures of [start, end) that are not what raw events say, as Audit.repair_metrics() does."""
        request = audit.repair(start, end, dimension, time_zone)
        return AsyncSteps(lambda: self._bound().audit.RepairMetrics(request, timeout=timeout, metadata=self._metadata))

    async def list_audit_entries(
        self, *, page_size: int | None = None, timeout: float | None = None, **options: Unpack[EntriesOptions]
    ) -> AsyncIterator[AuditEntry]:
        """Yields the entries of the audit trail, as Audit.list_audit_entries() does."""
        request = audit.entries(options, page_size)
        while True:
            page = await self._call(self._bound().audit.ListAuditEntries, lambda: request, retries.QUERY, timeout)
            for one in page.entries:
                yield one
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
