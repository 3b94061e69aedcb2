"""QueryMetrics: a row for each value of a dimension or pair, ordered by a metric, and what they leave of the total."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from server import timerange
from server.catalog import dimensions, figures
from server.catalog.catalogue import Catalogue
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figure, Figures
from server.catalog.filters import Filter
from server.catalog.selections import Reading, Selection, Wanted
from server.errors import Reason, Refused
from server.projections.agents import Agents
from server.projections.users import Users
from server.query import (
    buckets,
    comparison,
    custom_metrics,
    mixing,
    page_tokens,
    pairs,
    ranking,
    raw_rows,
    user_rows,
)
from server.query.answers import Context, Period, Source
from server.query.buckets import Bucket
from server.query.comparison import Compared, Comparison, Earlier
from server.query.grouping import Grouping
from server.query.page_tokens import Page, PageTokens
from server.query.queries import Queries
from server.rollups import overflow
from server.store import agents
from server.store.database import Driver
from server.tenancy.principal import Principal
from server.timerange import Granularity, Span, TimeRange

MAX_PAGE_SIZE = 1_000
MAX_POINTS = 200_000  # of all series of a page


@dataclass(frozen=True, slots=True, kw_only=True)
class TableQuestion:
    """A question for a table. Without a grouping it is the total alone.

    has_series asks for series, of a granularity that the service chooses where none is given. catalogue has what it
    names.
    """

    catalogue: Catalogue
    period: Period
    part: Filter
    grouping: Grouping | None
    metrics: Sequence[str]
    order_by: str
    descending: bool
    page_size: int
    page_token: str
    has_series: bool
    granularity: Granularity | None
    comparison: Comparison | None

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one table."""
        group = self.grouping and [one.number for one in self.grouping.asked]
        period = (self.period.start, self.period.end, self.period.zone, self.period.week_start)
        series = (self.has_series, self.granularity, self.comparison)
        part = (self.part.dimension.number, self.part.value)
        return repr((*map(str, period), part, group, self.metrics, self.order_by, self.descending, series))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row: what it is about, what people call that, its figures and those of each bucket of its series.

    earlier has its figures of the earlier period, None where there is nothing to compare with.
    """

    values: Sequence[str] = ()
    display_name: str = ""
    figures: Figures
    series: Sequence[Figures] = ()
    earlier: Figures | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A page of a table, of metrics of a catalogue. rest and other are None where there is nothing of the kind."""

    context: Context
    catalogue: Catalogue
    metrics: Sequence[str]
    group_by: Sequence[str]
    rows: Sequence[Row]
    total: Row
    rest: Row | None
    other: Row | None
    distinct_values: int
    next_page_token: str
    granularity: Granularity | None
    buckets: Sequence[Bucket]
    compared: Compared | None


async def answer(queries: Queries, tokens: PageTokens, principal: Principal, question: TableQuestion) -> Table:
    """Answers the question; refuses metrics that are not in the catalogue and pages of another revision."""
    organization_id = principal.organization_id
    group = question.grouping
    among = [question.part.dimension, *([group.dimension] if group is not None else [])]
    mixing.check(question.metrics, among, question.catalogue)
    page = tokens.page(organization_id, question.key, question.page_token) if question.page_token else None
    planner = functools.partial(_planned, organization_id, question, page.skip if page else 0)
    reading = queries.reading_planned(principal, question.period, _wanted(question), planner)
    async with reading as (driver, read):
        as_of = read.found.as_of
        if page and (page.epoch, page.revision) != (as_of.epoch, as_of.revision):
            raise page_tokens.expired(page, as_of.revision)
        await overflow.check(driver, organization_id, question.part, field="filter")
        names = await _names(driver, organization_id, question.grouping, read.plan.values)
    earlier = read.plan.earlier
    compared = earlier.compared(read.found.first_event, read.plan.kept_from) if earlier is not None else None
    made = _Maker(question, read.plan, read.found, names, has_earlier=compared is not None and not compared.absence)
    shown = made.shown(page.shown if page else [0] * len(made.additive))
    following = Page(
        epoch=as_of.epoch, revision=as_of.revision, skip=read.plan.skip + len(read.plan.values), shown=shown
    )
    is_last = following.skip >= read.plan.distinct_values
    return Table(
        context=replace(read.context(question.metrics, question.catalogue), source=read.plan.source),
        catalogue=question.catalogue,
        metrics=question.metrics,
        group_by=[one.name for one in question.grouping.asked] if question.grouping else [],
        rows=made.rows(),
        total=made.total(),
        rest=made.rest(shown),
        other=made.other(),
        distinct_values=read.plan.distinct_values,
        next_page_token="" if is_last else tokens.token(organization_id, question.key, following),
        granularity=read.plan.granularity,
        buckets=buckets.of_spans(read.plan.buckets, read.period, read.plan.granularity, read.found.first_event),
        compared=compared,
    )


def _wanted(question: TableQuestion) -> Wanted:
    asked = question.grouping.asked if question.grouping is not None else ()
    followed = [Agents.name] if dimensions.AGENT in asked else []
    if dimensions.USER in asked:
        followed.append(Users.name)
    return figures.wanted(question.metrics, projections=followed, catalogue=question.catalogue)


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan:
    """What to read: the total, the rows of a page in order, and the series of each; and of the earlier period.

    skip rows come before them. counted has the cells of those that were counted from raw events already. kept_from is
    the quarter hour from which on figures are kept.
    """

    skip: int
    distinct_values: int
    values: Sequence[str]
    total: Selection
    rows: Sequence[Selection]
    other: Selection | None
    granularity: Granularity | None
    buckets: Sequence[Span]
    counted: Mapping[Selection, Cell]
    earlier: Earlier | None
    kept_from: int
    event_types: None = None

    @property
    def source(self) -> Source:
        """Returns what the rows are read from: some are counted from raw events, but for users without series."""
        is_counted = any(one.dimension is not dimensions.USER or self.buckets for one in self.counted)
        return Source.BOTH if is_counted else Source.ROLLUPS

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections that are still to be read."""
        for one in (self.total, *self.rows):
            if one not in self.counted:
                yield one
                yield from self.series(one)
                yield from self.before(one)
        if self.other is not None and not self.counted:
            yield self.other
            yield from self.before(self.other)

    def before(self, row: Selection) -> list[Selection]:
        """Returns what a row is compared with, in a list, which is empty without a comparison."""
        if self.earlier is None or self.earlier.is_before_floor:
            return []
        return [replace(row, span=self.earlier.span)]

    def series(self, row: Selection) -> list[Selection]:
        """Returns the points of a row's series."""
        part = Filter(dimension=row.dimension, value=row.value)
        return [Selection.of(part, span) for span in self.buckets]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The values of the rows of a page, how many there are in all, and what was counted of them already."""

    values: Sequence[str] = ()
    number: int = 0
    counted: Mapping[Selection, Cell] = field(default_factory=dict)
    kept_from: int = 0


async def _planned(
    organization_id: int, question: TableQuestion, skip: int, driver: Driver, period: TimeRange
) -> TablePlan:
    """Plans what to read: ranks the values and takes those of the page."""
    group, span = question.grouping, period.span
    custom_from = custom_metrics.checked_from(question.catalogue, span)
    width = (question.granularity or timerange.choose_granularity(span)) if question.has_series else None
    buckets = [] if width is None else timerange.buckets(period, width)
    earlier = comparison.earlier(question.comparison, period) if question.comparison else None
    if group is None:
        rows = _Rows(kept_from=await pairs.checked_from(driver, organization_id, question.part, span))
    else:
        before = [] if earlier is None or earlier.is_before_floor else [earlier.span]
        rows = await _rows(driver, organization_id, question, group, [span, *before], buckets, skip)
    _check_points(buckets, (len(rows.values) + 1) * len(question.metrics))
    other = group.other if group is not None else None
    return TablePlan(
        skip=skip,
        distinct_values=rows.number,
        values=rows.values,
        total=Selection.of(question.part, span),
        rows=[Selection(dimension=group.dimension, value=one, span=span) for one in rows.values] if group else [],
        other=None if other is None else Selection.of(other, span),
        granularity=width,
        buckets=buckets,
        counted=rows.counted,
        earlier=earlier,
        kept_from=max(rows.kept_from, custom_from),
    )


async def _rows(
    driver: Driver,
    organization_id: int,
    question: TableQuestion,
    group: Grouping,
    spans: Sequence[Span],
    buckets: Sequence[Span],
    skip: int,
) -> _Rows:
    """Returns the rows of the page: of figures that are kept, or counted from raw events where they are not.

    spans are the period, whose rows these are, and the earlier one if it is compared.
    """
    by = ranking.Order(metric=question.order_by, descending=question.descending, catalogue=question.catalogue)
    most = question.page_size
    if group.dimension is dimensions.USER and not buckets:
        return await _users(driver, organization_id, spans, by, skip, most)
    try:
        if group.is_combination or group.dimension is dimensions.USER:
            raise group.not_kept()
        kept_from = await pairs.checked_from(driver, organization_id, Filter(dimension=group.dimension), spans[0])
    except Refused as why:
        found = await raw_rows.count(driver, organization_id, group, spans, buckets, by, why)
        return _Rows(values=found.values[skip : skip + most], number=len(found.values), counted=found.cells)
    values, number = await ranking.ranked(driver, organization_id, group, spans[0], by, skip=skip, most=most)
    return _Rows(values=values, number=number, kept_from=kept_from)


async def _users(
    driver: Driver, organization_id: int, spans: Sequence[Span], by: ranking.Order, skip: int, most: int
) -> _Rows:
    """Returns the rows of the page where these are users."""
    found, number = await user_rows.ranked(driver, organization_id, spans[0], by, skip=skip, most=most)
    users = [one.value for one in found]
    counted = dict(found)
    for span in spans[1:]:
        counted |= await user_rows.of(driver, organization_id, span, users)
    return _Rows(values=users, number=number, counted=counted)


def _check_points(buckets: Sequence[Span], series: int) -> None:
    if len(buckets) * series > MAX_POINTS:
        raise Refused(
            Reason.TOO_MANY_POINTS,
            f"the series would have {len(buckets) * series} points together, more than {MAX_POINTS}: ask for a coarser"
            " granularity, a smaller page_size or fewer metrics",
            field="series",
            metadata={"limit": str(MAX_POINTS)},
        )


def _agent_place(group: Grouping | None) -> int | None:
    """Returns which of the values of a row is an agent."""
    if group is None or dimensions.AGENT not in group.asked:
        return None
    return list(group.asked).index(dimensions.AGENT)


async def _names(
    driver: Driver, organization_id: int, group: Grouping | None, values: Sequence[str]
) -> Mapping[str, str]:
    """Returns what people call the agents of rows."""
    place = _agent_place(group)
    if group is None or place is None:
        return {}
    return await agents.names(driver, organization_id, {group.values(value)[place] for value in values})


class _Maker:
    """Makes the rows of a page from what was read for it."""

    def __init__(
        self,
        question: TableQuestion,
        plan: TablePlan,
        found: Reading,
        names: Mapping[str, str],
        *,
        has_earlier: bool,
    ) -> None:
        self._has_earlier = has_earlier
        self._group, self._names = question.grouping, names
        self._metrics, self._catalogue, self._plan = question.metrics, question.catalogue, plan
        self._cells = {**found.cells, **plan.counted}
        by = plan.rows[0].dimension if plan.rows else self._dimension
        self.additive = [
            name
            for name in question.metrics
            if figures.adds_up(self._catalogue.metrics[name], self._catalogue)
            and figures.is_kept(name, by, self._catalogue)
        ]

    @property
    def _dimension(self) -> Dimension:
        return self._plan.total.dimension if self._group is None else self._group.dimension

    def total(self) -> Row:
        return self._row(self._plan.total)

    def rows(self) -> list[Row]:
        return [
            self._row(one, self._group.values(value))
            for one, value in zip(self._plan.rows, self._plan.values, strict=True)
            if self._group is not None
        ]

    def other(self) -> Row | None:
        one = self._plan.other
        if one is None or one not in self._cells or not self._cells[one].counters:
            return None
        return Row(figures=self._figures(one), earlier=self._earlier(one))

    def shown(self, before: Sequence[int]) -> list[int]:
        """Returns what rows add up to, those of the pages before included, for each metric that adds up."""
        rows = [self._figures(one) for one in self._plan.rows]
        return [
            shown + sum(int(row[name] or 0) for row in rows) for name, shown in zip(self.additive, before, strict=True)
        ]

    def rest(self, shown: Sequence[int]) -> Row | None:
        """Returns what the total has beside the rows that were shown and other."""
        if self._group is None:
            return None
        total = self._figures(self._plan.total)
        others = self.other()
        other = others.figures if others is not None else {}
        left: dict[str, Figure] = dict.fromkeys(self._metrics)
        for name, already in zip(self.additive, shown, strict=True):
            if total[name] is not None:
                left[name] = int(total[name] or 0) - already - int(other.get(name) or 0)
        return Row(figures=left)

    def _row(self, one: Selection, values: Sequence[str] = ()) -> Row:
        place = _agent_place(self._group) if values else None
        return Row(
            values=values,
            display_name="" if place is None else self._names.get(values[place], ""),
            figures=self._figures(one),
            series=[self._figures(point) for point in self._plan.series(one)],
            earlier=self._earlier(one),
        )

    def _earlier(self, one: Selection) -> Figures | None:
        if not self._has_earlier:
            return None
        (before,) = self._plan.before(one)
        return self._figures(before)

    def _figures(self, one: Selection) -> Figures:
        return figures.figures(self._metrics, self._cells.get(one, Cell()), one.dimension, self._catalogue)
