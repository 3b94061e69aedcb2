"""Requests for answers that are split by the values of dimensions (APIs, calls, quality), from friendly arguments."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from tallywire import requests
from tallywire.v1 import answer_pb2, api_usage_pb2, call_metrics_pb2, quality_pb2, time_pb2


class BreakdownOptions(requests.Only, total=False):
    """What such an answer may be besides a period.

    top: the most rows of each breakdown; without, 10.
    granularity, time_zone, week_start, compare: as in other questions.
    """

    top: int | None
    granularity: requests.GranularityName | None
    time_zone: str | None
    week_start: requests.WeekdayName | None
    compare: requests.Compare | None


class CallOptions(BreakdownOptions, total=False):
    """The options of an answer about calls.

    service_levels: within how many seconds a call is to be answered, at most five numbers; without, 20.
    """

    service_levels: Sequence[int]


class QualityOptions(BreakdownOptions, total=False):
    """The options of an answer about quality.

    rubric_version: the only version of the rubric to show. threshold: the score, from 0 to 1, below which a review is
    poor; without, 0.7.
    """

    rubric_version: str | None
    threshold: float | None


class _Common(TypedDict):
    """The fields that the requests have in common."""

    time_range: time_pb2.TimeRange
    filter: answer_pb2.Filter | None
    granularity: time_pb2.Granularity.ValueType
    top: int
    comparison: time_pb2.Comparison | None


def api_usage(start: datetime, end: datetime, options: BreakdownOptions) -> api_usage_pb2.GetApiUsageRequest:
    """Returns the request for how APIs are used. Raises ValueError for an unknown granularity or comparison."""
    return api_usage_pb2.GetApiUsageRequest(**_common(start, end, options))


def calls(start: datetime, end: datetime, options: CallOptions) -> call_metrics_pb2.GetCallMetricsRequest:
    """Returns the request for how calls went. Raises ValueError for an unknown granularity or comparison."""
    return call_metrics_pb2.GetCallMetricsRequest(
        service_level_seconds=options.get("service_levels", ()), **_common(start, end, options)
    )


def quality(start: datetime, end: datetime, options: QualityOptions) -> quality_pb2.GetQualityRequest:
    """Returns the request for how conversations were scored. Raises ValueError for an unknown granularity or
    comparison.
    """
    return quality_pb2.GetQualityRequest(
        rubric_version=options.get("rubric_version") or "",
        threshold=options.get("threshold"),
        **_common(start, end, options),
    )


def _common(start: datetime, end: datetime, options: BreakdownOptions) -> _Common:
    return {
        "time_range": requests.time_range(start, end, options.get("time_zone"), options.get("week_start")),
        "filter": requests.filter_of(options),
        "granularity": requests.granularity_number("granularity", options.get("granularity")),
        "top": options.get("top") or 0,
        "comparison": requests.comparison(options.get("compare")),
    }
