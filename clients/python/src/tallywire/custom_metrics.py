"""Custom metrics: how a client defines, lists and deletes metrics over the organization's own events."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypedDict, Unpack, get_args

import grpc

from tallywire import retries
from tallywire.v1 import custom_metric_service_pb2, custom_metric_service_pb2_grpc, metrics_service_pb2

AggregationName = Literal["count", "sum", "unique", "histogram"]
BetterName = Literal["higher", "lower", "neither"]
CustomMetric = custom_metric_service_pb2.CustomMetric

_AGGREGATIONS: Final = {
    name: custom_metric_service_pb2.CustomMetricAggregation.Value(f"CUSTOM_METRIC_AGGREGATION_{name.upper()}")
    for name in get_args(AggregationName)
}
_BETTER: Final = {
    name: metrics_service_pb2.MetricDirection.Value(f"METRIC_DIRECTION_{name.upper()}") for name in get_args(BetterName)
}
# What a client calls a method with, as its questions do.
Call = Callable[["grpc.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None], Any]


class Definition(TypedDict, total=False):
    """What a custom metric may have besides its name, event types and aggregation.

    `value` and `dimension` are paths, such as "properties.order.total" or "detail.response_time_ms"; `where` is a path
    and the text, number or boolean that must stand there.
    """

    value: str
    decimals: int
    where: tuple[str, str | float | bool] | None
    dimension: str
    title: str
    description: str
    unit: str
    better: BetterName


def definition(
    name: str, event_types: Sequence[str], aggregation: AggregationName, more: Definition
) -> custom_metric_service_pb2.CreateCustomMetricRequest:
    """Returns the request that defines a metric. Raises ValueError for an unknown aggregation or direction."""
    if isinstance(event_types, str):
        raise TypeError("event_types is a sequence of types, not one text")
    better = more.get("better", "neither")
    if aggregation not in _AGGREGATIONS:
        raise ValueError(f"aggregation is one of {', '.join(_AGGREGATIONS)}, not {aggregation!r}")
    if better not in _BETTER:
        raise ValueError(f"better is one of {', '.join(_BETTER)}, not {better!r}")
    metric = CustomMetric(
        name=name,
        title=more.get("title", ""),
        description=more.get("description", ""),
        unit=more.get("unit", ""),
        better=_BETTER[better],
        event_types=event_types,
        aggregation=_AGGREGATIONS[aggregation],
        value=more.get("value", ""),
        decimals=more.get("decimals", 0),
        dimension=more.get("dimension", ""),
    )
    where = more.get("where")
    if where is not None:
        metric.filter.CopyFrom(_filter(*where))
    return custom_metric_service_pb2.CreateCustomMetricRequest(metric=metric)


def _filter(path: str, equals: str | float | bool) -> custom_metric_service_pb2.CustomMetricFilter:
    if isinstance(equals, bool):  # which is a number, too
        return custom_metric_service_pb2.CustomMetricFilter(path=path, truth=equals)
    if isinstance(equals, str):
        return custom_metric_service_pb2.CustomMetricFilter(path=path, text=equals)
    return custom_metric_service_pb2.CustomMetricFilter(path=path, number=equals)


def aggregation_name(metric: CustomMetric) -> str:
    """Returns the name of a metric's aggregation; its number where only a newer release knows it."""
    for name, number in _AGGREGATIONS.items():
        if number == metric.aggregation:
            return str(name)
    return str(metric.aggregation)


class CustomMetrics:
    """The custom metrics of the organization, as `client.custom_metrics`.

    In questions one called NAME is "custom.NAME". To define and delete them needs a key with the scope admin.
    """

    def __init__(self, channel: grpc.Channel, call: Call) -> None:
        self._stub = custom_metric_service_pb2_grpc.CustomMetricServiceStub(channel)
        self._call = call

    def create(
        self,
        name: str,
        event_types: Sequence[str],
        aggregation: AggregationName = "count",
        *,
        timeout: float | None = None,
        **more: Unpack[Definition],
    ) -> CustomMetric:
        """Defines a metric and returns it with how far it is counted.

        Raises AlreadyExists if the organization has one of this name, InvalidArgument for a definition that makes no
        sense, and ResourceExhausted for more than 100.
        """
        request = definition(name, event_types, aggregation, more)
        found: CustomMetric = self._call(self._stub.CreateCustomMetric, lambda: request, retries.CHANGE, timeout).metric
        return found

    def get(self, name: str, *, timeout: float | None = None) -> CustomMetric:
        """Returns a metric with how far it is counted. Raises NotFound if there is none of this name."""
        request = custom_metric_service_pb2.GetCustomMetricRequest(name=name)
        found: CustomMetric = self._call(self._stub.GetCustomMetric, lambda: request, retries.QUERY, timeout).metric
        return found

    def list(self, *, timeout: float | None = None) -> Sequence[CustomMetric]:
        """Returns all metrics, by name."""
        request = custom_metric_service_pb2.ListCustomMetricsRequest()
        answer = self._call(self._stub.ListCustomMetrics, lambda: request, retries.QUERY, timeout)
        return [*answer.metrics]

    def delete(self, name: str, *, timeout: float | None = None) -> None:
        """Deletes a metric and what was counted for it. Raises NotFound if there is none of this name."""
        request = custom_metric_service_pb2.DeleteCustomMetricRequest(name=name)
        self._call(self._stub.DeleteCustomMetric, lambda: request, retries.CHANGE, timeout)
