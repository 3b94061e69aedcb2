"""DirectoryService: what figures are about, one by one."""

import functools
from typing import Any, TypeAlias

import grpc

from server.query import (
    agent_directory,
    conversation_list,
    conversation_timeline,
    lead_directory,
    lead_rows,
    user_activities,
    user_directory,
    user_figure,
    user_retention,
)
from server.query.gap_changes import GapChanges
from server.query.page_tokens import PageTokens
from server.query.queries import Queries
from server.query.rows_tokens import RowsTokens
from server.rpc import gate
from server.rpc.content_gap_rpcs import ContentGapRpcs
from server.rpc.questions import agent_directory as agents
from server.rpc.questions import conversation_directory as conversations
from server.rpc.questions import lead_directory as leads
from server.rpc.questions import user_directory as users
from server.rpc.questions.shared import StoredUser
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal
from tallywire.v1 import agent_pb2, conversation_pb2, lead_pb2, user_pb2

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class DirectoryService(ContentGapRpcs):
    """The service that lists what there is in the caller's organization."""

    def __init__(
        self, queries: Queries, tokens: PageTokens, rows: RowsTokens, gaps: GapChanges, secrets: KeyedHashes
    ) -> None:
        self._queries = queries
        self._gaps = gaps
        self._tokens = tokens
        self._rows = rows
        self._secrets = secrets

    async def ListAgents(  # noqa: N802 - the name in the contract
        self, request: agent_pb2.ListAgentsRequest, context: _Context
    ) -> agent_pb2.ListAgentsResponse:
        """Returns a page of agents."""
        question = agents.list_question(request)
        principal = gate.caller().principal
        return agents.list_response(await agent_directory.answer(self._queries, self._tokens, principal, question))

    async def GetAgent(  # noqa: N802 - the name in the contract
        self, request: agent_pb2.GetAgentRequest, context: _Context
    ) -> agent_pb2.GetAgentResponse:
        """Returns one agent."""
        agent_id = agents.agent_id(request)
        return agents.response(*await agent_directory.one(self._queries, gate.caller().principal, agent_id))

    async def ListConversations(  # noqa: N802 - the name in the contract
        self, request: conversation_pb2.ListConversationsRequest, context: _Context
    ) -> conversation_pb2.ListConversationsResponse:
        """Returns a page of conversations."""
        principal = gate.caller().principal
        question = conversations.list_question(request, self._stored_user(principal))
        return conversations.list_response(
            await conversation_list.answer(self._queries, self._tokens, self._rows, principal, question)
        )

    async def GetConversation(  # noqa: N802 - the name in the contract
        self, request: conversation_pb2.GetConversationRequest, context: _Context
    ) -> conversation_pb2.GetConversationResponse:
        """Returns one conversation and its events."""
        question = conversations.timeline_question(request)
        principal = gate.caller().principal
        answer = await conversation_timeline.answer(self._queries, self._tokens, principal, question)
        return conversations.timeline_response(answer, user_details=principal.settings.keep_user_details)

    async def ListLeads(  # noqa: N802 - the name in the contract
        self, request: lead_pb2.ListLeadsRequest, context: _Context
    ) -> lead_pb2.ListLeadsResponse:
        """Returns a page of leads."""
        principal = gate.caller().principal
        if request.rows_token:
            behind = leads.rows_question(request)
            return leads.rows_response(
                await lead_rows.answer(self._queries, self._tokens, self._rows, principal, behind)
            )
        question = leads.list_question(request)
        return leads.list_response(await lead_directory.answer(self._queries, self._tokens, principal, question))

    async def GetLead(  # noqa: N802 - the name in the contract
        self, request: lead_pb2.GetLeadRequest, context: _Context
    ) -> lead_pb2.GetLeadResponse:
        """Returns one lead."""
        lead_id = leads.lead_id(request)
        return leads.response(*await lead_directory.one(self._queries, gate.caller().principal, lead_id))

    async def ListUsers(  # noqa: N802 - the name in the contract
        self, request: user_pb2.ListUsersRequest, context: _Context
    ) -> user_pb2.ListUsersResponse:
        """Returns a page of users."""
        if request.rows_token:
            behind = users.rows_question(request)
            return users.rows_response(
                await user_figure.answer(self._queries, self._tokens, self._rows, gate.caller().principal, behind)
            )
        question = users.list_question(request)
        principal = gate.caller().principal
        return users.list_response(await user_directory.answer(self._queries, self._tokens, principal, question))

    async def GetUser(  # noqa: N802 - the name in the contract
        self, request: user_pb2.GetUserRequest, context: _Context
    ) -> user_pb2.GetUserResponse:
        """Returns one user."""
        principal = gate.caller().principal
        user_id, period = users.user_question(request, self._stored_user(principal))
        return users.user_response(await user_directory.one(self._queries, principal, user_id, period))

    async def ListUserActivities(  # noqa: N802 - the name in the contract
        self, request: user_pb2.ListUserActivitiesRequest, context: _Context
    ) -> user_pb2.ListUserActivitiesResponse:
        """Returns a page of what one user did."""
        principal = gate.caller().principal
        question = users.activities_question(request, self._stored_user(principal))
        answer = await user_activities.answer(self._queries, self._tokens, principal, question)
        return users.activities_response(answer)

    async def GetUserRetention(  # noqa: N802 - the name in the contract
        self, request: user_pb2.GetUserRetentionRequest, context: _Context
    ) -> user_pb2.GetUserRetentionResponse:
        """Returns cohorts of users."""
        question = users.retention_question(request)
        answer = await user_retention.answer(self._queries, gate.caller().principal, question)
        return users.retention_response(question, answer)

    def _stored_user(self, principal: Principal) -> StoredUser:
        return functools.partial(self._secrets.stored_user, principal.organization_id)
