"""ForecastService: what is expected next."""

from typing import Any, TypeAlias

import grpc

from server.forecasts.metric_forecast import Forecasts
from server.query import custom_metrics
from server.rpc import forecast_conversion as conversion
from server.rpc import gate
from tallywire.v1 import forecast_service_pb2, forecast_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ForecastService(forecast_service_pb2_grpc.ForecastServiceServicer):
    """The service that says what is expected next in the caller's organization."""

    def __init__(self, forecasts: Forecasts) -> None:
        self._forecasts = forecasts

    async def GetForecast(  # noqa: N802 - the name in the contract
        self, request: forecast_service_pb2.GetForecastRequest, context: _Context
    ) -> forecast_service_pb2.GetForecastResponse:
        """Returns a forecast with its error."""
        principal = gate.caller().principal
        catalogue = await custom_metrics.catalogue(self._forecasts.queries, principal, conversion.names(request))
        question = conversion.question(request, catalogue)
        return conversion.response(await self._forecasts.answer(principal, question))
