"""What all questions share: a limited number at once, each answered from one snapshot of rollups and deltas."""

import contextlib
import dataclasses
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeAlias, TypeVar

from server import slow_questions
from server.admission.query_slots import QuerySlots
from server.catalog.catalogue import BUILT_IN, Catalogue
from server.catalog.metrics import Quantile
from server.catalog.selections import AsOf, EventTypeCounts, Reading, Selection, Wanted
from server.clock import Clock
from server.projections.projector import Projector
from server.query.answers import Context, Period, Source
from server.query.edges import Exactness, TooManyEventsError
from server.query.reader import EdgedSelections, Reader
from server.slow_questions import Spent
from server.store import events as stored_events
from server.store import organizations, reading
from server.store.database import Database, Driver
from server.tenancy.principal import Principal
from server.timerange import TimeRange

_QUARTERS_A_DAY = 96
_AT_ONCE = 500  # selections whose cells are decoded in one turn of the event loop


class Plan(Protocol):
    """What a question reads. Each question has a plan of its own, whose parts are selections with names."""

    def selections(self) -> Iterable[Selection]:
        """Returns all of the plan's selections."""

    @property
    def event_types(self) -> EventTypeCounts | None:
        """Returns the counts of event types that the plan reads, if it does."""


PlanT = TypeVar("PlanT", bound=Plan)
Planner: TypeAlias = Callable[[Reader, TimeRange], Awaitable[PlanT]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Generic[PlanT]):
    """What was read for a question: found has the cell of each selection of the plan. lagging has the projections that
    have stopped before the answer's revision, each with the revision up to which it has seen everything. currency is
    the organization's.
    """

    period: TimeRange
    plan: PlanT
    found: Reading
    lagging: Mapping[str, int]
    currency: str
    source: Source

    def context(self, names: Iterable[str], catalogue: Catalogue = BUILT_IN) -> Context:
        """Returns the context of an answer with figures of these names."""
        approximate = [name for name in names if isinstance(catalogue.metrics[name], Quantile)]
        return Context(
            period=self.period,
            as_of=self.found.as_of,
            approximate=approximate,
            lagging=self.lagging,
            currency=self.currency,
            first_event=self.found.first_event,
            source=self.source,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadState:
    """The instant that an answer without figures is read from. lagging is as in Read."""

    as_of: AsOf
    lagging: Mapping[str, int]
    currency: str
    time_zone: str


class Queries:
    """The access of questions to the database. clock has the database's time."""

    def __init__(self, database: Database, clock: Clock, slots: QuerySlots, projector: Projector) -> None:
        self._database = database
        self._clock = clock
        self._slots = slots
        self._projector = projector

    @contextlib.asynccontextmanager
    async def of_one_instant(self) -> AsyncIterator["Queries"]:
        """Gives questions, asked one after the other, that all see the instant of the first one: pages of a list or a
        table, whose projections and raw events the first page has asked for. The connection and the slot of the first
        one are held until the end of the block.
        """
        async with contextlib.AsyncExitStack() as held:
            yield _OfOneInstant(self._database, self._clock, self._slots, self._projector, held)

    def now(self) -> datetime:
        """Returns the database's time."""
        return self._clock.now()

    @contextlib.asynccontextmanager
    async def looking(self, principal: Principal) -> AsyncIterator[Driver]:
        """Gives a connection to a question that reads no figures."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            yield driver

    @contextlib.asynccontextmanager
    async def holding_raw(self, principal: Principal) -> AsyncIterator[Driver]:
        """Gives a view of one instant to a question about raw events, none of which are dropped meanwhile."""
        async with (
            self._slots.slot(principal),
            self._database.asking(of=principal.organization_id, in_snapshot=True) as driver,
        ):
            await stored_events.hold(driver)
            yield driver

    @contextlib.asynccontextmanager
    async def knowing(
        self, principal: Principal, projections: Sequence[str], *, holds_raw: bool = False
    ) -> AsyncIterator[tuple[Driver, ReadState]]:
        """Gives a snapshot to a question about rows of projections and no figures, once these have seen whatever was
        acknowledged before it. One that reads raw events wants them held.
        """
        organization_id, wanted = principal.organization_id, Wanted(counters=(), projections=projections)
        target: int | None = None
        while True:
            async with (
                self._slots.slot(principal),
                self._database.asking(of=principal.organization_id, in_snapshot=True) as driver,
            ):
                if holds_raw:
                    await stored_events.hold(driver)
                found = await reading.read(driver, organization_id, (), wanted)
                needed = found.as_of.revision if target is None else target
                lagging = {name: revision for name, revision in found.projections.items() if revision < needed}
                if target is not None or not lagging:
                    of = principal.settings
                    yield (
                        driver,
                        ReadState(as_of=found.as_of, lagging=lagging, currency=of.currency, time_zone=of.time_zone),
                    )
                    return
                target = found.as_of.revision
            with slow_questions.spending(Spent.WAITING):
                await self._projector.catch_up(organization_id, list(lagging), target)

    @contextlib.asynccontextmanager
    async def reading(
        self,
        principal: Principal,
        period: Period,
        wanted: Wanted,
        plan: Callable[[TimeRange], PlanT],
        *,
        in_snapshot: bool = False,
        exactness: Exactness | None = None,
    ) -> AsyncIterator[tuple[Driver, Read[PlanT]]]:
        """Reads for a question in one statement; the block gets what was read and the connection, all of which sees the
        same instant in_snapshot, and with an exactness: then bounds may be within quarter hours, and what is in their
        parts is counted from raw events.
        """

        async def planner(_: Reader, resolved: TimeRange) -> PlanT:
            return plan(resolved)

        in_snapshot = in_snapshot or exactness is not None
        reading = self._reading(principal, period, wanted, planner, in_snapshot=in_snapshot, exactness=exactness)
        async with reading as found:
            yield found

    @contextlib.asynccontextmanager
    async def reading_planned(
        self,
        principal: Principal,
        period: Period,
        wanted: Wanted,
        planner: Planner[PlanT],
        *,
        exactness: Exactness | None = None,
        holds_raw: bool = False,
    ) -> AsyncIterator[tuple[Driver, Read[PlanT]]]:
        """Reads for a question whose plan follows from what it finds: planner reads, too, and the block; all of it sees
        the same instant. exactness is as in reading(). A planner that reads raw events wants them held.
        """
        reading = self._reading(
            principal, period, wanted, planner, in_snapshot=True, exactness=exactness, holds_raw=holds_raw
        )
        async with reading as found:
            yield found

    @contextlib.asynccontextmanager
    async def _reading(
        self,
        principal: Principal,
        period: Period,
        wanted: Wanted,
        planner: Planner[PlanT],
        *,
        in_snapshot: bool,
        exactness: Exactness | None,
        holds_raw: bool = False,
    ) -> AsyncIterator[tuple[Driver, Read[PlanT]]]:
        """Reads for a question.

        Where projections have not seen every revision of that instant, they are brought up to it first: the answer
        holds whatever was acknowledged before the question.
        """
        target: int | None = None
        while True:
            async with (
                self._slots.slot(principal),
                self._database.asking(of=principal.organization_id, in_snapshot=in_snapshot) as driver,
            ):
                if holds_raw or exactness is not None:
                    await stored_events.hold(driver)
                read = await self._read(driver, principal, period, wanted, planner, target, exactness, in_snapshot)
                if target is not None or not read.lagging:
                    yield driver, read
                    return
                target = read.found.as_of.revision
            with slow_questions.spending(Spent.WAITING):
                await self._projector.catch_up(principal.organization_id, list(read.lagging), target)

    async def _read(
        self,
        driver: Driver,
        principal: Principal,
        period: Period,
        wanted: Wanted,
        planner: Planner[PlanT],
        target: int | None,
        exactness: Exactness | None,
        in_snapshot: bool,
    ) -> Read[PlanT]:
        """Plans with the clock's time and reads in one statement, which also returns the database's own time. Many
        selections are read in more statements if these see the same instant.

        If the two times belong to different quarter hours, which is rare, it plans and reads again; and if there are
        too many raw events to count, to plan with whole quarter hours.
        """
        organization_id, now = principal.organization_id, self._clock.now()
        raw_from = None if exactness is None else await organizations.raw_from(driver, organization_id)
        while True:
            planned = period.resolved(principal, now, raw_from)
            reader = Reader(driver, organization_id, wanted, exactness)
            try:
                chosen = await planner(reader, planned)
                selections = list(dict.fromkeys(chosen.selections()))  # each once, whatever parts of the plan it is in
                asked = EdgedSelections(selections=selections, event_types=chosen.event_types)
                await reader.admit(asked)
            except TooManyEventsError:
                raw_from = None
                continue
            slow_questions.asked(days=math.ceil(planned.span.length / _QUARTERS_A_DAY), cells=len(selections))
            found = await _figures(driver, organization_id, asked, wanted, in_snapshot=in_snapshot)
            now = found.as_of.at
            resolved = period.resolved(principal, now, raw_from)
            if (resolved.span, resolved.passed) == (planned.span, planned.passed):
                needed = found.as_of.revision if target is None else target
                lagging = {name: revision for name, revision in found.projections.items() if revision < needed}
                if target is not None or not lagging:  # else it is read again
                    found = await reader.completed(asked, found)
                return Read(
                    period=resolved,
                    plan=chosen,
                    found=found,
                    lagging=lagging,
                    currency=principal.settings.currency,
                    source=asked.source,
                )


class _OfOneInstant(Queries):
    """Questions that see the instant of the first one, whose context is held."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        slots: QuerySlots,
        projector: Projector,
        held: contextlib.AsyncExitStack,
    ) -> None:
        super().__init__(database, clock, slots, projector)
        self._held = held
        self._known: tuple[Driver, ReadState] | None = None
        self._read_from: Driver | None = None
        self._raw: Driver | None = None

    @contextlib.asynccontextmanager
    async def holding_raw(self, principal: Principal) -> AsyncIterator[Driver]:
        if self._raw is None:
            self._raw = await self._held.enter_async_context(super().holding_raw(principal))
        yield self._raw

    @contextlib.asynccontextmanager
    async def knowing(
        self, principal: Principal, projections: Sequence[str], *, holds_raw: bool = False
    ) -> AsyncIterator[tuple[Driver, ReadState]]:
        if self._known is None:
            first = super().knowing(principal, projections, holds_raw=holds_raw)
            self._known = await self._held.enter_async_context(first)
        yield self._known

    @contextlib.asynccontextmanager
    async def _reading(
        self,
        principal: Principal,
        period: Period,
        wanted: Wanted,
        planner: Planner[PlanT],
        *,
        in_snapshot: bool,
        exactness: Exactness | None,
        holds_raw: bool = False,
    ) -> AsyncIterator[tuple[Driver, Read[PlanT]]]:
        if self._read_from is None:
            first = super()._reading(
                principal, period, wanted, planner, in_snapshot=True, exactness=exactness, holds_raw=holds_raw
            )
            found = await self._held.enter_async_context(first)
            self._read_from = found[0]
        else:
            driver = self._read_from
            read = await self._read(driver, principal, period, wanted, planner, 0, exactness, in_snapshot=True)
            found = driver, read
        yield found


async def _figures(
    driver: Driver,
    organization_id: int,
    asked: EdgedSelections,
    wanted: Wanted,
    *,
    in_snapshot: bool,
) -> Reading:
    """Reads figures of whole quarter hours: in a snapshot of the first selections with all that is read once, and then
    of the others.
    """
    selections = asked.inner
    most = _AT_ONCE if in_snapshot else len(selections)
    found = await reading.read(driver, organization_id, selections[:most], wanted, asked.inner_types)
    others = await reading.read_cells(driver, organization_id, selections[most:], wanted)
    return dataclasses.replace(found, cells={**found.cells, **others}) if others else found
