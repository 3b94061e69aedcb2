"""GetApiUsage: how APIs and tools are used, by endpoint, method and class of status."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from server import timerange
from server.catalog import dimensions, figures
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figures
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.query import buckets, comparison, pairs, parts
from server.query.answers import Context, Period
from server.query.buckets import Bucket
from server.query.comparison import Compared, Comparison, Earlier
from server.query.parts import Parts, PartsPlan
from server.query.queries import Queries, Read
from server.query.ranking import Order
from server.rollups import overflow
from server.store.database import Driver
from server.tenancy.principal import Principal
from server.timerange import Granularity, TimeRange

FIGURES = (
    "api_calls",
    "api_errors",
    "api_client_errors",
    "api_error_rate",
    "api_client_error_rate",
    "avg_api_latency_ms",
    "p50_api_latency_ms",
    "p90_api_latency_ms",
    "p95_api_latency_ms",
    "p99_api_latency_ms",
    "api_request_bytes",
    "api_response_bytes",
    "unique_users",
)
# The breakdowns by their names in the answer: of which dimension, and in the order of which metric.
BREAKDOWNS: Mapping[str, tuple[Dimension, str]] = {
    "by_endpoint": (dimensions.ENDPOINT, "api_calls"),
    "by_method": (dimensions.METHOD, "api_calls"),
    "by_status_class": (dimensions.STATUS_CLASS, "api_calls"),
    "slowest_endpoints": (dimensions.ENDPOINT, "p95_api_latency_ms"),
    "failing_endpoints": (dimensions.ENDPOINT, "api_errors"),
}
_WANTED = figures.wanted(FIGURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiUsageQuestion:
    """A question for how APIs are used. top is the most rows of each breakdown."""

    period: Period
    part: Filter
    granularity: Granularity | None
    top: int
    comparison: Comparison | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPoint:
    """The figures of a point of the series."""

    bucket: Bucket
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiUsage:
    """How APIs are used. earlier is None where nothing is compared, or can be."""

    context: Context
    figures: Figures
    breakdowns: Mapping[str, Parts]
    granularity: Granularity
    series: Sequence[ApiPoint]
    compared: Compared | None
    earlier: Figures | None


async def answer(queries: Queries, principal: Principal, question: ApiUsageQuestion) -> ApiUsage:
    """Answers the question."""
    organization_id, part = principal.organization_id, question.part
    planner = functools.partial(_planned, organization_id, question)
    async with queries.reading_planned(principal, question.period, _WANTED, planner) as (driver, read):
        kept_from = await pairs.checked_from(driver, organization_id, part, read.period.span)
        await overflow.check(driver, organization_id, part, field="filter")
    found, plan = read.found.cells, read.plan
    compared = plan.earlier.compared(read.found.first_event, kept_from) if plan.earlier is not None else None
    has_earlier = plan.before is not None and compared is not None and compared.absence is None
    return ApiUsage(
        context=read.context(FIGURES),
        figures=figures.figures(FIGURES, found[plan.total], part.dimension),
        breakdowns={
            name: parts.answered(one, found, found[plan.total], FIGURES, needs=BREAKDOWNS[name][1])
            for name, one in plan.breakdowns.items()
        },
        granularity=plan.granularity,
        series=[
            ApiPoint(bucket=bucket, figures=figures.figures(FIGURES, found[one], part.dimension))
            for bucket, one in zip(plan.buckets(read), plan.series, strict=True)
        ],
        compared=compared,
        earlier=figures.figures(FIGURES, found[plan.before], part.dimension)
        if has_earlier and plan.before is not None
        else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiUsagePlan:
    """What to read."""

    total: Selection
    breakdowns: Mapping[str, PartsPlan | None]
    granularity: Granularity
    series: Sequence[Selection]
    earlier: Earlier | None
    before: Selection | None
    event_types: None = None

    def buckets(self, read: "Read[ApiUsagePlan]") -> Sequence[Bucket]:
        """Returns what is to be said of each point."""
        spans = [one.span for one in self.series]
        return buckets.of_spans(spans, read.period, self.granularity, read.found.first_event)

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield self.total
        yield from self.series
        if self.before is not None:
            yield self.before
        for one in self.breakdowns.values():
            if one is not None:
                yield from one.selections()


async def _planned(organization_id: int, question: ApiUsageQuestion, driver: Driver, period: TimeRange) -> ApiUsagePlan:
    part, span = question.part, period.span
    width = question.granularity or timerange.choose_granularity(span)
    earlier = comparison.earlier(question.comparison, period) if question.comparison else None
    total = Selection.of(part, span)
    found: dict[str, PartsPlan | None] = {}
    for name, (dimension, metric) in BREAKDOWNS.items():
        by = Order(metric=metric, descending=True)
        found[name] = await parts.planned(driver, organization_id, part, dimension, span, by, most=question.top)
    return ApiUsagePlan(
        total=total,
        breakdowns=found,
        granularity=width,
        series=[Selection.of(part, one) for one in timerange.buckets(period, width)],
        earlier=earlier,
        before=None if earlier is None or earlier.is_before_floor else replace(total, span=earlier.span),
    )
