"""ListMetrics: the catalogue as messages."""

from server.catalog import dimensions, registry
from server.catalog.dimensions import Dimension
from server.catalog.metrics import Definition, Derived, Measure, Quantile, Ratio
from tallywire.v1 import metrics_service_pb2


def response() -> metrics_service_pb2.ListMetricsResponse:
    """Returns the message of the whole catalogue, metrics and dimensions each by name."""
    return metrics_service_pb2.ListMetricsResponse(
        metrics=[_descriptor(metric) for _, metric in sorted(registry.ALL.items())],
        dimensions=sorted(map(_dimension, dimensions.TABLE.filters), key=lambda one: one.name),
    )


def _dimension(dimension: Dimension) -> metrics_service_pb2.DimensionDescriptor:
    return metrics_service_pb2.DimensionDescriptor(
        name=dimension.name,
        description=dimension.description,
        has_conversations=dimension.has_projections,
        has_realtime=dimension.has_slots,
    )


def _descriptor(metric: Definition) -> metrics_service_pb2.MetricDescriptor:
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
