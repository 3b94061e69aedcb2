"""Answers as data frames of pandas or polars, which are extras: they are imported when a frame is made.

A table (QueryMetrics) becomes a row for each of its rows, and series (GetUsageTrends) a row for each bucket. Figures
are in the units of the catalogue. Whole numbers stay whole, and an absent figure is missing, never 0.
"""

import zoneinfo
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

from tallywire import answer_columns
from tallywire.answer_columns import START, AnswerColumn, ColumnKind, Table, Usage

if TYPE_CHECKING:
    import pandas
    import polars


def to_pandas(answer: Table | Usage, *, totals: bool = False, series: bool = False) -> "pandas.DataFrame":
    """Returns an answer as a frame of pandas.

    A table has the columns of group_by, display_name and a column for each metric, with a comparison also those of the
    earlier period ("earlier_events"). With totals the rows total, rest and other follow, told apart by a first column
    "row". With series it is a row for each row and bucket.

    Series have the starts of the buckets as their index, in the time zone of the answer (UTC where this machine does
    not know it). Raises ModuleNotFoundError without pandas, and ValueError for series that the answer does not have.
    """
    try:
        import pandas
    except ModuleNotFoundError as missing:
        raise _without("pandas", missing) from None
    made = {}
    for column in _columns(answer, totals, series):
        match column.kind:
            case ColumnKind.TEXT:
                made[column.name] = pandas.Series(column.cells, dtype="string")
            case ColumnKind.TIME:
                times = pandas.Series(pandas.to_datetime(column.cells, utc=True))
                made[column.name] = times.dt.tz_convert(_zone(answer))
            case ColumnKind.FIGURE:
                made[column.name] = pandas.Series(column.cells, dtype="Int64" if _is_whole(column) else "float64")
    frame = pandas.DataFrame(made)
    return frame.set_index(START) if START in made else frame


def to_polars(answer: Table | Usage, *, totals: bool = False, series: bool = False) -> "polars.DataFrame":
    """Returns an answer as a frame of polars, as to_pandas() does; the starts of buckets are its column "start"."""
    try:
        import polars
    except ModuleNotFoundError as missing:
        raise _without("polars", missing) from None
    made = []
    for column in _columns(answer, totals, series):
        match column.kind:
            case ColumnKind.TEXT:
                made.append(polars.Series(column.name, column.cells, dtype=polars.String))
            case ColumnKind.TIME:
                times = polars.Series(column.name, column.cells, dtype=polars.Datetime("us", "UTC"))
                made.append(times.dt.convert_time_zone(str(_zone(answer))))
            case ColumnKind.FIGURE:
                dtype = polars.Int64 if _is_whole(column) else polars.Float64
                made.append(polars.Series(column.name, column.cells, dtype=dtype))
    return polars.DataFrame(made)


def _columns(answer: Table | Usage, totals: bool, series: bool) -> list[AnswerColumn]:
    """Returns the columns of a frame: of the bounds of a bucket its start alone."""
    if isinstance(answer, Table):
        columns = answer_columns.of_table(answer, totals=totals, series=series)
    elif totals or series:
        raise ValueError("totals and series are for tables: these are series")
    else:
        columns = answer_columns.of_usage(answer)
    return [column for column in columns if column.kind is not ColumnKind.TIME or column.name == START]


def _is_whole(column: AnswerColumn) -> bool:
    """Returns whether figures are counts or sums, which are whole; the server sends others as numbers."""
    return any(isinstance(cell, int) for cell in column.cells)


def _zone(answer: Table | Usage) -> tzinfo:
    try:
        return zoneinfo.ZoneInfo(answer.context.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _without(extra: str, missing: ModuleNotFoundError) -> ModuleNotFoundError:
    """Returns the error that says what to install; the error itself if it is something else that is missing."""
    if missing.name != extra:
        return missing
    return ModuleNotFoundError(f"to_{extra}() needs the extra {extra}: pip install {extra}", name=extra)
