"""MetricsService: questions and their answers."""

from typing import Any, TypeAlias

import grpc

from server.query import custom_metrics, dimension_values, pairs
from server.rpc import gate
from server.rpc.asking import Asking
from server.rpc.questions import catalogue
from server.rpc.questions import dimension_values as dimension_values_messages
from tallywire.v1 import (
    api_usage_pb2,
    call_metrics_pb2,
    conversation_metrics_pb2,
    metrics_service_pb2,
    metrics_service_pb2_grpc,
    quality_pb2,
)

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class MetricsService(metrics_service_pb2_grpc.MetricsServiceServicer):
    """The service that answers questions with the figures of the caller's organization."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._queries = asking.queries

    async def GetOverview(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetOverviewRequest, context: _Context
    ) -> metrics_service_pb2.GetOverviewResponse:
        """Returns the key figures of a period."""
        return await self._asking.overview(gate.caller().principal, request)

    async def GetAgentMetrics(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetAgentMetricsRequest, context: _Context
    ) -> metrics_service_pb2.GetAgentMetricsResponse:
        """Returns the figures of one agent and its daily trend."""
        return await self._asking.agent(gate.caller().principal, request)

    # The response is bytes already, which the gate lets through.
    async def GetUsageTrends(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetUsageTrendsRequest, context: _Context
    ) -> bytes:
        """Returns series of metrics."""
        return await self._asking.encoded_trends(gate.caller().principal, request)

    # The response is bytes already, which the gate lets through.
    async def QueryMetrics(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.QueryMetricsRequest, context: _Context
    ) -> bytes:
        """Returns a page of a table."""
        return await self._asking.encoded_table(gate.caller().principal, request)

    async def ListDimensionValues(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.ListDimensionValuesRequest, context: _Context
    ) -> metrics_service_pb2.ListDimensionValuesResponse:
        """Returns values of a dimension."""
        principal = gate.caller().principal
        found = await custom_metrics.catalogue(self._queries, principal, [request.dimension])
        question = dimension_values_messages.question(request, found)
        return dimension_values_messages.response(await dimension_values.answer(self._queries, principal, question))

    async def GetDailyStats(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetDailyStatsRequest, context: _Context
    ) -> metrics_service_pb2.GetDailyStatsResponse:
        """Returns a row for each day of a period."""
        return await self._asking.daily_stats(gate.caller().principal, request)

    async def GetCallMetrics(  # noqa: N802 - the name in the contract
        self, request: call_metrics_pb2.GetCallMetricsRequest, context: _Context
    ) -> call_metrics_pb2.GetCallMetricsResponse:
        """Returns how telephone calls went."""
        return await self._asking.call_metrics(gate.caller().principal, request)

    async def GetQuality(  # noqa: N802 - the name in the contract
        self, request: quality_pb2.GetQualityRequest, context: _Context
    ) -> quality_pb2.GetQualityResponse:
        """Returns how conversations were scored."""
        return await self._asking.quality(gate.caller().principal, request)

    async def GetApiUsage(  # noqa: N802 - the name in the contract
        self, request: api_usage_pb2.GetApiUsageRequest, context: _Context
    ) -> api_usage_pb2.GetApiUsageResponse:
        """Returns how APIs and tools are used."""
        return await self._asking.api_usage(gate.caller().principal, request)

    async def GetQuota(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetQuotaRequest, context: _Context
    ) -> metrics_service_pb2.GetQuotaResponse:
        """Returns what is used of the monthly quota."""
        return await self._asking.quota(gate.caller().principal, request)

    async def GetRoi(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetRoiRequest, context: _Context
    ) -> metrics_service_pb2.GetRoiResponse:
        """Returns what AI agents cost and what they spared."""
        return await self._asking.roi(gate.caller().principal, request)

    async def GetConversationMetrics(  # noqa: N802 - the name in the contract
        self, request: conversation_metrics_pb2.GetConversationMetricsRequest, context: _Context
    ) -> conversation_metrics_pb2.GetConversationMetricsResponse:
        """Returns how the conversations of a period went."""
        return await self._asking.conversation_metrics(gate.caller().principal, request)

    async def GetCosts(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetCostsRequest, context: _Context
    ) -> metrics_service_pb2.GetCostsResponse:
        """Returns recorded costs and tokens, and estimates beside them."""
        return await self._asking.costs(gate.caller().principal, request)

    async def ListMetrics(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.ListMetricsRequest, context: _Context
    ) -> metrics_service_pb2.ListMetricsResponse:
        """Returns the catalogue."""
        principal = gate.caller().principal
        own = await custom_metrics.listed(self._queries, principal)
        return catalogue.response(await pairs.listed(self._queries, principal), own)
