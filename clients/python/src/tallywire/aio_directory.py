"""The lists of a client for asyncio code: what figures are about, one by one."""

import abc
import functools
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TypeVar, Unpack

import grpc
import grpc.aio

from tallywire import aio_stubs, conversation_list_requests, directory_requests, retries, user_requests
from tallywire.v1 import agent_pb2, conversation_pb2, lead_pb2, user_pb2

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class AsyncDirectory(abc.ABC):
    """A client's lists; how a call is made is the client's own. Lists are read page by page, as they are iterated."""

    @abc.abstractmethod
    def _bound(self) -> aio_stubs.Stubs:
        """Returns the connection and the stubs of the running loop."""

    @abc.abstractmethod
    async def _call(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[_Request, _Response]",
        build: Callable[[], _Request],
        policy: retries.Policy,
        timeout: float | None,
    ) -> _Response:
        """Returns the answer of a method, tried again as long as that helps and time is left."""

    async def list_agents(
        self,
        *,
        page_size: int = directory_requests.PAGE_SIZE,
        timeout: float | None = None,
        **options: Unpack[directory_requests.AgentsOptions],
    ) -> AsyncIterator[agent_pb2.Agent]:
        """Yields agents, as Client.list_agents() does."""
        token = ""
        while True:
            build = functools.partial(directory_requests.agents, options, page_size, token)
            page = await self._call(self._bound().directory.ListAgents, build, retries.QUERY, timeout)
            for agent in page.agents:
                yield agent
            token = page.next_page_token
            if not token:
                return

    async def list_conversations(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        prefix: str = "",
        rows_token: str = "",
        page_size: int = directory_requests.PAGE_SIZE,
        timeout: float | None = None,
        **options: Unpack[conversation_list_requests.ConversationsOptions],
    ) -> AsyncIterator[conversation_pb2.Conversation]:
        """Yields conversations, as Client.list_conversations() does."""
        token = ""
        while True:
            build = functools.partial(
                conversation_list_requests.conversations, start, end, prefix, rows_token, options, page_size, token
            )
            page = await self._call(self._bound().directory.ListConversations, build, retries.QUERY, timeout)
            for conversation in page.conversations:
                yield conversation
            token = page.next_page_token
            if not token:
                return

    async def get_conversation(
        self, conversation_id: str, *, timeout: float | None = None
    ) -> conversation_pb2.GetConversationResponse:
        """Returns a conversation with all of its events that are kept, as Client.get_conversation() does."""
        whole: conversation_pb2.GetConversationResponse | None = None
        while whole is None or whole.next_page_token:
            build = functools.partial(
                conversation_list_requests.conversation, conversation_id, whole.next_page_token if whole else ""
            )
            page = await self._call(self._bound().directory.GetConversation, build, retries.QUERY, timeout)
            whole = conversation_list_requests.put_together(whole, page)
        return whole

    async def get_agent(self, agent_id: str, *, timeout: float | None = None) -> agent_pb2.Agent:
        """Returns what is known of an agent, as Client.get_agent() does."""
        request = agent_pb2.GetAgentRequest(agent_id=agent_id)
        answer = await self._call(self._bound().directory.GetAgent, lambda: request, retries.QUERY, timeout)
        return answer.agent

    async def list_leads(
        self,
        *,
        page_size: int = directory_requests.PAGE_SIZE,
        timeout: float | None = None,
        **options: Unpack[directory_requests.LeadsOptions],
    ) -> AsyncIterator[lead_pb2.Lead]:
        """Yields leads, as Client.list_leads() does."""
        token = ""
        while True:
            build = functools.partial(directory_requests.leads, options, page_size, token)
            page = await self._call(self._bound().directory.ListLeads, build, retries.QUERY, timeout)
            for lead in page.leads:
                yield lead
            token = page.next_page_token
            if not token:
                return

    async def get_lead(self, lead_id: str, *, timeout: float | None = None) -> lead_pb2.Lead:
        """Returns what a lead has come to, with its steps, as Client.get_lead() does."""
        request = lead_pb2.GetLeadRequest(lead_id=lead_id)
        answer = await self._call(self._bound().directory.GetLead, lambda: request, retries.QUERY, timeout)
        return answer.lead

    async def list_users(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        page_size: int = directory_requests.PAGE_SIZE,
        timeout: float | None = None,
        **options: Unpack[user_requests.UsersOptions],
    ) -> AsyncIterator[user_pb2.User]:
        """Yields users with what they did, as Client.list_users() does."""
        token = ""
        while True:
            build = functools.partial(user_requests.users, start, end, options, page_size, token)
            page = await self._call(self._bound().directory.ListUsers, build, retries.QUERY, timeout)
            for user in page.users:
                yield user
            token = page.next_page_token
            if not token:
                return

    async def get_user(
        self,
        user_id: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        timeout: float | None = None,
    ) -> user_pb2.GetUserResponse:
        """Returns what a user did, as Client.get_user() does."""
        build = functools.partial(user_requests.user, user_id, start, end)
        return await self._call(self._bound().directory.GetUser, build, retries.QUERY, timeout)

    async def list_user_activities(
        self,
        user_id: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        page_size: int = directory_requests.PAGE_SIZE,
        timeout: float | None = None,
    ) -> AsyncIterator[user_pb2.UserActivity]:
        """Yields what a user did, as Client.list_user_activities() does."""
        token = ""
        while True:
            build = functools.partial(user_requests.activities, user_id, start, end, page_size, token)
            page = await self._call(self._bound().directory.ListUserActivities, build, retries.QUERY, timeout)
            for activity in page.activities:
                yield activity
            token = page.next_page_token
            if not token:
                return

    async def user_retention(
        self,
        start: datetime,
        end: datetime,
        *,
        cohorts: user_requests.CohortName | None = None,
        periods: int | None = None,
        timeout: float | None = None,
    ) -> user_pb2.GetUserRetentionResponse:
        """Returns how many users came back, as Client.user_retention() does."""
        build = functools.partial(user_requests.retention, start, end, cohorts, periods)
        return await self._call(self._bound().directory.GetUserRetention, build, retries.QUERY, timeout)
