"""Every question whose answer is figures or a list, answered for a principal: services answer calls so, and exports and
reports make files of the same answers.
"""

import dataclasses
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from google.protobuf.message import Message

from server.query import (
    agent,
    agent_directory,
    api_usage,
    audit_entries,
    call_metrics,
    campaign,
    campaign_list,
    content_gaps,
    conversation_list,
    conversation_metrics,
    custom_metrics,
    daily_stats,
    funnel,
    lead_directory,
    lead_rows,
    leaderboard,
    overview,
    quality,
    quota,
    roi,
    spending,
    table,
    trends,
    user_directory,
    user_figure,
    user_retention,
)
from server.query.event_list import EventListing
from server.query.page_tokens import PageTokens
from server.query.queries import Queries
from server.query.rows_tokens import RowsTokens
from server.rpc import event_lists, funnel_conversion
from server.rpc.questions import agent as agent_messages
from server.rpc.questions import agent_directory as agent_lists
from server.rpc.questions import api_usage as api_usage_messages
from server.rpc.questions import audit as audit_messages
from server.rpc.questions import call_metrics as call_messages
from server.rpc.questions import campaigns as campaign_messages
from server.rpc.questions import content_gaps as gap_messages
from server.rpc.questions import conversation_directory as conversation_lists
from server.rpc.questions import conversation_metrics as conversation_messages
from server.rpc.questions import daily_stats as daily_messages
from server.rpc.questions import lead_directory as lead_lists
from server.rpc.questions import leaderboard as leaderboard_messages
from server.rpc.questions import overview as overview_messages
from server.rpc.questions import quality as quality_messages
from server.rpc.questions import quota as quota_messages
from server.rpc.questions import roi as roi_messages
from server.rpc.questions import rows as rows_messages
from server.rpc.questions import spending as spending_messages
from server.rpc.questions import table as table_messages
from server.rpc.questions import trends as trends_messages
from server.rpc.questions import user_directory as user_lists
from server.rpc.questions.rows import Tokens
from server.rpc.questions.shared import StoredUser
from server.slow_questions import SlowQuestions
from server.tenancy import sign_ins
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.limits import DefaultLimits
from server.tenancy.principal import Principal, Scope
from tallywire.v1 import (
    agent_pb2,
    api_usage_pb2,
    audit_service_pb2,
    call_metrics_pb2,
    campaign_service_pb2,
    content_gap_pb2,
    conversation_metrics_pb2,
    conversation_pb2,
    funnel_service_pb2,
    lead_pb2,
    leaderboard_service_pb2,
    list_events_pb2,
    metrics_service_pb2,
    quality_pb2,
    user_pb2,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What questions are answered with. Methods take a request of the contract and return its response; they refuse
    what the RPC refuses.
    """

    queries: Queries
    pages: PageTokens
    rows: RowsTokens
    limits: DefaultLimits
    secrets: KeyedHashes
    slow: SlowQuestions

    @asynccontextmanager
    async def of_one_instant(self) -> AsyncIterator[Self]:
        """Gives the same for several questions in turn, all of which see the instant of the first one."""
        async with self.queries.of_one_instant() as queries:
            yield dataclasses.replace(self, queries=queries)

    async def answer(self, principal: Principal, request: Message) -> Any:
        """Answers a question of any kind in QUESTIONS."""
        name = type(request).__name__.removesuffix("Request")
        with self.slow.watching(name, principal.organization_id):
            return await QUESTIONS[type(request)](self, principal, request)

    def _tokens(self, principal: Principal) -> Tokens:
        return rows_messages.of(self.rows, principal.organization_id)

    def _stored_user(self, principal: Principal) -> StoredUser:
        return functools.partial(self.secrets.stored_user, principal.organization_id)

    async def overview(
        self, principal: Principal, request: metrics_service_pb2.GetOverviewRequest
    ) -> metrics_service_pb2.GetOverviewResponse:
        """Answers GetOverview."""
        found = await overview.answer(self.queries, principal, overview_messages.question(request))
        return overview_messages.response(found, self._tokens(principal))

    async def agent(
        self, principal: Principal, request: metrics_service_pb2.GetAgentMetricsRequest
    ) -> metrics_service_pb2.GetAgentMetricsResponse:
        """Answers GetAgentMetrics."""
        found = await agent.answer(self.queries, principal, agent_messages.question(request))
        return agent_messages.response(found, self._tokens(principal))

    async def encoded_trends(self, principal: Principal, request: metrics_service_pb2.GetUsageTrendsRequest) -> bytes:
        """Answers GetUsageTrends, encoded."""
        found = await custom_metrics.catalogue(self.queries, principal, trends_messages.names(request))
        question = trends_messages.question(request, found)
        return await trends_messages.encoded_response(await trends.answer(self.queries, principal, question))

    async def encoded_table(self, principal: Principal, request: metrics_service_pb2.QueryMetricsRequest) -> bytes:
        """Answers QueryMetrics, encoded."""
        found = await custom_metrics.catalogue(self.queries, principal, table_messages.names(request))
        question = table_messages.question(request, found)
        return await table_messages.encoded_response(
            await table.answer(self.queries, self.pages, principal, question), self._tokens(principal)
        )

    async def _trends(
        self, principal: Principal, request: metrics_service_pb2.GetUsageTrendsRequest
    ) -> metrics_service_pb2.GetUsageTrendsResponse:
        return metrics_service_pb2.GetUsageTrendsResponse.FromString(await self.encoded_trends(principal, request))

    async def _table(
        self, principal: Principal, request: metrics_service_pb2.QueryMetricsRequest
    ) -> metrics_service_pb2.QueryMetricsResponse:
        return metrics_service_pb2.QueryMetricsResponse.FromString(await self.encoded_table(principal, request))

    async def daily_stats(
        self, principal: Principal, request: metrics_service_pb2.GetDailyStatsRequest
    ) -> metrics_service_pb2.GetDailyStatsResponse:
        """Answers GetDailyStats."""
        period = daily_messages.question(request)
        return daily_messages.response(await daily_stats.answer(self.queries, principal, period))

    async def call_metrics(
        self, principal: Principal, request: call_metrics_pb2.GetCallMetricsRequest
    ) -> call_metrics_pb2.GetCallMetricsResponse:
        """Answers GetCallMetrics."""
        found = await call_metrics.answer(self.queries, principal, call_messages.question(request))
        return call_messages.response(found, self._tokens(principal))

    async def quality(
        self, principal: Principal, request: quality_pb2.GetQualityRequest
    ) -> quality_pb2.GetQualityResponse:
        """Answers GetQuality."""
        question = quality_messages.question(request)
        return quality_messages.response(await quality.answer(self.queries, principal, question))

    async def api_usage(
        self, principal: Principal, request: api_usage_pb2.GetApiUsageRequest
    ) -> api_usage_pb2.GetApiUsageResponse:
        """Answers GetApiUsage."""
        found = await api_usage.answer(self.queries, principal, api_usage_messages.question(request))
        return api_usage_messages.response(found, self._tokens(principal))

    async def quota(
        self,
        principal: Principal,
        request: metrics_service_pb2.GetQuotaRequest,
    ) -> metrics_service_pb2.GetQuotaResponse:
        """Answers GetQuota."""
        return quota_messages.response(await quota.answer(self.queries, principal, self.limits))

    async def roi(
        self, principal: Principal, request: metrics_service_pb2.GetRoiRequest
    ) -> metrics_service_pb2.GetRoiResponse:
        """Answers GetRoi."""
        return roi_messages.response(await roi.answer(self.queries, principal, roi_messages.question(request)))

    async def conversation_metrics(
        self, principal: Principal, request: conversation_metrics_pb2.GetConversationMetricsRequest
    ) -> conversation_metrics_pb2.GetConversationMetricsResponse:
        """Answers GetConversationMetrics."""
        question = conversation_messages.question(request)
        found = await conversation_metrics.answer(self.queries, principal, question)
        return conversation_messages.response(found, self._tokens(principal))

    async def costs(
        self, principal: Principal, request: metrics_service_pb2.GetCostsRequest
    ) -> metrics_service_pb2.GetCostsResponse:
        """Answers GetCosts."""
        question = spending_messages.question(request)
        return spending_messages.response(question, await spending.answer(self.queries, principal, question))

    async def leaderboard(
        self, principal: Principal, request: leaderboard_service_pb2.GetLeaderboardRequest
    ) -> leaderboard_service_pb2.GetLeaderboardResponse:
        """Answers GetLeaderboard."""
        question = leaderboard_messages.question(request)
        return leaderboard_messages.response(await leaderboard.answer(self.queries, principal, question))

    async def campaigns(
        self, principal: Principal, request: campaign_service_pb2.ListCampaignsRequest
    ) -> campaign_service_pb2.ListCampaignsResponse:
        """Answers ListCampaigns."""
        question = campaign_messages.list_question(request)
        return campaign_messages.list_response(
            await campaign_list.answer(self.queries, self.pages, principal, question)
        )

    async def campaign(
        self, principal: Principal, request: campaign_service_pb2.GetCampaignRequest
    ) -> campaign_service_pb2.GetCampaignResponse:
        """Answers GetCampaign."""
        question = campaign_messages.question(request)
        return campaign_messages.response(await campaign.answer(self.queries, principal, question))

    async def funnel(
        self, principal: Principal, request: funnel_service_pb2.QueryFunnelRequest
    ) -> funnel_service_pb2.QueryFunnelResponse:
        """Answers QueryFunnel."""
        question = funnel_conversion.question(request)
        if question.revealing and not principal.may(Scope.EVENTS):
            raise sign_ins.missing(Scope.EVENTS, question.revealing)
        return funnel_conversion.response(await funnel.answer(self.queries, principal, question))

    async def retention(
        self, principal: Principal, request: user_pb2.GetUserRetentionRequest
    ) -> user_pb2.GetUserRetentionResponse:
        """Answers GetUserRetention."""
        question = user_lists.retention_question(request)
        return user_lists.retention_response(question, await user_retention.answer(self.queries, principal, question))

    async def encoded_events(self, principal: Principal, request: list_events_pb2.ListEventsRequest) -> bytes:
        """Answers ListEvents, encoded."""
        question = event_lists.question(request, self._stored_user(principal))
        found = await EventListing(self.queries, self.pages, self.rows).answer(principal, question)
        return await event_lists.encoded_response(found, user_details=principal.settings.keep_user_details)

    async def _events(
        self, principal: Principal, request: list_events_pb2.ListEventsRequest
    ) -> list_events_pb2.ListEventsResponse:
        return list_events_pb2.ListEventsResponse.FromString(await self.encoded_events(principal, request))

    async def agents(self, principal: Principal, request: agent_pb2.ListAgentsRequest) -> agent_pb2.ListAgentsResponse:
        """Answers ListAgents."""
        question = agent_lists.list_question(request)
        return agent_lists.list_response(await agent_directory.answer(self.queries, self.pages, principal, question))

    async def conversations(
        self, principal: Principal, request: conversation_pb2.ListConversationsRequest
    ) -> conversation_pb2.ListConversationsResponse:
        """Answers ListConversations."""
        question = conversation_lists.list_question(request, self._stored_user(principal))
        return conversation_lists.list_response(
            await conversation_list.answer(self.queries, self.pages, self.rows, principal, question)
        )

    async def leads(self, principal: Principal, request: lead_pb2.ListLeadsRequest) -> lead_pb2.ListLeadsResponse:
        """Answers ListLeads."""
        if request.rows_token:
            behind = lead_lists.rows_question(request)
            return lead_lists.rows_response(
                await lead_rows.answer(self.queries, self.pages, self.rows, principal, behind)
            )
        question = lead_lists.list_question(request)
        return lead_lists.list_response(await lead_directory.answer(self.queries, self.pages, principal, question))

    async def users(self, principal: Principal, request: user_pb2.ListUsersRequest) -> user_pb2.ListUsersResponse:
        """Answers ListUsers."""
        if request.rows_token:
            behind = user_lists.rows_question(request)
            return user_lists.rows_response(
                await user_figure.answer(self.queries, self.pages, self.rows, principal, behind)
            )
        question = user_lists.list_question(request)
        return user_lists.list_response(await user_directory.answer(self.queries, self.pages, principal, question))

    async def content_gaps(
        self, principal: Principal, request: content_gap_pb2.ListContentGapsRequest
    ) -> content_gap_pb2.ListContentGapsResponse:
        """Answers ListContentGaps."""
        question = gap_messages.list_question(request)
        return gap_messages.list_response(await content_gaps.answer(self.queries, self.pages, principal, question))

    async def audit_entries(
        self, principal: Principal, request: audit_service_pb2.ListAuditEntriesRequest
    ) -> audit_service_pb2.ListAuditEntriesResponse:
        """Answers ListAuditEntries."""
        told_id = functools.partial(self.secrets.told_id, principal.organization_id)
        question = audit_messages.entries_question(request, told_id)
        return audit_messages.entries(await audit_entries.answer(self.queries, self.pages, principal, question))


# What answers a request, by its type.
QUESTIONS: Mapping[type[Message], Callable[[Asking, Principal, Any], Awaitable[Message]]] = {
    metrics_service_pb2.GetOverviewRequest: Asking.overview,
    metrics_service_pb2.GetAgentMetricsRequest: Asking.agent,
    metrics_service_pb2.GetUsageTrendsRequest: Asking._trends,
    metrics_service_pb2.QueryMetricsRequest: Asking._table,
    metrics_service_pb2.GetDailyStatsRequest: Asking.daily_stats,
    metrics_service_pb2.GetQuotaRequest: Asking.quota,
    metrics_service_pb2.GetRoiRequest: Asking.roi,
    metrics_service_pb2.GetCostsRequest: Asking.costs,
    conversation_metrics_pb2.GetConversationMetricsRequest: Asking.conversation_metrics,
    call_metrics_pb2.GetCallMetricsRequest: Asking.call_metrics,
    api_usage_pb2.GetApiUsageRequest: Asking.api_usage,
    quality_pb2.GetQualityRequest: Asking.quality,
    leaderboard_service_pb2.GetLeaderboardRequest: Asking.leaderboard,
    campaign_service_pb2.ListCampaignsRequest: Asking.campaigns,
    campaign_service_pb2.GetCampaignRequest: Asking.campaign,
    funnel_service_pb2.QueryFunnelRequest: Asking.funnel,
    user_pb2.GetUserRetentionRequest: Asking.retention,
    list_events_pb2.ListEventsRequest: Asking._events,
    agent_pb2.ListAgentsRequest: Asking.agents,
    conversation_pb2.ListConversationsRequest: Asking.conversations,
    lead_pb2.ListLeadsRequest: Asking.leads,
    user_pb2.ListUsersRequest: Asking.users,
    content_gap_pb2.ListContentGapsRequest: Asking.content_gaps,
    audit_service_pb2.ListAuditEntriesRequest: Asking.audit_entries,
}
