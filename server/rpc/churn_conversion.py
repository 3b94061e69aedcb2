"""GetChurn and ListUsersAtRisk: conversion between messages and values."""

from typing import Final

from server.errors import Reason, Refused
from server.forecasts.churn import (
    MAX_DAYS,
    MAX_PAGE_SIZE,
    ChurnQuestion,
    ReturnForecast,
    RiskPage,
    RiskQuestion,
    UserAtRisk,
)
from server.query.queries import ReadState
from server.rpc.questions import shared
from server.timerange import Interval
from tallywire.v1 import answer_pb2
from tallywire.v1 import forecast_service_pb2 as messages

_DAYS: Final = 28
_LEAST_DAYS: Final = 3
_MOST_LEAST_DAYS: Final = 1_000
_MOST_ACTIVE: Final = 0.5
_PAGE_SIZE: Final = 100


def question(request: messages.GetChurnRequest | messages.ListUsersAtRiskRequest) -> ChurnQuestion:
    """Returns the question of a request; refuses invalid fields."""
    return ChurnQuestion(
        period=shared.period(request.time_range) if request.HasField("time_range") else None,
        days=shared.whole_number("horizon_days", request.horizon_days, default=_DAYS, most=MAX_DAYS),
    )


def risk_question(request: messages.ListUsersAtRiskRequest) -> RiskQuestion:
    """Returns the question of a request; refuses invalid fields."""
    least, most = request.min_active_days, _MOST_ACTIVE
    if least and not 2 <= least <= _MOST_LEAST_DAYS:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"must be from 2 to {_MOST_LEAST_DAYS}",
            field="min_active_days",
            metadata={"minimum": "2", "maximum": str(_MOST_LEAST_DAYS)},
        )
    if request.HasField("max_probability_active"):
        most = request.max_probability_active
        if not 0 < most <= 1:
            raise Refused(Reason.INVALID_VALUE, "must be above 0 and at most 1", field="max_probability_active")
    return RiskQuestion(
        churn=question(request),
        least_days=least or _LEAST_DAYS,
        most_alive=most,
        page_size=shared.page_size(request.page_size, _PAGE_SIZE, MAX_PAGE_SIZE),
        page_token=request.page_token,
    )


def response(answer: ReturnForecast) -> messages.GetChurnResponse:
    """Returns the message of an answer."""
    fitted = answer.parameters
    return messages.GetChurnResponse(
        context=_context(answer.known, answer.history),
        horizon_days=answer.days,
        users=answer.users,
        expected_returning=answer.expected,
        expected_active=answer.still_active,
        reliability=messages.ChurnReliability(
            held_out=shared.bucket(answer.held_out),
            tenths=[
                messages.ReliabilityTenth(users=one.users, expected=one.expected, returned=one.returned)
                for one in answer.reliability
            ],
            error=answer.error,
            expected_returning=sum(one.expected * one.users for one in answer.reliability),
            returned=sum(one.returned for one in answer.reliability),
        ),
        model=messages.ChurnModel(r=fitted.r, alpha=fitted.alpha, a=fitted.a, b=fitted.b),
    )


def risk_response(answer: RiskPage) -> messages.ListUsersAtRiskResponse:
    """Returns the message of an answer."""
    return messages.ListUsersAtRiskResponse(
        context=_context(answer.known, answer.history),
        users=map(_user, answer.users),
        next_page_token=answer.next_page_token,
        reliability_error=answer.error,
    )


def _user(one: UserAtRisk) -> messages.UserAtRisk:
    return messages.UserAtRisk(
        user_id=one.user.user_id,
        first_seen_on=one.user.first.isoformat(),
        last_seen_on=one.user.last.isoformat(),
        active_days=one.user.days,
        usual_gap_days=one.usual_gap,
        silent_days=one.silent_days,
        probability_active=one.alive,
        probability_returning=one.returning,
        reason=_reason(one),
    )


def _reason(one: UserAtRisk) -> str:
    """Returns why a user is listed, in words."""
    gap = f"{one.usual_gap:.1f}".removesuffix(".0")
    usual = "every day" if gap == "1" else f"every {gap} days"
    ago = "yesterday" if one.silent_days == 1 else f"{one.silent_days} days ago"
    return f"seen {usual} until {ago}"


def _context(known: ReadState, history: Interval) -> answer_pb2.AnswerContext:
    message = shared.known_context(known)
    message.start.CopyFrom(shared.instant(history.start))
    message.end.CopyFrom(shared.instant(history.end))
    message.time_zone = "UTC"
    return message
