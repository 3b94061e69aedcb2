"""ListUsers, GetUser and GetUserRetention: conversion between messages and values."""

from collections.abc import Iterator
from datetime import date

from server.catalog.user_lists import ListedUser, UserFilter, UserList, UserListOrder
from server.errors import Reason, Refused
from server.events import erased, rules
from server.events.user_activity import DayActivity
from server.query import user_directory
from server.query.answers import Period
from server.query.user_activities import ActivitiesQuestion, ActivityPage
from server.query.user_directory import MAX_PAGE_SIZE, DirectoryUser, Seen, UserPage, UsersQuestion
from server.query.user_figure import FigureUserPage, FigureUsersQuestion
from server.query.user_retention import MAX_PERIODS, Retention, RetentionQuestion
from server.rpc.questions import shared
from server.rpc.questions.shared import StoredUser
from server.timerange import Granularity, Interval
from tallywire.v1 import answer_pb2, rows_pb2, user_pb2

DEFAULT_PAGE_SIZE = 100
DEFAULT_PERIODS = 12
_ORDERS = {
    user_pb2.USER_ORDER_UNSPECIFIED: UserListOrder.LAST_SEEN,
    **{user_pb2.UserOrder.Value(f"USER_ORDER_{one.name}"): one for one in UserListOrder},
}
_SEEN = {
    user_pb2.USER_SEEN_UNSPECIFIED: Seen.ACTIVE,
    **{user_pb2.UserSeen.Value(f"USER_SEEN_{one.name}"): one for one in Seen},
}
_COHORTS = (Granularity.DAY, Granularity.WEEK, Granularity.MONTH)


def list_question(request: user_pb2.ListUsersRequest) -> UsersQuestion:
    """Returns the question of a request; refuses invalid fields."""
    if request.order_by not in _ORDERS:
        raise Refused(Reason.INVALID_ENUM, "not a known order", field="order_by")
    if request.seen not in _SEEN:
        raise Refused(Reason.INVALID_ENUM, "not a known choice of users", field="seen")
    if request.seen and not request.HasField("time_range"):
        raise Refused(Reason.INVALID_VALUE, "goes with time_range", field="seen")
    order = _ORDERS[request.order_by]
    is_text = order in (UserListOrder.USER_ID, UserListOrder.NAME)
    return UsersQuestion(
        period=shared.period(request.time_range) if request.HasField("time_range") else None,
        seen=_SEEN[request.seen],
        asked=UserList(
            filter=UserFilter(prefix=rules.identifier("prefix", request.prefix)),
            order=order,
            descending=shared.descending(request.direction, unset=not is_text),
        ),
        page_size=shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        page_token=request.page_token,
    )


def list_response(answer: UserPage) -> user_pb2.ListUsersResponse:
    """Returns the message of an answer."""
    context = shared.known_context(answer.known)
    if answer.period is not None:
        _set_bounds(context, answer.period.bounds, answer.period.zone.key)
        context.still_running = answer.period.still_running
    return user_pb2.ListUsersResponse(
        context=context, users=map(_user, answer.users), next_page_token=answer.next_page_token
    )


def rows_question(request: user_pb2.ListUsersRequest) -> FigureUsersQuestion:
    """Returns the question of a request for the users behind a figure; refuses filters of its own."""
    for field, _ in request.ListFields():
        if field.name not in ("rows_token", "page_size", "page_token"):
            raise Refused(Reason.INVALID_VALUE, "goes without rows_token", field=field.name)
    return FigureUsersQuestion(
        rows_token=request.rows_token,
        page_size=shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        page_token=request.page_token,
    )


def rows_response(answer: FigureUserPage) -> user_pb2.ListUsersResponse:
    """Returns the message of an answer."""
    counted = answer.counted
    context = shared.known_context(answer.known)
    _set_bounds(context, counted.bounds, answer.known.time_zone)
    return user_pb2.ListUsersResponse(
        context=context,
        users=map(_user, answer.users),
        next_page_token=answer.next_page_token,
        figure=rows_pb2.FigureRows(
            metric=counted.metric,
            figure=counted.figure,
            listed_rows=answer.listed,
            listed_figure=answer.listed,
            missing_figure=None if answer.next_page_token else counted.figure - answer.listed,
        ),
    )


def activities_question(request: user_pb2.ListUserActivitiesRequest, stored_user: StoredUser) -> ActivitiesQuestion:
    """Returns the question of a request; refuses one that names no user."""
    return ActivitiesQuestion(
        user_id=_named(request.user_id, stored_user),
        period=shared.period(request.time_range) if request.HasField("time_range") else None,
        page_size=shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        page_token=request.page_token,
    )


def activities_response(answer: ActivityPage) -> user_pb2.ListUserActivitiesResponse:
    """Returns the message of an answer."""
    context = shared.known_context(answer.known)
    context.as_of_revision = answer.revision
    return user_pb2.ListUserActivitiesResponse(
        context=context,
        activities=[
            user_pb2.UserActivity(
                event_id=one.event_id,
                event_type=one.event_type,
                occurred_at=shared.microseconds(one.occurred_at),
                agent_id=one.agent_id,
                channel=one.channel,
                conversation_id=one.conversation_id,
                ip=str(one.detail.get("ip", "")) if answer.has_details else "",
                user_agent=str(one.detail.get("user_agent", "")) if answer.has_details else "",
            )
            for one in answer.events
        ],
        next_page_token=answer.next_page_token,
        dropped_events=answer.dropped,
        kept_from=None if answer.kept_from is None else shared.instant(answer.kept_from),
    )


def user_question(request: user_pb2.GetUserRequest, stored_user: StoredUser) -> tuple[str, Period | None]:
    """Returns which user a request asks for, and which days; refuses one that names none."""
    period = shared.period(request.time_range) if request.HasField("time_range") else None
    return _named(request.user_id, stored_user), period


def _named(user_id: str, stored_user: StoredUser) -> str:
    """Returns the id of a user that a request must name, as it is stored."""
    if not user_id:
        raise rules.required("user_id")
    return stored_user(rules.identifier("user_id", user_id))


def user_response(answer: DirectoryUser) -> user_pb2.GetUserResponse:
    """Returns the message of an answer."""
    context = shared.known_context(answer.known)
    _set_bounds(context, answer.bounds, "UTC")
    return user_pb2.GetUserResponse(context=context, user=_user(answer.user), days=_days(answer))


def _days(answer: DirectoryUser) -> Iterator[user_pb2.UserDay]:
    for day, did in answer.days:
        start = shared.instant(user_directory.midnight(day))
        yield user_pb2.UserDay(start=start, figures=_figures(did, active_days=1))


def retention_question(request: user_pb2.GetUserRetentionRequest) -> RetentionQuestion:
    """Returns the question of a request; refuses cohorts that days of UTC do not make up."""
    period = shared.period(request.time_range)
    if period.zone is not None and period.zone.key != "UTC":
        raise Refused(
            Reason.INVALID_VALUE,
            "what users did is kept by day of UTC: leave the zone out, or ask for UTC",
            field="time_range.time_zone",
        )
    granularity = shared.granularity(request.granularity, field="granularity") or Granularity.WEEK
    if granularity not in _COHORTS:
        raise Refused(Reason.INVALID_VALUE, "cohorts are of a day, a week or a month", field="granularity")
    return RetentionQuestion(
        period=period,
        granularity=granularity,
        periods=shared.whole_number("periods", request.periods, default=DEFAULT_PERIODS, most=MAX_PERIODS),
    )


def retention_response(question: RetentionQuestion, answer: Retention) -> user_pb2.GetUserRetentionResponse:
    """Returns the message of an answer."""
    context = shared.known_context(answer.known)
    _set_bounds(context, answer.bounds, "UTC")
    message = user_pb2.GetUserRetentionResponse(
        context=context, granularity=shared.granularity_number(question.granularity)
    )
    for number, cohort in enumerate(answer.cohorts):
        shown = message.cohorts.add(
            start=shared.instant(cohort.bounds.start), end=shared.instant(cohort.bounds.end), users=cohort.users
        )
        for offset, users in enumerate(cohort.retained):
            shown.retained.add(
                offset=offset,
                users=users,
                share=users / cohort.users if cohort.users else None,
                still_running=_is_running(answer, answer.ends[number + offset]),
            )
    return message


def _is_running(answer: Retention, end: date) -> bool:
    return answer.known.as_of.at < user_directory.midnight(end)


def _set_bounds(context: answer_pb2.AnswerContext, bounds: Interval, zone: str) -> None:
    context.start.CopyFrom(shared.instant(bounds.start))
    context.end.CopyFrom(shared.instant(bounds.end))
    context.time_zone = zone


def _user(one: ListedUser) -> user_pb2.User:
    return user_pb2.User(
        user_id=erased.shown(one.user_id),
        name=one.name,
        first_seen_at=shared.microseconds(one.first_seen_at),
        last_seen_at=shared.microseconds(one.last_seen_at),
        figures=_figures(one.did, one.active_days),
    )


_LARGEST = 2**63 - 1


def _figures(did: DayActivity, active_days: int) -> user_pb2.UserFigures:
    return user_pb2.UserFigures(
        events=did.events,
        messages_received=did.messages_received,
        messages_sent=did.messages_sent,
        conversations=did.conversations,
        prompt_tokens=did.prompt_tokens,
        cached_tokens=did.cached_tokens,
        completion_tokens=did.completion_tokens,
        token_usage=min(did.prompt_tokens + did.completion_tokens, _LARGEST),
        cost_micros=did.cost_micros,
        rating_count=did.ratings,
        satisfaction_score=did.rating_sum / did.ratings if did.ratings else None,
        active_days=active_days,
    )
