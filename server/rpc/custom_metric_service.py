"""CustomMetricService: the metrics that an organization has defined."""

from typing import Any, TypeAlias

import grpc

from server.query.custom_definitions import CustomDefinitions
from server.rpc import custom_metric_conversion as conversion
from server.rpc import gate
from tallywire.v1 import custom_metric_service_pb2, custom_metric_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class CustomMetricService(custom_metric_service_pb2_grpc.CustomMetricServiceServicer):
    """The service that keeps the custom metrics of the caller's organization."""

    def __init__(self, definitions: CustomDefinitions) -> None:
        self._definitions = definitions

    async def CreateCustomMetric(  # noqa: N802 - the name in the contract
        self, request: custom_metric_service_pb2.CreateCustomMetricRequest, context: _Context
    ) -> custom_metric_service_pb2.CreateCustomMetricResponse:
        """Defines a metric."""
        metric = conversion.definition(request)
        made = await self._definitions.define(gate.caller().principal, metric, gate.actor(context))
        return custom_metric_service_pb2.CreateCustomMetricResponse(metric=conversion.metric(made))

    async def GetCustomMetric(  # noqa: N802 - the name in the contract
        self, request: custom_metric_service_pb2.GetCustomMetricRequest, context: _Context
    ) -> custom_metric_service_pb2.GetCustomMetricResponse:
        """Returns a metric."""
        found = await self._definitions.get(gate.caller().principal, conversion.name("name", request.name))
        return custom_metric_service_pb2.GetCustomMetricResponse(metric=conversion.metric(found))

    async def ListCustomMetrics(  # noqa: N802 - the name in the contract
        self, request: custom_metric_service_pb2.ListCustomMetricsRequest, context: _Context
    ) -> custom_metric_service_pb2.ListCustomMetricsResponse:
        """Returns all metrics of the organization."""
        found = await self._definitions.listed(gate.caller().principal)
        return custom_metric_service_pb2.ListCustomMetricsResponse(metrics=map(conversion.metric, found))

    async def DeleteCustomMetric(  # noqa: N802 - the name in the contract
        self, request: custom_metric_service_pb2.DeleteCustomMetricRequest, context: _Context
    ) -> custom_metric_service_pb2.DeleteCustomMetricResponse:
        """Deletes a metric."""
        name = conversion.name("name", request.name)
        await self._definitions.delete(gate.caller().principal, name, gate.actor(context))
        return custom_metric_service_pb2.DeleteCustomMetricResponse()
