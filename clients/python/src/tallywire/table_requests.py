"""Requests for tables of metrics, and for values to choose from, from friendly arguments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

from tallywire import requests
from tallywire.v1 import metrics_service_pb2


class TableShape(TypedDict, total=False):
    """What a table may be besides a period and metrics: its rows, their order, and what stands beside the figures.

    group_by: the dimension that each row is about, or two of them; without, the answer is the total alone.
    order_by: one of the metrics; without, the first one. With ascending, the smallest figure comes first.
    series: the width of the points of a series beside each figure; "auto" leaves it to the server.
    time_zone, week_start, compare: as in other questions.
    """

    group_by: str | Sequence[str]
    order_by: str | None
    ascending: bool
    series: requests.GranularityName | Literal["auto"] | None
    time_zone: str | None
    week_start: requests.WeekdayName | None
    compare: requests.Compare | None


class TableOptions(TableShape, requests.Only, total=False):
    """The shape of a table and the arguments that narrow it."""


def table(
    start: datetime,
    end: datetime,
    metrics: Sequence[str],
    options: TableOptions,
    page_size: int | None = None,
    page_token: str = "",
) -> metrics_service_pb2.QueryMetricsRequest:
    """Returns the request for a page of a table. Raises ValueError for an unknown series or comparison."""
    group_by, series = options.get("group_by", ()), options.get("series")
    width = requests.granularity_number("series", None if series == "auto" else series)
    descending = metrics_service_pb2.SORT_DIRECTION_DESCENDING
    return metrics_service_pb2.QueryMetricsRequest(
        time_range=requests.time_range(start, end, options.get("time_zone"), options.get("week_start")),
        filter=requests.filter_of(options),
        group_by=(group_by,) if isinstance(group_by, str) else group_by,
        metrics=requests.names(metrics),
        order_by=options.get("order_by") or "",
        direction=metrics_service_pb2.SORT_DIRECTION_ASCENDING if options.get("ascending") else descending,
        page_size=page_size or 0,
        page_token=page_token,
        series=metrics_service_pb2.SeriesRequest(granularity=width) if series else None,
        comparison=requests.comparison(options.get("compare")),
    )


def dimension_values(
    dimension: str, prefix: str, start: datetime | None, end: datetime | None, page_size: int | None
) -> metrics_service_pb2.ListDimensionValuesRequest:
    """Returns the request for values of a dimension. Raises ValueError for a start without an end, or an end alone."""
    if (start is None) != (end is None):
        raise ValueError("start and end go together")
    return metrics_service_pb2.ListDimensionValuesRequest(
        dimension=dimension,
        prefix=prefix,
        time_range=requests.time_range(start, end, None) if start and end else None,
        page_size=page_size or 0,
    )
