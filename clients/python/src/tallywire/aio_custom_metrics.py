"""Custom metrics for asyncio code."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Unpack

import grpc
import grpc.aio

from tallywire import aio_stubs, custom_metrics, retries
from tallywire.custom_metrics import AggregationName, CustomMetric, Definition
from tallywire.v1 import custom_metric_service_pb2

Call = Callable[
    ["grpc.aio.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None],
    Awaitable[Any],
]


class AsyncCustomMetrics:
    """The custom metrics of the organization, as `client.custom_metrics` of an AsyncClient."""

    def __init__(self, bound: Callable[[], aio_stubs.Stubs], call: Call) -> None:
        self._bound = bound
        self._call = call

    async def create(
        self,
        name: str,
        event_types: Sequence[str],
        aggregation: AggregationName = "count",
        *,
        timeout: float | None = None,
        **more: Unpack[Definition],
    ) -> CustomMetric:
        """Defines a metric and returns it, as CustomMetrics.create() does."""
        request = custom_metrics.definition(name, event_types, aggregation, more)
        method = self._bound().custom_metrics.CreateCustomMetric
        found: CustomMetric = (await self._call(method, lambda: request, retries.CHANGE, timeout)).metric
        return found

    async def get(self, name: str, *, timeout: float | None = None) -> CustomMetric:
        """Returns a metric with how far it is counted, as CustomMetrics.get() does."""
        request = custom_metric_service_pb2.GetCustomMetricRequest(name=name)
        method = self._bound().custom_metrics.GetCustomMetric
        found: CustomMetric = (await self._call(method, lambda: request, retries.QUERY, timeout)).metric
        return found

    async def list(self, *, timeout: float | None = None) -> Sequence[CustomMetric]:
        """Returns all metrics, by name."""
        request = custom_metric_service_pb2.ListCustomMetricsRequest()
        method = self._bound().custom_metrics.ListCustomMetrics
        answer = await self._call(method, lambda: request, retries.QUERY, timeout)
        return [*answer.metrics]

    async def delete(self, name: str, *, timeout: float | None = None) -> None:
        """Deletes a metric and what was counted for it, as CustomMetrics.delete() does."""
        request = custom_metric_service_pb2.DeleteCustomMetricRequest(name=name)
        method = self._bound().custom_metrics.DeleteCustomMetric
        await self._call(method, lambda: request, retries.CHANGE, timeout)
