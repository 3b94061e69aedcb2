"""Raw events in the order of time, narrowed: pages of lists, each after a place.

A page looks at a bounded number of events by the index of time. What hardly any event carries, a conversation or a
user, is found by the index of people where these were not enough. Events are as they were at the revision of the list,
also if they were corrected or retracted since.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from server import timerange
from server.events.event import Event
from server.store import events, replaced_events
from server.store.database import Driver
from server.store.event_conditions import EventCondition

LOOKED_AT = 20_000  # events: some 20 milliseconds
_MOST_LOOKED_AT = 60_000  # events, for what has no pages
_BEFORE_IT_OCCURS = timedelta(days=1)  # more than an event may be ahead of its receipt, whatever clocks were
_MICROSECOND = timedelta(microseconds=1)
_COLUMNS = ", ".join(events.COLUMNS)
# The newest events are looked for among those of these last days first, then of more: most have been received soon, and
# what was received before a period cannot have occurred in it. So few partitions are touched.
_LAST_DAYS = (2, 8, 32)


class EventPlace(NamedTuple):
    """A place in a list: that of an event."""

    occurred_at: datetime
    event_key: bytes


class ListedEvent(NamedTuple):
    """An event as it is stored, with its revision and when it was received."""

    event: Event
    revision: int
    received_at: datetime

    @property
    def place(self) -> EventPlace:
        """Returns its place in a list."""
        return EventPlace(timerange.of_microseconds(self.event.occurred_at), self.event.event_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsAsked:
    """Which events a list has: those that occurred in [start, end), of revisions up to one, that meet all conditions.

    is_sparse says that hardly any event of the organization meets them, and is_rare that there are so few that it makes
    no sense to look for them in the order of time.
    """

    start: datetime
    end: datetime
    revision: int
    received_since: datetime | None
    conditions: Sequence[EventCondition]
    newest_first: bool
    is_sparse: bool = False
    is_rare: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsFound:
    """The events of a page, and the place after which the next one begins; None where there is none."""

    events: Sequence[ListedEvent]
    following: EventPlace | None


async def page(
    driver: Driver, organization_id: int, asked: EventsAsked, after: EventPlace | None, limit: int
) -> EventsFound:
    """Returns a page of at most so many events after a place; needs an open transaction."""
    await driver.execute(_PLAN)
    has_replaced = await replaced_events.has_later(driver, organization_id, asked.revision)
    found: list[ListedEvent] = []
    left, place = asked, after
    for start in () if asked.is_rare else _starts(asked, after):
        look = _Look(organization_id, replace(left, start=start), place, has_replaced=has_replaced)
        found += await look.ordered(driver, limit - len(found))
        if len(found) == limit:
            return EventsFound(events=found, following=found[-1].place)
        place = await look.end(driver)
        if place is not None:
            break
        left = replace(left, end=start)
    if left.start >= left.end or (place is not None and not asked.is_sparse):
        return EventsFound(events=found, following=place)
    rest = _Look(organization_id, left, place, has_replaced=has_replaced)
    found += await rest.sparse(driver, limit - len(found))
    return EventsFound(events=found, following=found[-1].place if len(found) == limit else None)


async def users(driver: Driver, organization_id: int, asked: EventsAsked, limit: int) -> set[str] | None:
    """Returns the users that the events of a list carry; None where these are more events than a limit, or where too
    many would have to be looked at. Needs an open transaction.
    """
    await driver.execute(_PLAN)
    has_replaced = await replaced_events.has_later(driver, organization_id, asked.revision)
    return await _Look(organization_id, asked, None, has_replaced=has_replaced).users(driver, limit)


def _starts(asked: EventsAsked, after: EventPlace | None) -> Iterator[datetime]:
    """Yields where parts of a period begin, each of which is looked at if those before it were not enough."""
    if asked.newest_first:
        last = asked.end if after is None else min(asked.end, after.occurred_at)
        for days in _LAST_DAYS:
            if last - timedelta(days=days) > asked.start:
                yield last - timedelta(days=days)
    yield asked.start


# The plan is one for these values: a year's partitions are not looked at for a day. Statistics of a partition that has
# just been made must not turn the order of time round.
_PLAN = (
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_sort', 'off', true),"
    " set_config('max_parallel_workers_per_gather', '0', true)"
)


class _Look:
    """The parts of statements about the events of a list that come after a place."""

    def __init__(
        self, organization_id: int, asked: EventsAsked, after: EventPlace | None, *, has_replaced: bool
    ) -> None:
        self._values: list[object] = []
        self._asked = asked
        start, end = asked.start, asked.end
        received = max(timerange.EPOCH, start - _BEFORE_IT_OCCURS)
        if asked.received_since is not None:
            received = max(received, asked.received_since)
        if after is not None and asked.newest_first:
            end = min(end, after.occurred_at + _MICROSECOND)
        elif after is not None:
            start = max(start, after.occurred_at)
        within = [
            f"organization_id = {self._put(organization_id)}",
            f"occurred_at >= {self._put(start)}",
            f"occurred_at < {self._put(end)}",
            "occurred_at > '-infinity'",
            f"received_at >= {self._put(received)}",
        ]
        if after is not None:
            sign = "<" if asked.newest_first else ">"
            at, key = self._put(after.occurred_at), self._put(after.event_key)
            within.append(f"(occurred_at <> {at} OR event_key {sign} {key})")
        self._within = " AND ".join(within)
        self._revision = self._put(asked.revision)
        self._has_replaced = has_replaced
        way = "DESC" if asked.newest_first else "ASC"
        self._order = f"ORDER BY occurred_at {way}, event_key {way}"

    def _events(self, columns: str) -> str:
        """Returns the statement that selects columns of all events, as they were at the revision."""
        statement = f"SELECT {columns} FROM events WHERE {self._within} AND revision <= {self._revision}"  # noqa: S608
        if not self._has_replaced:
            return statement
        was = columns.replace("revision", "replaced_revision AS revision")
        return (
            f"{statement} UNION ALL SELECT {was} FROM replaced_events WHERE {self._within}"  # noqa: S608
            f" AND revision > {self._revision} AND replaced_revision <= {self._revision}"
        )

    def _put(self, value: object) -> str:
        self._values.append(value)
        return f"${len(self._values)}"

    def _holds(self) -> str:
        """Returns all conditions, and puts their values behind those that are there."""
        return " AND ".join(["true", *(one.text.format(*map(self._put, one.values)) for one in self._asked.conditions)])

    async def ordered(self, driver: Driver, limit: int) -> list[ListedEvent]:
        """Returns the first events of those that are looked at in order."""
        count = len(self._values)
        statement = (
            f"SELECT {events.SELECTED} FROM ({self._events(_COLUMNS)} {self._order} LIMIT {LOOKED_AT}) AS looked"  # noqa: S608
            f" WHERE {self._holds()} {self._order} LIMIT {limit}"
        )
        found = await driver.fetch(statement, *self._values)
        del self._values[count:]
        return [_listed(tuple(row)) for row in found]

    async def end(self, driver: Driver) -> EventPlace | None:
        """Returns the place of the last event that is looked at in order; None where there are no more behind it."""
        statement = f"{self._events('occurred_at, event_key')} {self._order} OFFSET {LOOKED_AT - 1} LIMIT 1"
        row = await driver.fetchrow(statement, *self._values)
        return None if row is None else EventPlace(*row)

    async def users(self, driver: Driver, limit: int) -> set[str] | None:
        """Returns the users of all events; None where these, or those that would have to be looked at, are too many."""
        more = f"SELECT EXISTS ({self._events('occurred_at')} OFFSET {_MOST_LOOKED_AT})"
        if await driver.fetchval(more, *self._values):
            return None
        statement = (
            f"SELECT user_id, count(*) FROM (SELECT user_id FROM ({self._events(_COLUMNS)}) AS looked"  # noqa: S608
            f" WHERE {self._holds()} LIMIT {limit + 1}) AS found GROUP BY user_id"
        )
        rows = await driver.fetch(statement, *self._values)
        return None if sum(count for _, count in rows) > limit else {user_id for user_id, _ in rows if user_id}

    async def sparse(self, driver: Driver, limit: int) -> list[ListedEvent]:
        """Returns the first events, all of which are found before they are put in order."""
        statement = (
            f"WITH found AS MATERIALIZED (SELECT * FROM ({self._events(_COLUMNS)}) AS looked"  # noqa: S608
            f" WHERE {self._holds()})"
            f" SELECT {events.SELECTED} FROM found {self._order} LIMIT {limit}"
        )
        return [_listed(tuple(row)) for row in await driver.fetch(statement, *self._values)]


def _listed(row: Sequence[object]) -> ListedEvent:
    _, revision, received_at, *_ = row
    assert isinstance(revision, int)  # noqa: S101 - narrows what the driver leaves open
    assert isinstance(received_at, datetime)  # noqa: S101
    return ListedEvent(events.read(row), revision, received_at)
