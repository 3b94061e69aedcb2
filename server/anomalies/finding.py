"""ListAnomalies: what is unusual in series of metrics, of the whole and of the values of a dimension."""

import asyncio
import enum
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from server import timerange
from server.admission.query_slots import QuerySlots
from server.anomalies import kinds, scanning
from server.anomalies.judging import Direction, Sample, Sensitivity
from server.anomalies.scanning import Anomaly, Manner
from server.catalog import figures, metrics
from server.catalog.catalogue import Catalogue
from server.catalog.cells import Cell
from server.catalog.figures import Figure
from server.catalog.filters import Filter
from server.catalog.metrics import Metric
from server.catalog.selections import Reading, Selection, Wanted
from server.errors import Reason, Refused
from server.query import buckets, custom_metrics, display_names, mixing, pairs, ranking
from server.query.answers import Context, Period
from server.query.buckets import Bucket
from server.query.grouping import Grouping
from server.query.queries import Queries
from server.query.ranking import Order
from server.query.reader import Reader
from server.rollups import overflow
from server.tenancy.principal import Principal
from server.timerange import Granularity, Interval, TimeRange

MAX_SAMPLES = 40_000  # of all series together, which are judged in two to ten seconds
_YIELDED = 10  # samples between two times at which other calls go on: about two milliseconds
WIDTHS: Mapping[Granularity, timedelta] = {
    Granularity.QUARTER_HOUR: timedelta(minutes=15),
    Granularity.HALF_HOUR: timedelta(minutes=30),
    Granularity.HOUR: timedelta(hours=1),
    Granularity.DAY: timedelta(days=1),
    Granularity.WEEK: timedelta(days=7),
    Granularity.MONTH: timedelta(days=30),
}
_HISTORY = timedelta(days=56)
_LONG_HISTORY = 26  # buckets of weeks and months
_DAYS_OF_HOURS, _DAYS_OF_DAYS = 31, 400


class Ordering(enum.Enum):
    """The order of anomalies."""

    NEWEST = enum.auto()
    STRONGEST = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomaliesQuestion:
    """A question for anomalies. Without a granularity the service chooses one.

    values is how many values of the grouping are judged, limit the most anomalies of the answer.
    """

    catalogue: Catalogue
    period: Period
    part: Filter
    metrics: Sequence[str]
    grouping: Grouping | None
    values: int
    granularity: Granularity | None
    direction: Direction
    sensitivity: Sensitivity
    minimum_effect: float
    order: Ordering
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An anomaly in the series of a metric. value is that of the grouping, empty for the whole; figure is that of the
    peak, as stored.
    """

    metric: Metric
    manner: Manner
    value: str
    display_name: str
    start: datetime
    end: datetime
    peak: Bucket
    figure: Figure
    anomaly: Anomaly


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomaliesAnswer:
    """The answer: anomalies in order, as many as wanted of `total`. unjudged of the series have too little history."""

    context: Context
    found: Sequence[Found]
    total: int
    granularity: Granularity
    history_start: datetime
    series: int
    unjudged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What to read: the points of the series of the whole and of each value.

    asked is the period without its history, kept_from the quarter hour from which on the figures are kept.
    """

    asked: TimeRange
    kept_from: int
    granularity: Granularity
    points: Sequence[Interval]
    values: Sequence[str]
    parts: Sequence[Filter]
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        for part in self.parts:
            yield from self.series(part)

    def series(self, part: Filter) -> Iterator[Selection]:
        """Returns the points of a series."""
        return (Selection.within(part, point) for point in self.points)


async def answer(
    queries: Queries, turns: QuerySlots, principal: Principal, question: AnomaliesQuestion
) -> AnomaliesAnswer:
    """Answers the question; refuses metrics that are not in the catalogue, and more samples than are judged.

    Judging takes a turn, since it keeps the event loop busy for seconds, if not all at once.
    """
    organization_id, group = principal.organization_id, question.grouping
    among = [question.part.dimension, *([group.dimension] if group is not None else [])]
    mixing.check(question.metrics, among, question.catalogue)
    asked = question.period.resolved(principal, queries.now())
    width = question.granularity or _chosen(asked)
    extended = replace(question.period, start=_history_start(asked, width))
    planner = functools.partial(_planned, question, asked, width)
    async with queries.reading_planned(principal, extended, _wanted(question), planner) as (driver, read):
        await overflow.check(driver, organization_id, question.part, field="filter")
        names: Mapping[str, str] = {}
        if group is not None:
            names = await display_names.read(driver, organization_id, group.asked[0], _named(group, read.plan.values))
    plan = read.plan
    points = buckets.described(plan.points, read.period, width, read.found.first_event)
    judge = _Judge(question, plan, points, read.found, names)
    async with turns.slot(principal):
        found, unjudged = await judge.all()
    found.sort(key=_newest if question.order is Ordering.NEWEST else _strongest)
    return AnomaliesAnswer(
        context=replace(read.context(question.metrics, question.catalogue), period=plan.asked),
        found=found[: question.limit],
        total=len(found),
        granularity=width,
        history_start=read.period.bounds.start,
        series=len(plan.parts) * len(question.metrics),
        unjudged=unjudged,
    )


def _newest(found: Found) -> tuple[float, float]:
    return -found.start.timestamp(), -abs(found.anomaly.judgement.score)


def _strongest(found: Found) -> tuple[float, float]:
    return -abs(found.anomaly.judgement.score), -found.start.timestamp()


def _wanted(question: AnomaliesQuestion) -> Wanted:
    asked = question.grouping.asked if question.grouping is not None else ()
    return figures.wanted(question.metrics, projections=display_names.projections(asked), catalogue=question.catalogue)


def _named(group: Grouping, values: Sequence[str]) -> list[str]:
    return [group.values(value)[0] for value in values]


def _chosen(period: TimeRange) -> Granularity:
    """Returns the width of buckets where none is asked for."""
    days = (period.bounds.end - period.bounds.start) / timedelta(days=1)
    if days <= _DAYS_OF_HOURS:
        return Granularity.HOUR
    return Granularity.DAY if days <= _DAYS_OF_DAYS else Granularity.WEEK


def _history_start(asked: TimeRange, granularity: Granularity) -> datetime:
    """Returns where the history begins: as much of it as there is room for."""
    width, bounds = WIDTHS[granularity], asked.bounds
    wanted = _HISTORY if width <= WIDTHS[Granularity.DAY] else width * _LONG_HISTORY
    length = bounds.end - bounds.start
    room = min((timerange.MAX_POINTS - 2) * width, timedelta(days=timerange.MAX_DAYS - 1)) - length
    # Clock changes cut hours in two, four times a year.
    room -= 8 * width
    return max(timerange.FLOOR, bounds.start - max(timedelta(0), min(wanted, room)))


async def _planned(
    question: AnomaliesQuestion, asked: TimeRange, width: Granularity, reader: Reader, period: TimeRange
) -> _Plan:
    """Plans what to read: ranks the values of the grouping within the period asked for, and takes the first."""
    driver, organization_id, group = reader.driver, reader.organization_id, question.grouping
    kept_from = max(
        custom_metrics.checked_from(question.catalogue, asked.span),
        await pairs.checked_from(driver, organization_id, question.part, asked.span),
    )
    points = timerange.intervals(period, width)
    values: Sequence[str] = ()
    parts = [question.part]
    if group is not None:
        if group.is_combination:
            raise group.not_kept()
        whole = Filter(dimension=group.dimension)
        kept_from = max(
            kept_from, await pairs.checked_from(driver, organization_id, whole, asked.span, field="group_by")
        )
        by = Order(metric=question.metrics[0], descending=True, catalogue=question.catalogue)
        values, _ = await ranking.ranked(reader, group, asked.bounds, by, skip=0, most=question.values)
        parts += [Filter(dimension=group.dimension, value=value) for value in values]
    _check_samples(len(points), len(parts), len(question.metrics))
    return _Plan(
        asked=replace(asked, now=period.now),
        kept_from=kept_from,
        granularity=width,
        points=points,
        values=values,
        parts=parts,
    )


def _check_samples(points: int, parts: int, names: int) -> None:
    if points * parts * names > MAX_SAMPLES:
        raise Refused(
            Reason.TOO_MANY_POINTS,
            f"{parts} series of {names} metrics have {points * parts * names} points with their history: at most"
            f" {MAX_SAMPLES} are judged at once; ask for a coarser granularity, fewer values or fewer metrics",
            field="granularity",
            metadata={"limit": str(MAX_SAMPLES)},
        )


class _Judge:
    """Judges the series of an answer one after the other, and lets other calls go on meanwhile.

    Buckets that are running, cut, or before the first event are neither judged nor history.
    """

    def __init__(
        self,
        question: AnomaliesQuestion,
        plan: _Plan,
        points: Sequence[Bucket],
        found: Reading,
        names: Mapping[str, str],
    ) -> None:
        self._question, self._plan, self._points = question, plan, points
        self._cells, self._names = found.cells, names
        start = plan.asked.bounds.start
        self._whole = [place for place, one in enumerate(points) if self._is_whole(one, plan.kept_from)]
        self._start = sum(points[place].interval.start < start for place in self._whole)

    def _is_whole(self, bucket: Bucket, kept_from: int) -> bool:
        return bucket.partial is None and timerange.floor_bucket(bucket.interval.start) >= kept_from

    async def all(self) -> tuple[list[Found], int]:
        """Returns the anomalies of all series, and how many series had too little history for any."""
        found: list[Found] = []
        unjudged = 0
        for place, part in enumerate(self._plan.parts):
            cells = [self._cells[one] for one in self._plan.series(part)]
            value = self._plan.values[place - 1] if place else ""
            for name in self._question.metrics:
                of_series, is_judged = await self._series(name, part, cells, value)
                found += of_series
                unjudged += not is_judged
        return found, unjudged

    async def _series(self, name: str, part: Filter, cells: Sequence[Cell], value: str) -> tuple[list[Found], bool]:
        catalogue = self._question.catalogue
        metric, manner = catalogue.metrics[name], self._manner(catalogue.metrics[name])
        if not figures.is_kept(name, part.dimension, catalogue):
            return [], False
        scan = scanning.Scan(manner, start=self._start)
        values = [figures.figure(metric, cells[place], catalogue) for place in self._whole]
        for count, (place, figure) in enumerate(zip(self._whole, values, strict=True)):
            at, trials = self._points[place].interval.start, kinds.trials(metric, cells[place], catalogue)
            shown = None if figure is None else float(metrics.shown(metric, figure))
            scan.take(Sample(at=at, value=shown, trials=trials))
            if count % _YIELDED == 0:
                await asyncio.sleep(0)
        return [self._found(metric, manner, value, one, values) for one in scan.found], scan.is_judged

    def _manner(self, metric: Metric) -> Manner:
        question = self._question
        return Manner(
            kind=kinds.kind(metric, question.catalogue),
            zone=self._plan.asked.zone,
            width=WIDTHS[self._plan.granularity],
            direction=question.direction,
            sensitivity=question.sensitivity,
            minimum_effect=question.minimum_effect,
        )

    def _found(self, metric: Metric, manner: Manner, value: str, anomaly: Anomaly, values: Sequence[Figure]) -> Found:
        group = self._question.grouping
        shown = group.values(value)[0] if group is not None and value else ""
        first, last, peak = (self._points[self._whole[one]] for one in (anomaly.first, anomaly.last, anomaly.peak))
        return Found(
            metric=metric,
            manner=manner,
            value=shown,
            display_name=self._names.get(shown, ""),
            start=first.interval.start,
            end=last.interval.end,
            peak=peak,
            figure=values[anomaly.peak],
            anomaly=anomaly,
        )
