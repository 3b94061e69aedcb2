"""GetLeaderboard: agents and teams by what they have done."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.catalog import dimensions, figures
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figures
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.projections.agents import Agents
from server.query import comparison, pairs, parts
from server.query.answers import Context, Period
from server.query.parts import PartsPlan
from server.query.queries import Queries
from server.query.ranking import Order
from server.query.reader import Reader
from server.rollups import overflow
from server.store import agents
from server.tenancy.principal import Principal
from server.timerange import TimeRange

FIGURES = ("points_awarded", "badges_earned", "tasks_completed", "calls_handled", "leads_converted")
_WANTED = figures.wanted(FIGURES, projections=[Agents.name])


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardQuestion:
    """A question for a ranking of the values of a dimension by a metric, so many at most."""

    period: Period
    part: Filter
    dimension: Dimension
    metric: str
    top: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardPlace:
    """A row of the ranking."""

    rank: int
    value: str
    display_name: str
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """The ranking, and how many take part."""

    context: Context
    places: Sequence[LeaderboardPlace]
    participants: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What to read."""

    parts: PartsPlan
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield from self.parts.selections()


async def answer(queries: Queries, principal: Principal, question: LeaderboardQuestion) -> Leaderboard:
    """Answers the question."""
    organization_id = principal.organization_id
    planner = functools.partial(_planned, question)
    exactness = comparison.exactness(question.period, None)
    reading = queries.reading_planned(principal, question.period, _WANTED, planner, exactness=exactness)
    async with reading as (driver, read):
        await overflow.check(driver, organization_id, question.part, field="team_id")
        found = parts.answered(read.plan.parts, read.found.cells, Cell(), FIGURES, needs=question.metric)
        is_agents = question.dimension is dimensions.AGENT
        shown = [one.value for one in found.parts]
        names = await agents.names(driver, organization_id, shown) if is_agents else {}
    places: list[LeaderboardPlace] = []
    for one in found.parts:
        before = places[-1] if places else None
        is_tied = before is not None and before.figures[question.metric] == one.figures[question.metric]
        rank = (before.rank if before is not None else 0) + (not is_tied)
        places.append(
            LeaderboardPlace(rank=rank, value=one.value, display_name=names.get(one.value, ""), figures=one.figures)
        )
    return Leaderboard(context=read.context([]), places=places, participants=found.number)


async def _planned(question: LeaderboardQuestion, reader: Reader, period: TimeRange) -> _Plan:
    by = Order(metric=question.metric, descending=True)
    plan = await parts.planned(reader, question.part, question.dimension, period.bounds, by, most=question.top)
    assert plan is not None  # noqa: S101 - events carry agents and teams
    if plan.missing_pair:
        kept = Filter(dimension=plan.group.dimension)
        await pairs.checked_from(reader.driver, reader.organization_id, kept, period.span, field="team_id")
    return _Plan(parts=plan)
