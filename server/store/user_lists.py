"""Users one by one: lists of them in any order, each with what it did, and how many came back."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from server.catalog.user_lists import ListedUser, UserList, UserListOrder, UserPlace
from server.events import rules
from server.events.user_activity import DayActivity
from server.store import instants, projections, statements, user_ranking
from server.store.database import Driver
from server.store.statements import Statement
from server.store.user_ranking import COLUMNS, OF_EVENT, UserSpan

MOST_USERS = 200_000  # that are put in order
MOST_DAYS = 500_000  # of users whose figures are added up for a list
MOST_RETAINED_DAYS = 2_000_000  # that are looked at for retention
ALL_TIME = UserSpan(first_day=date.min, end_day=date.max, edges=())
_VERSION = projections.VERSION.format("users").replace("$1", ":organization_id")
_OF = f"SELECT * FROM users WHERE organization_id = :organization_id AND version = {_VERSION}"  # noqa: S608
_LOWER = 'lower({} COLLATE "default") COLLATE "C"'
_NAME = _LOWER.format("name")
_LAST = chr(0x10FFFF) * 64  # behind every text of 256 bytes that it is appended to the beginning of
_FIRST_AT, _LAST_AT = 0, 253_402_300_799_000_000  # before and behind whatever was seen

# What orders users in SQL, and its type.
_SORTS = {
    UserListOrder.LAST_SEEN: (instants.selected("last_seen_at"), "bigint"),
    UserListOrder.FIRST_SEEN: (instants.selected("first_seen_at"), "bigint"),
    UserListOrder.USER_ID: ("user_id", "text"),
    UserListOrder.NAME: (f"CASE WHEN :by_name::boolean THEN nullif({_NAME}, '') END", "text"),
    UserListOrder.MESSAGES: ("messages_received::numeric + messages_sent", "numeric"),
    UserListOrder.TOKEN_USAGE: ("prompt_tokens::numeric + completion_tokens", "numeric"),
    UserListOrder.RATING_COUNT: ("ratings", "bigint"),
    UserListOrder.SATISFACTION_SCORE: ("rating_sum::numeric / nullif(ratings, 0)", "numeric"),
    **{
        UserListOrder[name.upper()]: (name, "bigint")
        for name in ("events", "messages_received", "messages_sent", "conversations", "cost_micros", "active_days")
    },
}
_BEGINNING = (
    f"({_OF} AND user_id >= :prefix::text AND user_id <= :prefix::text || :last::text LIMIT :most)"
    f" UNION ({_OF} AND :by_name::boolean AND name <> '' AND {_NAME} >= {_LOWER.format(':prefix::text')}"
    f" AND {_NAME} <= {_LOWER.format(':prefix::text')} || :last::text LIMIT :most)"
)
_ALL = f"{_OF} LIMIT :most"
_CHOSEN = f", chosen AS ({_BEGINNING})"
_AMONG = "AND user_id = ANY(ARRAY(SELECT user_id FROM chosen))"
_NARROWED = ({"CHOSEN": "", "AMONG": ""}, {"CHOSEN": _CHOSEN, "AMONG": _AMONG})


def _in_order(order: UserListOrder, *, descending: bool) -> str | None:
    """Returns SQL that reads the users of a page by an index; None where none has the order."""
    than, direction = ("<", "DESC") if descending else (">", "ASC")
    if order is UserListOrder.USER_ID:
        return f"{_OF} AND user_id {than} :beyond::text ORDER BY user_id {direction} LIMIT :limit"
    if order is not UserListOrder.FIRST_SEEN:
        return None
    at = instants.stored(":at::bigint")
    return (
        f"{_OF} AND first_seen_at > '-infinity' AND first_seen_at {than}= {at}"
        f" AND (first_seen_at <> {at} OR user_id > :after::text)"
        f" ORDER BY first_seen_at {direction}, user_id LIMIT :limit"
    )


def _ordered(order: UserListOrder, *, descending: bool) -> dict[str, str]:
    """Returns the constants of statements that have an order."""
    sort, kind = _SORTS[order]
    direction, than = ("DESC", "<") if descending else ("ASC", ">")
    return {"SORT": sort, "TYPE": kind, "THAN": than, "DIRECTION": direction}


_LISTING, _ADDING_UP = statements.text("list_users"), statements.text("list_active_users")
_LARGEST = 2**63 - 1


def _sums(names: Sequence[str]) -> dict[str, str]:
    """Returns the constants of statements that add up some columns."""
    return {
        **user_ranking.columns(names),
        "FOUND": ", ".join(f"s.{one}" for one in names),
        "RAW_SUMS": ", ".join(
            f"least(sum(({OF_EVENT.get(one, '0')})::bigint), {_LARGEST})::bigint AS {one}" for one in names
        ),
    }


_SUMS = _sums(COLUMNS)


def _plain(order: UserListOrder, *, descending: bool, by_prefix: bool) -> Statement:
    candidates = _BEGINNING if by_prefix else _in_order(order, descending=descending) or _ALL
    return statements.numbered(_LISTING, CANDIDATES=candidates, **_ordered(order, descending=descending))


def _added_up(order: UserListOrder, *, descending: bool, by_prefix: bool) -> Statement:
    """Returns what puts users in order: it adds up the columns of the order alone, since there may be many users."""
    needed = [one for one in COLUMNS if one == "events" or re.search(rf"\b{one}\b", _SORTS[order][0])]
    return statements.numbered(
        _ADDING_UP, **_NARROWED[by_prefix], **_sums(needed), **_ordered(order, descending=descending)
    )


_OF_PAGE = statements.numbered(
    _ADDING_UP,
    CHOSEN="",
    AMONG="AND user_id = ANY(:users::text[])",
    **_SUMS,
    **_ordered(UserListOrder.USER_ID, descending=False),
)


_KINDS = list(itertools.product(UserListOrder, (False, True), (0, 1)))
_PLAIN = {one: _plain(one[0], descending=one[1], by_prefix=bool(one[2])) for one in _KINDS if not one[0].is_figure}
_ADDED_UP = {one: _added_up(one[0], descending=one[1], by_prefix=bool(one[2])) for one in _KINDS}
_COUNTS = {
    by_prefix: statements.numbered(f"SELECT count(*) FROM ({one}) AS c")  # noqa: S608 - constants of this file
    for by_prefix, one in enumerate((_ALL, _BEGINNING))
}
_DAYS_OF = (
    "SELECT FROM user_days WHERE organization_id = :organization_id AND version = "
    f"{_VERSION} AND day >= :first_day::date AND day < :end_day::date AND day > '-infinity'"
)
_DAY_COUNTS = {by_prefix: statements.load("count_user_days", **among) for by_prefix, among in enumerate(_NARROWED)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A list, and the span whose figures it is about; None: all time."""

    organization_id: int
    users: UserList
    span: UserSpan | None

    @property
    def by_prefix(self) -> int:
        return int(bool(self.users.filter.prefix))

    @property
    def is_added_up(self) -> bool:
        """Returns whether figures say which users there are, or in which order."""
        return self.span is not None or self.users.order.is_figure

    @property
    def has_index(self) -> bool:
        """Returns whether users are read in their order, page by page, and need not all be put in order."""
        order = self.users.order
        in_order = _in_order(order, descending=self.users.descending)
        return not self.is_added_up and not self.by_prefix and in_order is not None

    def arguments(self, statement: Statement, **values: object) -> list[object]:
        """Returns the values of those parameters that a statement has."""
        chosen = self.users.filter
        known: dict[str, object] = {
            **user_ranking.span_arguments(self.organization_id, self.span or ALL_TIME),
            "most": MOST_USERS,
            "prefix": chosen.prefix,
            "last": _LAST,
            "by_name": chosen.by_name,
            "first_from": chosen.first_from,
            "first_before": chosen.first_before,
            **values,
        }
        return statement.arguments(**{name: known[name] for name in statement.parameters})


async def too_many(driver: Driver, organization_id: int, users: UserList, span: UserSpan | None) -> bool:
    """Returns whether there are more users, or more days and events of them, than can be put in order."""
    asked = _Asked(organization_id=organization_id, users=users, span=span)
    if asked.has_index:
        return False
    if asked.by_prefix or not asked.is_added_up:
        count = _COUNTS[asked.by_prefix]
        if await driver.fetchval(count.text, *asked.arguments(count, most=MOST_USERS + 1)) > MOST_USERS:
            return True
    if not asked.is_added_up:
        return False
    count = _DAY_COUNTS[asked.by_prefix]
    return bool(await driver.fetchval(count.text, *asked.arguments(count, most_days=MOST_DAYS + 1)) > MOST_DAYS)


async def page(
    driver: Driver, organization_id: int, users: UserList, span: UserSpan | None, after: UserPlace | None, limit: int
) -> list[ListedUser]:
    """Returns users in order, those after a place, as many as a limit allows, with what they did over a span, or ever:
    with a span those that did something in it.
    """
    asked = _Asked(organization_id=organization_id, users=users, span=span)
    statement = (_ADDED_UP if asked.is_added_up else _PLAIN)[users.order, users.descending, asked.by_prefix]
    arguments = asked.arguments(
        statement,
        after=after.user_id if after else "",
        value=after.value if after else None,
        beyond=after.user_id if after else _LAST if users.descending else "",
        at=_at(users, after),
        limit=limit,
    )
    rows = await driver.fetch(statement.text, *arguments)
    if asked.is_added_up:
        users_of_page = [row[0] for row in rows]
        given = asked.arguments(_OF_PAGE, users=users_of_page, after="", value=None, limit=len(rows))
        each = {row[0]: row for row in await driver.fetch(_OF_PAGE.text, *given)}
        return [_listed(row, each[row[0]][5], DayActivity(*each[row[0]][6:])) for row in rows]
    did = await ever(driver, organization_id, [row[0] for row in rows])
    return [_listed(row, *did.get(row[0], (0, DayActivity()))) for row in rows]


def _at(users: UserList, after: UserPlace | None) -> int:
    """Returns from where on users are read in the order by first_seen_at."""
    if users.order is UserListOrder.FIRST_SEEN and after is not None and after.value is not None:
        return int(after.value)
    return _LAST_AT if users.descending else _FIRST_AT


def _listed(row: asyncpg.Record, active_days: int, did: DayActivity) -> ListedUser:
    return ListedUser(
        place=UserPlace(value=row[4], user_id=row[0]),
        name=row[1],
        first_seen_at=rules.microseconds(row[2]),
        last_seen_at=rules.microseconds(row[3]),
        did=did,
        active_days=active_days,
    )


_EVER = statements.numbered(
    f"""
    SELECT d.user_id, count(*) FILTER (WHERE events > 0), {_SUMS["SUMS"]}
    FROM unnest(:users::text[]) AS w(user_id) CROSS JOIN LATERAL (SELECT * FROM user_days
    WHERE organization_id = :organization_id AND version = {_VERSION} AND user_id = w.user_id OFFSET 0) AS d
    GROUP BY d.user_id
    """  # noqa: S608 - constants of this file
)


async def ever(driver: Driver, organization_id: int, users: Sequence[str]) -> dict[str, tuple[int, DayActivity]]:
    """Returns on how many days users did something, and what they did on all of them."""
    rows = await driver.fetch(_EVER.text, *_EVER.arguments(organization_id=organization_id, users=list(users)))
    return {row[0]: (row[1], DayActivity(*row[2:])) for row in rows}


_ONE = statements.numbered(
    f"{_OF.replace('*', 'user_id, name, first_seen_at, last_seen_at, user_id')} AND user_id = :id"
)
_DAYS = statements.numbered(
    f"SELECT day, {', '.join(COLUMNS)} FROM user_days WHERE organization_id = :organization_id"  # noqa: S608 - as above
    f" AND version = {_VERSION} AND user_id = :id AND day >= :first::date AND day < :end::date"
    " AND events > 0 ORDER BY day"
)


async def one(driver: Driver, organization_id: int, user_id: str) -> ListedUser | None:
    """Returns a user with what it ever did; None where nothing is known of it."""
    row = await driver.fetchrow(_ONE.text, *_ONE.arguments(organization_id=organization_id, id=user_id))
    if row is None:
        return None
    did = await ever(driver, organization_id, [user_id])
    return _listed(row, *did.get(user_id, (0, DayActivity())))


async def some(driver: Driver, organization_id: int, users: Sequence[str]) -> list[ListedUser]:
    """Returns those users of which something is known, by user_id, with what they ever did."""
    rows = await driver.fetch(_SOME.text, *_SOME.arguments(organization_id=organization_id, users=list(users)))
    did = await ever(driver, organization_id, [row[0] for row in rows])
    return [_listed(row, *did.get(row[0], (0, DayActivity()))) for row in rows]


_SOME = statements.numbered(
    "SELECT u.* FROM unnest(:users::text[]) AS w(id) CROSS JOIN LATERAL (SELECT user_id, name, first_seen_at,"  # noqa: S608
    " last_seen_at, user_id AS sort FROM users WHERE organization_id = :organization_id AND version = "
    f"{_VERSION} AND user_id = w.id OFFSET 0) AS u ORDER BY u.user_id"
)


async def numbers(driver: Driver, organization_id: int, kind: int, after: str, limit: int) -> list[tuple[str, int]]:
    """Returns ids of a kind of members behind one of them, in their order, with their numbers."""
    statement = (
        "SELECT external_id, number FROM members WHERE organization_id = $1 AND kind = $2 AND external_id > $3"
        " ORDER BY external_id LIMIT $4"
    )
    return [(row[0], row[1]) for row in await driver.fetch(statement, organization_id, kind, after, limit)]


async def days(
    driver: Driver, organization_id: int, user_id: str, first: date, end: date
) -> list[tuple[date, DayActivity]]:
    """Returns the days of UTC [first, end) on which a user did something, oldest first, and what it did."""
    arguments = _DAYS.arguments(organization_id=organization_id, id=user_id, first=first, end=end)
    return [(row[0], DayActivity(*row[1:])) for row in await driver.fetch(_DAYS.text, *arguments)]


_RETENTION = statements.load("read_retention")
_RETAINED_DAYS = statements.numbered(f"SELECT count(*) FROM ({_DAYS_OF} LIMIT :most_days) AS c")  # noqa: S608 - as above


async def retention(
    driver: Driver, organization_id: int, starts: Sequence[date], first_from: datetime, first_before: datetime
) -> dict[tuple[int, int], int] | None:
    """Returns how many of the users first seen in a period were seen in another, by the places of both; None where
    there are too many days of users to look at. starts is where each period begins, and where the last one ends.
    """
    if await too_many_retained(driver, organization_id, starts[0], starts[-1]):
        return None
    arguments = _RETENTION.arguments(
        organization_id=organization_id, starts=list(starts), first_from=first_from, first_before=first_before
    )
    return {(row[0] - 1, row[1] - 1): row[2] for row in await driver.fetch(_RETENTION.text, *arguments)}


async def too_many_retained(driver: Driver, organization_id: int, first_day: date, end_day: date) -> bool:
    """Returns whether users did something on more of the days [first_day, end_day) than can be looked at."""
    arguments = _RETAINED_DAYS.arguments(
        organization_id=organization_id, first_day=first_day, end_day=end_day, most_days=MOST_RETAINED_DAYS + 1
    )
    return bool(await driver.fetchval(_RETAINED_DAYS.text, *arguments) > MOST_RETAINED_DAYS)
