"""What all questions share: a limited number at once, each answered from one snapshot of rollups and deltas."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from server.admission.query_slots import QuerySlots
from server.catalog.selections import EventTypeCounts, Reading, Selection, Wanted
from server.clock import Clock
from server.query.answers import Period
from server.store import reading
from server.store.database import Database, Driver
from server.tenancy.principal import Principal
from server.timerange import TimeRange


class Plan(Protocol):
    """What a question reads. Each question has a plan of its own, whose parts are selections with names."""

    def selections(self) -> Iterable[Selection]:
        """Returns all of the plan's selections."""

    @property
    def event_types(self) -> EventTypeCounts | None:
        """Returns the counts of event types that the plan reads, if it does."""


PlanT = TypeVar("PlanT", bound=Plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Generic[PlanT]):
    """The result of reading for a question: found has the cell of each selection of the plan."""

    period: TimeRange
    plan: PlanT
    found: Reading


class Queries:
    """The access of questions to the database. clock has the database's time."""

    def __init__(self, database: Database, clock: Clock, slots: QuerySlots) -> None:
        self._database = database
        self._clock = clock
        self._slots = slots

    @contextlib.asynccontextmanager
    async def connection(self, principal: Principal) -> AsyncIterator[Driver]:
        """Holds a slot and a connection for the length of the block. Each statement has its own snapshot."""
        async with self._slots.slot(principal), self._database.query() as driver:
            yield driver

    @contextlib.asynccontextmanager
    async def snapshot(self, principal: Principal) -> AsyncIterator[Driver]:
        """Holds a slot and a connection for the length of the block, with one snapshot for all statements."""
        async with self._slots.slot(principal), self._database.snapshot() as driver:
            yield driver

    async def read(
        self,
        driver: Driver,
        principal: Principal,
        period: Period,
        wanted: Wanted,
        plan: Callable[[TimeRange], PlanT],
    ) -> Read[PlanT]:
        """Plans with the clock's time and reads in one statement, which also returns the database's own time.

        If the two times belong to different quarter hours, which is rare, it plans and reads again.
        """
        now = self._clock.now()
        while True:
            planned = period.resolved(principal, now)
            chosen = plan(planned)
            selections = list(chosen.selections())
            found = await reading.read(driver, principal.organization_id, selections, wanted, chosen.event_types)
            now = found.as_of.at
            resolved = period.resolved(principal, now)
            if (resolved.span, resolved.elapsed) == (planned.span, planned.elapsed):
                return Read(period=resolved, plan=chosen, found=found)
