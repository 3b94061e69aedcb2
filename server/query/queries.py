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
        """The counts of event types, where they are asked for."""


PlanT = TypeVar("PlanT", bound=Plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Generic[PlanT]):
    """What was read for a question: found has the cell of each selection of the plan."""

    period: TimeRange
    plan: PlanT
    found: Reading


class Queries:
    """The way of questions to the database. The clock tells the database's time."""

    def __init__(self, database: Database, clock: Clock, turns: QuerySlots) -> None:
        self._database = database
        self._clock = clock
        self._turns = turns

    @contextlib.asynccontextmanager
    async def connection(self, principal: Principal) -> AsyncIterator[Driver]:
        """Holds a turn and a connection for the block. Each statement sees an instant of its own."""
        async with self._turns.turn(principal), self._database.query() as driver:
            yield driver

    @contextlib.asynccontextmanager
    async def snapshot(self, principal: Principal) -> AsyncIterator[Driver]:
        """Holds a turn and a connection for the block, all of which sees one instant."""
        async with self._turns.turn(principal), self._database.snapshot() as driver:
            yield driver

    async def read(
        self,
        driver: Driver,
        principal: Principal,
        period: Period,
        wanted: Wanted,
        plan: Callable[[TimeRange], PlanT],
    ) -> Read[PlanT]:
        """Plans by our copy of the database's clock and reads in one statement, which tells the database's own time.

        In the rare case that the two are of different quarter hours, it reads again.
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
