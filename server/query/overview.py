"""GetOverview: the key figures of a period, for the organization or a part of it."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from server.catalog import cells, figures, registry, rows
from server.catalog.cells import OTHER, Cell
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figures
from server.catalog.filters import Filter
from server.catalog.selections import EventTypeCounts, Selection
from server.query import changes, comparison, pairs, rows_tokens, storage
from server.query.answers import COMMON_FIGURES, Context, Period
from server.query.changes import Absence, Change
from server.query.comparison import Compared, Comparison, Earlier
from server.query.queries import Queries
from server.query.rows_tokens import CountedRows
from server.query.running_period import RunningPeriod
from server.rollups import overflow
from server.tenancy.principal import Principal
from server.timerange import TimeRange

MAX_EVENT_TYPES = 2000  # more than the largest limit and the types that the service knows
FIGURES = (
    *COMMON_FIGURES,
    "events",
    "total_messages",
    "total_conversations",
    "active_agents",
    "resolution_rate",
    "escalation_rate",
    "abandonment_rate",
    "ended_rate",
    "cost_per_conversation_micros",
    "fallback_rate",
    "knowledge_hit_rate",
    "calls_offered",
    "calls_answered",
    "calls_abandoned",
    "call_abandonment_rate",
    "calls_handled",
    "avg_handle_time_ms",
    "avg_wait_ms",
    "api_error_rate",
    "quality_reviews",
    "content_gaps_found",
    "searches",
    "documents_uploaded",
    "leads_created",
    "leads_converted",
    "conversion_rate",
    "tasks_completed",
    "points_awarded",
    "payments_succeeded",
    "user_registrations",
    "user_logins",
    "workflow_executions",
    "workflow_failures",
    "custom_events",
)
_EVENTS = registry.MEASURES["events"]
_WANTED = figures.wanted(FIGURES, *storage.TERMS, *rows.terms_behind(FIGURES))


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewQuestion:
    """A question for the key figures of the organization or a part of it, and of an earlier period if it wants that.

    with_rows asks for the rows behind them.
    """

    period: Period
    part: Filter
    comparison: Comparison | None = None
    with_rows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The key figures. The mappings are None where a filter leaves them without meaning. compared is None unless the
    question wants a comparison; earlier is None where nothing can be compared, too.
    """

    context: Context
    figures: Figures
    changes: Mapping[str, Change]
    storage_by_kind: Mapping[str, int] | None
    events_by_type: Mapping[str, int] | None
    compared: Compared | None
    earlier: "EarlierOverview | None"
    opened: Mapping[str, CountedRows]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierOverview:
    """The key figures of the earlier period; storage_by_kind is None under a filter."""

    figures: Figures
    storage_by_kind: Mapping[str, int] | None


async def answer(queries: Queries, principal: Principal, question: OverviewQuestion) -> Overview:
    """Answers the question."""
    part = question.part
    make_plan = functools.partial(plan, part, question.comparison)
    in_snapshot = part.dimension.sides is not None
    exactness = comparison.exactness(question.period, question.comparison)
    reading = queries.reading(
        principal, question.period, _WANTED, make_plan, in_snapshot=in_snapshot, exactness=exactness
    )
    async with reading as (driver, read):
        kept_from = await pairs.checked_from(driver, principal.organization_id, part, read.period.span)
        await overflow.check(driver, principal.organization_id, part, field="filter")
    whole = read.plan.period.whole(read.found.cells)
    compared = read.plan.earlier.compared(read.found.first_event, kept_from)
    context = read.context(FIGURES)
    return Overview(
        context=context,
        opened=rows_tokens.opened(FIGURES, whole, part, context) if question.with_rows else {},
        figures=figures.figures(FIGURES, whole, part.dimension),
        changes=_changes(read.plan, read.found.cells, part.dimension, compared.absence),
        compared=compared if question.comparison else None,
        earlier=_earlier(read.plan, read.found.cells, part) if question.comparison and not compared.absence else None,
        storage_by_kind=storage.in_use(read.plan.storage, read.found.cells) if part.is_whole else None,
        events_by_type=_type_counts(read.found.event_types, whole) if part.is_whole else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPlan:
    """What to read. The changes compare what has passed of the period with as much of the earlier one."""

    earlier: Earlier
    period: RunningPeriod
    before: Selection | None  # None where the earlier period begins before the first day that is kept
    storage: Mapping[str, Selection]
    storage_before: Mapping[str, Selection]  # at the end of the earlier period, if its figures are wanted
    event_types: EventTypeCounts | None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield from self.period.selections()
        if self.before is not None:
            yield self.before
        yield from self.storage.values()
        yield from self.storage_before.values()


def plan(part: Filter, compared_with: Comparison | None, period: TimeRange) -> OverviewPlan:
    """Returns what to read: for the whole organization storage and event types, too."""
    bounds = period.bounds
    earlier = comparison.earlier(compared_with, period)
    is_kept = not earlier.is_before_floor
    types = EventTypeCounts(
        counter=cells.count_key(_EVENTS.number), span=bounds.span, limit=MAX_EVENT_TYPES, edges=bounds.edges
    )
    return OverviewPlan(
        earlier=earlier,
        period=RunningPeriod.of(part, period),
        before=Selection.within(part, earlier.bounds, bins=compared_with is not None) if is_kept else None,
        storage=storage.selections(part, bounds.end),
        storage_before=storage.selections(part, earlier.bounds.end) if compared_with and is_kept else {},
        event_types=types if part.is_whole else None,
    )


def _changes(
    chosen: OverviewPlan, found: Mapping[Selection, Cell], by: Dimension, absence: Absence | None
) -> dict[str, Change]:
    if absence is not None or chosen.before is None:
        return changes.absent(absence or Absence.BEFORE_FLOOR)
    return changes.changes(found[chosen.period.elapsed], found[chosen.before], by)


def _earlier(chosen: OverviewPlan, found: Mapping[Selection, Cell], part: Filter) -> EarlierOverview:
    cell = Cell() if chosen.before is None else found[chosen.before]
    return EarlierOverview(
        figures=figures.figures(FIGURES, cell, part.dimension),
        storage_by_kind=storage.in_use(chosen.storage_before, found) if part.is_whole else None,
    )


def _type_counts(types: Mapping[str, int], whole: Cell) -> dict[str, int]:
    """Returns the number of events by type, the most frequent first; types that did not occur are left out.

    Types over the limit are one row, OTHER, which is what the others leave of all events: the rows always add up.
    """
    counts = {**types, OTHER: int(figures.figure(_EVENTS, whole) or 0) - sum(types.values())}
    return {name: count for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if count}
