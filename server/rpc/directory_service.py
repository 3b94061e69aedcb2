"""DirectoryService: what figures are about, one by one."""

import functools
from typing import Any, TypeAlias

import grpc

from server.query import agent_directory, conversation_timeline, lead_directory, user_activities, user_directory
from server.query.gap_changes import GapChanges
from server.rpc import gate
from server.rpc.asking import Asking
from server.rpc.content_gap_rpcs import ContentGapRpcs
from server.rpc.questions import agent_directory as agents
from server.rpc.questions import conversation_directory as conversations
from server.rpc.questions import lead_directory as leads
from server.rpc.questions import user_directory as users
from server.rpc.questions.shared import StoredUser
from server.tenancy.principal import Principal
from tallywire.v1 import agent_pb2, conversation_pb2, lead_pb2, user_pb2

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class DirectoryService(ContentGapRpcs):
    """The service that lists what there is in the caller's organization."""

    def __init__(self, asking: Asking, gaps: GapChanges) -> None:
        self._asking = asking
        self._gaps = gaps
        self._queries = asking.queries
        self._tokens = asking.pages
        self._secrets = asking.secrets

    async def ListAgents(  # noqa: N802 - the name in the contract
        self, request: agent_pb2.ListAgentsRequest, context: _Context
    ) -> agent_pb2.ListAgentsResponse:
        """Returns a page of agents."""
        return await self._asking.agents(gate.caller().principal, request)

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
        return await self._asking.conversations(gate.caller().principal, request)

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
        return await self._asking.leads(gate.caller().principal, request)

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
        return await self._asking.users(gate.caller().principal, request)

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
        return await self._asking.retention(gate.caller().principal, request)

    def _stored_user(self, principal: Principal) -> StoredUser:
        return functools.partial(self._secrets.stored_user, principal.organization_id)
