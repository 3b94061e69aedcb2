"""GetQuality: conversion between messages and values."""

from server.errors import Reason, Refused
from server.events import rules
from server.query import quality
from server.query.parts import Part, Parts
from server.query.quality import Quality, QualityFigures, QualityPoint, QualityQuestion, Rubric, Score
from server.rpc.questions import shared
from tallywire.v1 import quality_pb2

DEFAULT_TOP, MAX_TOP = 10, 100
DEFAULT_THRESHOLD = 0.7


def question(request: quality_pb2.GetQualityRequest) -> QualityQuestion:
    """Returns the question of a request; refuses invalid fields."""
    return QualityQuestion(
        period=shared.period(request.time_range),
        part=shared.part(request.filter),
        rubric=rules.identifier("rubric_version", request.rubric_version) if request.rubric_version else "",
        threshold=_threshold(request.threshold) if request.HasField("threshold") else DEFAULT_THRESHOLD,
        granularity=shared.granularity(request.granularity, field="granularity"),
        top=shared.whole_number("top", request.top, default=DEFAULT_TOP, most=MAX_TOP),
        comparison=shared.compared_with(request.comparison),
    )


def _threshold(asked: float) -> float:
    if not 0 <= asked <= 1:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            "must be from 0 to 1",
            field="threshold",
            metadata={"minimum": "0", "maximum": "1"},
        )
    return asked


def response(answer: Quality) -> quality_pb2.GetQualityResponse:
    """Returns the message of an answer."""
    message = quality_pb2.GetQualityResponse(
        context=shared.context(answer.context),
        rubrics=[_rubric(answer, one) for one in answer.rubrics],
        distinct_rubrics=answer.distinct_rubrics,
        quality_reviews=answer.reviews,
        threshold=answer.threshold,
        granularity=shared.granularity_number(answer.granularity),
        compared=shared.compared(answer.compared),
    )
    if answer.closed is not None:
        message.conversations_closed = int(answer.closed)
        if answer.closed:
            message.coverage = answer.reviews / answer.closed
    return message


def _rubric(answer: Quality, one: Rubric) -> quality_pb2.RubricQuality:
    return quality_pb2.RubricQuality(
        rubric_version=one.version,
        figures=_figures(one.figures),
        series=map(_point, one.series),
        earlier=None if one.earlier is None else _figures(one.earlier),
        **{name: _breakdown(answer, parts) for name, parts in one.breakdowns.items()},
    )


def _figures(one: QualityFigures) -> quality_pb2.QualityFigures:
    return quality_pb2.QualityFigures(
        quality_reviews=one.reviews, **{name: _score(score) for name, score in one.scores.items()}
    )


def _score(one: Score) -> quality_pb2.QualityScore:
    return quality_pb2.QualityScore(
        reviews=one.reviews, mean=one.mean, median=one.median, poor_share=one.poor_share, tenths=one.tenths
    )


def _breakdown(answer: Quality, parts: Parts) -> quality_pb2.QualityBreakdown:
    return quality_pb2.QualityBreakdown(
        rows=[
            quality_pb2.QualityRow(
                value=one.value, display_name=answer.names.get(one.value, ""), figures=_of(answer, one)
            )
            for one in parts.parts
        ],
        rest=_of(answer, parts.rest),
        other=_of(answer, parts.other),
        distinct_values=parts.number,
    )


def _of(answer: Quality, part: Part | None) -> quality_pb2.QualityFigures | None:
    return None if part is None else _figures(quality.of(part.cell, answer.threshold))


def _point(one: QualityPoint) -> quality_pb2.QualityPoint:
    return quality_pb2.QualityPoint(
        start=shared.instant(one.bucket.interval.start),
        end=shared.instant(one.bucket.interval.end),
        partial=one.bucket.partial is not None,
        quality_reviews=one.reviews,
        avg_quality_overall=one.mean,
    )
