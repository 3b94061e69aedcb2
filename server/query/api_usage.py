"""GetApiUsage: how APIs and tools are used, by endpoint, method and class of status."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.catalog import dimensions, figures, rows
from server.catalog.figures import Figures
from server.catalog.filters import Filter
from server.query import comparison, divided, pairs, rows_tokens, turns
from server.query.answers import Context, Period
from server.query.buckets import Bucket
from server.query.comparison import Compared, Comparison
from server.query.divided import DividedPlan
from server.query.parts import Parts
from server.query.queries import Queries
from server.query.reader import Reader
from server.query.rows_tokens import CountedRows
from server.rollups import overflow
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
BREAKDOWNS: divided.Breakdowns = {
    "by_endpoint": (dimensions.ENDPOINT, "api_calls"),
    "by_method": (dimensions.METHOD, "api_calls"),
    "by_status_class": (dimensions.STATUS_CLASS, "api_calls"),
    "slowest_endpoints": (dimensions.ENDPOINT, "p95_api_latency_ms"),
    "failing_endpoints": (dimensions.ENDPOINT, "api_errors"),
}
_WANTED = figures.wanted(FIGURES, *rows.terms_behind(FIGURES))
_AT_ONCE = 50  # points


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiUsageQuestion:
    """A question for how APIs are used. top is the most rows of each breakdown; with_rows asks for the rows behind
    the figures.
    """

    period: Period
    part: Filter
    granularity: Granularity | None
    top: int
    comparison: Comparison | None
    with_rows: bool = False


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
    opened: Mapping[str, CountedRows]


async def answer(queries: Queries, principal: Principal, question: ApiUsageQuestion) -> ApiUsage:
    """Answers the question."""
    organization_id, part = principal.organization_id, question.part
    planner = functools.partial(_planned, question)
    exactness = comparison.exactness(question.period, question.comparison)
    reading = queries.reading_planned(principal, question.period, _WANTED, planner, exactness=exactness)
    async with reading as (driver, read):
        kept_from = await pairs.checked_from(driver, organization_id, part, read.period.span)
        await overflow.check(driver, organization_id, part, field="filter")
    found, plan = read.found.cells, read.plan
    compared, before = plan.compared(read, kept_from)
    made = functools.partial(figures.figures, FIGURES, by=part.dimension)
    points = await turns.mapped(made, (found[one] for one in plan.series), at_once=_AT_ONCE)
    context = read.context(FIGURES)
    return ApiUsage(
        context=context,
        opened=rows_tokens.opened(FIGURES, found[plan.total], part, context) if question.with_rows else {},
        figures=made(found[plan.total]),
        breakdowns=plan.parts(read, BREAKDOWNS, FIGURES),
        granularity=plan.granularity,
        series=[ApiPoint(bucket=bucket, figures=one) for bucket, one in zip(plan.buckets(read), points, strict=True)],
        compared=compared,
        earlier=None if before is None else made(before),
    )


async def _planned(question: ApiUsageQuestion, reader: Reader, period: TimeRange) -> DividedPlan:
    return await divided.planned(
        reader,
        period,
        question.part,
        BREAKDOWNS,
        top=question.top,
        granularity=question.granularity,
        compared_with=question.comparison,
    )
