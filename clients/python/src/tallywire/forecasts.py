"""Forecasts: how a client asks what is expected next, and how wrong that may be."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal, TypedDict, Unpack, get_args

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
        filter=requests.filter_of(options),
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


class ChurnOptions(TypedDict, total=False):
    """What a forecast of users may be of.

    start, end: the history, in days of UTC; without both, two years up to today.
    horizon_days: how many days ahead; without, 28.
    """

    start: datetime | None
    end: datetime | None
    horizon_days: int | None


class RiskOptions(ChurnOptions, total=False):
    """What a list of users at risk may be of.

    min_active_days: on how many days users did something at least; without, 3.
    max_probability_active: how probable it is at most that they are active still; without, 0.5.
    """

    min_active_days: int | None
    max_probability_active: float | None


def _history(options: ChurnOptions) -> time_pb2.TimeRange | None:
    start, end = options.get("start"), options.get("end")
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise ValueError("start and end go together")
    return requests.time_range(start, end, "UTC")


def churn_request(options: ChurnOptions) -> forecast_service_pb2.GetChurnRequest:
    """Returns the request for how many users come back. Raises ValueError for half a period and naive times."""
    return forecast_service_pb2.GetChurnRequest(
        time_range=_history(options), horizon_days=options.get("horizon_days") or 0
    )


def risk_request(options: RiskOptions, page_size: int, token: str) -> forecast_service_pb2.ListUsersAtRiskRequest:
    """Returns the request for a page of users at risk. Raises as churn_request() does."""
    return forecast_service_pb2.ListUsersAtRiskRequest(
        time_range=_history(options),
        horizon_days=options.get("horizon_days") or 0,
        min_active_days=options.get("min_active_days") or 0,
        max_probability_active=options.get("max_probability_active"),
        page_size=page_size,
        page_token=token,
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

    def churn(
        self, *, timeout: float | None = None, **options: Unpack[ChurnOptions]
    ) -> forecast_service_pb2.GetChurnResponse:
        """Returns how many of the users who were seen are expected to come back, and how right that was before.

        The options are those of ChurnOptions. Raises FailedPrecondition where there are too few users to know that.
        """
        asked = churn_request(options)
        found: forecast_service_pb2.GetChurnResponse = self._call(
            self._stub.GetChurn, lambda: asked, retries.QUERY, timeout
        )
        return found

    def users_at_risk(
        self, *, page_size: int = 100, timeout: float | None = None, **options: Unpack[RiskOptions]
    ) -> Iterator[forecast_service_pb2.UserAtRisk]:
        """Yields the users who came regularly and may have left, those who came most first.

        The options are those of RiskOptions. `timeout` is that of each page. Raises as churn() does.
        """
        token = ""
        while True:
            build = functools.partial(risk_request, options, page_size, token)
            page = self._call(self._stub.ListUsersAtRisk, build, retries.QUERY, timeout)
            yield from page.users
            token = page.next_page_token
            if not token:
                return
