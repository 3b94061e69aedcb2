"""AnomalyService: what is unusual, and what has changed."""

from typing import Any, TypeAlias

import grpc

from server.admission.query_slots import QuerySlots
from server.anomalies import changes, finding
from server.query import custom_metrics
from server.query.queries import Queries
from server.rpc import anomaly_conversion, gate
from tallywire.v1 import anomaly_service_pb2, anomaly_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class AnomalyService(anomaly_service_pb2_grpc.AnomalyServiceServicer):
    """The service that judges figures of the caller's organization."""

    def __init__(self, queries: Queries, turns: QuerySlots) -> None:
        self._queries = queries
        self._turns = turns

    async def ListAnomalies(  # noqa: N802 - the name in the contract
        self, request: anomaly_service_pb2.ListAnomaliesRequest, context: _Context
    ) -> anomaly_service_pb2.ListAnomaliesResponse:
        """Returns what is unusual in series of metrics."""
        principal = gate.caller().principal
        names = [*request.metrics, request.group_by, *(one.dimension for one in request.filter.dimensions)]
        catalogue = await custom_metrics.catalogue(self._queries, principal, names)
        question = anomaly_conversion.anomalies_question(request, catalogue)
        return anomaly_conversion.anomalies(await finding.answer(self._queries, self._turns, principal, question))

    async def ListChanges(  # noqa: N802 - the name in the contract
        self, request: anomaly_service_pb2.ListChangesRequest, context: _Context
    ) -> anomaly_service_pb2.ListChangesResponse:
        """Returns what changes of metrics are made of."""
        principal = gate.caller().principal
        names = [*request.metrics, *request.group_by, *(one.dimension for one in request.filter.dimensions)]
        catalogue = await custom_metrics.catalogue(self._queries, principal, names)
        question = anomaly_conversion.changes_question(request, catalogue)
        return anomaly_conversion.changes(await changes.answer(self._queries, principal, question))
