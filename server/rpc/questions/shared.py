"""The conversions that questions and answers share."""

import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from google.protobuf import timestamp_pb2

from server import histogram, quarters, timerange
from server.admission import request_limits
from server.catalog import cells, counting, dimensions, metrics
from server.catalog.catalogue import BUILT_IN, Catalogue
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figure, Figures
from server.catalog.filters import Filter
from server.catalog.metrics import Metric
from server.errors import Reason, Refused
from server.events import rules
from server.events.agent_profile import AgentKind
from server.organizations.restriction import Restriction
from server.query.answers import Context, Period, Source
from server.query.buckets import Bucket, Partial
from server.query.changes import Absence, Change
from server.query.comparison import Compared, Comparison, Mode
from server.query.costs import Resource
from server.query.queries import ReadState
from server.rollups import overflow
from server.rpc import restricting
from server.timerange import FINE, Granularity, Interval
from tallywire.v1 import answer_pb2, event_pb2, metrics_service_pb2, time_pb2

# Returns the id under which events of a user are stored: the pseudonym of an e-mail address, or else the id.
StoredUser = Callable[[str], str]
_STORAGE_KINDS = {kind: event_pb2.StorageKind.Value(f"STORAGE_KIND_{kind.upper()}") for kind in counting.STORAGE_KINDS}

_GRANULARITIES: Mapping[int, Granularity | None] = {
    time_pb2.GRANULARITY_UNSPECIFIED: None,
    **{time_pb2.Granularity.Value(f"GRANULARITY_{one.name}"): one for one in Granularity},
}

# The fields of a filter that name a dimension of their own.
_FIELDS = {
    name: dimensions.TABLE.by_field[name]
    for name in answer_pb2.Filter.DESCRIPTOR.fields_by_name
    if name in dimensions.TABLE.by_field
}


def restriction(found: Restriction | None) -> answer_pb2.Restriction | None:
    """Returns the message of a restriction; None where there is none."""
    return None if found is None else answer_pb2.Restriction(dimension=found.dimension, values=found.values)


def period(message: time_pb2.TimeRange) -> Period:
    """Returns the period of a question."""
    asked = _asked("time_range", message)
    zone, week_start = zone_and_week(message)
    return Period(start=asked.start, end=asked.end, zone=zone, week_start=week_start)


def zone_and_week(message: time_pb2.TimeRange) -> tuple[zoneinfo.ZoneInfo | None, int | None]:
    """Returns the zone and the first day of weeks that a question asks for; None: the organization's."""
    zone = timerange.zone(message.time_zone) if message.time_zone else None
    return zone, _week_start(message.week_start)


_WEEKDAYS = [time_pb2.Weekday.Value(f"WEEKDAY_{name.upper()}") for name in timerange.WEEKDAYS]
_WEEK_STARTS: Mapping[int, int | None] = {
    time_pb2.WEEKDAY_UNSPECIFIED: None,
    **{number: place for place, number in enumerate(_WEEKDAYS)},
}


def weekday(place: int) -> time_pb2.Weekday.ValueType:
    """Returns the number of a day of the week, which is given as 0 for Monday."""
    return _WEEKDAYS[place]


def _week_start(number: int) -> int | None:
    if number not in _WEEK_STARTS:
        raise Refused(Reason.INVALID_ENUM, "not a known day of the week", field="time_range.week_start")
    return _WEEK_STARTS[number]


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


def _custom(message: time_pb2.Comparison) -> Interval:
    asked = _asked("comparison", message)
    if asked.end <= asked.start:
        raise Refused(Reason.INVALID_TIME_RANGE, "end must be later than start", field="comparison.end")
    return asked


def _asked(field: str, message: time_pb2.TimeRange | time_pb2.Comparison) -> Interval:
    """Returns the bounds of a period; refuses one without both."""
    for name in ("start", "end"):
        if not message.HasField(name):
            raise rules.required(f"{field}.{name}")
    start = rules.timestamp(f"{field}.start", message.start.seconds, message.start.nanos)
    end = rules.timestamp(f"{field}.end", message.end.seconds, message.end.nanos)
    return Interval(start=timerange.of_microseconds(start), end=timerange.of_microseconds(end))


def part(message: answer_pb2.Filter, catalogue: Catalogue = BUILT_IN) -> Filter:
    """Returns the filter of a question; refuses more than a value of each of two dimensions."""
    chosen = [
        _filter(f"filter.{name}", dimension, value)
        for name, dimension in _FIELDS.items()
        if (value := getattr(message, name))
    ]
    request_limits.FILTERS.check(len(chosen) + len(message.dimensions))
    chosen += [
        _filter("filter.dimensions.value", _dimension(one.dimension, catalogue), one.value)
        for one in message.dimensions
    ]
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
            f"no event carries both of {names}: they are details of different kinds of events, or one is the own"
            " dimension of a custom metric, which goes with no other",
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


def dimension(name: str, among: Sequence[Dimension], *, field: str, purpose: str) -> Dimension:
    """Returns the dimension of a name; refuses one that is not among those that serve the purpose."""
    found = next((one for one in among if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in among)
        raise Refused(
            Reason.UNKNOWN_DIMENSION,
            f"{name[:64]!r} is no dimension that {purpose}; these are: {known}",
            field=field,
            metadata={"dimension": name[:64]},
        )
    return found


def _dimension(name: str, catalogue: Catalogue) -> Dimension:
    field, purpose = "filter.dimensions.dimension", "an answer can be narrowed by"
    among = [*dimensions.TABLE.filters, *catalogue.dimensions.values()]
    return dimension(name, among, field=field, purpose=purpose)


def whole_number(field: str, asked: int, *, default: int, most: int) -> int:
    """Returns a number of a request, from 1 to the most, or the default where it is unset."""
    if not 0 <= asked <= most:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"must be from 1 to {most}",
            field=field,
            metadata={"minimum": "1", "maximum": str(most)},
        )
    return asked or default


_DIRECTIONS: Mapping[int, bool] = {
    metrics_service_pb2.SORT_DIRECTION_UNSPECIFIED: True,
    metrics_service_pb2.SORT_DIRECTION_DESCENDING: True,
    metrics_service_pb2.SORT_DIRECTION_ASCENDING: False,
}


def descending(direction: int, *, unset: bool = True) -> bool:
    """Returns whether the greatest comes first; refuses an unknown direction."""
    if direction not in _DIRECTIONS:
        raise Refused(Reason.INVALID_ENUM, "not a known direction", field="direction")
    return _DIRECTIONS[direction] if direction else unset


def page_size(asked: int, default: int, most: int) -> int:
    """Returns the most rows of a page; more than there may be are taken as the most."""
    if asked < 0:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"must be from 1 to {most}",
            field="page_size",
            metadata={"minimum": "1", "maximum": str(most)},
        )
    return min(asked or default, most)


def timestamp(bucket: int) -> timestamp_pb2.Timestamp:
    """Returns the start of a quarter hour."""
    return timestamp_pb2.Timestamp(seconds=bucket * quarters.QUARTER_SECONDS)


def instant(at: datetime) -> timestamp_pb2.Timestamp:
    """Returns an instant."""
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(at)
    return message


def microseconds(at: int | None) -> timestamp_pb2.Timestamp | None:
    """Returns an instant that is given in microseconds since 1970; None for none."""
    if at is None:
        return None
    message = timestamp_pb2.Timestamp()
    message.FromMicroseconds(at)
    return message


AGENT_KINDS: Mapping[AgentKind, event_pb2.AgentKind.ValueType] = {
    AgentKind.UNKNOWN: event_pb2.AGENT_KIND_UNSPECIFIED,
    AgentKind.AI: event_pb2.AGENT_KIND_AI,
    AgentKind.HUMAN: event_pb2.AGENT_KIND_HUMAN,
}


def agent_kind(number: int) -> AgentKind | None:
    """Returns a kind of agents, None for any; refuses an unknown one."""
    found = next((one for one, known in AGENT_KINDS.items() if known == number), None)
    if found is None:
        raise Refused(Reason.INVALID_ENUM, "not a known kind", field="kind")
    return found or None


def known_context(value: ReadState) -> answer_pb2.AnswerContext:
    """Returns the message of the context of an answer about no period."""
    message = answer_pb2.AnswerContext(
        epoch=value.as_of.epoch,
        as_of_revision=value.as_of.revision,
        as_of_time=instant(value.as_of.at),
        time_zone=value.time_zone,
        currency=value.currency,
    )
    _set_lagging(message, value.lagging)
    restricting.tell(message)
    return message


_SOURCES = {one: answer_pb2.AnswerSource.Value(f"ANSWER_SOURCE_{one.name}") for one in Source}


def context(value: Context) -> answer_pb2.AnswerContext:
    """Returns the message of an answer's context."""
    bounds = value.period.bounds
    message = answer_pb2.AnswerContext(
        start=instant(bounds.start),
        end=instant(bounds.end),
        time_zone=value.period.zone.key,
        epoch=value.as_of.epoch,
        as_of_revision=value.as_of.revision,
        as_of_time=instant(value.as_of.at),
        still_running=value.period.still_running,
        currency=value.currency,
        first_event_at=None if value.first_event is None else timestamp(value.first_event),
        week_start=_WEEKDAYS[value.period.week_start],
        source=_SOURCES[value.source],
    )
    _set_lagging(message, value.lagging)
    restricting.tell(message)
    if value.approximate:
        message.approximation.metrics.extend(value.approximate)
        message.approximation.max_relative_error = histogram.RELATIVE_ERROR
    return message


def _set_lagging(message: answer_pb2.AnswerContext, lagging: Mapping[str, int]) -> None:
    for projection, revision in lagging.items():
        message.lagging.add(projection=projection, as_of_revision=revision)


ABSENCES = {one: answer_pb2.AbsenceReason.Value(f"ABSENCE_REASON_{one.name}") for one in Absence}


def compared(value: Compared | None) -> answer_pb2.ComparedPeriod | None:
    """Returns the message of what was compared, None without a comparison."""
    if value is None:
        return None
    return answer_pb2.ComparedPeriod(
        start=instant(value.bounds.start),
        end=instant(value.bounds.end),
        compared_until=instant(value.until),
        absence_reason=ABSENCES[value.absence] if value.absence else answer_pb2.ABSENCE_REASON_UNSPECIFIED,
    )


def change(value: Change) -> answer_pb2.Change:
    """Returns the message of a change."""
    if value.absence is not None:
        return answer_pb2.Change(absence_reason=ABSENCES[value.absence])
    return answer_pb2.Change(percent=value.percent)


def bucket(interval: Interval) -> metrics_service_pb2.Bucket:
    """Returns the message of a bucket."""
    return metrics_service_pb2.Bucket(start=instant(interval.start), end=instant(interval.end))


_PARTIAL = {one: metrics_service_pb2.PartialBucket.Value(f"PARTIAL_BUCKET_{one.name}") for one in Partial}


def described(value: Bucket) -> metrics_service_pb2.Bucket:
    """Returns the message of a bucket with what is to be said of it."""
    message = bucket(value.interval)
    message.restated = value.restated
    if value.partial is not None:
        message.partial = _PARTIAL[value.partial]
    return message


def series_value(metric: Metric, value: Figure) -> metrics_service_pb2.SeriesValue:
    """Returns the message of one figure of a metric."""
    if value is None:
        return metrics_service_pb2.SeriesValue()
    if metrics.is_integer(metric):
        return metrics_service_pb2.SeriesValue(integer=int(value))
    return metrics_service_pb2.SeriesValue(number=metrics.shown(metric, value))


def granularity(number: int, *, field: str, may_be_fine: bool = False) -> Granularity | None:
    """Returns a granularity; None where the service is to choose."""
    if number not in _GRANULARITIES:
        raise Refused(Reason.INVALID_ENUM, "not a known granularity", field=field)
    found = _GRANULARITIES[number]
    if found in FINE and not may_be_fine:
        raise Refused(Reason.INVALID_VALUE, "series by the minute are in GetUsageTrends alone", field=field)
    return found


def granularity_number(one: Granularity) -> time_pb2.Granularity.ValueType:
    """Returns the number of a granularity."""
    return time_pb2.Granularity.Value(f"GRANULARITY_{one.name}")


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


_RESOURCES = {one: metrics_service_pb2.CostResource.Value(f"COST_RESOURCE_{one.name}") for one in Resource}


def estimated(costs: Mapping[Resource, int] | None) -> list[metrics_service_pb2.EstimatedCost]:
    """Returns the messages of estimated costs by resource."""
    return [
        metrics_service_pb2.EstimatedCost(resource=_RESOURCES[resource], cost_micros=cost)
        for resource, cost in (costs or {}).items()
    ]
