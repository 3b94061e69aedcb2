"""Events as projections read them: those after a position, in the order of revisions."""

import copy
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Generic, TypeVar

import asyncpg

from server import timerange
from server.events.event import ID_FIELDS
from server.store import statements
from server.store.database import Driver
from server.store.projections import ProjectionPosition
from server.store.statements import Statement

# How many events are looked at for each that is wanted: an organization may have many that a projection passes over.
_LOOKED_AT = 10
PORTION = 5_000  # events of ids that are read at once
_replaced_by, _event_type = itemgetter(0), itemgetter(5)
# What a projection may need of an event.
_STORED = ", ".join(
    ("received_at", "occurred_at", "event_key", "event_id", "event_type", *ID_FIELDS, "detail", "properties")
)
EventT = TypeVar("EventT")


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedEvents(Generic[EventT]):
    """The events after a position up to a revision, in the order of revisions. Where that was too much for one
    statement they are those up to another position: the one that was reached.
    """

    events: Sequence[EventT]
    reached: ProjectionPosition | None = None


class EventReader(Generic[EventT]):
    """Reads the events that a projection follows, each as what it makes of a row: revision, time of receipt and of
    occurrence in microseconds, key, type and the columns that it needs. The condition says which events these are; it
    may have parameters of its own, which more has.
    """

    def __init__(
        self, columns: Sequence[str], condition: str, make: Callable[[Iterable[Any]], EventT], **more: object
    ) -> None:
        self._make = make
        self._more = more
        self._needs = {"COLUMNS": ", ".join(columns), "CONDITION": condition}
        self._after = statements.load("events_after", STORED=_STORED, **self._needs)
        self._replaced = statements.load("replaced_after", **self._needs)
        self._of_ids: dict[str, Statement] = {}

    def about(self, **more: object) -> "EventReader[EventT]":
        """Returns a reader with other parameters of its condition."""
        new = copy.copy(self)
        new._more = more
        return new

    async def after(
        self, driver: Driver, organization_id: int, position: ProjectionPosition, until: int, limit: int
    ) -> FollowedEvents[EventT]:
        """Returns the events after a position up to a revision, as they were at the revision that was reached, in the
        order of revisions, as many as a limit allows. What it looks at is bounded by the limit, too.
        """
        arguments = self._after.arguments(
            organization_id=organization_id,
            revision=position.revision,
            revised_at=position.revised_at,
            until=until,
            limit=limit,
            looked_at=limit * _LOOKED_AT,
            **self._more,
        )
        rows = await driver.fetch(self._after.text, *arguments)
        if len(rows) < limit and None not in map(_event_type, rows):
            return FollowedEvents(events=self._as_at(until, rows))
        _, unread, received_at, *_ = rows[-1]  # a revision of which some may be missing
        return FollowedEvents(
            events=self._as_at(unread - 1, rows),
            reached=ProjectionPosition(revision=unread - 1, revised_at=timerange.of_microseconds(received_at)),
        )

    def _as_at(self, reached: int, rows: Sequence[asyncpg.Record]) -> list[EventT]:
        """Returns what is made of rows as they were at a revision: those of it and of earlier ones, unless one of these
        has replaced them.
        """
        make = self._make
        if rows and rows[-1][1] <= reached and not any(map(_replaced_by, rows)):  # as nearly always
            return [make(row[1:]) for row in rows]
        return [make(row[1:]) for row in rows if row[1] <= reached and (row[0] is None or row[0] > reached)]

    async def replaced(
        self, driver: Driver, organization_id: int, position: ProjectionPosition, until: int
    ) -> list[EventT]:
        """Returns what events were that revisions after a position up to another one have corrected or retracted, of
        those that came before the position.
        """
        arguments = self._replaced.arguments(
            organization_id=organization_id, revision=position.revision, until=until, **self._more
        )
        return [self._make(row) for row in await driver.fetch(self._replaced.text, *arguments)]

    async def portions_of_ids(
        self, driver: Driver, organization_id: int, column: str, ids: Collection[str], first_at: int, until: int
    ) -> AsyncIterator[list[EventT]]:
        """Yields the events of some ids as they were at a revision, in the order of revisions, in portions; needs an
        open transaction. column is what the ids are of, in SQL; no event of theirs occurred before first_at.
        """
        if column not in self._of_ids:
            self._of_ids[column] = statements.load("events_of_ids", ID=column, STORED=_STORED, **self._needs)
        chosen = self._of_ids[column]
        arguments = chosen.arguments(
            organization_id=organization_id,
            ids=sorted(ids),
            first_at=timerange.of_microseconds(first_at),
            until=until,
            **self._more,
        )
        cursor = await driver.cursor(chosen.text, *arguments)
        while rows := await cursor.fetch(PORTION):
            yield [self._make(row) for row in rows]

    async def of_ids(
        self, driver: Driver, organization_id: int, column: str, ids: Collection[str], first_at: int, until: int
    ) -> list[EventT]:
        """Returns all of these events, for who cannot take them in by portions."""
        portions = self.portions_of_ids(driver, organization_id, column, ids, first_at, until)
        return [event async for some in portions for event in some]
