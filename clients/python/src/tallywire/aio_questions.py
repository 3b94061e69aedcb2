"""The questions of a client for asyncio code."""

import abc
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar, Unpack

import grpc
import grpc.aio

from tallywire import (
    aio_stubs,
    breakdown_requests,
    campaign_requests,
    conversation_requests,
    errors,
    leaderboard_requests,
    requests,
    retries,
    table_pages,
    table_requests,
)
from tallywire.v1 import (
    api_usage_pb2,
    call_metrics_pb2,
    campaign_service_pb2,
    conversation_metrics_pb2,
    leaderboard_service_pb2,
    metrics_service_pb2,
    quality_pb2,
)

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class AsyncQuestions(abc.ABC):
    """A client's questions about figures; how a call is made is the client's own."""

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

    async def overview(
        self,
        start: datetime,
        end: datetime,
        *,
        time_zone: str | None = None,
        compare: requests.Compare | None = None,
        timeout: float | None = None,
        **only: Unpack[requests.Only],
    ) -> metrics_service_pb2.GetOverviewResponse:
        """Returns the key figures of [start, end), as Client.overview() does."""
        request = requests.overview(requests.time_range(start, end, time_zone), compare, only)
        return await self._call(self._bound().metrics.GetOverview, lambda: request, retries.QUERY, timeout)

    async def agent(
        self,
        agent_id: str,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[requests.AgentOptions],
    ) -> metrics_service_pb2.GetAgentMetricsResponse:
        """Returns the figures of one agent with a trend, as Client.agent() does."""
        request = requests.agent(start, end, options, agent_id=agent_id)
        return await self._call(self._bound().metrics.GetAgentMetrics, lambda: request, retries.QUERY, timeout)

    async def team(
        self,
        team_id: str,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[requests.AgentOptions],
    ) -> metrics_service_pb2.GetAgentMetricsResponse:
        """Returns the figures of one team, as Client.team() does."""
        request = requests.agent(start, end, options, team_id=team_id)
        return await self._call(self._bound().metrics.GetAgentMetrics, lambda: request, retries.QUERY, timeout)

    async def usage(
        self,
        start: datetime,
        end: datetime,
        *,
        granularity: requests.GranularityName | None = None,
        metrics: Sequence[str] = (),
        time_zone: str | None = None,
        week_start: requests.WeekdayName | None = None,
        compare: requests.Compare | None = None,
        since_revision: int = 0,
        timeout: float | None = None,
        **only: Unpack[requests.Only],
    ) -> metrics_service_pb2.GetUsageTrendsResponse:
        """Returns series over [start, end), as Client.usage() does."""
        period = requests.time_range(start, end, time_zone, week_start)
        request = requests.usage(period, granularity, metrics, compare, since_revision, only)
        return await self._call(self._bound().metrics.GetUsageTrends, lambda: request, retries.QUERY, timeout)

    async def daily_stats(
        self, start: datetime, end: datetime, *, time_zone: str | None = None, timeout: float | None = None
    ) -> metrics_service_pb2.GetDailyStatsResponse:
        """Returns a row for each calendar day that [start, end) touches, as Client.daily_stats() does."""
        request = requests.daily_stats(requests.time_range(start, end, time_zone))
        return await self._call(self._bound().metrics.GetDailyStats, lambda: request, retries.QUERY, timeout)

    async def quota(self, *, timeout: float | None = None) -> metrics_service_pb2.MonthlyQuota:
        """Returns what is used of the monthly quota of events, as Client.quota() does."""
        request = metrics_service_pb2.GetQuotaRequest()
        response = await self._call(self._bound().metrics.GetQuota, lambda: request, retries.QUERY, timeout)
        return response.quota

    async def query_metrics(
        self,
        start: datetime,
        end: datetime,
        metrics: Sequence[str],
        *,
        page_size: int | None = None,
        page_token: str = "",
        timeout: float | None = None,
        **options: Unpack[table_requests.TableOptions],
    ) -> metrics_service_pb2.QueryMetricsResponse:
        """Returns a table: metrics by the values of `group_by`, as Client.query_metrics() does."""
        request = table_requests.table(start, end, metrics, options, page_size, page_token)
        return await self._call(self._bound().metrics.QueryMetrics, lambda: request, retries.QUERY, timeout)

    async def query_all(
        self,
        start: datetime,
        end: datetime,
        metrics: Sequence[str],
        *,
        page_size: int = table_pages.PAGE_SIZE,
        attempts: int = table_pages.ATTEMPTS,
        timeout: float | None = None,
        **options: Unpack[table_requests.TableOptions],
    ) -> metrics_service_pb2.QueryMetricsResponse:
        """Returns the rows of all pages as one answer, of one revision, as Client.query_all() does."""
        table = table_pages.WholeTable(table_requests.table(start, end, metrics, options, page_size), attempts)
        while table.has_more:
            try:
                table.take(await self._call(self._bound().metrics.QueryMetrics, table.request, retries.QUERY, timeout))
            except errors.FailedPrecondition as error:
                table.begin_anew(error)
        return table.answer

    async def dimension_values(
        self,
        dimension: str,
        prefix: str = "",
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        page_size: int | None = None,
        timeout: float | None = None,
    ) -> metrics_service_pb2.ListDimensionValuesResponse:
        """Returns values of a dimension, the most used first, as Client.dimension_values() does."""
        request = table_requests.dimension_values(dimension, prefix, start, end, page_size)
        return await self._call(self._bound().metrics.ListDimensionValues, lambda: request, retries.QUERY, timeout)

    async def conversation_metrics(
        self,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[conversation_requests.ConversationOptions],
    ) -> conversation_metrics_pb2.GetConversationMetricsResponse:
        """Returns how the conversations of a period went, as Client.conversation_metrics() does."""
        request = conversation_requests.metrics(start, end, options)
        return await self._call(self._bound().metrics.GetConversationMetrics, lambda: request, retries.QUERY, timeout)

    async def api_usage(
        self,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[breakdown_requests.BreakdownOptions],
    ) -> api_usage_pb2.GetApiUsageResponse:
        """Returns how APIs and tools were used, as Client.api_usage() does."""
        request = breakdown_requests.api_usage(start, end, options)
        return await self._call(self._bound().metrics.GetApiUsage, lambda: request, retries.QUERY, timeout)

    async def call_metrics(
        self,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[breakdown_requests.CallOptions],
    ) -> call_metrics_pb2.GetCallMetricsResponse:
        """Returns how telephone calls went, as Client.call_metrics() does."""
        request = breakdown_requests.calls(start, end, options)
        return await self._call(self._bound().metrics.GetCallMetrics, lambda: request, retries.QUERY, timeout)

    async def quality(
        self,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[breakdown_requests.QualityOptions],
    ) -> quality_pb2.GetQualityResponse:
        """Returns how conversations were scored, as Client.quality() does."""
        request = breakdown_requests.quality(start, end, options)
        return await self._call(self._bound().metrics.GetQuality, lambda: request, retries.QUERY, timeout)

    async def leaderboard(
        self,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[leaderboard_requests.LeaderboardOptions],
    ) -> leaderboard_service_pb2.GetLeaderboardResponse:
        """Returns a ranking of agents or teams, as Client.leaderboard() does."""
        request = leaderboard_requests.leaderboard(start, end, options)
        return await self._call(self._bound().leaderboards.GetLeaderboard, lambda: request, retries.QUERY, timeout)

    async def roi(
        self,
        start: datetime,
        end: datetime,
        *,
        granularity: requests.GranularityName | None = None,
        assumptions: requests.RoiAssumptions | None = None,
        time_zone: str | None = None,
        compare: requests.Compare | None = None,
        timeout: float | None = None,
        **only: Unpack[requests.Only],
    ) -> metrics_service_pb2.GetRoiResponse:
        """Returns what AI agents cost and the human work that they spared, as Client.roi() does."""
        period = requests.time_range(start, end, time_zone)
        request = requests.roi(period, granularity, compare, assumptions or {}, only)
        return await self._call(self._bound().metrics.GetRoi, lambda: request, retries.QUERY, timeout)

    async def costs(
        self,
        start: datetime,
        end: datetime,
        *,
        rows: int | None = None,
        granularity: requests.GranularityName | None = None,
        time_zone: str | None = None,
        compare: requests.Compare | None = None,
        timeout: float | None = None,
    ) -> metrics_service_pb2.GetCostsResponse:
        """Returns recorded cost and tokens, and estimates apart from that, as Client.costs() does."""
        request = requests.costs(requests.time_range(start, end, time_zone), rows, granularity, compare)
        return await self._call(self._bound().metrics.GetCosts, lambda: request, retries.QUERY, timeout)

    async def campaigns(
        self,
        start: datetime,
        end: datetime,
        *,
        page_size: int | None = None,
        page_token: str = "",
        timeout: float | None = None,
        **options: Unpack[campaign_requests.CampaignsOptions],
    ) -> campaign_service_pb2.ListCampaignsResponse:
        """Returns the campaigns of [start, end), as Client.campaigns() does."""
        request = campaign_requests.campaigns(start, end, options, page_size, page_token)
        return await self._call(self._bound().campaigns.ListCampaigns, lambda: request, retries.QUERY, timeout)

    async def campaign(
        self,
        campaign_id: str,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[campaign_requests.CampaignOptions],
    ) -> campaign_service_pb2.GetCampaignResponse:
        """Returns the figures of one campaign, and a series of them, as Client.campaign() does."""
        request = campaign_requests.campaign(campaign_id, start, end, options)
        return await self._call(self._bound().campaigns.GetCampaign, lambda: request, retries.QUERY, timeout)

    async def metrics(
        self,
        *,
        timeout: float | None = None,
    ) -> metrics_service_pb2.ListMetricsResponse:
        """Returns the catalogue: every metric with its unit and definition."""
        request = metrics_service_pb2.ListMetricsRequest()
        return await self._call(self._bound().metrics.ListMetrics, lambda: request, retries.QUERY, timeout)
