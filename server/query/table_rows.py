"""The rows of a table: what was asked, what is read for them, and how they are made of that."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from server.catalog import dimensions, figures
from server.catalog.catalogue import Catalogue
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figure, Figures
from server.catalog.filters import Filter
from server.catalog.selections import Reading, Selection
from server.errors import Reason, Refused
from server.query import display_names, rows_tokens
from server.query.answers import Context, Period, Source
from server.query.comparison import Comparison, Earlier
from server.query.grouping import Grouping
from server.query.ranking import Order
from server.query.rows_tokens import CountedRows
from server.timerange import Granularity, Interval

MAX_POINTS, MAX_FIGURES = 20_000, 200_000  # of all series of a page


@dataclass(frozen=True, slots=True, kw_only=True)
class TableQuestion:
    """A question for a table. Without a grouping it is the total alone.

    has_series asks for series, of a granularity that the service chooses where none is given; with_rows asks for the
    rows behind figures. catalogue has what it names.
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
    with_rows: bool = False

    @property
    def order(self) -> Order:
        """Returns the order of rows."""
        return Order(metric=self.order_by, descending=self.descending, catalogue=self.catalogue)

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one table."""
        group = self.grouping and [one.number for one in self.grouping.asked]
        period = (self.period.start, self.period.end, self.period.zone, self.period.week_start)
        series = (self.has_series, self.granularity, self.comparison, self.with_rows)
        part = (self.part.dimension.number, self.part.value)
        return repr((*map(str, period), part, group, self.metrics, self.order_by, self.descending, series))


def check_points(buckets: int, rows: int, metrics: int) -> None:
    """Refuses series of so many rows with more points, or more figures, than a page may have."""
    points = buckets * rows
    if points > MAX_POINTS or points * metrics > MAX_FIGURES:
        raise Refused(
            Reason.TOO_MANY_POINTS,
            f"the series of {rows} rows would have {points} points of {metrics} metrics: at most {MAX_POINTS} points"
            f" and {MAX_FIGURES} figures are answered; ask for a coarser granularity, a smaller page_size or fewer"
            " metrics",
            field="series",
            metadata={"limit": str(MAX_POINTS)},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row: what it is about, what people call that, its figures, what these open, and the figures of each bucket of
    its series.

    earlier has its figures of the earlier period, None where there is nothing to compare with.
    """

    values: Sequence[str] = ()
    display_name: str = ""
    figures: Figures
    series: Sequence[Figures] = ()
    earlier: Figures | None = None
    opened: Mapping[str, CountedRows] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan:
    """What to read: the total, the rows of a page in order, and the series of each; and of the earlier period. points
    are those of the total's series, one for each bucket.

    skip rows come before them. counted has the cells of those that were counted from raw events already, found those
    that were read. kept_from is the quarter hour from which on figures are kept.
    """

    skip: int
    distinct_values: int
    values: Sequence[str]
    total: Selection
    rows: Sequence[Selection]
    other: Selection | None
    granularity: Granularity | None
    buckets: Sequence[Interval]
    points: Sequence[Selection]
    counted: Mapping[Selection, Cell]
    earlier: Earlier | None
    kept_from: int
    found: Mapping[Selection, Cell] = field(default_factory=dict)
    event_types: None = None

    def source(self, of_others: Source) -> Source:
        """Returns what the answer is read from, others than its rows from a source: some rows are counted from raw
        events, but for users without series.
        """
        is_counted = any(one.dimension is not dimensions.USER or self.buckets for one in self.counted)
        return Source.BOTH if is_counted else of_others

    def selections(self) -> Iterator[Selection]:
        """Returns what is to be read of the whole."""
        if self.total not in self.counted:
            yield from self._all_of(self.total)
        if self.other is not None and not self.counted:
            yield self.other
            yield from self.before(self.other)

    def of_rows(self) -> list[Selection]:
        """Returns what is to be read of rows."""
        return [each for one in self.rows if one not in self.counted for each in self._all_of(one)]

    def _all_of(self, one: Selection) -> Iterator[Selection]:
        yield one
        yield from self.series(one)
        yield from self.before(one)

    def before(self, row: Selection) -> list[Selection]:
        """Returns what a row is compared with, in a list, which is empty without a comparison."""
        if self.earlier is None or self.earlier.is_before_floor:
            return []
        return [Selection.within(row.part, self.earlier.bounds)]

    def series(self, row: Selection) -> list[Selection]:
        """Returns the points of a row's series."""
        part = row.part
        return [one.of_part(part) for one in self.points]


class RowMaker:
    """Makes the rows of a page from what was read for it."""

    def __init__(
        self,
        question: TableQuestion,
        plan: TablePlan,
        found: Reading,
        names: Mapping[str, str],
        context: Context,
        *,
        has_earlier: bool,
    ) -> None:
        self._has_earlier = has_earlier
        self._context = context if question.with_rows else None
        self._group, self._names = question.grouping, names
        self._metrics, self._catalogue, self._plan = question.metrics, question.catalogue, plan
        self._cells = {**found.cells, **plan.found, **plan.counted}
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

    async def rows(self) -> list[Row]:
        """Returns the rows, and yields to the event loop between them."""
        made: list[Row] = []
        for one, value in zip(self._plan.rows, self._plan.values, strict=True):
            if self._group is not None:
                made.append(self._row(one, self._group.values(value)))
            await asyncio.sleep(0)
        return made

    def other(self) -> Row | None:
        one = self._plan.other
        if one is None or one not in self._cells or not self._cells[one].counters:
            return None
        return Row(figures=self._figures(one), earlier=self._earlier(one), opened=self._opened(one))

    def shown(self, rows: Sequence[Row], before: Sequence[int]) -> list[int]:
        """Returns what rows add up to, those of the pages before included, for each metric that adds up."""
        return [
            shown + sum(int(row.figures[name] or 0) for row in rows)
            for name, shown in zip(self.additive, before, strict=True)
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
        place = display_names.place(self._group.asked) if self._group is not None and values else None
        return Row(
            values=values,
            display_name="" if place is None else self._names.get(values[place], ""),
            figures=self._figures(one),
            series=[self._figures(point) for point in self._plan.series(one)],
            earlier=self._earlier(one),
            opened=self._opened(one),
        )

    def _opened(self, one: Selection) -> dict[str, CountedRows]:
        """Returns the rows behind the figures of a row, if they are asked for."""
        if self._context is None:
            return {}
        part, cell = Filter(dimension=one.dimension, value=one.value), self._cells.get(one, Cell())
        return rows_tokens.opened(self._metrics, cell, part, self._context, self._catalogue)

    def _earlier(self, one: Selection) -> Figures | None:
        if not self._has_earlier:
            return None
        (before,) = self._plan.before(one)
        return self._figures(before)

    def _figures(self, one: Selection) -> Figures:
        return figures.figures(self._metrics, self._cells.get(one, Cell()), one.dimension, self._catalogue)
