"""GetAgentMetrics: conversion between messages and values."""

from server.catalog import dimensions
from server.catalog.figures import Figures
from server.catalog.filters import Filter
from server.errors import Reason, Refused
from server.events import rules
from server.events.agent_profile import AgentProfile
from server.query.agent import Agent, AgentQuestion
from server.query.answers import TrendPoint
from server.rpc.questions import shared
from server.rpc.questions.rows import Tokens
from server.timerange import Granularity
from tallywire.v1 import metrics_service_pb2

DEFAULT_TREND_DAYS = 7
MAX_TREND_DAYS = 400


def question(request: metrics_service_pb2.GetAgentMetricsRequest) -> AgentQuestion:
    """Returns the question of a request; refuses invalid fields."""
    return AgentQuestion(
        part=_part(request),
        period=shared.period(request.time_range),
        trend_days=_trend_days(request.trend_days),
        granularity=shared.granularity(request.trend_granularity, field="trend_granularity") or Granularity.DAY,
        comparison=shared.compared_with(request.comparison),
        with_rows=request.include_rows_tokens,
    )


def _part(request: metrics_service_pb2.GetAgentMetricsRequest) -> Filter:
    if request.agent_id and request.team_id:
        raise Refused(Reason.INVALID_VALUE, "ask for an agent or for a team, not for both", field="team_id")
    if request.team_id:
        return Filter(dimension=dimensions.TEAM, value=rules.identifier("team_id", request.team_id))
    if not request.agent_id:
        raise rules.required("agent_id")
    return Filter(dimension=dimensions.AGENT, value=rules.identifier("agent_id", request.agent_id))


def _trend_days(days: int) -> int:
    if not 0 <= days <= MAX_TREND_DAYS:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"must be from 1 to {MAX_TREND_DAYS}",
            field="trend_days",
            metadata={"minimum": "1", "maximum": str(MAX_TREND_DAYS)},
        )
    return days or DEFAULT_TREND_DAYS


def response(answer: Agent, tokens: Tokens) -> metrics_service_pb2.GetAgentMetricsResponse:
    """Returns the message of an answer."""
    return metrics_service_pb2.GetAgentMetricsResponse(
        context=shared.context(answer.context),
        rows_tokens=tokens(answer.opened),
        agent=_agent(answer.agent_id, answer.figures),
        trend=map(_trend_point, answer.trend),
        compared=shared.compared(answer.compared),
        earlier=None if answer.earlier is None else _agent(answer.agent_id, answer.earlier),
        profile=None if answer.profile is None else _profile(answer.profile),
    )


def _profile(one: AgentProfile) -> metrics_service_pb2.AgentProfile:
    return metrics_service_pb2.AgentProfile(
        agent_name=one.name,
        kind=shared.AGENT_KINDS[one.kind],
        version=one.agent_version,
        team_id=one.team_id,
        first_seen_at=shared.microseconds(one.first_seen_at),
        last_seen_at=shared.microseconds(one.last_seen_at),
        created_at=shared.microseconds(one.created_at),
        deleted_at=shared.microseconds(one.deleted_at) if one.is_deleted else None,
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
