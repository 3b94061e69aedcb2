"""The conversions that questions and answers share."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import timestamp_pb2

from server import histogram, quarters, timerange
from server.admission import request_limits
from server.catalog import cells, counting, dimensions
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figures
from server.catalog.filters import Filter
from server.errors import Reason, Refused
from server.events import rules
from server.query.answers import Context, Period
from server.query.changes import Absence
from server.query.comparison import Compared, Comparison, Mode
from server.rollups import overflow
from server.timerange import Asked
from tallywire.v1 import answer_pb2, event_pb2, metrics_service_pb2, time_pb2

_STORAGE_KINDS = {kind: event_pb2.StorageKind.Value(f"STORAGE_KIND_{kind.upper()}") for kind in counting.STORAGE_KINDS}

# The fields of a filter that name a dimension of their own.
_FIELDS = {
    name: dimensions.TABLE.by_field[name]
    for name in answer_pb2.Filter.DESCRIPTOR.fields_by_name
    if name in dimensions.TABLE.by_field
}


def period(message: time_pb2.TimeRange) -> Period:
    """Returns the period of a question."""
    asked = _asked("time_range", message)
    return Period(
        start=asked.start,
        end=asked.end,
        zone=timerange.zone(message.time_zone) if message.time_zone else None,
    )


_MODES = {time_pb2.ComparisonMode.Value(f"COMPARISON_MODE_{one.name}"): one for one in Mode}


def compared_with(message: time_pb2.Comparison) -> Comparison | None:
    """Returns with what a question wants its period compared, None where it does not say."""
    if message.mode == time_pb2.COMPARISON_MODE_CUSTOM:
        return Comparison(mode=Mode.CUSTOM, custom=_custom(message))
    if message.mode not in (time_pb2.COMPARISON_MODE_UNSPECIFIED, *_MODES):
        raise Refused(Reason.INVALID_ENUM, "not a known way to compare", field="comparison.mode")
    for name in ("start", "end"):
        if message.HasField(name):
            raise Refused(
                Reason.INVALID_VALUE, "goes with COMPARISON_MODE_CUSTOM and no other mode", field=f"comparison.{name}"
            )
    return Comparison(mode=_MODES[message.mode]) if message.mode else None


def _custom(message: time_pb2.Comparison) -> Asked:
    asked = _asked("comparison", message)
    if asked.end <= asked.start:
        raise Refused(Reason.INVALID_TIME_RANGE, "end must be later than start", field="comparison.end")
    return asked


def _asked(field: str, message: time_pb2.TimeRange | time_pb2.Comparison) -> Asked:
    """Returns the bounds of a period; refuses one without both."""
    for name in ("start", "end"):
        if not message.HasField(name):
            raise rules.required(f"{field}.{name}")
    start = rules.timestamp(f"{field}.start", message.start.seconds, message.start.nanos)
    end = rules.timestamp(f"{field}.end", message.end.seconds, message.end.nanos)
    return Asked(start=timerange.of_microseconds(start), end=timerange.of_microseconds(end))


def part(message: answer_pb2.Filter) -> Filter:
    """Returns the filter of a question; refuses more than a value of each of two dimensions."""
    chosen = [
        _filter(f"filter.{name}", dimension, value)
        for name, dimension in _FIELDS.items()
        if (value := getattr(message, name))
    ]
    request_limits.FILTERS.check(len(chosen) + len(message.dimensions))
    chosen += [_filter("filter.dimensions.value", _dimension(one.dimension), one.value) for one in message.dimensions]
    if len(chosen) < 2:
        return chosen[0] if chosen else Filter()
    return _pair(*chosen)


def _pair(first: Filter, second: Filter) -> Filter:
    if first.dimension is second.dimension:
        raise request_limits.FILTERS.refusal()
    dimension = dimensions.TABLE.pair(first.dimension, second.dimension)
    if dimension is None:
        names = f"{first.dimension.name},{second.dimension.name}"
        raise Refused(
            Reason.PAIR_NOT_KEPT,
            f"no event carries both of {names}: they are details of different kinds of events",
            field="filter",
            metadata={"pair": names},
        )
    low, high = (first, second) if first.dimension.number < second.dimension.number else (second, first)
    others = [one for one in (low, high) if one.value == cells.OTHER]
    if len(others) == 1:
        raise overflow.refusal("filter")
    value = cells.OTHER if others else dimensions.joined(low.value, high.value)
    return Filter(dimension=dimension, value=value)


def _filter(field: str, dimension: Dimension, value: str) -> Filter:
    if not value:
        raise rules.required(field)
    return Filter(dimension=dimension, value=rules.identifier(field, value, dimension.max_bytes))


def _dimension(name: str) -> Dimension:
    dimension = dimensions.TABLE.by_name.get(name)
    if dimension is None or dimension not in dimensions.TABLE.filters:
        known = ", ".join(one.name for one in dimensions.TABLE.filters)
        raise Refused(
            Reason.UNKNOWN_DIMENSION,
            f"{name[:64]!r} is no dimension that an answer can be narrowed by; these are: {known}",
            field="filter.dimensions.dimension",
            metadata={"dimension": name[:64]},
        )
    return dimension


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


ABSENCES = {one: answer_pb2.AbsenceReason.Value(f"ABSENCE_REASON_{one.name}") for one in Absence}


def compared(value: Compared | None) -> answer_pb2.ComparedPeriod | None:
    """Returns the message of what was compared, None without a comparison."""
    if value is None:
        return None
    return answer_pb2.ComparedPeriod(
        start=timestamp(value.span.start),
        end=timestamp(value.span.end),
        compared_until=timestamp(value.until),
        absence_reason=ABSENCES[value.absence] if value.absence else answer_pb2.ABSENCE_REASON_UNSPECIFIED,
    )


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
