"""The RPCs that pages may call. All others do not exist here: ingest, above all."""

from collections.abc import Mapping
from typing import Final

SIGN_IN: Final = "/tallywire.v1.AccountService/SignIn"
SIGN_OUT: Final = "/tallywire.v1.AccountService/SignOut"
GET_SESSION: Final = "/tallywire.v1.AccountService/GetSession"
WATCH: Final = "/tallywire.v1.RealtimeService/WatchMetrics"
HEALTH: Final = "/grpc.health.v1.Health/Check"

_UNARY: Mapping[str, str] = {
    "MetricsService": "GetOverview GetAgentMetrics GetUsageTrends QueryMetrics GetApiUsage GetCallMetrics GetQuality"
    " ListDimensionValues GetDailyStats GetQuota GetRoi GetConversationMetrics GetCosts ListMetrics",
    "LeaderboardService": "GetLeaderboard",
    "AlertService": "CreateAlertRule GetAlertRule ListAlertRules UpdateAlertRule DeleteAlertRule SnoozeAlertRule"
    " TestAlertRule BacktestAlertRule ListIncidents GetIncident AcknowledgeIncident CommentIncident",
    "AnomalyService": "ListAnomalies ListChanges",
    "CampaignService": "ListCampaigns GetCampaign",
    "DirectoryService": "ListAgents GetAgent ListContentGaps GetContentGap UpdateContentGap MergeContentGaps"
    " UndoContentGapMerge ListConversations GetConversation ListLeads GetLead ListUsers GetUser ListUserActivities"
    " GetUserRetention",
    "EventService": "GetEvent ListEvents",  # what rows behind figures show; nothing that sends or changes events
    "ForecastService": "GetForecast GetChurn ListUsersAtRisk",
    "FunnelService": "CreateFunnel GetFunnel ListFunnels DeleteFunnel QueryFunnel",
    "CustomMetricService": "GetCustomMetric ListCustomMetrics",
    "PrivacyService": "EraseUser GetErasure",
    "AuditService": "ListAuditEntries",
    "AccountService": "SignIn SignOut GetSession CreateEmbedToken GetPreferences UpdatePreferences"
    " ListOwnSessions RevokeOwnSession RevokeOtherSessions",
    "DashboardService": "CreateDashboard GetDashboard ListDashboards UpdateDashboard DeleteDashboard DuplicateDashboard"
    " ListDashboardVersions ListDashboardTemplates",
    "DeliveryService": "CreateDestination GetDestination ListDestinations UpdateDestination DeleteDestination"
    " TestDestination RotateSecret ListDeliveries GetDelivery ResendDelivery CreateDownloadLink",
    "RealtimeService": "GetRealtimeMetrics",
    "ReportService": "CreateReport GetReport ListReports UpdateReport DeleteReport ListReportVersions"
    " ListReportTemplates RunReport GetReportRun ListReportRuns CancelReportRun CreateReportSchedule"
    " UpdateReportSchedule DeleteReportSchedule ListReportSchedules PauseReportSchedule ResumeReportSchedule"
    " RunReportSchedule",
}
_STREAMS: Mapping[str, str] = {
    "PrivacyService": "ExportUser",
    "AuditService": "VerifyMetrics",
    "ExportService": "ExportMetrics ExportRows",
    "ReportService": "DownloadReport",
    "AlertService": "WatchAlerts",
    "RealtimeService": "WatchMetrics",
}


def _paths(names: Mapping[str, str]) -> frozenset[str]:
    return frozenset(
        f"/tallywire.v1.{service}/{method}" for service, methods in names.items() for method in methods.split()
    )


UNARY: Final = _paths(_UNARY)
STREAMS: Final = _paths(_STREAMS)
