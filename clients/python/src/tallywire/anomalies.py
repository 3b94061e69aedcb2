"""Anomalies and changes: how a client asks what is unusual, and what a change is made of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeVar, Unpack, get_args

import grpc

from tallywire import requests, retries
from tallywire.custom_metrics import Call
from tallywire.v1 import anomaly_service_pb2, anomaly_service_pb2_grpc

SensitivityName = Literal["low", "medium", "high"]
DirectionName = Literal["above", "below"]
OrderName = Literal["newest", "strongest"]

_SENSITIVITIES: Final = {
    name: anomaly_service_pb2.AnomalySensitivity.Value(f"ANOMALY_SENSITIVITY_{name.upper()}")
    for name in get_args(SensitivityName)
}
_DIRECTIONS: Final = {
    name: anomaly_service_pb2.AnomalyDirection.Value(f"ANOMALY_DIRECTION_{name.upper()}")
    for name in get_args(DirectionName)
}
_ORDERS: Final = {
    name: anomaly_service_pb2.AnomalyOrder.Value(f"ANOMALY_ORDER_{name.upper()}") for name in get_args(OrderName)
}


class AnomaliesOptions(requests.Only, total=False):
    """What a question for anomalies may have besides a period, metrics and what narrows it.

    group_by: a dimension each of whose values is judged, too; values: how many of them, without: 10.
    granularity: the width of buckets, "quarter_hour" to "month"; without, the server chooses.
    sensitivity: "low", "medium" or "high", or a number of standard deviations; without, medium.
    minimum_effect: the least distance from what was expected, as a share of it, and of fractions as a difference.
    direction: "above" or "below"; without, both. order: "newest" or "strongest" first.
    limit: the most anomalies; without, 50. time_zone: as in other questions.
    """

    group_by: str | None
    values: int | None
    granularity: requests.GranularityName | None
    sensitivity: SensitivityName | float | None
    minimum_effect: float
    direction: DirectionName | None
    order: OrderName
    limit: int | None
    time_zone: str | None


class ChangesOptions(requests.Only, total=False):
    """What a question for changes may have besides a period, metrics, dimensions and what narrows it.

    compare: the earlier period, as in other questions; without, the one just before. limit: the most rows of each
    account; without, 5. time_zone: as in other questions.
    """

    compare: requests.Compare | None
    limit: int | None
    time_zone: str | None


def anomalies(
    start: datetime, end: datetime, metrics: Sequence[str], options: AnomaliesOptions
) -> anomaly_service_pb2.ListAnomaliesRequest:
    """Returns the request for anomalies. Raises ValueError for an unknown sensitivity, direction or order."""
    sensitivity, direction, order = options.get("sensitivity"), options.get("direction"), options.get("order")
    named = sensitivity if isinstance(sensitivity, str) else None
    return anomaly_service_pb2.ListAnomaliesRequest(
        time_range=requests.time_range(start, end, options.get("time_zone")),
        filter=requests.filter_of(options),
        metrics=requests.names(metrics),
        group_by=options.get("group_by") or "",
        values=options.get("values") or 0,
        granularity=requests.granularity_number("granularity", options.get("granularity")),
        minimum_effect=options.get("minimum_effect", 0.0),
        direction=_number("direction", direction, _DIRECTIONS, anomaly_service_pb2.ANOMALY_DIRECTION_UNSPECIFIED),
        order=_number("order", order, _ORDERS, anomaly_service_pb2.ANOMALY_ORDER_UNSPECIFIED),
        limit=options.get("limit") or 0,
        sensitivity=_number("sensitivity", named, _SENSITIVITIES, anomaly_service_pb2.ANOMALY_SENSITIVITY_UNSPECIFIED),
        sigmas=None if sensitivity is None or isinstance(sensitivity, str) else sensitivity,
    )


_Number = TypeVar("_Number")


def _number(argument: str, name: str | None, known: Mapping[str, _Number], unset: _Number) -> _Number:
    """Returns the number of a name. Raises ValueError for an unknown one."""
    if name is not None and name not in known:
        raise ValueError(f"{argument} is one of {', '.join(known)}, not {name!r}")
    return unset if name is None else known[name]


def changes(
    start: datetime, end: datetime, metrics: Sequence[str], group_by: str | Sequence[str], options: ChangesOptions
) -> anomaly_service_pb2.ListChangesRequest:
    """Returns the request for changes. Raises ValueError for an unknown comparison."""
    return anomaly_service_pb2.ListChangesRequest(
        time_range=requests.time_range(start, end, options.get("time_zone")),
        filter=requests.filter_of(options),
        metrics=requests.names(metrics),
        group_by=(group_by,) if isinstance(group_by, str) else group_by,
        comparison=requests.comparison(options.get("compare")),
        limit=options.get("limit") or 0,
    )


class Anomalies:
    """What is unusual in figures of the organization, as `client.anomalies`."""

    def __init__(self, channel: grpc.Channel, call: Call) -> None:
        self._stub = anomaly_service_pb2_grpc.AnomalyServiceStub(channel)
        self._call = call

    def list(
        self,
        start: datetime,
        end: datetime,
        metrics: Sequence[str],
        *,
        timeout: float | None = None,
        **options: Unpack[AnomaliesOptions],
    ) -> anomaly_service_pb2.ListAnomaliesResponse:
        """Returns what is unusual in series of metrics in [start, end), the newest first, each with its reason.

        The options are agent_id, channel, team_id, dimensions, group_by, values, granularity, sensitivity,
        minimum_effect, direction, order, limit and time_zone (AnomaliesOptions).
        """
        request = anomalies(start, end, metrics, options)
        found: anomaly_service_pb2.ListAnomaliesResponse = self._call(
            self._stub.ListAnomalies, lambda: request, retries.QUERY, timeout
        )
        return found

    def changes(
        self,
        start: datetime,
        end: datetime,
        metrics: Sequence[str],
        group_by: str | Sequence[str],
        *,
        timeout: float | None = None,
        **options: Unpack[ChangesOptions],
    ) -> anomaly_service_pb2.ListChangesResponse:
        """Returns what metrics have changed by beside an earlier period, and what the values of dimensions contributed.

        The contributions of an account add up to the change: those of its rows, of rest and of other. The options are
        agent_id, channel, team_id, dimensions, compare, limit and time_zone (ChangesOptions).
        """
        request = changes(start, end, metrics, group_by, options)
        found: anomaly_service_pb2.ListChangesResponse = self._call(
            self._stub.ListChanges, lambda: request, retries.QUERY, timeout
        )
        return found
