"""The conversions that questions and answers share."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from google.protobuf import timestamp_pb2

from server import histogram, quarters, timerange
from server.catalog import counting, dimensions
from server.catalog.figures import Figures
from server.catalog.filters import Filter
from server.errors import Reason, Refused
from server.events import rules
from server.query.answers import Context, Period
from tallywire.v1 import answer_pb2, event_pb2, metrics_service_pb2, time_pb2

_STORAGE_KINDS = {kind: event_pb2.StorageKind.Value(f"STORAGE_KIND_{kind.upper()}") for kind in counting.STORAGE_KINDS}

_FILTERS = {name: dimensions.TABLE.by_field[name] for name in answer_pb2.Filter.DESCRIPTOR.fields_by_name}


def period(message: time_pb2.TimeRange) -> Period:
    """Returns the period of a question."""
    for name in ("start", "end"):
        if not message.HasField(name):
            raise rules.required(f"time_range.{name}")
    start = rules.timestamp("time_range.start", message.start.seconds, message.start.nanos)
    end = rules.timestamp("time_range.end", message.end.seconds, message.end.nanos)
    return Period(
        start=timerange.EPOCH + timedelta(microseconds=start),
        end=timerange.EPOCH + timedelta(microseconds=end),
        zone=timerange.zone(message.time_zone) if message.time_zone else None,
    )


def part(message: answer_pb2.Filter) -> Filter:
    """Returns the filter of a question."""
    chosen = [
        Filter(dimension=dimension, value=rules.identifier(f"filter.{name}", value))
        for name, dimension in _FILTERS.items()
        if (value := getattr(message, name))
    ]
    if len(chosen) > 1:
        raise Refused(
            Reason.TOO_MANY_FILTERS,
            f"filter by one of {', '.join(_FILTERS)}",
            field="filter",
            metadata={"limit": "1"},
        )
    return chosen[0] if chosen else Filter()


def timestamp(bucket: int) -> timestamp_pb2.Timestamp:
    """Returns the start of a quarter hour."""
    return timestamp_pb2.Timestamp(seconds=bucket * quarters.QUARTER_SECONDS)


def context(value: Context) -> answer_pb2.AnswerContext:
    """Returns the message of an answer's context."""
    as_of_time = timestamp_pb2.Timestamp()
    as_of_time.FromDatetime(value.as_of.at)
    span = value.period.span
    message = answer_pb2.AnswerContext(
        start=timestamp(span.start),
        end=timestamp(span.end),
        time_zone=value.period.zone.key,
        epoch=value.as_of.epoch,
        as_of_revision=value.as_of.revision,
        as_of_time=as_of_time,
        still_running=value.period.still_running,
    )
    for projection, revision in value.lagging.items():
        message.lagging.add(projection=projection, as_of_revision=revision)
    if value.approximate:
        message.approximation.metrics.extend(value.approximate)
        message.approximation.max_relative_error = histogram.RELATIVE_ERROR
    return message


def set_figures(message: Any, figures: Figures) -> None:
    """Sets the fields that have the names of figures; fields of absent figures stay unset."""
    for name, value in figures.items():
        if value is not None:
            setattr(message, name, value)


def storage(by_kind: Mapping[str, int] | None) -> list[metrics_service_pb2.StorageUsage]:
    """Returns the messages of the storage in use by kind."""
    return [
        metrics_service_pb2.StorageUsage(kind=_STORAGE_KINDS[kind], bytes=used)
        for kind, used in (by_kind or {}).items()
    ]
