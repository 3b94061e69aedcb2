"""The lists of a client for ordinary, blocking code: what figures are about, one by one."""

import abc
import functools
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar, Unpack

import grpc

from tallywire import conversation_list_requests, directory_requests, retries, user_requests
from tallywire.v1 import agent_pb2, conversation_pb2, directory_service_pb2_grpc, lead_pb2, user_pb2

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class Directory(abc.ABC):
    """A client's lists; how a call is made is the client's own. Lists are read page by page, as they are iterated."""

    _directory: directory_service_pb2_grpc.DirectoryServiceStub

    @abc.abstractmethod
    def _call(
        self,
        method: "grpc.UnaryUnaryMultiCallable[_Request, _Response]",
        build: Callable[[], _Request],
        policy: retries.Policy,
        timeout: float | None,
    ) -> _Response:
        """Returns the answer of a method, tried again as long as that helps and time is left."""

    def list_agents(
        self,
        *,
        page_size: int = directory_requests.PAGE_SIZE,
        timeout: float | None = None,
        **options: Unpack[directory_requests.AgentsOptions],
    ) -> Iterator[agent_pb2.Agent]:
        """Yields agents: who they are, when they were seen, and their status now.

        The options are prefix, kind ("ai", "human"), team_id, status ("available" …), deleted, order_by ("agent_id",
        "name", "last_seen") and descending (AgentsOptions). timeout is that of a page. Raises FailedPrecondition where
        there are too many agents to be put in order.
        """
        token = ""
        while True:
            build = functools.partial(directory_requests.agents, options, page_size, token)
            page = self._call(self._directory.ListAgents, build, retries.QUERY, timeout)
            yield from page.agents
            token = page.next_page_token
            if not token:
                return

    def list_conversations(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        prefix: str = "",
        rows_token: str = "",
        page_size: int = directory_requests.PAGE_SIZE,
        timeout: float | None = None,
        **options: Unpack[conversation_list_requests.ConversationsOptions],
    ) -> Iterator[conversation_pb2.Conversation]:
        """Yields the conversations of [start, end), those whose ids begin with a prefix, or those behind a figure.

        The options are time ("closed", "began", "active", "human_resolved"), outcome, phase, agent_id, channel,
        team_id, topic, user_id, handoff_reason, has_content_gap, numbers (bounds by name), order_by and ascending
        (ConversationsOptions). timeout is that of a page. Raises FailedPrecondition where there are too many to be
        put in order. It needs a key with the scope events, as get_conversation() does.
        """
        token = ""
        while True:
            build = functools.partial(
                conversation_list_requests.conversations, start, end, prefix, rows_token, options, page_size, token
            )
            page = self._call(self._directory.ListConversations, build, retries.QUERY, timeout)
            yield from page.conversations
            token = page.next_page_token
            if not token:
                return

    def get_conversation(
        self, conversation_id: str, *, timeout: float | None = None
    ) -> conversation_pb2.GetConversationResponse:
        """Returns a conversation with all of its events that are kept, read page after page.

        timeout is that of a page. Raises NotFound for one without any event.
        """
        whole: conversation_pb2.GetConversationResponse | None = None
        while whole is None or whole.next_page_token:
            build = functools.partial(
                conversation_list_requests.conversation, conversation_id, whole.next_page_token if whole else ""
            )
            page = self._call(self._directory.GetConversation, build, retries.QUERY, timeout)
            whole = conversation_list_requests.put_together(whole, page)
        return whole

    def get_agent(self, agent_id: str, *, timeout: float | None = None) -> agent_pb2.Agent:
        """Returns what is known of an agent, and its status now. Raises NotFound for one without any event."""
        request = agent_pb2.GetAgentRequest(agent_id=agent_id)
        return self._call(self._directory.GetAgent, lambda: request, retries.QUERY, timeout).agent

    def list_leads(
        self,
        *,
        page_size: int = directory_requests.PAGE_SIZE,
        timeout: float | None = None,
        **options: Unpack[directory_requests.LeadsOptions],
    ) -> Iterator[lead_pb2.Lead]:
        """Yields leads: what each has come to. Needs a key with the scope events.

        The options are those of LeadsOptions: prefix, agent_id, channel, team_id, campaign_id, reached_stage, stage,
        outcome ("open", "converted", "lost"), min_value_micros, max_value_micros, currency, created_from,
        created_before, order_by ("created", "last_seen", "value", "lead_id"), descending, and rows_token in place of
        filters. timeout is that of a page. Raises FailedPrecondition where there are too many leads to be put in order,
        or where leads have changed since the figure of a rows_token.
        """
        token = ""
        while True:
            build = functools.partial(directory_requests.leads, options, page_size, token)
            page = self._call(self._directory.ListLeads, build, retries.QUERY, timeout)
            yield from page.leads
            token = page.next_page_token
            if not token:
                return

    def get_lead(self, lead_id: str, *, timeout: float | None = None) -> lead_pb2.Lead:
        """Returns what a lead has come to, with its steps. Raises NotFound for one that no event names."""
        request = lead_pb2.GetLeadRequest(lead_id=lead_id)
        return self._call(self._directory.GetLead, lambda: request, retries.QUERY, timeout).lead

    def list_users(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        page_size: int = directory_requests.PAGE_SIZE,
        timeout: float | None = None,
        **options: Unpack[user_requests.UsersOptions],
    ) -> Iterator[user_pb2.User]:
        """Yields users with what they did: those of [start, end), or without a period all users, of all time.

        The options are prefix, seen ("active", "new", "returning"), order_by ("last_seen", "user_id", "events" …),
        ascending and time_zone (UsersOptions). timeout is that of a page. Raises FailedPrecondition where there are too
        many to be put in order. It needs a key with the scope events, as get_user() does.
        """
        token = ""
        while True:
            build = functools.partial(user_requests.users, start, end, options, page_size, token)
            page = self._call(self._directory.ListUsers, build, retries.QUERY, timeout)
            yield from page.users
            token = page.next_page_token
            if not token:
                return

    def get_user(
        self,
        user_id: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        timeout: float | None = None,
    ) -> user_pb2.GetUserResponse:
        """Returns what a user ever did, and the days of [start, end), or else the last 90, on which that was.

        Raises NotFound for a user without any event.
        """
        build = functools.partial(user_requests.user, user_id, start, end)
        return self._call(self._directory.GetUser, build, retries.QUERY, timeout)

    def list_user_activities(
        self,
        user_id: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        page_size: int = directory_requests.PAGE_SIZE,
        timeout: float | None = None,
    ) -> Iterator[user_pb2.UserActivity]:
        """Yields what a user did, newest first: the raw events that are kept, in [start, end) or ever.

        timeout is that of a page. Raises NotFound for a user without any event. It needs a key with the scope events.
        """
        token = ""
        while True:
            build = functools.partial(user_requests.activities, user_id, start, end, page_size, token)
            page = self._call(self._directory.ListUserActivities, build, retries.QUERY, timeout)
            yield from page.activities
            token = page.next_page_token
            if not token:
                return

    def user_retention(
        self,
        start: datetime,
        end: datetime,
        *,
        cohorts: user_requests.CohortName | None = None,
        periods: int | None = None,
        timeout: float | None = None,
    ) -> user_pb2.GetUserRetentionResponse:
        """Returns how many of the users first seen in each week, day or month were seen in the periods after it."""
        build = functools.partial(user_requests.retention, start, end, cohorts, periods)
        return self._call(self._directory.GetUserRetention, build, retries.QUERY, timeout)
