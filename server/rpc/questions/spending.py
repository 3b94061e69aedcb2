"""GetCosts: conversion between messages and values."""

from collections.abc import Sequence

from server.catalog.figures import Figures
from server.errors import Reason, Refused
from server.events import erased
from server.query.spending import DEFAULT_ROWS, MAX_ROWS, CostBreakdown, CostsAnswer, CostsQuestion
from server.query.token_prices import ModelEstimate
from server.rpc.questions import shared
from tallywire.v1 import metrics_service_pb2


def question(request: metrics_service_pb2.GetCostsRequest) -> CostsQuestion:
    """Returns the question of a request; refuses invalid fields."""
    if not 0 <= request.rows <= MAX_ROWS:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"must be from 1 to {MAX_ROWS}",
            field="rows",
            metadata={"minimum": "1", "maximum": str(MAX_ROWS)},
        )
    return CostsQuestion(
        period=shared.period(request.time_range),
        rows=request.rows or DEFAULT_ROWS,
        comparison=shared.compared_with(request.comparison),
        has_series=request.HasField("series"),
        granularity=shared.granularity(request.series.granularity, field="series.granularity"),
    )


def response(question: CostsQuestion, answer: CostsAnswer) -> metrics_service_pb2.GetCostsResponse:
    """Returns the message of an answer."""
    message = metrics_service_pb2.GetCostsResponse(
        context=shared.context(answer.context),
        total=_total(answer.total),
        breakdowns=[_breakdown(one, answer.ordered_by) for one in answer.breakdowns],
        points=[
            metrics_service_pb2.CostPoint(bucket=shared.described(bucket), figures=_figures(point))
            for bucket, point in answer.points
        ],
        compared=shared.compared(answer.compared),
        earlier=None if answer.earlier is None else _total(answer.earlier),
        estimated_costs=shared.estimated(answer.estimated_costs),
        token_estimate=_estimate(answer.estimates, question.rows),
    )
    if answer.granularity is not None:
        message.granularity = shared.granularity_number(answer.granularity)
    return message


def _total(figures: Figures) -> metrics_service_pb2.Costs:
    message = metrics_service_pb2.Costs()
    shared.set_figures(message, figures)
    return message


def _figures(figures: Figures) -> metrics_service_pb2.CostFigures:
    message = metrics_service_pb2.CostFigures()
    shared.set_figures(message, figures)
    return message


def _breakdown(one: CostBreakdown, ordered_by: str) -> metrics_service_pb2.CostBreakdown:
    return metrics_service_pb2.CostBreakdown(
        dimension=one.dimension.name,
        rows=[
            metrics_service_pb2.CostRow(
                value=erased.shown(row.value), display_name=row.display_name, figures=_figures(row.figures)
            )
            for row in one.rows
        ],
        rest=_figures(one.rest),
        other=None if one.other is None else _figures(one.other),
        distinct_values=one.distinct_values,
        ordered_by=ordered_by,
    )


def _estimate(models: Sequence[ModelEstimate], most: int) -> metrics_service_pb2.TokenCostEstimate:
    unpriced = sum(one.unpriced_tokens for one in models)
    return metrics_service_pb2.TokenCostEstimate(
        estimated_cost_micros=sum(one.estimated_cost_micros for one in models),
        priced_tokens=sum(one.tokens for one in models) - unpriced,
        unpriced_tokens=unpriced,
        models=[
            metrics_service_pb2.ModelCostEstimate(
                model=one.model,
                prompt_tokens=one.prompt_tokens,
                cached_tokens=one.cached_tokens,
                completion_tokens=one.completion_tokens,
                unpriced_tokens=one.unpriced_tokens,
                estimated_cost_micros=one.estimated_cost_micros,
            )
            for one in models[:most]
        ],
    )
