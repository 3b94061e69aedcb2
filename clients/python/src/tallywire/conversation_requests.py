"""Requests about conversations from friendly arguments."""

from datetime import datetime
from typing import Final, Literal

from tallywire import requests
from tallywire.v1 import conversation_metrics_pb2

CohortName = Literal["closed", "started"]
_COHORTS: Final = {
    "closed": conversation_metrics_pb2.CONVERSATION_COHORT_CLOSED,
    "started": conversation_metrics_pb2.CONVERSATION_COHORT_STARTED,
}


class ConversationOptions(requests.Only, total=False):
    """What an answer about conversations may be besides a period.

    cohort: the conversations "closed" in the period, as without it, or those "started" in it, as they stand now.
    top: the most rows of each breakdown. durable_days, repeat_days: how long a resolution must hold, and within how
    many days another conversation is a repeat contact; without, 7.
    granularity, time_zone, week_start, compare: as in other questions.
    """

    cohort: CohortName | None
    top: int | None
    durable_days: int | None
    repeat_days: int | None
    granularity: requests.GranularityName | None
    time_zone: str | None
    week_start: requests.WeekdayName | None
    compare: requests.Compare | None


def metrics(
    start: datetime, end: datetime, options: ConversationOptions
) -> conversation_metrics_pb2.GetConversationMetricsRequest:
    """Returns the request for how conversations went. Raises ValueError for an unknown cohort."""
    cohort = options.get("cohort") or "closed"
    if cohort not in _COHORTS:
        raise ValueError(f"cohort is one of {', '.join(_COHORTS)}, not {cohort!r}")
    return conversation_metrics_pb2.GetConversationMetricsRequest(
        time_range=requests.time_range(start, end, options.get("time_zone"), options.get("week_start")),
        filter=requests.filter_of(options),
        cohort=_COHORTS[cohort],
        granularity=requests.granularity_number("granularity", options.get("granularity")),
        top=options.get("top") or 0,
        durable_days=options.get("durable_days") or 0,
        repeat_days=options.get("repeat_days") or 0,
        comparison=requests.comparison(options.get("compare")),
    )
