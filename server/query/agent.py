"""GetAgentMetrics: the figures of one agent, or one team, over a period, and of its last days."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from server import timerange
from server.catalog import dimensions, figures, rows
from server.catalog.cells import Cell
from server.catalog.figures import Figures
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.errors import Reason, Refused
from server.events.agent_profile import AgentProfile
from server.projections.agents import Agents
from server.query import comparison, presence, rows_tokens
from server.query.answers import COMMON_FIGURES, Context, Period, TrendPoint
from server.query.comparison import Compared, Comparison, Earlier
from server.query.presence import Presence
from server.query.queries import Queries
from server.query.rows_tokens import CountedRows
from server.rollups import overflow
from server.store import agents
from server.tenancy.principal import Principal
from server.timerange import Granularity, TimeRange

FIGURES = (
    *COMMON_FIGURES,
    "conversation_count",
    "message_count",
    "avg_messages_per_conversation",
    "resolution_rate",
    "escalation_rate",
    "abandonment_rate",
    "ended_rate",
    "fallback_rate",
    "knowledge_hit_rate",
    "cost_per_conversation_micros",
    "calls_handled",
    "avg_handle_time_ms",
    "avg_wait_ms",
    "leads_converted",
    "conversion_rate",
    "tasks_completed",
)
DAILY_FIGURES = (
    "conversation_count",
    "message_count",
    "avg_response_time_ms",
    "p95_response_time_ms",
    "satisfaction_score",
)
_BEHIND = rows.terms_behind(FIGURES)
_WANTED = figures.wanted((*FIGURES, *DAILY_FIGURES), *_BEHIND, projections=[Agents.name])
_WANTED_OF_TEAM = figures.wanted((*FIGURES, *DAILY_FIGURES), *_BEHIND)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentQuestion:
    """A question for the figures of one agent or team, with a trend of so many last days of the period.

    It may ask for those of an earlier period, too, and for the rows behind the figures.
    """

    part: Filter
    period: Period
    trend_days: int
    granularity: Granularity = Granularity.DAY
    comparison: Comparison | None = None
    with_rows: bool = False

    @property
    def is_agent(self) -> bool:
        """Returns whether it is about an agent, and not about a team."""
        return self.part.dimension is dimensions.AGENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """The figures of one agent or team and its trend. profile is None for a team, and for agents together. compared is
    None unless the question wants a comparison; earlier is None where nothing can be compared, too.
    """

    context: Context
    agent_id: str
    profile: AgentProfile | None
    figures: Figures
    trend: Sequence[TrendPoint]
    compared: Compared | None
    earlier: Figures | None
    opened: Mapping[str, CountedRows]


async def answer(queries: Queries, principal: Principal, question: AgentQuestion) -> Agent:
    """Answers the question; refuses an agent or team without any event."""
    organization_id, part = principal.organization_id, question.part
    make_plan = functools.partial(plan, part, question.trend_days, question.granularity, question.comparison)
    wanted = _WANTED if question.is_agent else _WANTED_OF_TEAM
    exactness = comparison.exactness(question.period, question.comparison)
    reading = queries.reading(principal, question.period, wanted, make_plan, in_snapshot=True, exactness=exactness)
    async with reading as (driver, read):
        if not await overflow.check(driver, organization_id, part, field=part.dimension.field):
            raise _unknown(part)
        profile = await agents.profile(driver, organization_id, part.value) if question.is_agent else None
        compared = read.plan.earlier.compared(read.found.first_event) if read.plan.earlier else None
        bounds = {read.plan.period: read.period.bounds}
        if compared and read.plan.before and not compared.absence:
            bounds[read.plan.before] = compared.bounds
        now, timeout = read.found.as_of.at, timedelta(hours=principal.settings.presence_timeout)
        there = {
            chosen: await presence.read(driver, organization_id, part.value, mine, now, timeout)
            if question.is_agent
            else presence.UNKNOWN
            for chosen, mine in bounds.items()
        }
    found = read.found.cells
    whole = {chosen: _figures(found[chosen], there[chosen]) for chosen in bounds}
    context = read.context(FIGURES)
    return Agent(
        context=context,
        opened=rows_tokens.opened(FIGURES, found[read.plan.period], part, context) if question.with_rows else {},
        agent_id=part.value if question.is_agent else "",
        profile=profile,
        figures=whole[read.plan.period],
        trend=[TrendPoint(span=day.span, figures=figures.figures(DAILY_FIGURES, found[day])) for day in read.plan.days],
        compared=compared,
        earlier=whole.get(read.plan.before) if read.plan.before else None,
    )


def _unknown(part: Filter) -> Refused:
    field = part.dimension.field
    reason = Reason.AGENT_NOT_FOUND if part.dimension is dimensions.AGENT else Reason.TEAM_NOT_FOUND
    return Refused(reason, f"no event has ever carried this {field}", field=field)


def _figures(cell: Cell, there: Presence) -> Figures:
    return {
        **figures.figures(FIGURES, cell),
        "available_time_ms": there.available_time_ms,
        "occupancy": there.occupancy,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPlan:
    """What to read: the period as a whole, a number of last days, and an earlier period if it is wanted and kept."""

    period: Selection
    days: Sequence[Selection]
    earlier: Earlier | None
    before: Selection | None
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield self.period
        yield from self.days
        if self.before is not None:
            yield self.before


def plan(
    part: Filter, trend_days: int, granularity: Granularity, compared_with: Comparison | None, period: TimeRange
) -> AgentPlan:
    """Returns what to read."""
    days = timerange.buckets(timerange.last_days(period, trend_days), granularity)
    earlier = comparison.earlier(compared_with, period) if compared_with else None
    return AgentPlan(
        period=Selection.within(part, period.bounds),
        days=[Selection.of(part, day) for day in days],
        earlier=earlier,
        before=Selection.within(part, earlier.bounds) if earlier and not earlier.is_before_floor else None,
    )
