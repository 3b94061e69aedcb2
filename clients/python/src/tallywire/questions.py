"""The questions of a client for ordinary, blocking code."""

import abc
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar, Unpack

import grpc

from tallywire import (
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
    campaign_service_pb2_grpc,
    conversation_metrics_pb2,
    leaderboard_service_pb2,
    leaderboard_service_pb2_grpc,
    metrics_service_pb2,
    metrics_service_pb2_grpc,
    quality_pb2,
)

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class Questions(abc.ABC):
    """A client's questions about figures; how a call is made is the client's own."""

    _metrics: metrics_service_pb2_grpc.MetricsServiceStub
    _campaigns: campaign_service_pb2_grpc.CampaignServiceStub
    _leaderboards: leaderboard_service_pb2_grpc.LeaderboardServiceStub

    @abc.abstractmethod
    def _call(
        self,
        method: "grpc.UnaryUnaryMultiCallable[_Request, _Response]",
        build: Callable[[], _Request],
        policy: retries.Policy,
        timeout: float | None,
    ) -> _Response:
        """Returns the answer of a method, tried again as long as that helps and time is left."""

    def overview(
        self,
        start: datetime,
        end: datetime,
        *,
        time_zone: str | None = None,
        compare: requests.Compare | None = None,
        timeout: float | None = None,
        **only: Unpack[requests.Only],
    ) -> metrics_service_pb2.GetOverviewResponse:
        """Returns the key figures of [start, end), of all or of one value of a dimension; absent ones are unset.

        With `compare` also those of an earlier period: "previous" (the one just before), "week", "month", "year" (the
        same days then), or a start and an end.
        """
        request = requests.overview(requests.time_range(start, end, time_zone), compare, only)
        return self._call(self._metrics.GetOverview, lambda: request, retries.QUERY, timeout)

    def agent(
        self,
        agent_id: str,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[requests.AgentOptions],
    ) -> metrics_service_pb2.GetAgentMetricsResponse:
        """Returns the figures of one agent with a daily trend, with `compare` also those of an earlier period.

        The options are trend_days, trend_granularity, compare, time_zone and week_start (AgentOptions). Raises NotFound
        for an agent that was never seen, FailedPrecondition for one that is counted under "_other".
        """
        request = requests.agent(start, end, options, agent_id=agent_id)
        return self._call(self._metrics.GetAgentMetrics, lambda: request, retries.QUERY, timeout)

    def team(
        self,
        team_id: str,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[requests.AgentOptions],
    ) -> metrics_service_pb2.GetAgentMetricsResponse:
        """Returns the figures of one team, of the events that carry its team_id; for the rest as agent()."""
        request = requests.agent(start, end, options, team_id=team_id)
        return self._call(self._metrics.GetAgentMetrics, lambda: request, retries.QUERY, timeout)

    def usage(
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
        """Returns series over [start, end); without a granularity or metrics the server chooses.

        With `compare`, as in overview(), also the series of an earlier period, bucket by bucket. With the revision of
        an earlier answer as `since_revision`, buckets that have changed since then are marked as restated; raises
        OutOfRange with CHANGES_NOT_KEPT where that is no longer known.
        """
        period = requests.time_range(start, end, time_zone, week_start)
        request = requests.usage(period, granularity, metrics, compare, since_revision, only)
        return self._call(self._metrics.GetUsageTrends, lambda: request, retries.QUERY, timeout)

    def daily_stats(
        self, start: datetime, end: datetime, *, time_zone: str | None = None, timeout: float | None = None
    ) -> metrics_service_pb2.GetDailyStatsResponse:
        """Returns a row for each calendar day that [start, end) touches, at most 400, and all of them together."""
        request = requests.daily_stats(requests.time_range(start, end, time_zone))
        return self._call(self._metrics.GetDailyStats, lambda: request, retries.QUERY, timeout)

    def quota(self, *, timeout: float | None = None) -> metrics_service_pb2.MonthlyQuota:
        """Returns what is used of the monthly quota of events, what remains, and how far it will reach."""
        request = metrics_service_pb2.GetQuotaRequest()
        return self._call(self._metrics.GetQuota, lambda: request, retries.QUERY, timeout).quota

    def query_metrics(
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
        """Returns a table: metrics of [start, end) by the values of `group_by`, a page of rows at a time.

        Further options are order_by, ascending, series, compare, time_zone and week_start, as table_requests.TableShape
        explains them, and the filters of other questions. Raises FailedPrecondition with PAGE_TOKEN_EXPIRED for a page
        after figures have changed; query_all() deals with that.
        """
        request = table_requests.table(start, end, metrics, options, page_size, page_token)
        return self._call(self._metrics.QueryMetrics, lambda: request, retries.QUERY, timeout)

    def query_all(
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
        """Returns the rows of all pages as one answer, of one revision; the other options are those of query_metrics().

        Where figures change between two pages it begins anew, `attempts` times in all, and then raises
        FailedPrecondition with PAGE_TOKEN_EXPIRED. Each page has the whole timeout.
        """
        table = table_pages.WholeTable(table_requests.table(start, end, metrics, options, page_size), attempts)
        while table.has_more:
            try:
                table.take(self._call(self._metrics.QueryMetrics, table.request, retries.QUERY, timeout))
            except errors.FailedPrecondition as error:
                table.begin_anew(error)
        return table.answer

    def dimension_values(
        self,
        dimension: str,
        prefix: str = "",
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        page_size: int | None = None,
        timeout: float | None = None,
    ) -> metrics_service_pb2.ListDimensionValuesResponse:
        """Returns values of a dimension that begin with a prefix, those most used in [start, end) first.

        Without a start and an end, those most used in the last 28 days.
        """
        request = table_requests.dimension_values(dimension, prefix, start, end, page_size)
        return self._call(self._metrics.ListDimensionValues, lambda: request, retries.QUERY, timeout)

    def conversation_metrics(
        self,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[conversation_requests.ConversationOptions],
    ) -> conversation_metrics_pb2.GetConversationMetricsResponse:
        """Returns how the conversations of [start, end) went: outcomes, times, what held, by what they were about.

        The options are cohort, top, durable_days, repeat_days, granularity, compare and time_zone
        (ConversationOptions), and the filters of other questions.
        """
        request = conversation_requests.metrics(start, end, options)
        return self._call(self._metrics.GetConversationMetrics, lambda: request, retries.QUERY, timeout)

    def api_usage(
        self,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[breakdown_requests.BreakdownOptions],
    ) -> api_usage_pb2.GetApiUsageResponse:
        """Returns how APIs and tools were used in [start, end), by endpoint, method and class of status codes.

        The options are top, granularity, compare, time_zone and week_start (BreakdownOptions), and the filters of other
        questions.
        """
        request = breakdown_requests.api_usage(start, end, options)
        return self._call(self._metrics.GetApiUsage, lambda: request, retries.QUERY, timeout)

    def call_metrics(
        self,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[breakdown_requests.CallOptions],
    ) -> call_metrics_pb2.GetCallMetricsResponse:
        """Returns how telephone calls of [start, end) went, by queue, team, agent and hour of the week.

        The options are those of api_usage(), and service_levels: within how many seconds calls are to be answered.
        """
        request = breakdown_requests.calls(start, end, options)
        return self._call(self._metrics.GetCallMetrics, lambda: request, retries.QUERY, timeout)

    def quality(
        self,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[breakdown_requests.QualityOptions],
    ) -> quality_pb2.GetQualityResponse:
        """Returns how conversations of [start, end) were scored, each version of the rubric by itself.

        The options are those of api_usage(), rubric_version and threshold (QualityOptions).
        """
        request = breakdown_requests.quality(start, end, options)
        return self._call(self._metrics.GetQuality, lambda: request, retries.QUERY, timeout)

    def leaderboard(
        self,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[leaderboard_requests.LeaderboardOptions],
    ) -> leaderboard_service_pb2.GetLeaderboardResponse:
        """Returns the agents or teams with the most points, badges, tasks, calls or conversions in [start, end).

        The options are subject, order, top, team_id and time_zone (LeaderboardOptions).
        """
        request = leaderboard_requests.leaderboard(start, end, options)
        return self._call(self._leaderboards.GetLeaderboard, lambda: request, retries.QUERY, timeout)

    def roi(
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
        """Returns what AI agents cost and the human work that they spared, over the conversations closed in a period.

        `assumptions` are {"hourly_cost_micros": …, "handling_time_ms": …, "conversation_cost_micros": …}; what is left
        out is the organization's own. With a granularity also a series; `compare` as in overview().
        """
        period = requests.time_range(start, end, time_zone)
        request = requests.roi(period, granularity, compare, assumptions or {}, only)
        return self._call(self._metrics.GetRoi, lambda: request, retries.QUERY, timeout)

    def costs(
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
        """Returns recorded cost and tokens of [start, end), the most costly `rows` by model, agent, channel, team and
        user, and, apart from that, estimates of what is not recorded.

        With a granularity also a series; `compare` as in overview().
        """
        request = requests.costs(requests.time_range(start, end, time_zone), rows, granularity, compare)
        return self._call(self._metrics.GetCosts, lambda: request, retries.QUERY, timeout)

    def campaigns(
        self,
        start: datetime,
        end: datetime,
        *,
        page_size: int | None = None,
        page_token: str = "",
        timeout: float | None = None,
        **options: Unpack[campaign_requests.CampaignsOptions],
    ) -> campaign_service_pb2.ListCampaignsResponse:
        """Returns the campaigns of [start, end), a page at a time: their leads, what became of those, and what it cost.

        The options are order_by, ascending, currency, compare and time_zone (CampaignsOptions). Raises
        FailedPrecondition with PAGE_TOKEN_EXPIRED for a page after figures have changed: ask for the first one again.
        """
        request = campaign_requests.campaigns(start, end, options, page_size, page_token)
        return self._call(self._campaigns.ListCampaigns, lambda: request, retries.QUERY, timeout)

    def campaign(
        self,
        campaign_id: str,
        start: datetime,
        end: datetime,
        *,
        timeout: float | None = None,
        **options: Unpack[campaign_requests.CampaignOptions],
    ) -> campaign_service_pb2.GetCampaignResponse:
        """Returns the figures of one campaign, and a series of them.

        The options are granularity, compare, time_zone and week_start (CampaignOptions). Raises NotFound for a campaign
        that no event has ever carried, FailedPrecondition for one that is counted under "_other".
        """
        request = campaign_requests.campaign(campaign_id, start, end, options)
        return self._call(self._campaigns.GetCampaign, lambda: request, retries.QUERY, timeout)

    def metrics(self, *, timeout: float | None = None) -> metrics_service_pb2.ListMetricsResponse:
        """Returns the catalogue: every metric with its unit and definition."""
        request = metrics_service_pb2.ListMetricsRequest()
        return self._call(self._metrics.ListMetrics, lambda: request, retries.QUERY, timeout)
