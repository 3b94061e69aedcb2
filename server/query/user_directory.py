"""ListUsers and GetUser: who was served, when they were seen, and what they did."""

import dataclasses
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from server.catalog.user_lists import ListedUser, UserList, UserPlace
from server.errors import Reason, Refused
from server.events.user_activity import DayActivity
from server.projections.users import Users
from server.query import page_tokens, user_rows
from server.query.answers import Period
from server.query.page_tokens import ListPlace, PageTokens
from server.query.queries import Queries, ReadState
from server.store import organizations
from server.store import user_lists as stored
from server.tenancy.principal import Principal
from server.timerange import Interval, TimeRange

MAX_PAGE_SIZE = 1_000
DAYS = 90  # of a user, without a period
_DAY = timedelta(days=1)
_PROJECTIONS = (Users.name,)


class Seen(enum.Enum):
    """Which of the users of a period are meant."""

    ACTIVE = enum.auto()
    NEW = enum.auto()
    RETURNING = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersQuestion:
    """A question for users: those of a period, or all."""

    period: Period | None
    seen: Seen
    asked: UserList
    page_size: int
    page_token: str

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one list."""
        period = self.period and (self.period.start, self.period.end)
        return repr(("users", period, self.seen, self.asked))


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPage:
    """A page of users. period is None where the list is about all time."""

    known: ReadState
    period: TimeRange | None
    users: Sequence[ListedUser]
    next_page_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryUser:
    """A user with what it ever did, and with its days within bounds."""

    known: ReadState
    bounds: Interval
    user: ListedUser
    days: Sequence[tuple[date, DayActivity]]


async def answer(queries: Queries, tokens: PageTokens, principal: Principal, question: UsersQuestion) -> UserPage:
    """Answers the question; refuses more users than can be put in order."""
    organization_id = principal.organization_id
    place = tokens.place(organization_id, question.key, question.page_token) if question.page_token else None
    async with queries.knowing(principal, _PROJECTIONS, holds_raw=question.period is not None) as (driver, known):
        if place is not None and place.epoch != known.as_of.epoch:
            raise page_tokens.restored(place, known.as_of.epoch)
        period = span = None
        if question.period is not None:
            raw_from = await organizations.raw_from(driver, organization_id)
            period = question.period.resolved(principal, known.as_of.at, raw_from)
            span = await user_rows.span_of(driver, organization_id, period.bounds)
        asked = _asked(question, principal, period)
        if await stored.too_many(driver, organization_id, asked, span):
            raise _too_many()
        after = _place(place) if place is not None else None
        found = await stored.page(driver, organization_id, asked, span, after, question.page_size + 1)
    token = ""
    if len(found) > question.page_size:
        found = found[: question.page_size]
        last = found[-1].place
        following = ListPlace(
            epoch=known.as_of.epoch,
            revision=place.revision if place is not None else known.as_of.revision,
            after=(last.value, last.user_id),
        )
        token = tokens.token_after(organization_id, question.key, following)
    return UserPage(known=known, period=period, users=[shown(one, principal) for one in found], next_page_token=token)


def _asked(question: UsersQuestion, principal: Principal, period: TimeRange | None) -> UserList:
    """Returns the list with what the period and the organization's settings say about its filter."""
    start = None if period is None else period.bounds.start
    chosen = dataclasses.replace(
        question.asked.filter,
        by_name=principal.settings.keep_user_details,
        first_from=start if question.seen is Seen.NEW else None,
        first_before=start if question.seen is Seen.RETURNING else None,
    )
    return dataclasses.replace(question.asked, filter=chosen)


def shown(one: ListedUser, principal: Principal) -> ListedUser:
    """Returns a user as it may be shown: with a name where the organization keeps such details."""
    return one if principal.settings.keep_user_details else dataclasses.replace(one, name="")


def _place(place: ListPlace) -> UserPlace:
    value, user_id = place.after
    return UserPlace(value=None if value is None else str(value), user_id=str(user_id))


def _too_many() -> Refused:
    return Refused(
        Reason.TOO_MANY_VALUES,
        f"there are more than {stored.MOST_USERS:,} users, or {stored.MOST_DAYS:,} days of users, to be put in order:"
        " ask for a shorter period, a longer prefix, or all users in the order by user_id or first_seen_at",
        field="order_by",
        metadata={"limit": str(stored.MOST_USERS), "limit_days": str(stored.MOST_DAYS)},
    )


async def one(queries: Queries, principal: Principal, user_id: str, period: Period | None) -> DirectoryUser:
    """Returns a user with the days of UTC that a period touches; refuses one that no event has ever carried."""
    async with queries.knowing(principal, _PROJECTIONS) as (driver, known):
        found = await stored.one(driver, principal.organization_id, user_id)
        if found is None:
            raise Refused(Reason.USER_NOT_FOUND, "no event has ever carried this user_id", field="user_id")
        if period is None:
            end = known.as_of.at.astimezone(UTC).date() + _DAY
            first = end - timedelta(days=DAYS)
        else:
            first, end = days_of(period.resolved(principal, known.as_of.at).bounds)
        days = await stored.days(driver, principal.organization_id, user_id, first, end)
    return DirectoryUser(known=known, bounds=between(first, end), user=shown(found, principal), days=days)


def days_of(bounds: Interval) -> tuple[date, date]:
    """Returns the days of UTC that bounds touch: the first one, and the one after the last."""
    last = (bounds.end - timedelta(microseconds=1)).astimezone(UTC).date()
    return bounds.start.astimezone(UTC).date(), last + _DAY


def between(first: date, end: date) -> Interval:
    """Returns the bounds of days of UTC."""
    return Interval(start=midnight(first), end=midnight(end))


def midnight(day: date) -> datetime:
    """Returns where a day of UTC begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
