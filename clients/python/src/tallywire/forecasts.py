"""Forecasts: how a client asks what is expected next, and how wrong that may be."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal, Unpack, get_args

import grpc

from tallywire import events, requests, retries
from tallywire.v1 import forecast_service_pb2, forecast_service_pb2_grpc, time_pb2

WidthName = Literal["hour", "day", "week", "month"]
WIDTHS: Final = get_args(WidthName)
# What a client calls a method with, as its questions do.
Call = Callable[["grpc.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None], Any]


class ForecastOptions(requests.Only, total=False):
    """What a forecast may be of, besides a metric.

    granularity: the width of points, "hour", "day", "week" or "month"; without, days.
    horizon: how many points; without, 24 hours, 14 days, 4 weeks or 3 months.
    start, end: the history; without both, as much as helps, up to now.
    time_zone: whose hours and days points are; without, the organization's.
    holidays: the dates of each kind of day that is not like others, past ones and those to come.
    limit: asks when this value is reached.
    """

    granularity: WidthName
    horizon: int | None
    start: datetime | None
    end: datetime | None
    time_zone: str | None
    holidays: Mapping[str, Sequence[date]] | None
    limit: float | None


def request(metric: str, options: ForecastOptions) -> forecast_service_pb2.GetForecastRequest:
    """Returns the request for a forecast. Raises ValueError for another granularity, half a period and naive times."""
    width = options.get("granularity", "day")
    if width not in WIDTHS:
        raise ValueError(f"granularity is one of {', '.join(WIDTHS)}, not {width!r}")
    start, end = options.get("start"), options.get("end")
    if (start is None) != (end is None):
        raise ValueError("start and end go together")
    return forecast_service_pb2.GetForecastRequest(
        metric=metric,
        filter=requests.answer_filter(
            agent_id=options.get("agent_id"),
            channel=options.get("channel"),
            team_id=options.get("team_id"),
            dimensions=options.get("dimensions"),
        ),
        granularity=requests.granularity_number("granularity", width),
        horizon=options.get("horizon") or 0,
        time_range=time_pb2.TimeRange(
            start=None if start is None else events.timestamp(start, "start"),
            end=None if end is None else events.timestamp(end, "end"),
            time_zone=options.get("time_zone") or "",
        ),
        holidays=[
            forecast_service_pb2.Holiday(name=name, dates=[day.isoformat() for day in dates])
            for name, dates in (options.get("holidays") or {}).items()
        ],
        limit=options.get("limit"),
    )


class ClientForecasts:
    """Forecasts of the organization, as `client.forecasts`."""

    def __init__(self, channel: grpc.Channel, call: Call) -> None:
        self._stub = forecast_service_pb2_grpc.ForecastServiceStub(channel)
        self._call = call

    def forecast(
        self, metric: str, *, timeout: float | None = None, **options: Unpack[ForecastOptions]
    ) -> forecast_service_pb2.GetForecastResponse:
        """Returns what a metric is expected to be next, with intervals and the errors of such forecasts in the past.

        The options are those of ForecastOptions, and what keeps a part of the organization. Raises FailedPrecondition
        where the history is too short to know the error.
        """
        asked = request(metric, options)
        found: forecast_service_pb2.GetForecastResponse = self._call(
            self._stub.GetForecast, lambda: asked, retries.QUERY, timeout
        )
        return found
