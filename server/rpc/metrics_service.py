"""MetricsService: questions and their answers."""

import asyncio
from typing import Any, TypeAlias

import grpc

from server.errors import Reason, Refused
from server.events import rules
from server.query.questions import Queries
from server.rpc import gate, metric_conversion
from server.timerange import MAX_DAYS
from tallywire.v1 import metrics_service_pb2, metrics_service_pb2_grpc

DEFAULT_TREND_DAYS = 7
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class MetricsService(metrics_service_pb2_grpc.MetricsServiceServicer):
    """Answers with the figures of the caller's organization."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def GetOverview(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetOverviewRequest, context: _Context
    ) -> metrics_service_pb2.GetOverviewResponse:
        """The key figures of a period."""
        period, part = metric_conversion.period(request.time_range), metric_conversion.part(request.filter)
        return metric_conversion.overview(await self._queries.overview(gate.caller().principal, period, part))

    async def GetAgentMetrics(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetAgentMetricsRequest, context: _Context
    ) -> metrics_service_pb2.GetAgentMetricsResponse:
        """The figures of one agent and its daily trend."""
        if not request.agent_id:
            raise rules.required("agent_id")
        agent_id = rules.identifier("agent_id", request.agent_id)
        period, days = metric_conversion.period(request.time_range), _trend_days(request.trend_days)
        return metric_conversion.agent(await self._queries.agent(gate.caller().principal, agent_id, period, days))

    # The response is bytes already, which the gate lets through.
    async def GetUsageTrends(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.GetUsageTrendsRequest, context: _Context
    ) -> bytes:
        """Series of metrics."""
        period, part = metric_conversion.period(request.time_range), metric_conversion.part(request.filter)
        granularity = metric_conversion.granularity(request.granularity)
        principal = gate.caller().principal
        answer = await self._queries.trends(principal, period, granularity, request.metrics, part)
        encoded = bytearray()
        for piece in metric_conversion.trends(answer):
            encoded += piece.SerializeToString()
            await asyncio.sleep(0)
        return bytes(encoded)

    async def ListMetrics(  # noqa: N802 - the name in the contract
        self, request: metrics_service_pb2.ListMetricsRequest, context: _Context
    ) -> metrics_service_pb2.ListMetricsResponse:
        """The catalogue."""
        return metric_conversion.catalogue()


def _trend_days(days: int) -> int:
    if not 0 <= days <= MAX_DAYS:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"must be from 1 to {MAX_DAYS}",
            field="trend_days",
            metadata={"minimum": "1", "maximum": str(MAX_DAYS)},
        )
    return days or DEFAULT_TREND_DAYS
