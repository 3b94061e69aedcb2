"""GetDailyStats: conversion between messages and values."""

from server.query.answers import Period
from server.query.daily_stats import DailyStats, Day
from server.rpc.questions import shared
from tallywire.v1 import metrics_service_pb2


def question(request: metrics_service_pb2.GetDailyStatsRequest) -> Period:
    """Returns the period of a request; refuses invalid fields."""
    return shared.period(request.time_range)


def response(answer: DailyStats) -> metrics_service_pb2.GetDailyStatsResponse:
    """Returns the message of an answer."""
    return metrics_service_pb2.GetDailyStatsResponse(
        context=shared.context(answer.context), days=map(_day, answer.days), total=_day(answer.total)
    )


def _day(day: Day) -> metrics_service_pb2.DailyStats:
    message = metrics_service_pb2.DailyStats(
        bucket=shared.described(day.bucket), running=day.running, before_first_event=day.before_first_event
    )
    shared.set_figures(message, day.figures)
    return message
