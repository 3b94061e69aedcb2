"""GetApiUsage: conversion between messages and values."""

from server.catalog.figures import Figures
from server.query.api_usage import ApiPoint, ApiUsage, ApiUsageQuestion
from server.query.parts import Part, Parts
from server.rpc.questions import shared
from server.rpc.questions.rows import Tokens
from tallywire.v1 import api_usage_pb2

DEFAULT_TOP, MAX_TOP = 10, 100


def question(request: api_usage_pb2.GetApiUsageRequest) -> ApiUsageQuestion:
    """Returns the question of a request; refuses invalid fields."""
    return ApiUsageQuestion(
        period=shared.period(request.time_range),
        part=shared.part(request.filter),
        granularity=shared.granularity(request.granularity, field="granularity"),
        top=shared.whole_number("top", request.top, default=DEFAULT_TOP, most=MAX_TOP),
        comparison=shared.compared_with(request.comparison),
        with_rows=request.include_rows_tokens,
    )


def response(answer: ApiUsage, tokens: Tokens) -> api_usage_pb2.GetApiUsageResponse:
    """Returns the message of an answer."""
    return api_usage_pb2.GetApiUsageResponse(
        context=shared.context(answer.context),
        rows_tokens=tokens(answer.opened),
        figures=_figures(answer.figures),
        granularity=shared.granularity_number(answer.granularity),
        series=map(_point, answer.series),
        compared=shared.compared(answer.compared),
        earlier=_figures(answer.earlier),
        **{name: _breakdown(one) for name, one in answer.breakdowns.items()},
    )


def _figures(figures: Figures | None) -> api_usage_pb2.ApiFigures | None:
    if figures is None:
        return None
    message = api_usage_pb2.ApiFigures()
    shared.set_figures(message, figures)
    return message


def _breakdown(parts: Parts) -> api_usage_pb2.ApiBreakdown:
    return api_usage_pb2.ApiBreakdown(
        rows=[api_usage_pb2.ApiRow(value=one.value, figures=_figures(one.figures)) for one in parts.parts],
        rest=_of(parts.rest),
        other=_of(parts.other),
        distinct_values=parts.number,
        missing_pair=parts.missing_pair,
    )


def _of(part: Part | None) -> api_usage_pb2.ApiFigures | None:
    return None if part is None else _figures(part.figures)


def _point(point: ApiPoint) -> api_usage_pb2.ApiPoint:
    return api_usage_pb2.ApiPoint(
        start=shared.instant(point.bucket.interval.start),
        end=shared.instant(point.bucket.interval.end),
        figures=_figures(point.figures),
        partial=point.bucket.partial is not None,
    )
