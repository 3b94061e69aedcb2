"""MetricsService: questions and their answers."""

from typing import Any, TypeAlias

import grpc

from server.query import (
    agent,
    api_usage,
    call_metrics,
    conversation_metrics,
    custom_metrics,
    daily_stats,
    dimension_values,
    overview,
    pairs,
    quality,
    quota,
    roi,
    spending,
    table,
    trends,
)
from server.query.page_tokens import PageTokens
from server.query.queries import Queries
from server.query.rows_tokens import RowsTokens
from server.rpc import gate
from server.rpc.questions import agent as agent_messages
from server.rpc.questions import api_usage as api_usage_messages
from server.rpc.questions import call_metrics as call_metrics_messages
from server.rpc.questions import catalogue
from server.rpc.questions import conversation_metrics as conversation_messages
from server.rpc.questions import daily_stats as daily_stats_messages
from server.rpc.questions import dimension_values as dimension_values_messages
from server.rpc.questions import overview as overview_messages
from server.rpc.questions import quality as quality_messages
from server.rpc.questions import quota as quota_messages
from server.rpc.questions import roi as roi_messages
from server.rpc.questions import rows as rows_messages
from server.rpc.questions import spending as spending_messages
from server.rpc.questions import table as table_messages
from server.rpc.questions import trends as trends_messages
from server.rpc.questions.rows import Tokens
from server.tenancy.limits import DefaultLimits
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

    def __init__(self, queries: Queries, tokens: PageTokens, rows: RowsTokens, limits: DefaultLimits) -> None:
        self._queries = queries
        self._limits = limits
        self._tokens = tokens
        self._rows = rows

    def _rows_tokens(self) -> Tokens:
        return rows_messages.of(self._rows, gate.caller().principal.organization_id)

    async def GetOverview(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetOverviewRequest, context: _Context
    ) -> metrics_service_pb2.GetOverviewResponse:
        """Returns the key figures of a period."""
        question = overview_messages.question(request)
        found = await overview.answer(self._queries, gate.caller().principal, question)
        return overview_messages.response(found, self._rows_tokens())

    async def GetAgentMetrics(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetAgentMetricsRequest, context: _Context
    ) -> metrics_service_pb2.GetAgentMetricsResponse:
        """Returns the figures of one agent and its daily trend."""
        question = agent_messages.question(request)
        found = await agent.answer(self._queries, gate.caller().principal, question)
        return agent_messages.response(found, self._rows_tokens())

    # The response is bytes already, which the gate lets through.
    async def GetUsageTrends(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetUsageTrendsRequest, context: _Context
    ) -> bytes:
        """Returns series of metrics."""
        principal = gate.caller().principal
        found = await custom_metrics.catalogue(self._queries, principal, trends_messages.names(request))
        question = trends_messages.question(request, found)
        return await trends_messages.encoded_response(await trends.answer(self._queries, principal, question))

    # The response is bytes already, which the gate lets through.
    async def QueryMetrics(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.QueryMetricsRequest, context: _Context
    ) -> bytes:
        """Returns a page of a table."""
        principal = gate.caller().principal
        found = await custom_metrics.catalogue(self._queries, principal, table_messages.names(request))
        question = table_messages.question(request, found)
        return await table_messages.encoded_response(
            await table.answer(self._queries, self._tokens, principal, question), self._rows_tokens()
        )

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
        period = daily_stats_messages.question(request)
        return daily_stats_messages.response(await daily_stats.answer(self._queries, gate.caller().principal, period))

    async def GetCallMetrics(  # noqa: N802 - the name in the contract
        self, request: call_metrics_pb2.GetCallMetricsRequest, context: _Context
    ) -> call_metrics_pb2.GetCallMetricsResponse:
        """Returns how telephone calls went."""
        question = call_metrics_messages.question(request)
        found = await call_metrics.answer(self._queries, gate.caller().principal, question)
        return call_metrics_messages.response(found, self._rows_tokens())

    async def GetQuality(  # noqa: N802 - the name in the contract
        self, request: quality_pb2.GetQualityRequest, context: _Context
    ) -> quality_pb2.GetQualityResponse:
        """Returns how conversations were scored."""
        question = quality_messages.question(request)
        return quality_messages.response(await quality.answer(self._queries, gate.caller().principal, question))

    async def GetApiUsage(  # noqa: N802 - the name in the contract
        self, request: api_usage_pb2.GetApiUsageRequest, context: _Context
    ) -> api_usage_pb2.GetApiUsageResponse:
        """Returns how APIs and tools are used."""
        question = api_usage_messages.question(request)
        found = await api_usage.answer(self._queries, gate.caller().principal, question)
        return api_usage_messages.response(found, self._rows_tokens())

    async def GetQuota(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetQuotaRequest, context: _Context
    ) -> metrics_service_pb2.GetQuotaResponse:
        """Returns what is used of the monthly quota."""
        return quota_messages.response(await quota.answer(self._queries, gate.caller().principal, self._limits))

    async def GetRoi(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetRoiRequest, context: _Context
    ) -> metrics_service_pb2.GetRoiResponse:
        """Returns what AI agents cost and what they spared."""
        question = roi_messages.question(request)
        return roi_messages.response(await roi.answer(self._queries, gate.caller().principal, question))

    async def GetConversationMetrics(  # noqa: N802 - the name in the contract
        self, request: conversation_metrics_pb2.GetConversationMetricsRequest, context: _Context
    ) -> conversation_metrics_pb2.GetConversationMetricsResponse:
        """Returns how the conversations of a period went."""
        question = conversation_messages.question(request)
        found = await conversation_metrics.answer(self._queries, gate.caller().principal, question)
        return conversation_messages.response(found, self._rows_tokens())

    async def GetCosts(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetCostsRequest, context: _Context
    ) -> metrics_service_pb2.GetCostsResponse:
        """Returns recorded costs and tokens, and estimates beside them."""
        question = spending_messages.question(request)
        return spending_messages.response(
            question, await spending.answer(self._queries, gate.caller().principal, question)
        )

    async def ListMetrics(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.ListMetricsRequest, context: _Context
    ) -> metrics_service_pb2.ListMetricsResponse:
        """Returns the catalogue."""
        principal = gate.caller().principal
        own = await custom_metrics.listed(self._queries, principal)
        return catalogue.response(await pairs.listed(self._queries, principal), own)
