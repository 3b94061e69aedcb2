"""QueryFunnel: how many go through the stages of a funnel, and where they are lost."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server import timerange
from server.catalog import cells, registry
from server.catalog.families import generated_leads
from server.catalog.filters import Filter
from server.catalog.funnels import (
    FunnelBreakdown,
    FunnelCohort,
    FunnelDefinition,
    FunnelFilter,
    FunnelPath,
)
from server.catalog.selections import Selection, Wanted
from server.errors import Reason, Refused
from server.events import rules
from server.query import funnel_definitions
from server.query.answers import Context, Period, Source
from server.query.queries import Queries, Read
from server.query.reader import Reader
from server.store import funnel_figures, organizations
from server.store.database import Driver
from server.tenancy.principal import Principal
from server.timerange import Interval, Span, TimeRange

MAX_EVENTS = 1_000_000  # that are looked at for one answer
_EVENTS_KEY = cells.count_key(registry.MEASURES["events"].number)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelQuestion:
    """A question for a funnel: the name of a saved one, or a definition. top is the most rows of the breakdown."""

    period: Period
    funnel: str | FunnelDefinition
    filters: Sequence[FunnelFilter]
    breakdown: FunnelPath | None
    top: int

    @property
    def revealing(self) -> str:
        """Returns the field that asks for values within details or properties of events, which a saved funnel may do
        for its stages; empty where none does.
        """
        if self.breakdown is not None and self.breakdown.field is None:
            return "breakdown"
        if any(one.path.field is None for one in self.filters):
            return "filters"
        stages = [] if isinstance(self.funnel, str) else self.funnel.stages
        is_revealing = any(one.filter is not None and one.filter.path.field is None for one in stages)
        return "definition.stages" if is_revealing else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelAnswer:
    """The counts of a funnel."""

    context: Context
    definition: FunnelDefinition
    found: FunnelBreakdown


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What to read of figures before the funnel itself: how many events there are, if these are needed."""

    events: Selection | None
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        if self.events is not None:
            yield self.events


async def answer(queries: Queries, principal: Principal, question: FunnelQuestion) -> FunnelAnswer:
    """Answers the question; refuses one that would need raw events that are gone, or too many of them."""
    definition = await _definition(queries, principal, question.funnel)
    organization_id = principal.organization_id
    cohort = FunnelCohort(
        definition=definition,
        interval=Interval(start=question.period.start, end=question.period.end),
        filters=question.filters,
        breakdown=question.breakdown,
        now=0,
    )
    needs_events = not cohort.has_lead_rows

    async def planner(_: Reader, period: TimeRange) -> _Plan:
        return _Plan(events=_events(period, definition) if needs_events else None)

    wanted = Wanted(
        counters=[_EVENTS_KEY] if needs_events else [],
        projections=[] if needs_events else [generated_leads.PROJECTION],
    )
    reading = queries.reading_planned(principal, question.period, wanted, planner, holds_raw=needs_events)
    async with reading as (driver, read):
        if needs_events:
            await _check_events(driver, organization_id, read, question.period)
        period = dataclasses.replace(read.period, raw_from=0)  # bounds are exact: nothing is taken from rollups
        asked = dataclasses.replace(cohort, interval=period.bounds, now=rules.microseconds(read.found.as_of.at))
        found = await funnel_figures.counts(driver, organization_id, asked, question.top)
    context = dataclasses.replace(read.context([]), period=period, source=Source.RAW_EVENTS)
    return FunnelAnswer(context=context, definition=definition, found=found)


async def _definition(queries: Queries, principal: Principal, funnel: str | FunnelDefinition) -> FunnelDefinition:
    if isinstance(funnel, FunnelDefinition):
        return funnel
    async with queries.looking(principal) as driver:
        return (await funnel_definitions.found(driver, principal.organization_id, funnel)).definition


def _events(period: TimeRange, definition: FunnelDefinition) -> Selection:
    """Returns all events that are looked at: up to the end of the last window."""
    latest = timerange.ceil_bucket(period.now + timerange.MAX_AHEAD)
    end = max(period.span.end, min(timerange.ceil_bucket(period.bounds.end + definition.window), latest))
    return Selection.of(Filter(), Span(start=period.span.start, end=end), bins=False)


async def _check_events(driver: Driver, organization_id: int, read: "Read[_Plan]", asked: Period) -> None:
    """Refuses to look at raw events that are gone, or at too many."""
    raw_from = await organizations.raw_from(driver, organization_id)
    if timerange.floor_bucket(asked.start) < raw_from:
        kept_from = timerange.instant(raw_from).isoformat().replace("+00:00", "Z")
        raise Refused(
            Reason.RAW_EVENTS_GONE,
            f"this funnel is counted from raw events, which are kept from {kept_from} on",
            field="time_range",
            metadata={"kept_from": kept_from},
        )
    events = sum(one.counters.get(_EVENTS_KEY, 0) for one in read.found.cells.values())
    if events > MAX_EVENTS:
        raise Refused(
            Reason.TOO_MANY_RAW_EVENTS,
            f"there are {events:,} events up to the end of the last window, more than {MAX_EVENTS:,} that are looked at"
            " for one answer: ask for a shorter period or a shorter window",
            field="time_range",
            metadata={"limit": str(MAX_EVENTS)},
        )
