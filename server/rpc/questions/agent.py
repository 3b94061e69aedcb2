"""GetAgentMetrics: conversion between messages and values."""

from server.catalog.figures import Figures
from server.errors import Reason, Refused
from server.events import rules
from server.query.agent import Agent, AgentQuestion
from server.query.answers import TrendPoint
from server.rpc.questions import shared
from tallywire.v1 import metrics_service_pb2

DEFAULT_TREND_DAYS = 7
MAX_TREND_DAYS = 400


def question(request: metrics_service_pb2.GetAgentMetricsRequest) -> AgentQuestion:
    """Returns the question of a request; refuses invalid fields."""
    if not request.agent_id:
        raise rules.required("agent_id")
    return AgentQuestion(
        agent_id=rules.identifier("agent_id", request.agent_id),
        period=shared.period(request.time_range),
        trend_days=_trend_days(request.trend_days),
        comparison=shared.compared_with(request.comparison),
    )


def _trend_days(days: int) -> int:
    if not 0 <= days <= MAX_TREND_DAYS:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"must be from 1 to {MAX_TREND_DAYS}",
            field="trend_days",
            metadata={"minimum": "1", "maximum": str(MAX_TREND_DAYS)},
        )
    return days or DEFAULT_TREND_DAYS


def response(answer: Agent) -> metrics_service_pb2.GetAgentMetricsResponse:
    """Returns the message of an answer."""
    return metrics_service_pb2.GetAgentMetricsResponse(
        context=shared.context(answer.context),
        agent=_agent(answer.agent_id, answer.figures),
        trend=map(_trend_point, answer.trend),
        compared=shared.compared(answer.compared),
        earlier=None if answer.earlier is None else _agent(answer.agent_id, answer.earlier),
    )


def _agent(agent_id: str, figures: Figures) -> metrics_service_pb2.AgentMetrics:
    message = metrics_service_pb2.AgentMetrics(agent_id=agent_id)
    shared.set_figures(message, figures)
    return message


def _trend_point(point: TrendPoint) -> metrics_service_pb2.AgentTrendPoint:
    message = metrics_service_pb2.AgentTrendPoint(
        start=shared.timestamp(point.span.start), end=shared.timestamp(point.span.end)
    )
    shared.set_figures(message, point.figures)
    return message
