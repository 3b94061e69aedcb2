"""Requests for users, from friendly arguments."""

from datetime import datetime
from typing import Final, Literal, TypedDict

from tallywire import directory_requests, requests
from tallywire.v1 import metrics_service_pb2, time_pb2, user_pb2

UserOrderName = Literal[
    "last_seen",
    "first_seen",
    "user_id",
    "name",
    "events",
    "messages",
    "messages_received",
    "messages_sent",
    "conversations",
    "token_usage",
    "cost_micros",
    "rating_count",
    "satisfaction_score",
    "active_days",
]
UserSeenName = Literal["active", "new", "returning"]
CohortName = Literal["day", "week", "month"]
_COHORTS: Final = {
    "day": time_pb2.GRANULARITY_DAY,
    "week": time_pb2.GRANULARITY_WEEK,
    "month": time_pb2.GRANULARITY_MONTH,
}


class UsersOptions(TypedDict, total=False):
    """What a list of users may be narrowed to, and its order.

    prefix: what user_id or name begins with. seen: which users of the period. ascending: None leaves it to the server.
    rows_token: that of a figure, alone.
    """

    prefix: str | None
    seen: UserSeenName | None
    order_by: UserOrderName | None
    ascending: bool | None
    time_zone: str
    rows_token: str


def users(
    start: datetime | None, end: datetime | None, options: UsersOptions, page_size: int, page_token: str
) -> user_pb2.ListUsersRequest:
    """Returns the request for a page of users. Raises ValueError for an unknown order or choice, and half a period."""
    ascending = options.get("ascending")
    directions = {
        None: metrics_service_pb2.SORT_DIRECTION_UNSPECIFIED,
        False: metrics_service_pb2.SORT_DIRECTION_DESCENDING,
        True: metrics_service_pb2.SORT_DIRECTION_ASCENDING,
    }
    return user_pb2.ListUsersRequest(
        time_range=_period(start, end, options.get("time_zone") or ""),
        seen=directory_requests.number("seen", SEEN, options.get("seen")),
        prefix=options.get("prefix") or "",
        order_by=directory_requests.number("order_by", ORDERS, options.get("order_by")),
        direction=directions[ascending],
        page_size=page_size,
        page_token=page_token,
        rows_token=options.get("rows_token") or "",
    )


def activities(
    user_id: str, start: datetime | None, end: datetime | None, page_size: int, page_token: str
) -> user_pb2.ListUserActivitiesRequest:
    """Returns the request for a page of what a user did. Raises ValueError for half a period."""
    return user_pb2.ListUserActivitiesRequest(
        user_id=user_id, time_range=_period(start, end, ""), page_size=page_size, page_token=page_token
    )


def user(user_id: str, start: datetime | None, end: datetime | None) -> user_pb2.GetUserRequest:
    """Returns the request for one user. Raises ValueError for half a period."""
    return user_pb2.GetUserRequest(user_id=user_id, time_range=_period(start, end, ""))


def retention(
    start: datetime, end: datetime, cohorts: CohortName | None, periods: int | None
) -> user_pb2.GetUserRetentionRequest:
    """Returns the request for cohorts of users. Raises ValueError for an unknown length."""
    return user_pb2.GetUserRetentionRequest(
        time_range=requests.time_range(start, end, ""),
        granularity=directory_requests.number("cohorts", _COHORTS, cohorts),
        periods=periods or 0,
    )


def _period(start: datetime | None, end: datetime | None, zone: str) -> time_pb2.TimeRange | None:
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise ValueError("a period has a start and an end")
    return requests.time_range(start, end, zone)


ORDERS: Final = directory_requests.named("USER_ORDER_", user_pb2.UserOrder.items())
SEEN: Final = directory_requests.named("USER_SEEN_", user_pb2.UserSeen.items())
