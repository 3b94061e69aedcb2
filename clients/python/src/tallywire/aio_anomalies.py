"""Anomalies and changes for asyncio code."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Unpack

from tallywire import aio_stubs, anomalies, retries
from tallywire.aio_custom_metrics import Call
from tallywire.anomalies import AnomaliesOptions, ChangesOptions
from tallywire.v1 import anomaly_service_pb2


class AsyncAnomalies:
    """What is unusual in figures of the organization, as `client.anomalies` of an AsyncClient."""

    def __init__(self, bound: Callable[[], aio_stubs.Stubs], call: Call) -> None:
        self._bound = bound
        self._call = call

    async def list(
        self,
        start: datetime,
        end: datetime,
        metrics: Sequence[str],
        *,
        timeout: float | None = None,
        **options: Unpack[AnomaliesOptions],
    ) -> anomaly_service_pb2.ListAnomaliesResponse:
        """Returns what is unusual in series of metrics, as Anomalies.list() does."""
        request = anomalies.anomalies(start, end, metrics, options)
        method = self._bound().anomalies.ListAnomalies
        found: anomaly_service_pb2.ListAnomaliesResponse = await self._call(
            method, lambda: request, retries.QUERY, timeout
        )
        return found

    async def changes(
        self,
        start: datetime,
        end: datetime,
        metrics: Sequence[str],
        group_by: str | Sequence[str],
        *,
        timeout: float | None = None,
        **options: Unpack[ChangesOptions],
    ) -> anomaly_service_pb2.ListChangesResponse:
        """Returns what metrics have changed by and what that is made of, as Anomalies.changes() does."""
        request = anomalies.changes(start, end, metrics, group_by, options)
        method = self._bound().anomalies.ListChanges
        found: anomaly_service_pb2.ListChangesResponse = await self._call(
            method, lambda: request, retries.QUERY, timeout
        )
        return found
