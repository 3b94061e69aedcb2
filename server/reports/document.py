"""A report that was made: its period, its blocks with their figures, and what a reader must know of them.

A document knows neither messages nor formats of files. Every block is tables, too: files for programs and the
differences between two runs are made of those.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from server.exports.tables import DataColumn, DataContext, DataTable, Row, Value, ValueKind
from server.organizations.restriction import Restriction
from server.timerange import Interval

EARLIER = "earlier_"  # in front of the name of a column of the earlier period


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigure:
    """A key figure with the one of the earlier period. better is +1 where more is good news, -1 where less is, else 0;
    definition is empty where nobody has one.
    """

    column: DataColumn
    value: Value
    earlier: Value = None
    better: int = 0
    definition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartBucket:
    """A point in time of a chart. partial is "", "running", "cut" or "before" (the first event)."""

    start: datetime
    end: datetime
    partial: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLine:
    """A metric over the buckets of a chart, and over those of the earlier period, of which there may be fewer."""

    column: DataColumn
    values: Sequence[Value]
    earlier: Sequence[Value] = ()
    definition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportChart:
    """Series over time. granularity is a name such as "day"; earlier is the period that thin lines are of."""

    granularity: str
    buckets: Sequence[ChartBucket]
    lines: Sequence[ChartLine]
    earlier: Interval | None = None
    earlier_buckets: Sequence[ChartBucket] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRanking:
    """Values of a dimension by a metric, greatest first, as bars. remainder names what the bars leave of the whole."""

    column: DataColumn
    bars: Sequence[tuple[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachedStage:
    """A stage of a funnel: how many reached it, which share of those of the first stage, which share of those of the
    stage before, and how long they were within it.
    """

    name: str
    reached: int
    of_first: float | None
    of_previous: float | None
    median_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBlock:
    """A part of a report as it was answered. refusal says why there is no answer, if so; tables are what it is as
    tables, the first of which a reader sees. notes say what is not in it.
    """

    kind: str
    title: str
    note: str
    context: DataContext | None = None
    figures: Sequence[KeyFigure] = ()
    chart: ReportChart | None = None
    ranking: BarRanking | None = None
    stages: Sequence[ReachedStage] = ()
    tables: Sequence[DataTable] = ()
    page_break: bool = False
    refusal: str = ""

    @property
    def rows(self) -> int:
        """Returns how many rows its tables have."""
        return sum(len(one.rows) for one in self.tables)


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureDifference:
    """A figure that differs from that of an earlier run. block is the title of its block, row names the row in its
    table; empty where the table has one.
    """

    block: str
    row: str
    column: DataColumn
    before: Value
    now: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDocument:
    """A report that was made. restriction is the part of the organization that all of it is about; None: the whole."""

    title: str
    description: str
    organization: str
    locale: str
    range: str
    bounds: Interval
    zone: ZoneInfo
    earlier: Interval | None
    made_at: datetime
    requested_by: str
    version: int
    run_id: int
    blocks: Sequence[ReportBlock]
    restriction: Restriction | None = None
    is_scheduled: bool = False
    again_of: int | None = None
    differences: Sequence[FigureDifference] | None = None  # None: it is compared with no run
    definitions: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # by metric: its title, what it means

    @property
    def contexts(self) -> list[DataContext]:
        """Returns the contexts of its answers."""
        return [one.context for one in self.blocks if one.context is not None]

    @property
    def revisions(self) -> tuple[int, int]:
        """Returns the lowest and the highest revision of its answers; 0 where it has none."""
        found = [one.revision for one in self.contexts if one.revision]
        return (min(found), max(found)) if found else (0, 0)

    @property
    def as_of(self) -> datetime | None:
        """Returns the instant of the newest answer."""
        return max((one.as_of for one in self.contexts if one.as_of is not None), default=None)

    @property
    def still_running(self) -> bool:
        """Returns whether the period had not ended when an answer was read."""
        return any(one.still_running for one in self.contexts)

    @property
    def failed(self) -> int:
        """Returns how many blocks have no answer."""
        return sum(bool(one.refusal) for one in self.blocks)

    @property
    def rows(self) -> int:
        """Returns how many rows all tables have."""
        return sum(one.rows for one in self.blocks)

    def tables(self) -> Iterator[tuple[int, ReportBlock, DataTable]]:
        """Yields all tables, each with the number of its block, from 1."""
        for place, block in enumerate(self.blocks, 1):
            for table in block.tables:
                yield place, block, table


def table_of_figures(figures: Sequence[KeyFigure], context: DataContext) -> DataTable:
    """Returns key figures as a table of one row, with those of the earlier period behind them where there are some."""
    columns, row = [one.column for one in figures], [one.value for one in figures]
    for one in figures:
        if one.earlier is not None:
            columns.append(earlier_column(one.column))
            row.append(one.earlier)
    return DataTable(name="figures", title="Figures", columns=columns, context=context, rows=[row])


def table_of_chart(chart: ReportChart, context: DataContext) -> DataTable:
    """Returns series as a table, a row for each bucket, with the bucket of the earlier period beside it."""
    columns = [
        DataColumn(name="start", title="Start", kind=ValueKind.INSTANT),
        DataColumn(name="end", title="End", kind=ValueKind.INSTANT),
        DataColumn(name="partial", title="Partial", kind=ValueKind.TEXT),
        *(one.column for one in chart.lines),
    ]
    compared = [one for one in chart.lines if one.earlier]
    if compared:
        columns.append(DataColumn(name="earlier_start", title="Earlier start", kind=ValueKind.INSTANT))
    columns += [earlier_column(one.column) for one in compared]
    rows: list[Row] = []
    for place, bucket in enumerate(chart.buckets):
        row: list[Value] = [bucket.start, bucket.end, bucket.partial or None]
        row += [one.values[place] for one in chart.lines]
        if compared:
            is_there = place < len(chart.earlier_buckets)
            row.append(chart.earlier_buckets[place].start if is_there else None)
            row += [one.earlier[place] if place < len(one.earlier) else None for one in compared]
        rows.append(row)
    return DataTable(name="series", title="Series", columns=columns, context=context, rows=rows)


def earlier_column(column: DataColumn) -> DataColumn:
    """Returns the column of a figure's earlier value."""
    return DataColumn(
        name=EARLIER + column.name,
        title=f"{column.title}, earlier",
        kind=column.kind,
        unit=column.unit,
        currency=column.currency,
        whole=column.whole,
    )
