"""Questions and answers between their messages and their values."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from google.protobuf import timestamp_pb2

from server import histogram, timerange
from server.catalog import counting, metrics, registry
from server.catalog.cells import Dimension
from server.catalog.figures import Figure, Figures
from server.catalog.filters import Filter
from server.catalog.metrics import Derived, Measure, Quantile, Ratio
from server.errors import Reason, Refused
from server.events import rules
from server.query.answers import Absence, Agent, Change, Context, Overview, Period, Resource, TrendPoint, Trends
from server.timerange import Granularity, Span
from tallywire.v1 import answer_pb2, event_pb2, metrics_service_pb2, time_pb2

_GRANULARITIES: Mapping[int, Granularity | None] = {
    time_pb2.GRANULARITY_UNSPECIFIED: None,
    **{time_pb2.Granularity.Value(f"GRANULARITY_{one.name}"): one for one in Granularity},
}
_STORAGE_KINDS = {kind: event_pb2.StorageKind.Value(f"STORAGE_KIND_{kind.upper()}") for kind in counting.STORAGE_KINDS}


def period(message: time_pb2.TimeRange) -> Period:
    """The period of a question."""
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
    """The part of the organization that a question is about."""
    chosen = [
        Filter(dimension=dimension, value=rules.identifier(f"filter.{name}", value))
        for dimension, name, value in (
            (Dimension.AGENT, "agent_id", message.agent_id),
            (Dimension.CHANNEL, "channel", message.channel),
            (Dimension.TEAM, "team_id", message.team_id),
        )
        if value
    ]
    if len(chosen) > 1:
        raise Refused(
            Reason.TOO_MANY_FILTERS,
            "filter by one of agent_id, channel and team_id",
            field="filter",
            metadata={"limit": "1"},
        )
    return chosen[0] if chosen else Filter()


def granularity(number: int) -> Granularity | None:
    """The width of a series' points; None where the server chooses."""
    if number not in _GRANULARITIES:
        raise Refused(Reason.INVALID_ENUM, "not a known granularity", field="granularity")
    return _GRANULARITIES[number]


def _timestamp(bucket: int) -> timestamp_pb2.Timestamp:
    return timestamp_pb2.Timestamp(seconds=bucket * 900)


def _context(context: Context) -> answer_pb2.AnswerContext:
    as_of_time = timestamp_pb2.Timestamp()
    as_of_time.FromDatetime(context.as_of.at)
    span = context.period.span
    message = answer_pb2.AnswerContext(
        start=_timestamp(span.start),
        end=_timestamp(span.end),
        time_zone=context.period.zone.key,
        epoch=context.as_of.epoch,
        as_of_revision=context.as_of.revision,
        as_of_time=as_of_time,
        still_running=context.period.still_running,
    )
    if context.approximate:
        message.approximation.metrics.extend(context.approximate)
        message.approximation.max_relative_error = histogram.RELATIVE_ERROR
    return message


def _present(figures: Figures) -> dict[str, int | float]:
    """The figures that are there: fields of the same name stay unset for the others."""
    return {name: value for name, value in figures.items() if value is not None}


_ABSENCES = {one: answer_pb2.AbsenceReason.Value(f"ABSENCE_REASON_{one.name}") for one in Absence}


def _change(change: Change) -> answer_pb2.Change:
    if change.absence is not None:
        return answer_pb2.Change(absence_reason=_ABSENCES[change.absence])
    return answer_pb2.Change(percent=change.percent)


def _storage(by_kind: Mapping[str, int] | None) -> list[metrics_service_pb2.StorageUsage]:
    return [
        metrics_service_pb2.StorageUsage(kind=_STORAGE_KINDS[kind], bytes=used)
        for kind, used in (by_kind or {}).items()
    ]


def overview(answer: Overview) -> metrics_service_pb2.GetOverviewResponse:
    """The message of the key figures."""
    figures: dict[str, Figure] = dict(answer.figures)
    if answer.storage_by_kind is not None:
        figures["storage_used_bytes"] = sum(answer.storage_by_kind.values())
    message = metrics_service_pb2.Overview(
        storage_by_kind=_storage(answer.storage_by_kind),
        events_by_type=[
            metrics_service_pb2.EventTypeCount(event_type=name, events=count)
            for name, count in (answer.events_by_type or {}).items()
        ],
        **{name: _change(change) for name, change in answer.changes.items()},  # type: ignore[arg-type]
    )
    for name, value in _present(figures).items():
        setattr(message, name, value)
    return metrics_service_pb2.GetOverviewResponse(context=_context(answer.context), overview=message)


def agent(answer: Agent) -> metrics_service_pb2.GetAgentMetricsResponse:
    """The message of one agent's figures."""
    message = metrics_service_pb2.AgentMetrics(agent_id=answer.agent_id)
    for name, value in _present(answer.figures).items():
        setattr(message, name, value)
    return metrics_service_pb2.GetAgentMetricsResponse(
        context=_context(answer.context), agent=message, trend=map(_trend_point, answer.trend)
    )


def _trend_point(point: TrendPoint) -> metrics_service_pb2.AgentTrendPoint:
    message = metrics_service_pb2.AgentTrendPoint(start=_timestamp(point.span.start), end=_timestamp(point.span.end))
    for name, value in _present(point.figures).items():
        setattr(message, name, value)
    return message


_RESOURCES = {one: metrics_service_pb2.CostResource.Value(f"COST_RESOURCE_{one.name}") for one in Resource}


def trends(answer: Trends) -> Iterator[metrics_service_pb2.GetUsageTrendsResponse]:
    """The message of series in parts, which are one message when they are encoded one behind the other.

    A part has one series at most, so that 20 of 2,000 points each do not hold up everybody else.
    """
    yield metrics_service_pb2.GetUsageTrendsResponse(
        context=_context(answer.context),
        granularity=time_pb2.Granularity.Value(f"GRANULARITY_{answer.granularity.name}"),
        storage_by_kind=_storage(answer.storage_by_kind),
        estimated_costs=[
            metrics_service_pb2.EstimatedCost(resource=_RESOURCES[resource], cost_micros=cost)
            for resource, cost in (answer.estimated_costs or {}).items()
        ],
    )
    yield metrics_service_pb2.GetUsageTrendsResponse(buckets=map(_bucket, answer.buckets))
    for name, values in answer.series.items():
        series = metrics_service_pb2.Series(
            metric=name, unit=registry.METRICS[name].unit, values=[_series_value(name, value) for value in values]
        )
        yield metrics_service_pb2.GetUsageTrendsResponse(series=[series])


def _bucket(span: Span) -> metrics_service_pb2.Bucket:
    return metrics_service_pb2.Bucket(start=_timestamp(span.start), end=_timestamp(span.end))


def _series_value(name: str, value: Figure) -> metrics_service_pb2.SeriesValue:
    if value is None:
        return metrics_service_pb2.SeriesValue()
    if metrics.is_integer(registry.METRICS[name]):
        return metrics_service_pb2.SeriesValue(integer=int(value))
    return metrics_service_pb2.SeriesValue(number=value)


def catalogue() -> metrics_service_pb2.ListMetricsResponse:
    """The message of the whole catalogue, by name."""
    everything = registry.ALL.values()
    return metrics_service_pb2.ListMetricsResponse(
        metrics=[_descriptor(metric) for metric in sorted(everything, key=lambda metric: metric.name)]
    )


def _descriptor(metric: Measure | Ratio | Quantile | Derived) -> metrics_service_pb2.MetricDescriptor:
    message = metrics_service_pb2.MetricDescriptor(
        name=metric.name,
        description=metric.description,
        unit=metric.unit,
        kind=metrics_service_pb2.METRIC_KIND_RATIO,
        has_series=not isinstance(metric, Derived),
    )
    match metric:
        case Measure():
            message.kind = metrics_service_pb2.METRIC_KIND_MEASURE
            message.event_types.extend(metric.event_types)
        case Ratio():
            message.inputs.extend(metric.inputs)
        case Quantile():
            message.inputs.append(metric.measure)
            message.max_relative_error = metric.max_relative_error
        case Derived():
            pass
    return message
