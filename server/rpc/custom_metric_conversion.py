"""Conversion of custom metrics between messages and values, and what a definition may be."""

import re
from collections.abc import Sequence

from google.protobuf import timestamp_pb2

from server.admission import request_limits
from server.catalog.custom_metrics import MAX_DECIMALS, CustomMetric, KeptMetric, Path, ValueFilter
from server.catalog.metrics import Aggregation, Better
from server.errors import Reason, Refused
from server.events import rules
from server.rpc import value_paths
from server.rpc.questions import shared
from tallywire.v1 import custom_metric_service_pb2, metrics_service_pb2

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_MAX_TITLE, _MAX_DESCRIPTION, _MAX_UNIT = 100, 1_000, 16  # characters
_AGGREGATIONS = {
    custom_metric_service_pb2.CustomMetricAggregation.Value(f"CUSTOM_METRIC_AGGREGATION_{one.name}"): one
    for one in Aggregation
}
_AGGREGATION_NUMBERS = {one: number for number, one in _AGGREGATIONS.items()}
_BETTER = {one: metrics_service_pb2.MetricDirection.Value(f"METRIC_DIRECTION_{one.name}") for one in Better}
_BETTER_OF = {
    metrics_service_pb2.METRIC_DIRECTION_UNSPECIFIED: Better.NEITHER,
    **{number: one for one, number in _BETTER.items()},
}
_NUMBERS = (Aggregation.SUM, Aggregation.HISTOGRAM)  # aggregations of numbers


def name(field: str, value: str) -> str:
    """Returns the name of a metric; refuses what cannot be one."""
    if not value:
        raise rules.required(field)
    if not _NAME.fullmatch(value):
        raise Refused(
            Reason.INVALID_VALUE,
            f"{value[:64]!r} is no name: that is a small letter with small letters, digits and underscores behind it,"
            " at most 48 characters, such as order_value",
            field=field,
        )
    return value


def definition(request: custom_metric_service_pb2.CreateCustomMetricRequest) -> CustomMetric:
    """Returns the definition of a request; refuses what cannot be one."""
    if not request.HasField("metric"):
        raise rules.required("metric")
    message = request.metric
    named = name("metric.name", message.name)
    event_types = _event_types(message.event_types)
    aggregation = _aggregation(message.aggregation)
    return CustomMetric(
        name=named,
        title=_text("title", message.title, _MAX_TITLE) or named,
        description=_text("description", message.description, _MAX_DESCRIPTION),
        unit=_text("unit", message.unit, _MAX_UNIT) or "1",
        better=_better(message.better),
        event_types=event_types,
        aggregation=aggregation,
        value=_value(message.value, aggregation, event_types),
        decimals=_decimals(message.decimals, aggregation),
        filter=_filter(message.filter, event_types) if message.HasField("filter") else None,
        dimension=value_paths.path("metric.dimension", message.dimension, event_types) if message.dimension else None,
    )


def metric(kept: KeptMetric) -> custom_metric_service_pb2.CustomMetric:
    """Returns the message of a metric."""
    own, created_at = kept.definition, timestamp_pb2.Timestamp()
    created_at.FromDatetime(kept.created_at)
    message = custom_metric_service_pb2.CustomMetric(
        name=own.name,
        title=own.title,
        description=own.description,
        unit=own.unit,
        better=_BETTER[own.better],
        event_types=own.event_types,
        aggregation=_AGGREGATION_NUMBERS[own.aggregation],
        value=own.value.text if own.value else "",
        decimals=own.decimals,
        dimension=own.dimension.text if own.dimension else "",
        created_at=created_at,
        progress=kept.progress,
        not_numbers=kept.not_numbers,
    )
    if own.filter is not None:
        message.filter.path = own.filter.path.text
        match own.filter.equals:
            case bool():
                message.filter.truth = own.filter.equals
            case str():
                message.filter.text = own.filter.equals
            case _:
                message.filter.number = own.filter.equals
    if kept.is_complete and kept.complete_from:
        message.complete_from.CopyFrom(shared.timestamp(kept.complete_from))
    return message


def _event_types(given: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(given))
    if not found:
        raise rules.required("metric.event_types")
    request_limits.EVENT_TYPES.check(len(found))
    for one in found:
        try:
            rules.event_type(one)
        except Refused as why:
            raise Refused(why.reason, f"{one[:64]!r}: {why.message}", field="metric.event_types") from None
    return found


def _aggregation(number: int) -> Aggregation:
    if not number:
        raise rules.required("metric.aggregation")
    if number not in _AGGREGATIONS:
        raise Refused(Reason.INVALID_ENUM, "not a known aggregation", field="metric.aggregation")
    return _AGGREGATIONS[number]  # type: ignore[index]  # a key that is there


def _better(number: int) -> Better:
    if number not in _BETTER_OF:
        raise Refused(Reason.INVALID_ENUM, "not a known direction", field="metric.better")
    return _BETTER_OF[number]  # type: ignore[index]  # a key that is there


def _text(field: str, value: str, most: int) -> str:
    """Returns a text of people's, without control characters."""
    if len(value) > most:
        raise Refused(
            Reason.FIELD_TOO_LONG,
            f"longer than {most} characters",
            field=f"metric.{field}",
            metadata={"limit": str(most)},
        )
    return rules.identifier(f"metric.{field}", value, 4 * most)


def _value(text: str, aggregation: Aggregation, event_types: Sequence[str]) -> Path | None:
    if text:
        return value_paths.path("metric.value", text, event_types, only_numbers=aggregation in _NUMBERS)
    if aggregation is not Aggregation.COUNT:
        raise rules.required("metric.value")
    return None


def _decimals(decimals: int, aggregation: Aggregation) -> int:
    if decimals and aggregation not in _NUMBERS:
        raise Refused(Reason.INVALID_VALUE, "goes with SUM and HISTOGRAM alone: others count", field="metric.decimals")
    if not 0 <= decimals <= MAX_DECIMALS:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"must be 0 to {MAX_DECIMALS}",
            field="metric.decimals",
            metadata={"minimum": "0", "maximum": str(MAX_DECIMALS)},
        )
    return decimals


def _filter(message: custom_metric_service_pb2.CustomMetricFilter, event_types: Sequence[str]) -> ValueFilter:
    path = value_paths.path("metric.filter.path", message.path, event_types)
    return ValueFilter(path=path, equals=value_paths.equals("metric.filter", message))
