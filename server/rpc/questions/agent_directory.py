"""ListAgents and GetAgent: conversion between messages and values."""

from server.catalog.agent_lists import AgentFilter, AgentList, AgentOrder
from server.errors import Reason, Refused
from server.events import rules
from server.query.agent_directory import MAX_PAGE_SIZE, AgentPage, AgentsQuestion, DirectoryAgent
from server.query.queries import ReadState
from server.rpc.questions import shared
from tallywire.v1 import agent_pb2, event_pb2

DEFAULT_PAGE_SIZE = 100
_ORDERS = {
    agent_pb2.AGENT_ORDER_UNSPECIFIED: AgentOrder.AGENT_ID,
    **{agent_pb2.AgentOrder.Value(f"AGENT_ORDER_{one.name}"): one for one in AgentOrder},
}


def list_question(request: agent_pb2.ListAgentsRequest) -> AgentsQuestion:
    """Returns the question of a request; refuses invalid fields."""
    if request.order_by not in _ORDERS:
        raise Refused(Reason.INVALID_ENUM, "not a known order", field="order_by")
    if request.status not in event_pb2.AgentStatus.values():
        raise Refused(Reason.INVALID_ENUM, "not a known status", field="status")
    return AgentsQuestion(
        asked=AgentList(
            filter=AgentFilter(
                prefix=rules.identifier("prefix", request.prefix),
                kind=shared.agent_kind(request.kind),
                team_id=rules.identifier("team_id", request.team_id),
                is_deleted=request.deleted if request.HasField("deleted") else None,
            ),
            order=_ORDERS[request.order_by],
            descending=shared.descending(request.direction, unset=False),
        ),
        status=request.status or None,
        page_size=shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        page_token=request.page_token,
    )


def list_response(answer: AgentPage) -> agent_pb2.ListAgentsResponse:
    """Returns the message of an answer."""
    return agent_pb2.ListAgentsResponse(
        context=shared.known_context(answer.known),
        agents=map(_agent, answer.agents),
        next_page_token=answer.next_page_token,
    )


def agent_id(request: agent_pb2.GetAgentRequest) -> str:
    """Returns which agent a request asks for; refuses one that names none."""
    if not request.agent_id:
        raise rules.required("agent_id")
    return rules.identifier("agent_id", request.agent_id)


def response(known: ReadState, agent: DirectoryAgent) -> agent_pb2.GetAgentResponse:
    """Returns the message of an answer."""
    return agent_pb2.GetAgentResponse(context=shared.known_context(known), agent=_agent(agent))


def _agent(agent: DirectoryAgent) -> agent_pb2.Agent:
    one, status = agent.profile, agent.status
    return agent_pb2.Agent(
        agent_id=agent.agent_id,
        name=one.name,
        kind=shared.AGENT_KINDS[one.kind],
        version=one.agent_version,
        team_id=one.team_id,
        first_seen_at=shared.microseconds(one.first_seen_at),
        last_seen_at=shared.microseconds(one.last_seen_at),
        created_at=shared.microseconds(one.created_at),
        deleted_at=shared.microseconds(one.deleted_at) if one.is_deleted else None,
        status=event_pb2.AGENT_STATUS_UNSPECIFIED if status is None else event_pb2.AgentStatus.ValueType(status.status),
        status_since=None if status is None else shared.instant(status.occurred_at),
    )
