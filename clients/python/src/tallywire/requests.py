"""Requests from friendly arguments, and their limits."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypedDict, get_args

from google.protobuf import timestamp_pb2

from tallywire import events, ids
from tallywire.v1 import (
    answer_pb2,
    error_reason_pb2,
    event_pb2,
    event_service_pb2,
    metrics_service_pb2,
    realtime_service_pb2,
    time_pb2,
)

MAX_EVENTS: Final = 1_000
MAX_BYTES: Final = 3_670_016  # 3.5 MiB: the server takes 4 MiB, headers and framing included
_INVALID_ARGUMENT: Final = 3

GranularityName = Literal[
    "minute", "five_minutes", "quarter_hour", "half_hour", "hour", "day", "week", "month", "quarter", "year"
]

_GRANULARITIES: Final = {
    "minute": time_pb2.GRANULARITY_MINUTE,
    "five_minutes": time_pb2.GRANULARITY_FIVE_MINUTES,
    "quarter_hour": time_pb2.GRANULARITY_QUARTER_HOUR,
    "half_hour": time_pb2.GRANULARITY_HALF_HOUR,
    "hour": time_pb2.GRANULARITY_HOUR,
    "day": time_pb2.GRANULARITY_DAY,
    "week": time_pb2.GRANULARITY_WEEK,
    "month": time_pb2.GRANULARITY_MONTH,
    "quarter": time_pb2.GRANULARITY_QUARTER,
    "year": time_pb2.GRANULARITY_YEAR,
}


WeekdayName = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_WEEKDAYS: Final = get_args(WeekdayName)

CompareName = Literal["previous", "week", "month", "year"]
# An earlier period to compare with: by its name, or its start and end.
Compare = CompareName | tuple[datetime, datetime]

_COMPARISONS: Final = {
    "previous": time_pb2.COMPARISON_MODE_PREVIOUS_PERIOD,
    "week": time_pb2.COMPARISON_MODE_PREVIOUS_WEEK,
    "month": time_pb2.COMPARISON_MODE_PREVIOUS_MONTH,
    "year": time_pb2.COMPARISON_MODE_PREVIOUS_YEAR,
}

# Values by the names of dimensions: {"model": "small-2"}, or several of one: {"team": ["north", "south"]}.
Dimensions = Mapping[str, str | Sequence[str]]


class Only(TypedDict, total=False):
    """The arguments that narrow an answer. The server says which of them can be combined."""

    agent_id: str | None
    channel: str | None
    team_id: str | None
    dimensions: Dimensions | None


class RealtimeOnly(TypedDict, total=False):
    """The arguments that narrow realtime figures and updates: to some values of one dimension."""

    agent_ids: Sequence[str]
    channel: str | None
    dimensions: Dimensions | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPart:
    """Some consecutive events of a batch: to be sent together, or already refused because no request can carry them."""

    events: Sequence[event_pb2.Event]
    refused: event_service_pb2.EventResult | None = None


def size(event: event_pb2.Event) -> int:
    """Returns the bytes that an event takes up in a batch: its own, a tag and a length."""
    return event.ByteSize() + 6


def parts(batch: Iterable[event_pb2.Event]) -> Iterator[RequestPart]:
    """Yields a batch of any size as parts that each fit in a request, in order; events without an id get one."""
    gathered: list[event_pb2.Event] = []
    total = 0
    for event in map(ids.ensure_id, batch):
        extent = size(event)
        if gathered and (len(gathered) == MAX_EVENTS or total + extent > MAX_BYTES):
            yield RequestPart(events=gathered)
            gathered, total = [], 0
        if extent > MAX_BYTES:
            yield RequestPart(events=[event], refused=_too_large(event))
            continue
        gathered.append(event)
        total += extent
    if gathered:
        yield RequestPart(events=gathered)


def _too_large(event: event_pb2.Event) -> event_service_pb2.EventResult:
    """Returns the result that the server would give, had the event fitted in a request."""
    rejection = event_service_pb2.Rejection(
        reason=error_reason_pb2.ERROR_REASON_EVENT_TOO_LARGE,
        message="The event does not fit in a request.",
        code=_INVALID_ARGUMENT,
    )
    return event_service_pb2.EventResult(
        event_id=event.event_id, status=event_service_pb2.EVENT_STATUS_REJECTED, rejection=rejection
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientClock:
    """What requests say of this machine's clock: with `stamp` its time, read anew for each request.

    `correct` asks the server to move the times of the events by the clock's error.
    """

    stamp: bool
    correct: bool

    def __post_init__(self) -> None:
        """Raises ValueError for a correction without the clock to correct."""
        if self.correct and not self.stamp:
            raise ValueError("correct_clock needs stamp_sent_at: the server compares that with its own clock")

    def sent_at(self) -> timestamp_pb2.Timestamp | None:
        """Returns what the clock shows, or None to leave the field unset."""
        return events.timestamp(datetime.now(UTC), "sent_at") if self.stamp else None


def track_event(event: event_pb2.Event, clock: ClientClock) -> event_service_pb2.TrackEventRequest:
    """Returns the request for one event, stamped anew with each call."""
    return event_service_pb2.TrackEventRequest(event=event, sent_at=clock.sent_at(), correct_clock=clock.correct)


def track_events(batch: Iterable[event_pb2.Event], clock: ClientClock) -> event_service_pb2.TrackEventsRequest:
    """Returns the request for a batch that fits, stamped anew with each call."""
    return event_service_pb2.TrackEventsRequest(events=batch, sent_at=clock.sent_at(), correct_clock=clock.correct)


def overview(period: time_pb2.TimeRange, compare: Compare | None, only: Only) -> metrics_service_pb2.GetOverviewRequest:
    """Returns the request for the key figures of a period."""
    return metrics_service_pb2.GetOverviewRequest(
        time_range=period, comparison=comparison(compare), filter=answer_filter(**only)
    )


class AgentOptions(TypedDict, total=False):
    """What an answer about one agent or team may be besides a period.

    trend_days: the last days of the period that the trend covers; without, 7.
    trend_granularity: the width of the points of the trend; without, a day.
    time_zone, week_start, compare: as in other questions.
    """

    trend_days: int | None
    trend_granularity: GranularityName | None
    time_zone: str | None
    week_start: WeekdayName | None
    compare: Compare | None


def agent(
    start: datetime, end: datetime, options: AgentOptions, *, agent_id: str = "", team_id: str = ""
) -> metrics_service_pb2.GetAgentMetricsRequest:
    """Returns the request for the figures of one agent or team. Raises ValueError for an unknown granularity."""
    return metrics_service_pb2.GetAgentMetricsRequest(
        agent_id=agent_id,
        team_id=team_id,
        time_range=time_range(start, end, options.get("time_zone"), options.get("week_start")),
        trend_days=options.get("trend_days") or 0,
        trend_granularity=granularity_number("trend_granularity", options.get("trend_granularity")),
        comparison=comparison(options.get("compare")),
    )


def usage(
    period: time_pb2.TimeRange,
    granularity: GranularityName | None,
    metrics: Sequence[str],
    compare: Compare | None,
    since_revision: int,
    only: Only,
) -> metrics_service_pb2.GetUsageTrendsRequest:
    """Returns the request for series. Raises ValueError for an unknown granularity."""
    return metrics_service_pb2.GetUsageTrendsRequest(
        time_range=period,
        granularity=granularity_number("granularity", granularity),
        metrics=names(metrics),
        comparison=comparison(compare),
        since_revision=since_revision,
        filter=answer_filter(**only),
    )


def daily_stats(period: time_pb2.TimeRange) -> metrics_service_pb2.GetDailyStatsRequest:
    """Returns the request for a row for each day of a period."""
    return metrics_service_pb2.GetDailyStatsRequest(time_range=period)


class RoiAssumptions(TypedDict, total=False):
    """What the return of AI agents is worked out with; what is left out is the organization's, or the service's."""

    hourly_cost_micros: int | None
    handling_time_ms: int | None
    conversation_cost_micros: int | None


def roi(
    period: time_pb2.TimeRange,
    granularity: GranularityName | None,
    compare: Compare | None,
    assumptions: RoiAssumptions,
    only: Only,
) -> metrics_service_pb2.GetRoiRequest:
    """Returns the request for the return of AI agents, with a series if a granularity is given."""
    return metrics_service_pb2.GetRoiRequest(
        time_range=period,
        filter=answer_filter(**only),
        assumptions=metrics_service_pb2.RoiAssumptions(**assumptions),
        comparison=comparison(compare),
        series=series(granularity),
    )


def costs(
    period: time_pb2.TimeRange, rows: int | None, granularity: GranularityName | None, compare: Compare | None
) -> metrics_service_pb2.GetCostsRequest:
    """Returns the request for costs, with a series if a granularity is given."""
    return metrics_service_pb2.GetCostsRequest(
        time_range=period, rows=rows or 0, comparison=comparison(compare), series=series(granularity)
    )


def series(granularity: GranularityName | None) -> metrics_service_pb2.SeriesRequest | None:
    """Returns the request for a series of that width, or None without one. Raises ValueError for an unknown one."""
    if granularity is None:
        return None
    return metrics_service_pb2.SeriesRequest(granularity=granularity_number("granularity", granularity))


def comparison(compare: Compare | None) -> time_pb2.Comparison | None:
    """Returns the comparison, or None without one. Raises ValueError for another name and for naive datetimes."""
    if compare is None:
        return None
    if isinstance(compare, str):
        if compare not in _COMPARISONS:
            raise ValueError(f"compare is one of {', '.join(_COMPARISONS)} or a start and an end, not {compare!r}")
        return time_pb2.Comparison(mode=_COMPARISONS[compare])
    start, end = compare
    return time_pb2.Comparison(
        mode=time_pb2.COMPARISON_MODE_CUSTOM,
        start=events.timestamp(start, "compare"),
        end=events.timestamp(end, "compare"),
    )


def time_range(
    start: datetime, end: datetime, zone: str | None, week_start: WeekdayName | None = None
) -> time_pb2.TimeRange:
    """Returns the period [start, end). Raises ValueError for naive datetimes and for what is no day of the week."""
    if week_start is not None and week_start not in _WEEKDAYS:
        raise ValueError(f"week_start is one of {', '.join(_WEEKDAYS)}, not {week_start!r}")
    return time_pb2.TimeRange(
        start=events.timestamp(start, "start"),
        end=events.timestamp(end, "end"),
        time_zone=zone or "",
        week_start=time_pb2.Weekday.Value(f"WEEKDAY_{(week_start or 'unspecified').upper()}"),
    )


def answer_filter(
    *,
    agent_id: str | None = None,
    channel: str | None = None,
    team_id: str | None = None,
    dimensions: Dimensions | None = None,
) -> answer_pb2.Filter | None:
    """Returns the filter, or None without any."""
    if not (agent_id or channel or team_id or dimensions):
        return None
    return answer_pb2.Filter(
        agent_id=agent_id or "", channel=channel or "", team_id=team_id or "", dimensions=_filters(dimensions)
    )


def filter_of(options: Only) -> answer_pb2.Filter | None:
    """Returns the filter of options, among which there may be others, or None without any."""
    return answer_filter(
        agent_id=options.get("agent_id"),
        channel=options.get("channel"),
        team_id=options.get("team_id"),
        dimensions=options.get("dimensions"),
    )


def realtime_filter(
    *, agent_ids: Sequence[str] = (), channel: str | None = None, dimensions: Dimensions | None = None
) -> realtime_service_pb2.RealtimeFilter | None:
    """Returns the filter, or None without any."""
    if isinstance(agent_ids, str):
        raise TypeError("agent_ids is a sequence of ids, not one text")
    if not (agent_ids or channel or dimensions):
        return None
    return realtime_service_pb2.RealtimeFilter(
        agent_ids=agent_ids, channel=channel or "", dimensions=_filters(dimensions)
    )


def granularity_number(argument: str, name: GranularityName | None) -> time_pb2.Granularity.ValueType:
    """Returns the granularity of a name, unspecified without one. Raises ValueError for another name."""
    if name is None:
        return time_pb2.GRANULARITY_UNSPECIFIED
    if name not in _GRANULARITIES:
        raise ValueError(f"{argument} is one of {', '.join(_GRANULARITIES)}, not {name!r}")
    return _GRANULARITIES[name]


def names(metrics: Sequence[str]) -> Sequence[str]:
    """Returns the names of metrics. Raises TypeError for a single text, whose letters would be taken for names."""
    if isinstance(metrics, str):
        raise TypeError("metrics is a sequence of names, not one text")
    return metrics


def _filters(dimensions: Dimensions | None) -> list[answer_pb2.DimensionFilter]:
    """Returns a filter for each value. Raises ValueError for a dimension without any: it would not narrow anything."""
    found = []
    for name, values in (dimensions or {}).items():
        if not values:
            raise ValueError(f"dimensions: {name} has no value")
        several = (values,) if isinstance(values, str) else values
        found += [answer_pb2.DimensionFilter(dimension=name, value=value) for value in several]
    return found
