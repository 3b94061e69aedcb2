"""GetUsageTrends: conversion between messages and values."""

import asyncio
from collections.abc import Iterator, Sequence

from server.catalog.catalogue import Catalogue
from server.catalog.figures import Figure
from server.errors import Reason, Refused
from server.query.trends import Trends, TrendsQuestion
from server.rpc.questions import shared
from tallywire.v1 import metrics_service_pb2


def names(request: metrics_service_pb2.GetUsageTrendsRequest) -> list[str]:
    """Returns the names of metrics and dimensions in a request."""
    return [*request.metrics, *(one.dimension for one in request.filter.dimensions)]


def question(request: metrics_service_pb2.GetUsageTrendsRequest, catalogue: Catalogue) -> TrendsQuestion:
    """Returns the question of a request, which names what a catalogue has; refuses invalid fields."""
    return TrendsQuestion(
        period=shared.period(request.time_range),
        part=shared.part(request.filter, catalogue),
        granularity=shared.granularity(request.granularity, field="granularity", may_be_fine=True),
        metrics=request.metrics,
        comparison=shared.compared_with(request.comparison),
        since_revision=_since(request.since_revision),
        catalogue=catalogue,
    )


def _since(revision: int) -> int | None:
    if revision < 0:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            "must not be negative",
            field="since_revision",
            metadata={"minimum": "0", "maximum": str(2**63 - 1)},
        )
    return revision or None


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
        granularity=shared.granularity_number(answer.granularity),
        storage_by_kind=shared.storage(answer.storage_by_kind),
        estimated_costs=shared.estimated(answer.estimated_costs),
        compared=shared.compared(answer.compared),
    )
    yield metrics_service_pb2.GetUsageTrendsResponse(buckets=map(shared.described, answer.buckets))
    for name, values in answer.series.items():
        yield metrics_service_pb2.GetUsageTrendsResponse(series=[_series(answer, name, values)])
    if answer.earlier is not None:
        yield metrics_service_pb2.GetUsageTrendsResponse(earlier_buckets=map(shared.bucket, answer.earlier.buckets))
        for name, values in answer.earlier.series.items():
            yield metrics_service_pb2.GetUsageTrendsResponse(earlier_series=[_series(answer, name, values)])


def _series(answer: Trends, name: str, values: Sequence[Figure]) -> metrics_service_pb2.Series:
    metric = answer.catalogue.metrics[name]
    return metrics_service_pb2.Series(
        metric=name,
        unit=metric.unit,
        title=metric.title,
        values=[shared.series_value(metric, value) for value in values],
    )
