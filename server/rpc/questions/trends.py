"""GetUsageTrends: conversion between messages and values."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from server.catalog import metrics, registry
from server.catalog.figures import Figure
from server.errors import Reason, Refused
from server.query.costs import Resource
from server.query.trends import Trends, TrendsQuestion
from server.rpc.questions import shared
from server.timerange import Granularity, Span
from tallywire.v1 import metrics_service_pb2, time_pb2

_GRANULARITIES: Mapping[int, Granularity | None] = {
    time_pb2.GRANULARITY_UNSPECIFIED: None,
    **{time_pb2.Granularity.Value(f"GRANULARITY_{one.name}"): one for one in Granularity},
}
_RESOURCES = {one: metrics_service_pb2.CostResource.Value(f"COST_RESOURCE_{one.name}") for one in Resource}


def question(request: metrics_service_pb2.GetUsageTrendsRequest) -> TrendsQuestion:
    """Returns the question of a request; refuses invalid fields."""
    return TrendsQuestion(
        period=shared.period(request.time_range),
        part=shared.part(request.filter),
        granularity=_granularity(request.granularity),
        metrics=request.metrics,
        comparison=shared.compared_with(request.comparison),
    )


def _granularity(number: int) -> Granularity | None:
    if number not in _GRANULARITIES:
        raise Refused(Reason.INVALID_ENUM, "not a known granularity", field="granularity")
    return _GRANULARITIES[number]


async def encoded_response(answer: Trends) -> bytes:
    """Returns the encoded message of an answer, and yields to the event loop between its series."""
    encoded = bytearray()
    for piece in pieces(answer):
        encoded += piece.SerializeToString()
        await asyncio.sleep(0)
    return bytes(encoded)


def pieces(answer: Trends) -> Iterator[metrics_service_pb2.GetUsageTrendsResponse]:
    """Yields parts of a message, whose encodings put together are the encoded message.

    A part has one series at most, so that 20 series of 2,000 points do not block the event loop.
    """
    yield metrics_service_pb2.GetUsageTrendsResponse(
        context=shared.context(answer.context),
        granularity=time_pb2.Granularity.Value(f"GRANULARITY_{answer.granularity.name}"),
        storage_by_kind=shared.storage(answer.storage_by_kind),
        estimated_costs=[
            metrics_service_pb2.EstimatedCost(resource=_RESOURCES[resource], cost_micros=cost)
            for resource, cost in (answer.estimated_costs or {}).items()
        ],
        compared=shared.compared(answer.compared),
    )
    yield metrics_service_pb2.GetUsageTrendsResponse(buckets=map(_bucket, answer.buckets))
    for name, values in answer.series.items():
        yield metrics_service_pb2.GetUsageTrendsResponse(series=[_series(name, values)])
    if answer.earlier is not None:
        yield metrics_service_pb2.GetUsageTrendsResponse(earlier_buckets=map(_bucket, answer.earlier.buckets))
        for name, values in answer.earlier.series.items():
            yield metrics_service_pb2.GetUsageTrendsResponse(earlier_series=[_series(name, values)])


def _series(name: str, values: Sequence[Figure]) -> metrics_service_pb2.Series:
    return metrics_service_pb2.Series(
        metric=name, unit=registry.METRICS[name].unit, values=[_series_value(name, value) for value in values]
    )


def _bucket(span: Span) -> metrics_service_pb2.Bucket:
    return metrics_service_pb2.Bucket(start=shared.timestamp(span.start), end=shared.timestamp(span.end))


def _series_value(name: str, value: Figure) -> metrics_service_pb2.SeriesValue:
    if value is None:
        return metrics_service_pb2.SeriesValue()
    if metrics.is_integer(registry.METRICS[name]):
        return metrics_service_pb2.SeriesValue(integer=int(value))
    return metrics_service_pb2.SeriesValue(number=value)
