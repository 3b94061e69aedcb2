"""GetCosts: recorded cost and tokens, by model, agent, channel, team and user, and what is estimated beside them."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from server import timerange
from server.catalog import dimensions, figures, registry
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figure, Figures
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.errors import Refused
from server.projections.agents import Agents
from server.projections.users import Users
from server.query import buckets, comparison, costs, grouping, ranking, storage, token_prices, user_rows
from server.query.answers import Context, Period
from server.query.buckets import Bucket
from server.query.comparison import Compared, Comparison, Earlier
from server.query.costs import Resource
from server.query.grouping import Grouping
from server.query.queries import Queries
from server.query.reader import Reader
from server.query.token_prices import ModelEstimate, PricedSpan
from server.store import agents
from server.tenancy.principal import Principal
from server.timerange import Granularity, Interval, TimeRange

DEFAULT_ROWS, MAX_ROWS = 10, 100
DIMENSIONS = (dimensions.MODEL, dimensions.AGENT, dimensions.CHANNEL, dimensions.TEAM)
# What a row of a breakdown and a point of the series have; all of it adds up.
FIGURES = ("cost_micros", "prompt_tokens", "cached_tokens", "completion_tokens", "token_usage")
TOTAL_FIGURES = (
    *FIGURES,
    "total_conversations",
    "conversations_resolved",
    "unique_users",
    "cost_per_conversation_micros",
    "cost_per_resolved_conversation_micros",
    "cost_per_user_micros",
)
_COST, _TOKENS = "cost_micros", "token_usage"
_MORE = (*token_prices.FIGURES, *costs.MEASURES, *storage.TERMS)
_WANTED = figures.wanted(TOTAL_FIGURES, *_MORE, projections=[Agents.name, Users.name])


@dataclass(frozen=True, slots=True, kw_only=True)
class CostsQuestion:
    """A question for costs, with so many rows of each breakdown."""

    period: Period
    rows: int
    comparison: Comparison | None = None
    has_series: bool = False
    granularity: Granularity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """A value of a dimension, what people call it, and its figures."""

    value: str
    display_name: str
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBreakdown:
    """The values of a dimension that cost most; rows, rest and other add up to the total."""

    dimension: Dimension
    rows: Sequence[CostRow]
    rest: Figures
    other: Figures | None
    distinct_values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CostsAnswer:
    """What was recorded of a period, of parts of it, and of an earlier period; and, apart from that, estimates.

    ordered_by is the metric that orders the rows of breakdowns.
    """

    context: Context
    total: Figures
    ordered_by: str
    breakdowns: Sequence[CostBreakdown]
    granularity: Granularity | None
    points: Sequence[tuple[Bucket, Figures]]
    compared: Compared | None
    earlier: Figures | None
    estimated_costs: Mapping[Resource, int]
    estimates: Sequence[ModelEstimate]


async def answer(queries: Queries, principal: Principal, question: CostsQuestion) -> CostsAnswer:
    """Answers the question."""
    organization_id, settings = principal.organization_id, principal.settings
    planner = functools.partial(_planned, principal, question)
    exactness = comparison.exactness(question.period, question.comparison)
    asked = queries.reading_planned(principal, question.period, _WANTED, planner, exactness=exactness, holds_raw=True)
    async with asked as (driver, read):
        shown = [value for part in read.plan.parts if part.group.dimension is dimensions.AGENT for value in part.values]
        names = await agents.names(driver, organization_id, shown)
    chosen, found, first_event = read.plan, read.found.cells, read.found.first_event
    compared = chosen.earlier.compared(first_event) if chosen.earlier else None
    before = chosen.before if compared and not compared.absence else None
    in_use = storage.in_use(chosen.storage, found)
    estimated = costs.estimate(
        settings,
        list(chosen.estimated),
        [found[one] for one in chosen.estimated.values()],
        storage_after=sum(in_use.values()),
    )
    points: list[tuple[Bucket, Figures]] = []
    if chosen.granularity is not None:
        described = buckets.described(chosen.points, read.period, chosen.granularity, first_event)
        counted = [figures.figures(FIGURES, found[one]) for one in chosen.series]
        points = list(zip(described, counted, strict=True))
    total = figures.figures(TOTAL_FIGURES, found[chosen.total])
    return CostsAnswer(
        context=read.context(TOTAL_FIGURES),
        total=total,
        ordered_by=chosen.ordered_by,
        breakdowns=[_breakdown(part, total, found, names) for part in chosen.parts],
        granularity=chosen.granularity,
        points=points,
        compared=compared,
        earlier=None if before is None else figures.figures(TOTAL_FIGURES, found[before]),
        estimated_costs={one: micros for one, micros in estimated.items() if one is not Resource.MODEL_CALLS},
        estimates=token_prices.estimates(chosen.priced, found),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CostsPart:
    """What to read of a dimension: its values in order, and those without figures of their own together.

    counted has the cells of values that were counted already.
    """

    group: Grouping
    values: Sequence[str]
    rows: Sequence[Selection]
    other: Selection | None
    distinct_values: int
    counted: Mapping[Selection, Cell] = field(default_factory=dict)

    def selections(self) -> Iterator[Selection]:
        """Returns all of the part's selections that are still to be read."""
        yield from (one for one in self.rows if one not in self.counted)
        if self.other is not None:
            yield self.other


@dataclass(frozen=True, slots=True, kw_only=True)
class CostsPlan:
    """What to read: the total, its series if that is wanted, parts, storage, what is estimated bucket by bucket, tokens
    without a recorded cost, and an earlier period if it is wanted and kept.
    """

    total: Selection
    ordered_by: str
    parts: Sequence[CostsPart]
    granularity: Granularity | None
    points: Sequence[Interval]
    series: Sequence[Selection]
    estimated: Mapping[Interval, Selection]
    storage: Mapping[str, Selection]
    priced: Sequence[PricedSpan]
    earlier: Earlier | None
    before: Selection | None
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield self.total
        for part in self.parts:
            yield from part.selections()
        yield from self.series
        yield from self.estimated.values()
        yield from self.storage.values()
        yield from (one.selection for one in self.priced)
        if self.before is not None:
            yield self.before


async def _planned(principal: Principal, question: CostsQuestion, reader: Reader, period: TimeRange) -> CostsPlan:
    """Plans what to read: ranks the values of each dimension, and cuts the period at changes of prices."""
    bounds = period.bounds
    whole = functools.partial(Selection.within, Filter(), bins=False)  # with its users
    select = functools.partial(whole, sets=False)
    usual = timerange.choose_granularity(period.span)  # an estimate does not depend on the series that is asked for
    width = (question.granularity or usual) if question.has_series else None
    points = [] if width is None else timerange.intervals(period, width)
    earlier = comparison.earlier(question.comparison, period) if question.comparison else None
    by = ranking.Order(metric=await _ordered_by(reader, select(bounds)), descending=True)
    zone = timerange.zone(principal.settings.time_zone)
    return CostsPlan(
        total=whole(bounds),
        ordered_by=by.metric,
        parts=[
            *[await _part(reader, one, bounds, by, question.rows) for one in DIMENSIONS],
            *await _users(reader, bounds, by, question.rows),
        ],
        granularity=width,
        points=points,
        series=[select(one) for one in points],
        estimated={one: select(one) for one in timerange.intervals(period, usual)},
        storage=storage.selections(Filter(), bounds.end),
        priced=await token_prices.planned(reader, bounds, zone),
        earlier=earlier,
        before=whole(earlier.bounds) if earlier and not earlier.is_before_floor else None,
    )


async def _ordered_by(reader: Reader, total: Selection) -> str:
    """Returns the metric that orders rows: tokens where no cost is recorded, since all rows would cost the same."""
    found = await reader.cells([total], figures.wanted([_COST]))
    return _COST if figures.figure(registry.METRICS[_COST], found[total]) else _TOKENS


async def _part(reader: Reader, dimension: Dimension, bounds: Interval, by: ranking.Order, most: int) -> CostsPart:
    group = grouping.grouping([dimension], Filter())
    assert group is not None  # noqa: S101 - there is a dimension
    values, number = await ranking.ranked(reader, group, bounds, by, skip=0, most=most)
    whole = Selection.within(Filter(), bounds, bins=False, sets=False)
    return CostsPart(
        group=group,
        values=values,
        rows=[whole.of_part(Filter(dimension=dimension, value=value)) for value in values],
        other=whole.of_part(group.other) if group.other else None,
        distinct_values=number,
    )


async def _users(reader: Reader, bounds: Interval, by: ranking.Order, most: int) -> Sequence[CostsPart]:
    """Returns the part of users, in a list, which is empty where raw events at the bounds of the period are gone."""
    group = grouping.grouping([dimensions.USER], Filter())
    assert group is not None  # noqa: S101 - there is a dimension
    try:
        found, number = await user_rows.ranked(reader.driver, reader.organization_id, bounds, by, skip=0, most=most)
    except Refused:
        return []
    values, rows = [one.value for one in found], list(found)
    return [CostsPart(group=group, values=values, rows=rows, other=None, distinct_values=number, counted=found)]


def _breakdown(
    part: CostsPart, total: Figures, found: Mapping[Selection, Cell], names: Mapping[str, str]
) -> CostBreakdown:
    dimension = part.group.dimension
    found = {**found, **part.counted} if part.counted else found
    rows = [figures.figures(FIGURES, found[one], dimension) for one in part.rows]
    has_other = part.other is not None and bool(found[part.other].counters)
    other = figures.figures(FIGURES, found[part.other], dimension) if has_other and part.other else None
    apart = rows if other is None else [*rows, other]
    left: dict[str, Figure] = {
        name: int(total[name] or 0) - sum(int(row[name] or 0) for row in apart) for name in FIGURES
    }
    is_agent = dimension is dimensions.AGENT
    return CostBreakdown(
        dimension=dimension,
        rows=[
            CostRow(value=value, display_name=names.get(value, "") if is_agent else "", figures=row)
            for value, row in zip(part.values, rows, strict=True)
        ],
        rest=left,
        other=other,
        distinct_values=part.distinct_values,
    )
