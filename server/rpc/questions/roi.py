"""GetRoi: conversion between messages and values."""

from server.errors import Reason, Refused
from server.organizations import assumptions
from server.query.roi import Assumption, AssumptionSource, Estimate, Roi, RoiAnswer, RoiQuestion
from server.rpc.questions import shared
from tallywire.v1 import metrics_service_pb2

_MOST_OF_MONEY, _MOST_OF_TIME = assumptions.MOST_MICROS, assumptions.MOST_SECONDS * 1000
_SOURCES = {
    one: metrics_service_pb2.RoiAssumptionSource.Value(f"ROI_ASSUMPTION_SOURCE_{one.name}") for one in AssumptionSource
}


def question(request: metrics_service_pb2.GetRoiRequest) -> RoiQuestion:
    """Returns the question of a request; refuses invalid fields."""
    said = request.assumptions
    return RoiQuestion(
        period=shared.period(request.time_range),
        part=shared.part(request.filter),
        hourly_cost_micros=_said(said, "hourly_cost_micros", _MOST_OF_MONEY),
        handling_time_ms=_said(said, "handling_time_ms", _MOST_OF_TIME),
        conversation_cost_micros=_said(said, "conversation_cost_micros", _MOST_OF_MONEY),
        comparison=shared.compared_with(request.comparison),
        has_series=request.HasField("series"),
        granularity=shared.granularity(request.series.granularity, field="series.granularity"),
    )


def _said(said: metrics_service_pb2.RoiAssumptions, name: str, most: int) -> int | None:
    """Returns an assumption of a request, None where it says none."""
    if not said.HasField(name):  # type: ignore[arg-type]  # a name of a field
        return None
    value: int = getattr(said, name)
    if not 0 <= value <= most:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"must be from 0 to {most}",
            field=f"assumptions.{name}",
            metadata={"minimum": "0", "maximum": str(most)},
        )
    return value


def response(answer: RoiAnswer) -> metrics_service_pb2.GetRoiResponse:
    """Returns the message of an answer."""
    used = answer.assumptions
    message = metrics_service_pb2.GetRoiResponse(
        context=shared.context(answer.context),
        assumptions=metrics_service_pb2.UsedRoiAssumptions(
            hourly_cost_micros=_assumption(used.hourly_cost_micros),
            handling_time_ms=_assumption(used.handling_time_ms),
            conversation_cost_micros=_assumption(used.conversation_cost_micros),
        ),
        roi=_roi(answer.roi),
        points=[
            metrics_service_pb2.RoiPoint(bucket=shared.described(bucket), roi=_roi(point))
            for bucket, point in answer.points
        ],
        compared=shared.compared(answer.compared),
        earlier=_roi(answer.earlier),
    )
    if answer.granularity is not None:
        message.granularity = shared.granularity_number(answer.granularity)
    return message


def _assumption(one: Assumption) -> metrics_service_pb2.RoiAssumption:
    return metrics_service_pb2.RoiAssumption(value=one.value, source=_SOURCES[one.source])


def _roi(value: Roi | None) -> metrics_service_pb2.Roi | None:
    if value is None:
        return None
    recorded, assumed = metrics_service_pb2.ROI_COST_SOURCE_RECORDED, metrics_service_pb2.ROI_COST_SOURCE_ASSUMED
    return metrics_service_pb2.Roi(
        conversations_closed=value.closed,
        conversations_resolved=value.resolved,
        recorded_cost_micros=value.recorded_cost_micros,
        cost_source=recorded if value.is_recorded else assumed,
        low=_estimate(value.low),
        base=_estimate(value.base),
        high=_estimate(value.high),
    )


def _estimate(value: Estimate) -> metrics_service_pb2.RoiEstimate:
    return metrics_service_pb2.RoiEstimate(
        human_cost_avoided_micros=value.human_cost_avoided_micros,
        ai_cost_micros=value.ai_cost_micros,
        savings_micros=value.savings_micros,
        roi=value.roi,
        break_even_conversations=value.break_even_conversations,
    )
