"""GetUsageTrends: series of metrics over the buckets of a time zone, without gaps."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from server import timerange
from server.catalog import figures
from server.catalog.catalogue import BUILT_IN, Catalogue
from server.catalog.cells import Cell
from server.catalog.figures import Figure, Figures
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.errors import Reason, Refused
from server.query import (
    buckets,
    comparison,
    costs,
    custom_metrics,
    metric_names,
    mixing,
    pairs,
    restatements,
    storage,
)
from server.query.answers import Context, Period
from server.query.buckets import Bucket
from server.query.comparison import Compared, Comparison, Earlier
from server.query.costs import Resource
from server.query.queries import Queries
from server.rollups import overflow
from server.tenancy.principal import Principal
from server.timerange import FINE, Granularity, Interval, TimeRange

DEFAULT_METRICS = (
    "total_messages",
    "total_conversations",
    "token_usage",
    "unique_users",
    "api_calls",
    "cost_micros",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendsQuestion:
    """A question for series. Without a granularity the service chooses one; without metrics, DEFAULT_METRICS."""

    period: Period
    part: Filter
    granularity: Granularity | None
    metrics: Sequence[str]
    comparison: Comparison | None = None
    since_revision: int | None = None  # asks what has changed after it
    catalogue: Catalogue = BUILT_IN  # has what it names


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierSeries:
    """Series of the earlier period, over as many buckets as those of the period; figures of empty ones are None."""

    buckets: Sequence[Interval]
    series: Mapping[str, Sequence[Figure]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """Series over the same buckets. The mappings are None if a filter leaves them without meaning. compared is None
    unless the question wants a comparison; earlier is None where nothing can be compared, too.
    """

    context: Context
    catalogue: Catalogue
    granularity: Granularity
    buckets: Sequence[Bucket]
    series: Mapping[str, Sequence[Figure]]
    storage_by_kind: Mapping[str, int] | None
    estimated_costs: Mapping[Resource, int] | None
    compared: Compared | None
    earlier: EarlierSeries | None


async def answer(queries: Queries, principal: Principal, question: TrendsQuestion) -> Trends:
    """Answers the question; refuses a metric that is not in the catalogue."""
    part, catalogue = question.part, question.catalogue
    names = metric_names.checked(question.metrics or DEFAULT_METRICS, catalogue)
    more = (*costs.MEASURES, *storage.TERMS) if part.is_whole else ()
    wanted = figures.wanted(names, *more, catalogue=catalogue)
    mixing.check(names, [part.dimension], catalogue)
    make_plan = functools.partial(plan, part, question.granularity, question.comparison)
    since = question.since_revision
    in_snapshot = part.dimension.sides is not None or since is not None
    is_fine = question.granularity in FINE
    exactness = comparison.exactness(question.period, question.comparison, is_required=is_fine)
    reading = queries.reading(
        principal, question.period, wanted, make_plan, in_snapshot=in_snapshot, exactness=exactness
    )
    async with reading as (driver, read):
        kept_from = await pairs.checked_from(driver, principal.organization_id, part, read.period.span)
        kept_from = max(kept_from, custom_metrics.checked_from(catalogue, read.period.span))
        await overflow.check(driver, principal.organization_id, part, field="filter")
        newest, restated = read.found.as_of.revision, None
        if since is not None:
            chosen = figures.wanted(names, catalogue=catalogue)
            restated = await restatements.since(driver, principal.organization_id, since, newest, part, chosen)
    width = _width(question.granularity, read.period)
    compared = read.plan.earlier.compared(read.found.first_event, kept_from) if read.plan.earlier else None
    is_compared = compared is not None and compared.absence is None
    points = [read.found.cells[point] for point in read.plan.series]
    in_use = storage.in_use(read.plan.storage, read.found.cells) if part.is_whole else None
    return Trends(
        context=read.context(names, catalogue),
        catalogue=catalogue,
        granularity=width,
        buckets=buckets.described(read.plan.points, read.period, width, read.found.first_event, restated),
        series=_series(names, points, part, catalogue),
        compared=compared,
        earlier=_earlier(names, read.plan, read.found.cells, part, catalogue) if is_compared else None,
        storage_by_kind=in_use,
        estimated_costs=None
        if in_use is None
        else costs.estimate(principal.settings, read.plan.points, points, storage_after=sum(in_use.values())),
    )


def _series(
    names: Sequence[str], points: Sequence[Cell | None], part: Filter, catalogue: Catalogue
) -> dict[str, Sequence[Figure]]:
    """Returns a series of each metric; a point without a cell has no figures."""
    nothing: Figures = dict.fromkeys(names)
    values = [nothing if cell is None else figures.figures(names, cell, part.dimension, catalogue) for cell in points]
    return {name: [point[name] for point in values] for name in names}


def _earlier(
    names: Sequence[str],
    chosen: "TrendsPlan",
    found: Mapping[Selection, Cell],
    part: Filter,
    catalogue: Catalogue,
) -> EarlierSeries:
    points = [found[one] if one.span.length else None for one in chosen.before]
    return EarlierSeries(buckets=chosen.earlier_points, series=_series(names, points, part, catalogue))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendsPlan:
    """What to read: the period cut into the points of a series; for the whole organization storage, too; and as many
    points of an earlier period if it is wanted and kept.
    """

    points: Sequence[Interval]
    series: Sequence[Selection]
    storage: Mapping[str, Selection]
    earlier: Earlier | None
    earlier_points: Sequence[Interval]
    before: Sequence[Selection]
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield from self.series
        yield from self.storage.values()
        yield from (point for point in self.before if point.span.length)


def plan(
    part: Filter, granularity: Granularity | None, compared_with: Comparison | None, period: TimeRange
) -> TrendsPlan:
    """Returns what to read."""
    width = _width(granularity, period)
    points = timerange.intervals(period, width)
    if width in FINE:
        _check_raw_events(period, period.bounds)
    earlier = comparison.earlier(compared_with, period, for_series=True) if compared_with else None
    earlier_points: Sequence[Interval] = ()
    if earlier is not None and not earlier.is_before_floor:
        if width in FINE:
            _check_raw_events(period, earlier.bounds)
        earlier_points = earlier.aligned(points, width)
    return TrendsPlan(
        points=points,
        series=[Selection.within(part, point) for point in points],
        storage=storage.selections(part, period.bounds.end),
        earlier=earlier,
        earlier_points=earlier_points,
        before=[Selection.within(part, point) for point in earlier_points],
    )


def _check_raw_events(period: TimeRange, bounds: Interval) -> None:
    """Refuses a series by the minute where raw events are gone."""
    if period.is_exact(bounds.start):
        return
    start = timerange.instant(period.raw_from or 0).isoformat().replace("+00:00", "Z")
    raise Refused(
        Reason.RAW_EVENTS_GONE,
        f"series by the minute are counted from raw events, which are kept from {start} on",
        field="granularity",
        metadata={"kept_from": start},
    )


def _width(granularity: Granularity | None, period: TimeRange) -> Granularity:
    """Returns the width of a series' points that was asked for, or one that suits the period."""
    return granularity or timerange.choose_granularity(period.span)
