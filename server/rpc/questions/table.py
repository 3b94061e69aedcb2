"""QueryMetrics: conversion between messages and values."""

import asyncio
from collections.abc import Iterator, Sequence

from server.admission import request_limits
from server.catalog import dimensions
from server.catalog.catalogue import Catalogue
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figures
from server.catalog.metrics import Metric
from server.errors import Reason, Refused
from server.events import erased, rules
from server.query import grouping, metric_names, table
from server.query.table import Table
from server.query.table_rows import Row, TableQuestion
from server.rpc.questions import shared
from server.rpc.questions.rows import Tokens
from tallywire.v1 import metrics_service_pb2

DEFAULT_PAGE_SIZE = 50
MAX_ROWS_TOKENS = 5_000  # of a page, which is some megabytes with them


def names(request: metrics_service_pb2.QueryMetricsRequest) -> list[str]:
    """Returns the names of metrics and dimensions in a request."""
    return [*request.metrics, *request.group_by, *(one.dimension for one in request.filter.dimensions)]


def question(request: metrics_service_pb2.QueryMetricsRequest, catalogue: Catalogue) -> TableQuestion:
    """Returns the question of a request, which names what a catalogue has; refuses invalid fields."""
    if not request.metrics:
        raise rules.required("metrics")
    part = shared.part(request.filter, catalogue)
    metrics = metric_names.checked(request.metrics, catalogue)
    return TableQuestion(
        catalogue=catalogue,
        period=shared.period(request.time_range),
        part=part,
        grouping=grouping.grouping(_groups(request.group_by, catalogue), part),
        metrics=metrics,
        order_by=metric_names.order(metrics, request.order_by),
        descending=shared.descending(request.direction),
        page_size=shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, table.MAX_PAGE_SIZE),
        page_token=request.page_token,
        has_series=request.HasField("series"),
        granularity=shared.granularity(request.series.granularity, field="series.granularity"),
        comparison=shared.compared_with(request.comparison),
        with_rows=_with_rows(request),
    )


def _with_rows(request: metrics_service_pb2.QueryMetricsRequest) -> bool:
    """Returns whether rows tokens are asked for; refuses too many of them."""
    size = shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, table.MAX_PAGE_SIZE)
    if request.include_rows_tokens and size * len(request.metrics) > MAX_ROWS_TOKENS:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"a page with rows tokens has at most {MAX_ROWS_TOKENS:,} figures: ask for fewer rows or metrics",
            field="page_size",
            metadata={"minimum": "1", "maximum": str(MAX_ROWS_TOKENS // len(request.metrics))},
        )
    return request.include_rows_tokens


def _groups(names: Sequence[str], catalogue: Catalogue) -> list[Dimension]:
    request_limits.GROUPS.check(len(names))
    purpose = "the rows of a table can be about"
    among = [*dimensions.TABLE.groups, *catalogue.dimensions.values()]
    found = [shared.dimension(name, among, field="group_by", purpose=purpose) for name in names]
    if len(set(found)) < len(found):
        raise Refused(Reason.INVALID_VALUE, f"group_by names {names[0]} twice", field="group_by")
    return found


async def encoded_response(answer: Table, tokens: Tokens) -> bytes:
    """Returns the encoded message of an answer, and yields to the event loop between its rows."""
    encoded = bytearray()
    for piece in _pieces(answer, tokens):
        encoded += piece.SerializeToString()
        await asyncio.sleep(0)
    return bytes(encoded)


def _column(metric: Metric) -> metrics_service_pb2.MetricColumn:
    return metrics_service_pb2.MetricColumn(metric=metric.name, unit=metric.unit, title=metric.title)


def _pieces(answer: Table, tokens: Tokens) -> Iterator[metrics_service_pb2.QueryMetricsResponse]:
    """Yields parts of a message, whose encodings put together are the encoded message. A part has one row at most."""
    response = metrics_service_pb2.QueryMetricsResponse(
        context=shared.context(answer.context),
        metrics=[_column(answer.catalogue.metrics[name]) for name in answer.metrics],
        group_by=answer.group_by,
        total=_row(answer, answer.total, tokens),
        distinct_values=answer.distinct_values,
        next_page_token=answer.next_page_token,
        buckets=map(shared.described, answer.buckets),
        compared=shared.compared(answer.compared),
    )
    if answer.rest is not None:
        response.rest.CopyFrom(_row(answer, answer.rest, tokens))
    if answer.other is not None:
        response.other.CopyFrom(_row(answer, answer.other, tokens))
    if answer.granularity is not None:
        response.granularity = shared.granularity_number(answer.granularity)
    yield response
    for row in answer.rows:
        yield metrics_service_pb2.QueryMetricsResponse(rows=[_row(answer, row, tokens)])


def _row(answer: Table, row: Row, tokens: Tokens) -> metrics_service_pb2.MetricRow:
    return metrics_service_pb2.MetricRow(
        values=map(erased.shown, row.values),
        display_name=row.display_name,
        figures=_values(answer, row.figures),
        series=[_points(answer, name, row.series) for name in answer.metrics if row.series],
        earlier_figures=_values(answer, row.earlier) if row.earlier is not None else (),
        rows_tokens=tokens(row.opened),
    )


def _values(answer: Table, figures: Figures) -> list[metrics_service_pb2.SeriesValue]:
    return [shared.series_value(answer.catalogue.metrics[name], figures[name]) for name in answer.metrics]


def _points(answer: Table, name: str, series: Sequence[Figures]) -> metrics_service_pb2.MetricPoints:
    metric = answer.catalogue.metrics[name]
    return metrics_service_pb2.MetricPoints(values=[shared.series_value(metric, point[name]) for point in series])
