"""Answers as columns with names: what data frames and CSV are made of.

The columns depend on the question and never on its figures. A figure that is absent is None.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from google.protobuf import timestamp_pb2

from tallywire.v1 import metrics_service_pb2

Table = metrics_service_pb2.QueryMetricsResponse
Usage = metrics_service_pb2.GetUsageTrendsResponse
Cell = str | int | float | datetime | None

ROW: Final = "row"
START: Final = "start"
END: Final = "end"
_NAME: Final = "display_name"
_EARLIER: Final = "earlier_"


class ColumnKind(Enum):
    """What a column holds."""

    TEXT = "text"
    TIME = "time"  # aware datetimes in UTC
    FIGURE = "figure"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerColumn:
    """A column with its cells, one for each row."""

    name: str
    kind: ColumnKind = ColumnKind.FIGURE
    cells: list[Cell] = field(default_factory=list)


def of_table(table: Table, *, totals: bool = False, series: bool = False) -> list[AnswerColumn]:
    """Returns the values of the rows, their display names and their figures; with a comparison also the earlier ones.

    With totals the rows total, rest and other follow, where there are any, and a first column "row" tells them apart. A
    table without group_by is its total. With series each row is as many rows as there are buckets, with start and end,
    and without those that have no series: rest and other. Raises ValueError for series that were not asked for.
    """
    if series and not table.buckets:
        raise ValueError("the answer has no series: ask for them (series=…)")
    columns = [AnswerColumn(name=ROW, kind=ColumnKind.TEXT)] if totals else []
    columns += [AnswerColumn(name=name, kind=ColumnKind.TEXT) for name in table.group_by]
    if table.group_by:
        columns.append(AnswerColumn(name=_NAME, kind=ColumnKind.TEXT))
    if series:
        columns += [AnswerColumn(name=START, kind=ColumnKind.TIME), AnswerColumn(name=END, kind=ColumnKind.TIME)]
    columns += [AnswerColumn(name=one.metric) for one in table.metrics]
    if table.HasField("compared") and not series:
        columns += [AnswerColumn(name=_EARLIER + one.metric) for one in table.metrics]
    for cells in _rows(table, totals, series):
        for column, cell in zip(columns, cells, strict=True):
            column.cells.append(cell)
    return columns


def of_usage(usage: Usage) -> list[AnswerColumn]:
    """Returns start and end of the buckets and their figures; with a comparison also the bounds and figures before."""
    bounds = (AnswerColumn(name=START, kind=ColumnKind.TIME), AnswerColumn(name=END, kind=ColumnKind.TIME))
    columns = [*_filled(bounds, usage.buckets), *_series("", usage.series)]
    if usage.HasField("compared"):
        before = (
            AnswerColumn(name=_EARLIER + START, kind=ColumnKind.TIME),
            AnswerColumn(name=_EARLIER + END, kind=ColumnKind.TIME),
        )
        columns += _filled(before, usage.earlier_buckets)
        # Where there is nothing to compare with, the columns are there all the same, and empty.
        absent = [metrics_service_pb2.Series(metric=one.metric) for one in usage.series]
        columns += _series(_EARLIER, usage.earlier_series or absent)
    for column in columns:
        column.cells.extend([None] * (len(usage.buckets) - len(column.cells)))
    return columns


def figure(value: metrics_service_pb2.SeriesValue) -> int | float | None:
    """Returns a figure, or None where it is absent."""
    match value.WhichOneof("value"):
        case "integer":
            return value.integer
        case "number":
            return value.number
    return None


def _rows(table: Table, totals: bool, series: bool) -> Iterator[list[Cell]]:
    apart = [("total", table.total)]
    apart += [(name, getattr(table, name)) for name in ("rest", "other") if table.HasField(name)]
    named = [("value", row) for row in table.rows]
    if totals:
        named += apart
    elif not table.group_by:
        named = apart[:1]
    for name, row in named:
        begin: list[Cell] = [name] if totals else []
        begin += row.values or [None] * len(table.group_by)
        if table.group_by:
            begin.append(row.display_name or None)
        if series:
            yield from _points(table, row, begin)
            continue
        cells: list[Cell] = [*begin, *map(figure, row.figures)]
        if table.HasField("compared"):
            cells += [figure(one) for one in row.earlier_figures] or [None] * len(table.metrics)
        yield cells


def _points(table: Table, row: metrics_service_pb2.MetricRow, begin: list[Cell]) -> Iterator[list[Cell]]:
    """Yields a row for each bucket of a row that has series."""
    for place, bucket in enumerate(table.buckets if row.series else ()):
        yield [*begin, _instant(bucket.start), _instant(bucket.end), *(figure(one.values[place]) for one in row.series)]


def _filled(
    bounds: tuple[AnswerColumn, AnswerColumn], buckets: Sequence[metrics_service_pb2.Bucket]
) -> tuple[AnswerColumn, AnswerColumn]:
    """Returns two columns with the starts and the ends of buckets."""
    bounds[0].cells.extend(_instant(one.start) for one in buckets)
    bounds[1].cells.extend(_instant(one.end) for one in buckets)
    return bounds


def _series(prefix: str, series: Sequence[metrics_service_pb2.Series]) -> list[AnswerColumn]:
    return [AnswerColumn(name=prefix + one.metric, cells=[figure(value) for value in one.values]) for one in series]


def _instant(stamp: timestamp_pb2.Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
