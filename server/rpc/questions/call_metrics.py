"""GetCallMetrics: conversion between messages and values."""

from collections.abc import Sequence

from server.admission import request_limits
from server.errors import Reason, Refused
from server.query import call_metrics
from server.query.call_metrics import CallFigures, CallMetrics, CallPoint, CallsQuestion, ServiceLevel
from server.query.hours_of_week import HourOfWeek
from server.query.parts import Part, Parts
from server.rpc.questions import shared
from server.rpc.questions.rows import Tokens
from tallywire.v1 import call_metrics_pb2

DEFAULT_TOP, MAX_TOP = 10, 100
DEFAULT_THRESHOLD, MAX_THRESHOLD = 20, 86_400


def question(request: call_metrics_pb2.GetCallMetricsRequest) -> CallsQuestion:
    """Returns the question of a request; refuses invalid fields."""
    return CallsQuestion(
        period=shared.period(request.time_range),
        part=shared.part(request.filter),
        thresholds=_thresholds(request.service_level_seconds),
        granularity=shared.granularity(request.granularity, field="granularity"),
        top=shared.whole_number("top", request.top, default=DEFAULT_TOP, most=MAX_TOP),
        comparison=shared.compared_with(request.comparison),
        with_rows=request.include_rows_tokens,
    )


def _thresholds(asked: Sequence[int]) -> list[int]:
    request_limits.SERVICE_LEVELS.check(len(asked))
    for seconds in asked:
        if not 1 <= seconds <= MAX_THRESHOLD:
            raise Refused(
                Reason.VALUE_OUT_OF_RANGE,
                f"must be from 1 to {MAX_THRESHOLD}",
                field="service_level_seconds",
                metadata={"minimum": "1", "maximum": str(MAX_THRESHOLD)},
            )
    return sorted(set(asked)) or [DEFAULT_THRESHOLD]


def response(answer: CallMetrics, tokens: Tokens) -> call_metrics_pb2.GetCallMetricsResponse:
    """Returns the message of an answer."""
    return call_metrics_pb2.GetCallMetricsResponse(
        context=shared.context(answer.context),
        rows_tokens=tokens(answer.opened),
        figures=_figures(answer.figures),
        hours_of_week=map(_hour, answer.hours_of_week),
        granularity=shared.granularity_number(answer.granularity),
        series=map(_point, answer.series),
        compared=shared.compared(answer.compared),
        earlier=None if answer.earlier is None else _figures(answer.earlier),
        **{name: _breakdown(answer, one) for name, one in answer.breakdowns.items()},
    )


def _figures(one: CallFigures) -> call_metrics_pb2.CallFigures:
    message = call_metrics_pb2.CallFigures(service_levels=map(_level, one.service_levels))
    shared.set_figures(message, one.figures)
    return message


def _level(one: ServiceLevel) -> call_metrics_pb2.ServiceLevel:
    return call_metrics_pb2.ServiceLevel(seconds=one.seconds, calls=one.calls, share=one.share)


def _breakdown(answer: CallMetrics, one: Parts) -> call_metrics_pb2.CallBreakdown:
    return call_metrics_pb2.CallBreakdown(
        rows=[
            call_metrics_pb2.CallRow(
                value=part.value, display_name=answer.names.get(part.value, ""), figures=_of(answer, part)
            )
            for part in one.parts
        ],
        rest=_of(answer, one.rest),
        other=_of(answer, one.other),
        distinct_values=one.number,
        missing_pair=one.missing_pair,
    )


def _of(answer: CallMetrics, part: Part | None) -> call_metrics_pb2.CallFigures | None:
    if part is None:
        return None
    levels = call_metrics.service_levels(part.cell, part.figures, answer.thresholds)
    return _figures(CallFigures(figures=part.figures, service_levels=levels))


def _hour(one: HourOfWeek) -> call_metrics_pb2.CallHour:
    message = call_metrics_pb2.CallHour(weekday=one.weekday, hour=one.hour)
    shared.set_figures(message, one.figures)
    return message


def _point(point: CallPoint) -> call_metrics_pb2.CallPoint:
    return call_metrics_pb2.CallPoint(
        start=shared.instant(point.bucket.interval.start),
        end=shared.instant(point.bucket.interval.end),
        figures=_figures(point.figures),
        partial=point.bucket.partial is not None,
    )
