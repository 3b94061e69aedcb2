"""Forecasts for asyncio code."""

from collections.abc import Awaitable, Callable
from typing import Any, Unpack

import grpc
import grpc.aio

from tallywire import aio_stubs, forecasts, retries
from tallywire.forecasts import ForecastOptions
from tallywire.v1 import forecast_service_pb2

Call = Callable[
    ["grpc.aio.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None],
    Awaitable[Any],
]


class AsyncForecasts:
    """Forecasts of the organization, as `client.forecasts` of an AsyncClient."""

    def __init__(self, bound: Callable[[], aio_stubs.Stubs], call: Call) -> None:
        self._bound = bound
        self._call = call

    async def forecast(
        self, metric: str, *, timeout: float | None = None, **options: Unpack[ForecastOptions]
    ) -> forecast_service_pb2.GetForecastResponse:
        """Returns what a metric is expected to be next, as ClientForecasts.forecast() does."""
        asked = forecasts.request(metric, options)
        method = self._bound().forecasts.GetForecast
        found: forecast_service_pb2.GetForecastResponse = await self._call(
            method, lambda: asked, retries.QUERY, timeout
        )
        return found
