"""GetConversationMetrics: how the conversations of a period went."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from server import timerange
from server.catalog import cells, figures, registry, selections
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.families.conversations import PROJECTION
from server.catalog.filters import Filter
from server.catalog.follow_ups import FollowUps
from server.catalog.selections import Selection
from server.query import (
    breakdowns,
    buckets,
    changes,
    comparison,
    conversation_figures,
    distribution_bins,
    hours_of_week,
    pairs,
    rows_tokens,
    turns,
)
from server.query.answers import Context, Period
from server.query.breakdowns import Breakdown, BreakdownPlan
from server.query.buckets import Bucket
from server.query.changes import Absence, Change
from server.query.comparison import Compared, Comparison, Earlier
from server.query.conversation_figures import Cohort, ConversationFigures
from server.query.distribution_bins import Bin
from server.query.hours_of_week import HourOfWeek
from server.query.queries import Queries, Read
from server.query.reader import Reader
from server.query.rows_tokens import CountedRows
from server.query.running_period import RunningPeriod
from server.rollups import overflow
from server.store import follow_ups
from server.store.database import Driver
from server.tenancy.principal import Principal
from server.timerange import Edge, Granularity, Interval, Span, TimeRange

CHANGES = (
    "total_conversations",
    "conversations_closed",
    "conversations_resolved",
    "conversations_escalated",
    "conversations_abandoned",
    "conversations_ended",
)
HOUR_FIGURES = ("total_conversations", "conversations_closed", "conversations_escalated")
MAX_FOLLOWED = 300_000  # conversations: about a second
_AT_ONCE = 200  # points
_OPEN = "open_conversations"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationsQuestion:
    """A question for how conversations went. top is the most rows of each breakdown; with_rows asks for the rows behind
    the figures.
    """

    period: Period
    part: Filter
    cohort: Cohort
    granularity: Granularity | None
    top: int
    durable: timedelta
    repeat: timedelta
    comparison: Comparison | None
    with_rows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationPoint:
    """The figures of a point of the series."""

    bucket: Bucket
    figures: ConversationFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationMetrics:
    """How conversations went. follow_ups may be the reason why there are none. hours_of_week is empty where
    conversations are not kept by the filter's dimension; breakdowns is empty with a filter. compared is None unless the
    question wants a comparison; earlier is None where nothing can be compared, too.
    """

    context: Context
    cohort: Cohort
    figures: ConversationFigures
    open_conversations: int | None
    follow_ups: FollowUps | Absence
    durable: timedelta
    repeat: timedelta
    changes: Mapping[str, Change]
    durations: Sequence[Bin]
    messages: Sequence[Bin]
    breakdowns: Mapping[Dimension, Breakdown]
    hours_of_week: Sequence[HourOfWeek]
    granularity: Granularity
    series: Sequence[ConversationPoint]
    compared: Compared | None
    earlier: ConversationFigures | None
    opened: Mapping[str, CountedRows]


async def answer(queries: Queries, principal: Principal, question: ConversationsQuestion) -> ConversationMetrics:
    """Answers the question."""
    organization_id, part, cohort = principal.organization_id, question.part, question.cohort
    planner = functools.partial(_planned, question)
    wanted = conversation_figures.wanted(cohort, _OPEN, *HOUR_FIGURES)
    exactness = comparison.exactness(question.period, question.comparison)
    reading = queries.reading_planned(principal, question.period, wanted, planner, exactness=exactness)
    async with reading as (driver, read):
        kept_from = await pairs.checked_from(driver, organization_id, part, read.period.span)
        await overflow.check(driver, organization_id, part, field="filter")
        followed = await _follow_ups(driver, organization_id, question, read)
        hours = await _hours(driver, organization_id, part, read)
    found, plan, by = read.found.cells, read.plan, part.dimension
    total = plan.period.whole(found)
    compared = plan.earlier.compared(read.found.first_event, kept_from)
    has_earlier = question.comparison is not None and plan.before is not None and compared.absence is None
    context = read.context(conversation_figures.percentiles(cohort))
    return ConversationMetrics(
        context=context,
        opened=_opened(total, cohort, part, context) if question.with_rows else {},
        cohort=cohort,
        figures=conversation_figures.of(total, cohort, by),
        open_conversations=_open(found[plan.everything]) if by.keeps(PROJECTION) else None,
        follow_ups=followed,
        durable=question.durable,
        repeat=question.repeat,
        changes=_changes(plan, found, cohort, by, compared.absence),
        durations=_bins(total, "duration_ms", cohort, by, distribution_bins.DURATIONS),
        messages=_bins(total, "messages", cohort, by, distribution_bins.COUNTS),
        breakdowns={
            dimension: breakdowns.answered(one, found, total, cohort) for dimension, one in plan.breakdowns.items()
        },
        hours_of_week=hours,
        granularity=plan.granularity,
        series=await _series(read, cohort, by),
        compared=compared if question.comparison else None,
        earlier=conversation_figures.of(plan.cell_before(found), cohort, by) if has_earlier else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationsPlan:
    """What to read. The changes compare what has passed of the period with as much of the earlier one."""

    earlier: Earlier
    period: RunningPeriod
    before: Selection | None  # None where the earlier period begins before the first day that is kept
    everything: Selection  # of all time
    breakdowns: Mapping[Dimension, BreakdownPlan]
    edges: Mapping[Edge, Selection]
    granularity: Granularity
    points: Sequence[Interval]
    series: Sequence[Selection]
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield from self.period.selections()
        if self.before is not None:
            yield self.before
        yield self.everything
        for one in self.breakdowns.values():
            yield from one.selections()
        yield from self.edges.values()
        yield from self.series

    def cell_before(self, found: Mapping[Selection, Cell]) -> Cell:
        """Returns the cell of the earlier period; an empty one where that begins before the first day that is kept."""
        return Cell() if self.before is None else found[self.before]


async def _planned(question: ConversationsQuestion, reader: Reader, period: TimeRange) -> ConversationsPlan:
    """Plans what to read: for the whole organization the breakdowns, too, whose values are ranked first."""
    part, bounds = question.part, period.bounds
    earlier = comparison.earlier(question.comparison, period)
    width = question.granularity or timerange.choose_granularity(period.span)
    points = timerange.intervals(period, width)
    everything = Span(
        start=timerange.floor_bucket(timerange.FLOOR), end=timerange.ceil_bucket(period.now + timerange.MAX_AHEAD)
    )
    has_bins = question.comparison is not None
    return ConversationsPlan(
        earlier=earlier,
        period=RunningPeriod.of(part, period),
        before=None if earlier.is_before_floor else Selection.within(part, earlier.bounds, bins=has_bins),
        everything=Selection.of(part, everything, bins=False),
        breakdowns=await breakdowns.plans(reader, bounds, question.cohort, question.top) if part.is_whole else {},
        edges=selections.of_edges(part, bounds),
        granularity=width,
        points=points,
        series=[Selection.within(part, one, bins=False) for one in points],
    )


async def _follow_ups(
    driver: Driver, organization_id: int, question: ConversationsQuestion, read: Read[ConversationsPlan]
) -> FollowUps | Absence:
    """Returns what came after conversations, which are looked at one by one, or why that is not known."""
    if not question.part.dimension.keeps(PROJECTION):
        return Absence.NOT_KEPT
    closed = registry.METRICS[conversation_figures.metric("conversations_closed", question.cohort)]
    if (figures.figure(closed, read.plan.period.whole(read.found.cells)) or 0) > MAX_FOLLOWED:
        return Absence.TOO_MANY
    return await follow_ups.read(
        driver,
        organization_id,
        question.part,
        read.period.bounds,
        read.found.as_of.at,
        of_started=question.cohort is Cohort.STARTED,
        durable=question.durable,
        repeat=question.repeat,
    )


async def _hours(driver: Driver, organization_id: int, part: Filter, read: Read[ConversationsPlan]) -> list[HourOfWeek]:
    if not part.dimension.keeps(PROJECTION):
        return []
    edges = {edge: read.found.cells[one] for edge, one in read.plan.edges.items()}
    return await hours_of_week.read(driver, organization_id, part, read.period, HOUR_FIGURES, edges)


async def _series(read: Read[ConversationsPlan], cohort: Cohort, by: Dimension) -> list[ConversationPoint]:
    plan, found = read.plan, read.found
    described = buckets.described(plan.points, read.period, plan.granularity, found.first_event)
    counted = await turns.mapped(
        lambda one: conversation_figures.of_point(found.cells[one], cohort, by), plan.series, at_once=_AT_ONCE
    )
    return [ConversationPoint(bucket=bucket, figures=one) for bucket, one in zip(described, counted, strict=True)]


def _opened(cell: Cell, cohort: Cohort, part: Filter, context: Context) -> dict[str, CountedRows]:
    """Returns the rows behind figures and distributions, by the names that these have in the answer."""
    metrics = conversation_figures.metrics(cohort)
    found = rows_tokens.opened(metrics.values(), cell, part, context)
    return {name: found[metric] for name, metric in metrics.items() if metric in found}


def _open(cell: Cell) -> int:
    return int(figures.figure(registry.METRICS[_OPEN], cell) or 0)


def _changes(
    plan: ConversationsPlan, found: Mapping[Selection, Cell], cohort: Cohort, by: Dimension, absence: Absence | None
) -> dict[str, Change]:
    if absence is not None:
        return dict.fromkeys(CHANGES, Change(percent=None, absence=absence))
    now, before = found[plan.period.elapsed], plan.cell_before(found)
    return {name: changes.change(conversation_figures.metric(name, cohort), now, before, by) for name in CHANGES}


def _bins(cell: Cell, name: str, cohort: Cohort, by: Dimension, bounds: Sequence[int]) -> list[Bin]:
    if not by.keeps(PROJECTION):
        return []
    measure = registry.MEASURES[conversation_figures.metric(name, cohort)]
    return distribution_bins.bins(cell.bins, cells.first_bin_key(measure.number), bounds)
