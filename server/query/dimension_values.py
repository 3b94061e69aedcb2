"""ListDimensionValues: the values of a dimension, the most used first."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from server.catalog import cells, dimensions, figures
from server.catalog.catalogue import BUILT_IN, Catalogue
from server.catalog.custom_metrics import PROJECTION, number_of
from server.catalog.dimension import is_custom
from server.catalog.dimensions import Dimension
from server.catalog.filters import Filter
from server.catalog.selections import Ranking, Selection
from server.query import comparison, custom_metrics, display_names, ranking
from server.query.answers import Context, Period
from server.query.queries import Queries
from server.query.reader import Reader
from server.store import agents
from server.store import ranking as stored_ranking
from server.store.ranking import Values
from server.tenancy.principal import Principal
from server.timerange import TimeRange

MAX_PAGE_SIZE = 1_000
_DEFAULT_PERIOD = timedelta(days=28)
_MAX_NAMED = 1_000  # agents whose names begin with a prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesQuestion:
    """A question for values of a dimension that begin with a prefix, by their use in a period, 28 days without one."""

    dimension: Dimension
    prefix: str
    period: Period | None
    page_size: int
    catalogue: Catalogue = BUILT_IN  # has what it names


@dataclass(frozen=True, slots=True, kw_only=True)
class DimensionValue:
    """A value, what people call it, and how many events of the period carry it."""

    value: str
    display_name: str
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DimensionValues:
    """Values in order; has_more where there are more of them."""

    context: Context
    values: Sequence[DimensionValue]
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Which values to read, and beside them what the answer needs for its context."""

    total: Selection
    values: Values
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns the plan's only selection."""
        yield self.total


async def _planned(dimension: Dimension, reader: Reader, period: TimeRange) -> _Plan:
    bounds = period.bounds
    return _Plan(total=Selection.within(Filter(), bounds), values=await reader.values(dimension, bounds))


def _use(dimension: Dimension) -> Ranking:
    """Returns what makes a value of a dimension used: events, or what a custom metric has counted of them."""
    if is_custom(dimension.number):
        return Ranking(above=[cells.count_key(number_of(dimension))], signs=[1])
    return ranking.EVENTS


async def answer(queries: Queries, principal: Principal, question: ValuesQuestion) -> DimensionValues:
    """Answers the question."""
    organization_id, dimension = principal.organization_id, question.dimension
    now = queries.now()
    period = question.period or Period(start=now - _DEFAULT_PERIOD, end=now, zone=None)
    is_agent = dimension is dimensions.AGENT
    followed = [PROJECTION] if is_custom(dimension.number) else display_names.projections([dimension])
    wanted = figures.wanted(["events"], projections=followed)
    planner = functools.partial(_planned, dimension)
    exactness = comparison.exactness(question.period, None) if question.period else None
    reading = queries.reading_planned(principal, period, wanted, planner, exactness=exactness)
    async with reading as (driver, read):
        custom_metrics.checked_from(question.catalogue, read.period.span)
        named = await agents.named(driver, organization_id, question.prefix, _MAX_NAMED) if is_agent else []
        found = await stored_ranking.most_used(
            driver,
            organization_id,
            read.plan.values,
            _use(dimension),
            prefix=question.prefix,
            named=named,
            most=question.page_size + 1,
        )
        names = await display_names.read(driver, organization_id, dimension, [value for value, _ in found])
    return DimensionValues(
        context=read.context([]),
        values=[
            DimensionValue(value=value, display_name=names.get(value, ""), events=events)
            for value, events in found[: question.page_size]
        ],
        has_more=len(found) > question.page_size,
    )
