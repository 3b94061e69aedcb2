"""ForecastService: what is expected next."""

from typing import Any, TypeAlias

import grpc

from server.forecasts.churn import ReturnForecasts
from server.forecasts.metric_forecast import Forecasts
from server.query import custom_metrics
from server.rpc import churn_conversion, gate
from server.rpc import forecast_conversion as conversion
from tallywire.v1 import forecast_service_pb2, forecast_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ForecastService(forecast_service_pb2_grpc.ForecastServiceServicer):
    """The service that says what is expected next in the caller's organization."""

    def __init__(self, forecasts: Forecasts, returns: ReturnForecasts) -> None:
        self._forecasts = forecasts
        self._returns = returns

    async def GetForecast(  # noqa: N802 - the name in the contract
        self, request: forecast_service_pb2.GetForecastRequest, context: _Context
    ) -> forecast_service_pb2.GetForecastResponse:
        """Returns a forecast with its error."""
        principal = gate.caller().principal
        catalogue = await custom_metrics.catalogue(self._forecasts.queries, principal, conversion.names(request))
        question = conversion.question(request, catalogue)
        return conversion.response(await self._forecasts.answer(principal, question))

    async def GetChurn(  # noqa: N802 - the name in the contract
        self, request: forecast_service_pb2.GetChurnRequest, context: _Context
    ) -> forecast_service_pb2.GetChurnResponse:
        """Returns how many users are expected to come back."""
        question = churn_conversion.question(request)
        return churn_conversion.response(await self._returns.churn(gate.caller().principal, question))

    async def ListUsersAtRisk(  # noqa: N802 - the name in the contract
        self, request: forecast_service_pb2.ListUsersAtRiskRequest, context: _Context
    ) -> forecast_service_pb2.ListUsersAtRiskResponse:
        """Returns a page of users who may have left."""
        question = churn_conversion.risk_question(request)
        return churn_conversion.risk_response(await self._returns.at_risk(gate.caller().principal, question))
