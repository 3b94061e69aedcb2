"""On which days users did something: for what says who comes back."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import asyncpg

from server.store import statements, user_lists
from server.store.database import Driver

MOST_USERS = user_lists.MOST_USERS
MOST_DAYS = user_lists.MOST_RETAINED_DAYS
_AT_ONCE = 5_000  # rows that become values in one turn of the event loop
_READ = statements.load("read_active_days")
_LIST = statements.load("list_regular_users")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveUsers:
    """How many users did something on so many days, from a first to a last one; and of these days, what lies before a
    cut: the last one, None where there is none, and how many.
    """

    first: date
    last: date
    days: int
    last_before: date | None
    days_before: int
    users: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveUser:
    """A user, the first and the last day on which it did something, and on how many it did."""

    user_id: str
    first: date
    last: date
    days: int


async def counted(
    driver: Driver, organization_id: int, first_day: date, end_day: date, cut_day: date
) -> Sequence[ActiveUsers] | None:
    """Returns users by the days [first_day, end_day) of UTC on which they did something, and by those before a cut;
    None where there are too many days to look at.
    """
    if await user_lists.too_many_retained(driver, organization_id, first_day, end_day):
        return None
    arguments = _READ.arguments(organization_id=organization_id, first_day=first_day, end_day=end_day, cut_day=cut_day)
    found: list[ActiveUsers] = []
    rows = await driver.fetch(_READ.text, *arguments)
    for portion in _portions(rows):
        found += [
            ActiveUsers(
                first=first, last=last, days=days, last_before=last_before, days_before=days_before, users=users
            )
            for first, last, days, last_before, days_before, users in portion
        ]
        await asyncio.sleep(0)
    return found


async def listed(
    driver: Driver, organization_id: int, first_day: date, end_day: date, least_days: int
) -> Sequence[ActiveUser] | None:
    """Returns the users who did something on enough of the days [first_day, end_day) of UTC, in the order of how many,
    of the last one and of their ids; None where there are too many.
    """
    arguments = _LIST.arguments(
        organization_id=organization_id,
        first_day=first_day,
        end_day=end_day,
        least_days=least_days,
        most=MOST_USERS + 1,
    )
    rows = await driver.fetch(_LIST.text, *arguments)
    if len(rows) > MOST_USERS:
        return None
    found: list[ActiveUser] = []
    for portion in _portions(rows):
        found += [ActiveUser(user_id=row[0], first=row[1], last=row[2], days=row[3]) for row in portion]
        await asyncio.sleep(0)
    return found


def _portions(rows: Sequence[asyncpg.Record]) -> Iterator[Sequence[asyncpg.Record]]:
    """Yields rows in portions, between which other calls get their turn."""
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]
