"""QueryMetrics: a row for each value of a dimension or pair, ordered by a metric, and what they leave of the total."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from server import timerange
from server.catalog import dimensions, figures
from server.catalog.catalogue import Catalogue
from server.catalog.cells import Cell
from server.catalog.filters import Filter
from server.catalog.rows import terms_behind
from server.catalog.selections import Selection, Wanted
from server.errors import Refused
from server.projections.users import Users
from server.query import (
    buckets,
    comparison,
    custom_metrics,
    display_names,
    mixing,
    page_tokens,
    pairs,
    ranking,
    raw_rows,
    table_rows,
    user_rows,
)
from server.query.answers import Context
from server.query.buckets import Bucket
from server.query.comparison import Compared
from server.query.grouping import Grouping
from server.query.page_tokens import Page, PageTokens
from server.query.queries import Queries
from server.query.reader import Reader
from server.query.table_rows import Row, RowMaker, TablePlan, TableQuestion
from server.rollups import overflow
from server.store.database import Driver
from server.tenancy.principal import Principal
from server.timerange import Granularity, Interval, TimeRange

MAX_PAGE_SIZE = 1_000


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
    planner = functools.partial(_planned, question, page.skip if page else 0)
    reading = queries.reading_planned(
        principal,
        question.period,
        _wanted(question),
        planner,
        exactness=comparison.exactness(question.period, question.comparison),
        holds_raw=group is not None and group.may_need_raw,
    )
    async with reading as (driver, read):
        as_of = read.found.as_of
        if page:
            page.check(as_of, read.period)
        await overflow.check(driver, organization_id, question.part, field="filter")
        names = await _names(driver, organization_id, question.grouping, read.plan.values)
    earlier = read.plan.earlier
    compared = earlier.compared(read.found.first_event, read.plan.kept_from) if earlier is not None else None
    context = replace(read.context(question.metrics, question.catalogue), source=read.plan.source(read.source))
    has_earlier = compared is not None and not compared.absence
    made = RowMaker(question, read.plan, read.found, names, context, has_earlier=has_earlier)
    rows = await made.rows()
    shown = made.shown(rows, page.shown if page else [0] * len(made.additive))
    following = Page(
        epoch=as_of.epoch,
        revision=as_of.revision,
        skip=read.plan.skip + len(read.plan.values),
        shown=shown,
        exact_bounds=page_tokens.exact_bounds(read.period),
    )
    is_last = following.skip >= read.plan.distinct_values
    return Table(
        context=context,
        catalogue=question.catalogue,
        metrics=question.metrics,
        group_by=[one.name for one in question.grouping.asked] if question.grouping else [],
        rows=rows,
        total=made.total(),
        rest=made.rest(shown),
        other=made.other(),
        distinct_values=read.plan.distinct_values,
        next_page_token="" if is_last else tokens.token(organization_id, question.key, following),
        granularity=read.plan.granularity,
        buckets=buckets.described(read.plan.buckets, read.period, read.plan.granularity, read.found.first_event)
        if read.plan.granularity is not None
        else [],
        compared=compared,
    )


def _wanted(question: TableQuestion) -> Wanted:
    asked = question.grouping.asked if question.grouping is not None else ()
    followed = display_names.projections(asked)
    if dimensions.USER in asked:
        followed.append(Users.name)
    more = terms_behind(question.metrics, question.catalogue) if question.with_rows else ()
    return figures.wanted(question.metrics, *more, projections=followed, catalogue=question.catalogue)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The values of the rows of a page, how many there are in all, and what was counted of them already."""

    values: Sequence[str] = ()
    number: int = 0
    counted: Mapping[Selection, Cell] = field(default_factory=dict)
    kept_from: int = 0


async def _planned(question: TableQuestion, skip: int, reader: Reader, period: TimeRange) -> TablePlan:
    """Plans what to read: ranks the values and takes those of the page."""
    group, span, bounds = question.grouping, period.span, period.bounds
    custom_from = custom_metrics.checked_from(question.catalogue, span)
    width = (question.granularity or timerange.choose_granularity(span)) if question.has_series else None
    buckets = [] if width is None else timerange.intervals(period, width)
    earlier = comparison.earlier(question.comparison, period) if question.comparison else None
    if group is None:
        kept_from = await pairs.checked_from(reader.driver, reader.organization_id, question.part, span)
        rows = _Rows(kept_from=kept_from)
    else:
        before = [] if earlier is None or earlier.is_before_floor else [earlier.bounds]
        rows = await _rows(reader, question, group, [bounds, *before], buckets, skip)
    table_rows.check_points(len(buckets), len(rows.values) + 1, len(question.metrics))
    total = Selection.within(question.part, bounds)
    other = group.other if group is not None else None
    plan = TablePlan(
        skip=skip,
        distinct_values=rows.number,
        values=rows.values,
        total=total,
        rows=[total.of_part(Filter(dimension=group.dimension, value=one)) for one in rows.values] if group else [],
        other=None if other is None else total.of_part(other),
        granularity=width,
        buckets=buckets,
        points=[Selection.within(question.part, one) for one in buckets],
        counted=rows.counted,
        earlier=earlier,
        kept_from=max(rows.kept_from, custom_from),
    )
    found = await reader.cells(plan.of_rows(), _wanted(question))
    return replace(plan, found=found)


async def _rows(
    reader: Reader,
    question: TableQuestion,
    group: Grouping,
    periods: Sequence[Interval],
    buckets: Sequence[Interval],
    skip: int,
) -> _Rows:
    """Returns the rows of the page: of figures that are kept, or counted from raw events where they are not.

    periods are the one whose rows these are, and the earlier one if it is compared.
    """
    by, most = question.order, question.page_size
    driver, organization_id = reader.driver, reader.organization_id
    if group.dimension is dimensions.USER and not buckets:
        return await _users(driver, organization_id, periods, by, skip, most)
    try:
        if group.is_combination or group.dimension is dimensions.USER:
            raise group.not_kept()
        kept = Filter(dimension=group.dimension)
        kept_from = await pairs.checked_from(driver, organization_id, kept, periods[0].span, field="group_by")
    except Refused as why:
        found = await raw_rows.count(reader, question, group, periods, buckets, skip, why)
        return _Rows(values=found.values, number=found.number, counted=found.cells)
    values, number = await ranking.ranked(reader, group, periods[0], by, skip=skip, most=most)
    return _Rows(values=values, number=number, kept_from=kept_from)


async def _users(
    driver: Driver, organization_id: int, periods: Sequence[Interval], by: ranking.Order, skip: int, most: int
) -> _Rows:
    """Returns the rows of the page where these are users."""
    found, number = await user_rows.ranked(driver, organization_id, periods[0], by, skip=skip, most=most)
    users = [one.value for one in found]
    counted = dict(found)
    for period in periods[1:]:
        counted |= await user_rows.of(driver, organization_id, period, users)
    return _Rows(values=users, number=number, counted=counted)


async def _names(
    driver: Driver, organization_id: int, group: Grouping | None, values: Sequence[str]
) -> Mapping[str, str]:
    """Returns what people call the values of rows."""
    place = None if group is None else display_names.place(group.asked)
    if group is None or place is None:
        return {}
    shown = {group.values(value)[place] for value in values}
    return await display_names.read(driver, organization_id, group.asked[place], shown)
