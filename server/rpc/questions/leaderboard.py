"""GetLeaderboard: conversion between messages and values."""

from server.catalog import dimensions
from server.catalog.filters import Filter
from server.errors import Reason, Refused
from server.events import rules
from server.query.leaderboard import Leaderboard, LeaderboardPlace, LeaderboardQuestion
from server.rpc.questions import shared
from tallywire.v1 import leaderboard_service_pb2

DEFAULT_TOP, MAX_TOP = 10, 1_000
_SUBJECTS = {
    leaderboard_service_pb2.LEADERBOARD_SUBJECT_UNSPECIFIED: dimensions.AGENT,
    leaderboard_service_pb2.LEADERBOARD_SUBJECT_AGENT: dimensions.AGENT,
    leaderboard_service_pb2.LEADERBOARD_SUBJECT_TEAM: dimensions.TEAM,
}
_ORDERS = {
    leaderboard_service_pb2.LEADERBOARD_ORDER_UNSPECIFIED: "points_awarded",
    leaderboard_service_pb2.LEADERBOARD_ORDER_POINTS: "points_awarded",
    leaderboard_service_pb2.LEADERBOARD_ORDER_BADGES: "badges_earned",
    leaderboard_service_pb2.LEADERBOARD_ORDER_TASKS: "tasks_completed",
    leaderboard_service_pb2.LEADERBOARD_ORDER_CALLS: "calls_handled",
    leaderboard_service_pb2.LEADERBOARD_ORDER_CONVERSIONS: "leads_converted",
}


def question(request: leaderboard_service_pb2.GetLeaderboardRequest) -> LeaderboardQuestion:
    """Returns the question of a request; refuses invalid fields."""
    if request.subject not in _SUBJECTS:
        raise Refused(Reason.INVALID_ENUM, "not a known subject", field="subject")
    if request.order not in _ORDERS:
        raise Refused(Reason.INVALID_ENUM, "not a known order", field="order")
    part = Filter()
    if request.team_id:
        part = Filter(dimension=dimensions.TEAM, value=rules.identifier("team_id", request.team_id))
    return LeaderboardQuestion(
        period=shared.period(request.time_range),
        part=part,
        dimension=_SUBJECTS[request.subject],
        metric=_ORDERS[request.order],
        top=shared.whole_number("top", request.top, default=DEFAULT_TOP, most=MAX_TOP),
    )


def response(answer: Leaderboard) -> leaderboard_service_pb2.GetLeaderboardResponse:
    """Returns the message of an answer."""
    return leaderboard_service_pb2.GetLeaderboardResponse(
        context=shared.context(answer.context), rows=map(_row, answer.places), participants=answer.participants
    )


def _row(one: LeaderboardPlace) -> leaderboard_service_pb2.LeaderboardRow:
    counts = {name: int(value or 0) for name, value in one.figures.items()}
    return leaderboard_service_pb2.LeaderboardRow(
        rank=one.rank,
        id=one.value,
        display_name=one.display_name,
        points=counts["points_awarded"],
        badges=counts["badges_earned"],
        tasks_completed=counts["tasks_completed"],
        calls_handled=counts["calls_handled"],
        leads_converted=counts["leads_converted"],
    )
