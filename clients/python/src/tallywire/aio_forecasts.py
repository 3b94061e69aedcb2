"""Forecasts for asyncio code."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Unpack

import grpc
import grpc.aio

from tallywire import aio_stubs, forecasts, retries
from tallywire.forecasts import ChurnOptions, ForecastOptions, RiskOptions
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

    async def churn(
        self, *, timeout: float | None = None, **options: Unpack[ChurnOptions]
    ) -> forecast_service_pb2.GetChurnResponse:
        """Returns how many users are expected to come back, as ClientForecasts.churn() does."""
        asked = forecasts.churn_request(options)
        method = self._bound().forecasts.GetChurn
        found: forecast_service_pb2.GetChurnResponse = await self._call(method, lambda: asked, retries.QUERY, timeout)
        return found

    async def users_at_risk(
        self, *, page_size: int = 100, timeout: float | None = None, **options: Unpack[RiskOptions]
    ) -> AsyncIterator[forecast_service_pb2.UserAtRisk]:
        """Yields the users who may have left, as ClientForecasts.users_at_risk() does."""
        token = ""
        while True:
            build = functools.partial(forecasts.risk_request, options, page_size, token)
            page = await self._call(self._bound().forecasts.ListUsersAtRisk, build, retries.QUERY, timeout)
            for one in page.users:
                yield one
            token = page.next_page_token
            if not token:
                return
