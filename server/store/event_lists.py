"""Raw events in the order of time, narrowed: pages of lists, each after a place.

A page looks at a bounded number of events by the index of time. What hardly any event carries, a conversation or a
user, is found by the index of people where these were not enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from server import timerange
from server.events.event import Event
from server.store import events
from server.store.database import Driver
from server.store.event_conditions import EventCondition

LOOKED_AT = 20_000  # events: some 20 milliseconds
_BEFORE_IT_OCCURS = timedelta(days=1)  # more than an event may be ahead of its receipt, whatever clocks were
_MICROSECOND = timedelta(microseconds=1)
_COLUMNS = ", ".join(events.COLUMNS)


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

    is_sparse says that hardly any event of the organization meets them.
    """

    start: datetime
    end: datetime
    revision: int
    received_since: datetime | None
    conditions: Sequence[EventCondition]
    newest_first: bool
    is_sparse: bool


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
    look = _Look(organization_id, asked, after)
    rows = await look.ordered(driver, limit)
    if len(rows) == limit:
        return EventsFound(events=rows, following=rows[-1].place)
    end = await look.end(driver)
    if end is None or not asked.is_sparse:
        return EventsFound(events=rows, following=end)
    more = await _Look(organization_id, asked, end).sparse(driver, limit - len(rows))
    found = [*rows, *more]
    return EventsFound(events=found, following=found[-1].place if len(found) == limit else None)


# The plan is one for these values: a year's partitions are not looked at for a day. Statistics of a partition that has
# just been made must not turn the order of time round.
_PLAN = (
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_sort', 'off', true),"
    " set_config('max_parallel_workers_per_gather', '0', true)"
)


class _Look:
    """The parts of statements about the events of a list that come after a place."""

    def __init__(self, organization_id: int, asked: EventsAsked, after: EventPlace | None) -> None:
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
            f"revision <= {self._put(asked.revision)}",
            f"occurred_at >= {self._put(start)}",
            f"occurred_at < {self._put(end)}",
            f"received_at >= {self._put(received)}",
        ]
        if after is not None:
            sign = "<" if asked.newest_first else ">"
            at, key = self._put(after.occurred_at), self._put(after.event_key)
            within.append(f"(occurred_at <> {at} OR event_key {sign} {key})")
        self._within = " AND ".join(within)
        way = "DESC" if asked.newest_first else "ASC"
        self._order = f"ORDER BY occurred_at {way}, event_key {way}"

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
            f"SELECT {events.SELECTED} FROM (SELECT {_COLUMNS} FROM events WHERE {self._within} {self._order}"  # noqa: S608
            f" LIMIT {LOOKED_AT}) AS looked WHERE {self._holds()} {self._order} LIMIT {limit}"
        )
        found = await driver.fetch(statement, *self._values)
        del self._values[count:]
        return [_listed(tuple(row)) for row in found]

    async def end(self, driver: Driver) -> EventPlace | None:
        """Returns the place of the last event that is looked at in order; None where there are no more behind it."""
        statement = (
            f"SELECT occurred_at, event_key FROM events WHERE {self._within} {self._order}"  # noqa: S608
            f" OFFSET {LOOKED_AT - 1} LIMIT 1"
        )
        row = await driver.fetchrow(statement, *self._values)
        return None if row is None else EventPlace(*row)

    async def sparse(self, driver: Driver, limit: int) -> list[ListedEvent]:
        """Returns the first events, all of which are found before they are put in order."""
        statement = (
            f"WITH looked AS MATERIALIZED (SELECT {_COLUMNS} FROM events AS looked"  # noqa: S608
            f" WHERE {self._within} AND {self._holds()})"
            f" SELECT {events.SELECTED} FROM looked {self._order} LIMIT {limit}"
        )
        return [_listed(tuple(row)) for row in await driver.fetch(statement, *self._values)]


def _listed(row: Sequence[object]) -> ListedEvent:
    _, revision, received_at, *_ = row
    assert isinstance(revision, int)  # noqa: S101 - narrows what the driver leaves open
    assert isinstance(received_at, datetime)  # noqa: S101
    return ListedEvent(events.read(row), revision, received_at)
