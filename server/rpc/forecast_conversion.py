"""ForecastService: conversion between messages and values."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from server import timerange
from server.admission import request_limits
from server.catalog.catalogue import Catalogue
from server.errors import Reason, Refused
from server.events import rules
from server.forecasts.growth import LimitForecast, LimitOutcome, PeriodProjection
from server.forecasts.metric_forecast import WIDTHS, ForecastQuestion, MetricForecast
from server.forecasts.values import Errors, Expected, Model
from server.query import metric_names
from server.rpc.questions import shared
from server.timerange import Granularity, Interval
from tallywire.v1 import forecast_service_pb2 as messages

_DAILY: Final = (Granularity.HOUR, Granularity.DAY)
_MODELS: Final = {one: messages.ForecastModel.Value(f"FORECAST_MODEL_{one.name}") for one in Model}
_OUTCOMES: Final = {one: messages.LimitOutcome.Value(f"LIMIT_OUTCOME_{one.name}") for one in LimitOutcome}


def names(request: messages.GetForecastRequest) -> list[str]:
    """Returns the names of the metric and of dimensions in a request."""
    return [request.metric, *(one.dimension for one in request.filter.dimensions)]


def question(request: messages.GetForecastRequest, catalogue: Catalogue) -> ForecastQuestion:
    """Returns the question of a request, which names what a catalogue has; refuses invalid fields."""
    if not request.metric:
        raise rules.required("metric")
    metric_names.checked([request.metric], catalogue, field="metric")
    granularity = shared.granularity(request.granularity, field="granularity") or Granularity.DAY
    if granularity not in WIDTHS:
        raise Refused(Reason.INVALID_VALUE, "forecasts are of hours, days, weeks or months", field="granularity")
    width = WIDTHS[granularity]
    history, period = request.time_range, None
    if history.HasField("start") or history.HasField("end"):
        period = shared.period(history)
    unset = shared.zone_and_week(history)
    return ForecastQuestion(
        metric=request.metric,
        part=shared.part(request.filter, catalogue),
        granularity=granularity,
        horizon=shared.whole_number("horizon", request.horizon, default=width.horizon, most=width.most),
        history=None if period is None else Interval(start=period.start, end=period.end),
        zone=unset[0],
        week_start=unset[1],
        holidays=_holidays(request.holidays, granularity),
        limit=_limit(request),
        catalogue=catalogue,
    )


def _limit(request: messages.GetForecastRequest) -> float | None:
    if not request.HasField("limit"):
        return None
    if not math.isfinite(request.limit) or request.limit <= 0:
        raise Refused(Reason.INVALID_VALUE, "must be a number above 0", field="limit")
    return request.limit


def _holidays(holidays: Sequence[messages.Holiday], granularity: Granularity) -> Mapping[str, Sequence[date]]:
    """Returns the dates of each holiday; refuses too many, and what is no date."""
    if holidays and granularity not in _DAILY:
        raise Refused(Reason.INVALID_VALUE, "goes with hours and days", field="holidays")
    request_limits.HOLIDAYS.check(len(holidays))
    request_limits.HOLIDAY_DATES.check(sum(len(one.dates) for one in holidays))
    found: dict[str, list[date]] = {}
    for one in holidays:
        if not one.name or not one.dates:
            raise rules.required("holidays.dates" if one.name else "holidays.name")
        name = rules.identifier("holidays.name", one.name)
        if name in found:
            raise Refused(Reason.INVALID_VALUE, f"{name[:64]!r} is named twice", field="holidays.name")
        found[name] = [_date(text) for text in one.dates]
    return found


def _date(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text or not timerange.FLOOR.year <= found.year < 9000:
        raise Refused(
            Reason.INVALID_VALUE,
            f"{text[:32]!r} is no date from {timerange.FLOOR.year} on, such as 2026-12-25",
            field="holidays.dates",
        )
    return found


def response(answer: MetricForecast) -> messages.GetForecastResponse:
    """Returns the message of an answer."""
    forecast = answer.forecast
    return messages.GetForecastResponse(
        context=shared.context(answer.context),
        metric=answer.metric.name,
        unit=answer.metric.unit,
        title=answer.metric.title,
        granularity=shared.granularity_number(answer.granularity),
        points=[
            messages.ForecastPoint(
                bucket=shared.bucket(bucket),
                expected=_expected(expected),
                so_far=answer.so_far if place == 0 else None,
                holiday=holiday,
            )
            for place, (bucket, expected, holiday) in enumerate(
                zip(answer.buckets, forecast.points, answer.names, strict=True)
            )
        ],
        model=_MODELS[forecast.model],
        members=[_MODELS[one] for one in forecast.members] if forecast.model is Model.COMBINATION else (),
        error=_error(forecast.errors),
        history=messages.ForecastHistory(
            start=shared.instant(answer.history.start),
            end=shared.instant(answer.history.end),
            points=forecast.values_used,
        ),
        projections=map(_projection, answer.projections),
        limit=None if answer.limit is None else _limit_forecast(answer.limit),
        holidays=[
            messages.HolidayEffect(name=name, occurrences=effect.occurrences, factor=effect.factor)
            for name, effect in answer.effects.items()
        ],
    )


def _expected(value: Expected) -> messages.ExpectedValue:
    return messages.ExpectedValue(
        point=value.point, low_80=value.low_80, high_80=value.high_80, low_95=value.low_95, high_95=value.high_95
    )


def _error(value: Errors) -> messages.ForecastError:
    return messages.ForecastError(
        mase=value.mase,
        naive_mase=value.naive_mase,
        coverage_80=value.coverage_80,
        coverage_95=value.coverage_95,
        origins=value.origins,
    )


def _projection(value: PeriodProjection) -> messages.PeriodProjection:
    return messages.PeriodProjection(
        granularity=shared.granularity_number(value.granularity),
        bucket=shared.bucket(value.bounds),
        so_far=value.so_far,
        at_end=_expected(value.at_end),
    )


def _limit_forecast(value: LimitForecast) -> messages.LimitForecast:
    return messages.LimitForecast(
        limit=value.limit,
        outcome=_OUTCOMES[value.outcome],
        expected=None if value.expected is None else shared.bucket(value.expected),
        earliest=None if value.earliest is None else shared.bucket(value.earliest),
        latest=None if value.latest is None else shared.bucket(value.latest),
        looked_until=shared.instant(value.looked_until),
    )
