"""GetQuality: how conversations were scored, each version of a rubric by itself."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from server import histogram, timerange
from server.catalog import cells, dimensions, figures, registry
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figure
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.errors import Reason, Refused
from server.projections.agents import Agents
from server.query import buckets, comparison, grouping, pairs, parts, ranking, turns
from server.query.answers import Context, Period
from server.query.buckets import Bucket
from server.query.comparison import Compared, Comparison, Earlier
from server.query.grouping import Grouping
from server.query.parts import Parts, PartsPlan
from server.query.queries import Queries
from server.query.ranking import Order
from server.query.reader import Reader
from server.rollups import overflow
from server.store import agents
from server.tenancy.principal import Principal
from server.timerange import Granularity, Interval, TimeRange

SCORES = ("overall", "helpfulness", "accuracy", "politeness")
_NAMES = ("quality_reviews", *(f"{kind}_quality_{score}" for score in SCORES for kind in ("avg", "p50")))
_COVERAGE = ("conversations_closed",)
_WANTED = figures.wanted((*_NAMES, *_COVERAGE), projections=[Agents.name])
_MOST_RUBRICS = 10
_PARTS, _TENTHS = 10_000, 10  # scores are stored in ten-thousandths
_BY_REVIEWS = Order(metric="quality_reviews", descending=True)
BREAKDOWNS: Mapping[str, Dimension] = {
    "by_agent": dimensions.AGENT,
    "by_topic": dimensions.TOPIC,
    "by_scorer": dimensions.SCORER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityQuestion:
    """A question for scores: of one version of the rubric, or of each. threshold is the score below which a review is
    poor; top is the most rows of each breakdown.
    """

    period: Period
    part: Filter
    rubric: str
    threshold: float
    granularity: Granularity | None
    top: int
    comparison: Comparison | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a score is distributed over the reviews that have it."""

    reviews: int
    mean: Figure
    median: Figure
    poor_share: float | None
    tenths: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFigures:
    """The reviews of a cell, and each of their scores by its name."""

    reviews: int
    scores: Mapping[str, Score]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityPoint:
    """The reviews of a point of the series, and their mean score."""

    bucket: Bucket
    reviews: int
    mean: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """How conversations were scored by one version of a rubric."""

    version: str
    figures: QualityFigures
    breakdowns: Mapping[str, Parts]
    series: Sequence[QualityPoint]
    earlier: QualityFigures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How conversations were scored. names has what people call agents."""

    context: Context
    threshold: float
    rubrics: Sequence[Rubric]
    distinct_rubrics: int
    reviews: int
    closed: Figure
    names: Mapping[str, str]
    granularity: Granularity
    compared: Compared | None


async def answer(queries: Queries, principal: Principal, question: QualityQuestion) -> Quality:
    """Answers the question."""
    organization_id, part = principal.organization_id, question.part
    planner = functools.partial(_planned, question)
    exactness = comparison.exactness(question.period, question.comparison)
    reading = queries.reading_planned(principal, question.period, _WANTED, planner, exactness=exactness)
    async with reading as (driver, read):
        await overflow.check(driver, organization_id, part, field="filter")
        names = await agents.names(driver, organization_id, read.plan.agents)
    found, plan = read.found.cells, read.plan
    compared = plan.earlier.compared(read.found.first_event, plan.kept_from) if plan.earlier is not None else None
    has_earlier = compared is not None and compared.absence is None
    points = buckets.described(plan.points, read.period, plan.granularity, read.found.first_event)
    total = figures.figures((*_NAMES[:1], *_COVERAGE), found[plan.total], part.dimension)
    made = functools.partial(_rubric, found=found, threshold=question.threshold, points=points, has_earlier=has_earlier)
    rubrics = await turns.mapped(made, plan.rubrics, at_once=1)
    return Quality(
        context=read.context([name for name in _NAMES if name != "quality_reviews"]),
        threshold=question.threshold,
        rubrics=rubrics,
        distinct_rubrics=sum(one.figures.reviews > 0 for one in rubrics) if question.rubric else plan.number,
        reviews=int(total["quality_reviews"] or 0),
        closed=total["conversations_closed"],
        names=names,
        granularity=plan.granularity,
        compared=compared,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricPlan:
    """What to read of a version of a rubric."""

    version: str
    total: Selection
    breakdowns: Mapping[str, PartsPlan]
    series: Sequence[Selection]
    before: Selection | None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield self.total
        yield from self.series
        if self.before is not None:
            yield self.before
        for one in self.breakdowns.values():
            yield from one.selections()


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityPlan:
    """What to read. number is how many versions there are; kept_from is the quarter hour from which on figures by them
    are kept.
    """

    total: Selection
    rubrics: Sequence[RubricPlan]
    number: int
    kept_from: int
    granularity: Granularity
    points: Sequence[Interval]
    earlier: Earlier | None
    event_types: None = None

    @property
    def agents(self) -> set[str]:
        """Returns the agents of all rows."""
        plans = [one.breakdowns["by_agent"] for one in self.rubrics if one.breakdowns]
        return {plan.value(row) for plan in plans for row in plan.rows}

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield self.total
        for one in self.rubrics:
            yield from one.selections()


async def _planned(question: QualityQuestion, reader: Reader, period: TimeRange) -> QualityPlan:
    part, bounds = question.part, period.bounds
    width = question.granularity or timerange.choose_granularity(period.span)
    points = timerange.intervals(period, width)
    earlier = comparison.earlier(question.comparison, period) if question.comparison else None
    before = None if earlier is None or earlier.is_before_floor else earlier.bounds
    group = _group(part)
    kept = Filter(dimension=group.dimension)
    kept_from = await pairs.checked_from(reader.driver, reader.organization_id, kept, period.span)
    if question.rubric:
        versions, number = {question.rubric: _value(group, question.rubric)}, 1
    else:
        found, number = await ranking.ranked(reader, group, bounds, _BY_REVIEWS, skip=0, most=_MOST_RUBRICS)
        versions = {group.values(one)[0]: one for one in found}
    breakdowns = await _breakdowns(reader, question, [*versions], bounds) if part.is_whole else {}
    rubrics = []
    for version, value in versions.items():
        scored = Filter(dimension=group.dimension, value=value)
        rubrics.append(
            RubricPlan(
                version=version,
                total=Selection.within(scored, bounds),
                breakdowns=breakdowns.get(version, {}),
                series=[Selection.within(scored, one, bins=False) for one in points],
                before=None if before is None else Selection.within(scored, before),
            )
        )
    return QualityPlan(
        total=Selection.within(part, bounds),
        rubrics=rubrics,
        number=number,
        kept_from=kept_from,
        granularity=width,
        points=points,
        earlier=earlier,
    )


async def _breakdowns(
    reader: Reader, question: QualityQuestion, versions: Sequence[str], bounds: Interval
) -> dict[str, dict[str, PartsPlan]]:
    """Returns the breakdowns of each version by name: a ranking for each dimension, of all versions together."""
    found: dict[str, dict[str, PartsPlan]] = {version: {} for version in versions}
    for name, dimension in BREAKDOWNS.items():
        plans = await parts.planned_for_values(
            reader, dimensions.RUBRIC, versions, dimension, bounds, _BY_REVIEWS, most=question.top
        )
        for version, plan in zip(versions, plans, strict=True):
            if plan is not None:
                found[version][name] = plan
    return found


def _group(part: Filter) -> Grouping:
    """Returns the versions of rubrics within a part; refuses one of two more dimensions: all three are not kept."""
    group = grouping.grouping([dimensions.RUBRIC], part)
    assert group is not None  # noqa: S101 - it has a dimension
    if group.is_combination:
        raise Refused(
            Reason.PAIR_NOT_KEPT,
            f"scores by {group.dimension.name} together are not kept: narrow the question to a value of one dimension",
            field="filter",
            metadata={"pair": group.dimension.name},
        )
    return group


def _value(group: Grouping, version: str) -> str:
    """Returns the value of a version among those of its group; refuses another version than a filter gives."""
    given = dict(zip(group.involved, group.given, strict=True))
    if given[dimensions.RUBRIC] not in ("", version):
        raise Refused(Reason.INVALID_VALUE, "the filter names another version of the rubric", field="rubric_version")
    given[dimensions.RUBRIC] = version
    return dimensions.combined(list(given.values()))


def _rubric(
    plan: RubricPlan,
    found: Mapping[Selection, Cell],
    threshold: float,
    points: Sequence[Bucket],
    *,
    has_earlier: bool,
) -> Rubric:
    total = found[plan.total]
    return Rubric(
        version=plan.version,
        figures=of(total, threshold),
        breakdowns={
            name: parts.answered(one, found, total, _NAMES, needs="quality_reviews")
            for name, one in plan.breakdowns.items()
        },
        series=[_point(bucket, one, found[one]) for bucket, one in zip(points, plan.series, strict=True)],
        earlier=of(found[plan.before], threshold) if has_earlier and plan.before is not None else None,
    )


def _point(bucket: Bucket, one: Selection, cell: Cell) -> QualityPoint:
    values = figures.figures(("quality_reviews", "avg_quality_overall"), cell, one.dimension)
    return QualityPoint(bucket=bucket, reviews=int(values["quality_reviews"] or 0), mean=values["avg_quality_overall"])


def of(cell: Cell, threshold: float) -> QualityFigures:
    """Returns the figures of a cell of one version of the rubric."""
    values = figures.figures(_NAMES, cell, dimensions.RUBRIC)
    return QualityFigures(
        reviews=int(values["quality_reviews"] or 0),
        scores={
            score: _score(cell, score, threshold, values[f"avg_quality_{score}"], values[f"p50_quality_{score}"])
            for score in SCORES
        },
    )


def _score(cell: Cell, score: str, threshold: float, mean: Figure, median: Figure) -> Score:
    first = cells.first_bin_key(registry.MEASURES[f"quality_{score}"].number)
    tenths, poor, least = [0] * _TENTHS, 0, round(threshold * _PARTS, 3)  # 0.68 × 10,000 is a little more than 6,800
    for value, count in histogram.means(cell.bins, first):
        tenths[min(int(value * _TENTHS // _PARTS), _TENTHS - 1)] += count
        if value < least:
            poor += count
    reviews = sum(tenths)
    return Score(
        reviews=reviews,
        mean=mean,
        median=median,
        poor_share=poor / reviews if reviews else None,
        tenths=tenths if reviews else (),
    )
