"""The request for a leaderboard from friendly arguments."""

from datetime import datetime
from typing import Final, Literal, TypedDict

from tallywire import requests
from tallywire.v1 import leaderboard_service_pb2

SubjectName = Literal["agents", "teams"]
OrderName = Literal["points", "badges", "tasks", "calls", "conversions"]

_SUBJECTS: Final = {
    "agents": leaderboard_service_pb2.LEADERBOARD_SUBJECT_AGENT,
    "teams": leaderboard_service_pb2.LEADERBOARD_SUBJECT_TEAM,
}
_ORDERS: Final = {
    "points": leaderboard_service_pb2.LEADERBOARD_ORDER_POINTS,
    "badges": leaderboard_service_pb2.LEADERBOARD_ORDER_BADGES,
    "tasks": leaderboard_service_pb2.LEADERBOARD_ORDER_TASKS,
    "calls": leaderboard_service_pb2.LEADERBOARD_ORDER_CALLS,
    "conversions": leaderboard_service_pb2.LEADERBOARD_ORDER_CONVERSIONS,
}


class LeaderboardOptions(TypedDict, total=False):
    """What a leaderboard may be besides a period.

    subject: who is ranked, "agents" or "teams"; without, agents.
    order: by what, "points", "badges", "tasks", "calls" or "conversions"; without, points.
    top: the most rows; without, 10. team_id: only what carries this team, where agents are ranked.
    time_zone: as in other questions.
    """

    subject: SubjectName
    order: OrderName
    top: int | None
    team_id: str | None
    time_zone: str | None


def leaderboard(
    start: datetime, end: datetime, options: LeaderboardOptions
) -> leaderboard_service_pb2.GetLeaderboardRequest:
    """Returns the request for a ranking. Raises ValueError for an unknown subject or order."""
    subject, order = options.get("subject", "agents"), options.get("order", "points")
    if subject not in _SUBJECTS:
        raise ValueError(f"subject is one of {', '.join(_SUBJECTS)}, not {subject!r}")
    if order not in _ORDERS:
        raise ValueError(f"order is one of {', '.join(_ORDERS)}, not {order!r}")
    return leaderboard_service_pb2.GetLeaderboardRequest(
        time_range=requests.time_range(start, end, options.get("time_zone")),
        subject=_SUBJECTS[subject],
        order=_ORDERS[order],
        top=options.get("top") or 0,
        team_id=options.get("team_id") or "",
    )
