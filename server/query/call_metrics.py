"""GetCallMetrics: how telephone calls went, by queue, team, agent and hour of the week."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server import histogram
from server.catalog import cells, dimensions, figures, registry, rows
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figures
from server.catalog.filters import Filter
from server.projections.agents import Agents
from server.query import comparison, divided, hours_of_week, pairs, rows_tokens, turns
from server.query.answers import Context, Period
from server.query.buckets import Bucket
from server.query.comparison import Compared, Comparison
from server.query.divided import DividedPlan
from server.query.hours_of_week import HourOfWeek
from server.query.parts import Parts
from server.query.queries import Queries
from server.query.reader import Reader
from server.query.rows_tokens import CountedRows
from server.rollups import overflow
from server.store import agents
from server.tenancy.principal import Principal
from server.timerange import Granularity, TimeRange

FIGURES = (
    "calls_offered",
    "calls_answered",
    "calls_abandoned",
    "call_abandonment_rate",
    "avg_wait_ms",
    "p50_wait_ms",
    "p90_wait_ms",
    "p95_wait_ms",
    "p99_wait_ms",
    "longest_wait_ms",
    "avg_abandoned_wait_ms",
    "calls_handled",
    "avg_handle_time_ms",
    "p50_handle_time_ms",
    "p90_handle_time_ms",
    "p95_handle_time_ms",
    "p99_handle_time_ms",
    "avg_talk_time_ms",
    "p50_talk_time_ms",
    "p95_talk_time_ms",
    "avg_hold_time_ms",
    "avg_wrap_up_time_ms",
    "outbound_calls",
    "outbound_calls_answered",
    "outbound_calls_abandoned",
    "outbound_calls_ended",
    "avg_outbound_talk_time_ms",
)
HOUR_FIGURES = ("calls_offered", "calls_answered", "calls_abandoned", "avg_wait_ms")
# The breakdowns by their names in the answer: of which dimension, and in the order of which metric.
BREAKDOWNS: divided.Breakdowns = {
    "by_queue": (dimensions.QUEUE, "calls_offered"),
    "by_team": (dimensions.TEAM, "calls_handled"),
    "by_agent": (dimensions.AGENT, "calls_handled"),
}
_WANTED = figures.wanted(FIGURES, *rows.terms_behind(FIGURES), projections=[Agents.name])
_WAIT = cells.first_bin_key(registry.MEASURES["wait_ms"].number)
_SECOND = 1_000  # milliseconds
_AT_ONCE = 50  # points


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsQuestion:
    """A question for how calls went.

    thresholds are those of service levels, in seconds, shortest first; top is the most rows of each breakdown.
    with_rows asks for the rows behind the figures.
    """

    period: Period
    part: Filter
    thresholds: Sequence[int]
    granularity: Granularity | None
    top: int
    comparison: Comparison | None
    with_rows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """How many calls were answered within so many seconds, and their share of those answered or abandoned."""

    seconds: int
    calls: int
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFigures:
    """The figures of calls, with a service level for each threshold."""

    figures: Figures
    service_levels: Sequence[ServiceLevel]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPoint:
    """The figures of a point of the series."""

    bucket: Bucket
    figures: CallFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMetrics:
    """How calls went. names has what people call agents. earlier is None where nothing is compared, or can be."""

    context: Context
    thresholds: Sequence[int]
    figures: CallFigures
    breakdowns: Mapping[str, Parts]
    names: Mapping[str, str]
    hours_of_week: Sequence[HourOfWeek]
    granularity: Granularity
    series: Sequence[CallPoint]
    compared: Compared | None
    earlier: CallFigures | None
    opened: Mapping[str, CountedRows]


async def answer(queries: Queries, principal: Principal, question: CallsQuestion) -> CallMetrics:
    """Answers the question."""
    organization_id, part = principal.organization_id, question.part
    planner = functools.partial(_planned, question)
    exactness = comparison.exactness(question.period, question.comparison)
    reading = queries.reading_planned(principal, question.period, _WANTED, planner, exactness=exactness)
    async with reading as (driver, read):
        kept_from = await pairs.checked_from(driver, organization_id, part, read.period.span)
        await overflow.check(driver, organization_id, part, field="filter")
        plan = read.plan
        by_agent = plan.breakdowns["by_agent"]
        shown = [] if by_agent is None else [by_agent.value(one) for one in by_agent.rows]
        names = await agents.names(driver, organization_id, shown)
        edges = {edge: read.found.cells[one] for edge, one in plan.edges.items()}
        hours = await hours_of_week.read(driver, organization_id, part, read.period, HOUR_FIGURES, edges)
    found = read.found.cells
    compared, before = plan.compared(read, kept_from)
    made = functools.partial(of, by=part.dimension, thresholds=question.thresholds)
    points = await turns.mapped(made, (found[one] for one in plan.series), at_once=_AT_ONCE)
    context = read.context(FIGURES)
    return CallMetrics(
        context=context,
        opened=rows_tokens.opened(FIGURES, found[plan.total], part, context) if question.with_rows else {},
        thresholds=question.thresholds,
        figures=made(found[plan.total]),
        breakdowns=plan.parts(read, BREAKDOWNS, FIGURES),
        names=names,
        hours_of_week=hours,
        granularity=plan.granularity,
        series=[CallPoint(bucket=bucket, figures=one) for bucket, one in zip(plan.buckets(read), points, strict=True)],
        compared=compared,
        earlier=None if before is None else made(before),
    )


def of(cell: Cell, *, by: Dimension, thresholds: Sequence[int]) -> CallFigures:
    """Returns the figures of a cell of a dimension."""
    values = figures.figures(FIGURES, cell, by)
    return CallFigures(figures=values, service_levels=service_levels(cell, values, thresholds))


def service_levels(cell: Cell, values: Figures, thresholds: Sequence[int]) -> list[ServiceLevel]:
    """Returns the service levels of a cell, whose figures are given."""
    waits = list(histogram.means(cell.bins, _WAIT))
    ended = int(values["calls_answered"] or 0) + int(values["calls_abandoned"] or 0)
    levels = []
    for seconds in thresholds:
        calls = sum(count for mean, count in waits if mean <= seconds * _SECOND)
        levels.append(ServiceLevel(seconds=seconds, calls=calls, share=calls / ended if ended else None))
    return levels


async def _planned(question: CallsQuestion, reader: Reader, period: TimeRange) -> DividedPlan:
    return await divided.planned(
        reader,
        period,
        question.part,
        BREAKDOWNS,
        top=question.top,
        granularity=question.granularity,
        compared_with=question.comparison,
    )
