"""ListMetrics: the catalogue as messages."""

from collections.abc import Iterator, Sequence

from server.catalog import dimensions, figures, registry
from server.catalog.catalogue import Catalogue
from server.catalog.custom_metrics import KeptMetric
from server.catalog.dimensions import Dimension
from server.catalog.families import conversations, generated_leads
from server.catalog.metrics import Better, Definition, Derived, Measure, Quantile, Ratio
from server.catalog.pairs import KeptPair
from server.rpc.questions import shared
from tallywire.v1 import metrics_service_pb2

_BETTER = {one: metrics_service_pb2.MetricDirection.Value(f"METRIC_DIRECTION_{one.name}") for one in Better}


_CUSTOM = "Custom metrics"  # the title of their group


def response(kept: Sequence[KeptPair], own: Sequence[KeptMetric]) -> metrics_service_pb2.ListMetricsResponse:
    """Returns the message of the whole catalogue, metrics, dimensions and the pairs that are kept, each by name."""
    built_in = [_descriptor(metric, registry.GROUPS[metric.name]) for metric in registry.ALL.values()]
    custom = [descriptor for one in own for descriptor in _custom(one)]
    found = [*dimensions.TABLE.filters, *Catalogue(own).dimensions.values()]
    return metrics_service_pb2.ListMetricsResponse(
        metrics=sorted([*built_in, *custom], key=lambda one: one.name),
        dimensions=sorted(map(_dimension, found), key=lambda one: one.name),
        pairs=sorted(map(_pair, kept), key=lambda one: one.name),
    )


def _pair(kept: KeptPair) -> metrics_service_pb2.DimensionPair:
    message = metrics_service_pb2.DimensionPair(
        name=kept.dimension.name,
        dimensions=[one.name for one in kept.dimension.sides or ()],
        complete=kept.complete_from is not None,
        standing=kept.dimension in dimensions.TABLE.standing,
    )
    if kept.complete_from:
        message.complete_from.CopyFrom(shared.timestamp(kept.complete_from))
    return message


def _dimension(dimension: Dimension) -> metrics_service_pb2.DimensionDescriptor:
    return metrics_service_pb2.DimensionDescriptor(
        name=dimension.name,
        description=dimension.description,
        has_conversations=dimension.keeps(conversations.PROJECTION),
        has_leads=dimension.keeps(generated_leads.PROJECTION),
        has_realtime=dimension.has_slots,
    )


def _custom(one: KeptMetric) -> Iterator[metrics_service_pb2.MetricDescriptor]:
    """Yields what a custom metric comes to in the catalogue."""
    for metric in one.metrics():
        message = _descriptor(metric, _CUSTOM)
        message.custom_metric = one.definition.name
        message.progress = one.progress
        if one.is_complete and one.complete_from:
            message.complete_from.CopyFrom(shared.timestamp(one.complete_from))
        yield message


def _descriptor(metric: Definition, group: str) -> metrics_service_pb2.MetricDescriptor:
    message = metrics_service_pb2.MetricDescriptor(
        name=metric.name,
        description=metric.description,
        unit=metric.unit,
        kind=metrics_service_pb2.METRIC_KIND_RATIO,
        has_series=not isinstance(metric, Derived),
        title=metric.title,
        better=_BETTER[metric.better],
        group=group,
        only_by=figures.only_by(metric.name) if metric.name in registry.METRICS else (),
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
