"""The table of contents: every service, registered once, and the scopes that each RPC needs."""

from dataclasses import dataclass

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from server.rpc import reflection, trace_requests
from server.rpc.account_service import AccountService
from server.rpc.admin_service import AdminService
from server.rpc.alert_service import AlertService
from server.rpc.anomaly_service import AnomalyService
from server.rpc.audit_service import AuditService
from server.rpc.campaign_service import CampaignService
from server.rpc.custom_metric_service import CustomMetricService
from server.rpc.dashboard_service import DashboardService
from server.rpc.delivery_service import DeliveryService
from server.rpc.directory_service import DirectoryService
from server.rpc.event_service import EventService
from server.rpc.export_service import ExportService
from server.rpc.forecast_service import ForecastService
from server.rpc.funnel_service import FunnelService
from server.rpc.leaderboard_service import LeaderboardService
from server.rpc.metrics_service import MetricsService
from server.rpc.privacy_service import PrivacyService
from server.rpc.realtime_service import RealtimeService
from server.rpc.report_service import ReportService
from server.rpc.trace_service import TraceService
from server.tenancy.principal import Scope
from tallywire.v1 import (
    account_service_pb2,
    account_service_pb2_grpc,
    admin_service_pb2,
    admin_service_pb2_grpc,
    alert_service_pb2,
    alert_service_pb2_grpc,
    anomaly_service_pb2,
    anomaly_service_pb2_grpc,
    audit_service_pb2,
    audit_service_pb2_grpc,
    campaign_service_pb2,
    campaign_service_pb2_grpc,
    custom_metric_service_pb2,
    custom_metric_service_pb2_grpc,
    dashboard_service_pb2,
    dashboard_service_pb2_grpc,
    delivery_service_pb2,
    delivery_service_pb2_grpc,
    directory_service_pb2,
    directory_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    export_service_pb2,
    export_service_pb2_grpc,
    forecast_service_pb2,
    forecast_service_pb2_grpc,
    funnel_service_pb2,
    funnel_service_pb2_grpc,
    leaderboard_service_pb2,
    leaderboard_service_pb2_grpc,
    metrics_service_pb2,
    metrics_service_pb2_grpc,
    privacy_service_pb2,
    privacy_service_pb2_grpc,
    realtime_service_pb2,
    realtime_service_pb2_grpc,
    report_service_pb2,
    report_service_pb2_grpc,
)

_EVENTS = event_service_pb2.DESCRIPTOR.services_by_name["EventService"]
_METRICS = metrics_service_pb2.DESCRIPTOR.services_by_name["MetricsService"]
_ANOMALIES = anomaly_service_pb2.DESCRIPTOR.services_by_name["AnomalyService"]
_LEADERBOARDS = leaderboard_service_pb2.DESCRIPTOR.services_by_name["LeaderboardService"]
_CAMPAIGNS = campaign_service_pb2.DESCRIPTOR.services_by_name["CampaignService"]
_DIRECTORY = directory_service_pb2.DESCRIPTOR.services_by_name["DirectoryService"]
_FUNNELS = funnel_service_pb2.DESCRIPTOR.services_by_name["FunnelService"]
_CUSTOM = custom_metric_service_pb2.DESCRIPTOR.services_by_name["CustomMetricService"]
_AUDIT = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]
_PRIVACY = privacy_service_pb2.DESCRIPTOR.services_by_name["PrivacyService"]
_ACCOUNTS = account_service_pb2.DESCRIPTOR.services_by_name["AccountService"]
_DASHBOARDS = dashboard_service_pb2.DESCRIPTOR.services_by_name["DashboardService"]
_DELIVERIES = delivery_service_pb2.DESCRIPTOR.services_by_name["DeliveryService"]
_REPORTS = report_service_pb2.DESCRIPTOR.services_by_name["ReportService"]
_ALERTS = alert_service_pb2.DESCRIPTOR.services_by_name["AlertService"]
_EXPORTS = export_service_pb2.DESCRIPTOR.services_by_name["ExportService"]
_FORECASTS = forecast_service_pb2.DESCRIPTOR.services_by_name["ForecastService"]
_ADMIN = admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"]
_REALTIME = realtime_service_pb2.DESCRIPTOR.services_by_name["RealtimeService"]

SCOPES = {
    f"/{service.full_name}/{method}": scope
    for service, methods in (
        (
            _EVENTS,
            {
                "TrackEvent": Scope.INGEST,
                "TrackEvents": Scope.INGEST,
                "StreamEvents": Scope.INGEST,
                "CorrectEvents": Scope.CORRECT,
                "RetractEvents": Scope.CORRECT,
                "GetEvent": Scope.EVENTS,
                "ListEvents": Scope.EVENTS,
            },
        ),
        (
            _METRICS,
            {
                "GetOverview": Scope.READ,
                "GetAgentMetrics": Scope.READ,
                "GetUsageTrends": Scope.READ,
                "QueryMetrics": Scope.READ,
                "ListDimensionValues": Scope.READ,
                "GetApiUsage": Scope.READ,
                "GetQuality": Scope.READ,
                "GetCallMetrics": Scope.READ,
                "GetDailyStats": Scope.READ,
                "GetQuota": Scope.READ,
                "GetRoi": Scope.READ,
                "GetConversationMetrics": Scope.READ,
                "GetCosts": Scope.READ,
                "ListMetrics": Scope.READ,
            },
        ),
        (_LEADERBOARDS, {"GetLeaderboard": Scope.READ}),
        (_ANOMALIES, {"ListAnomalies": Scope.READ, "ListChanges": Scope.READ}),
        (_CAMPAIGNS, {"ListCampaigns": Scope.READ, "GetCampaign": Scope.READ}),
        (
            _DIRECTORY,
            {
                "ListAgents": Scope.READ,
                "GetAgent": Scope.READ,
                "ListContentGaps": Scope.EVENTS,
                "GetContentGap": Scope.EVENTS,
                "UpdateContentGap": Scope.EDIT,
                "MergeContentGaps": Scope.EDIT,
                "UndoContentGapMerge": Scope.EDIT,
                "ListConversations": Scope.EVENTS,
                "GetConversation": Scope.EVENTS,
                "ListLeads": Scope.EVENTS,
                "GetLead": Scope.EVENTS,
                "ListUsers": Scope.EVENTS,
                "GetUser": Scope.EVENTS,
                "ListUserActivities": Scope.EVENTS,
                "GetUserRetention": Scope.READ,
            },
        ),
        (
            _FUNNELS,
            {
                "CreateFunnel": Scope.ADMIN,
                "GetFunnel": Scope.READ,
                "ListFunnels": Scope.READ,
                "DeleteFunnel": Scope.ADMIN,
                "QueryFunnel": Scope.READ,
            },
        ),
        (
            _CUSTOM,
            {
                "CreateCustomMetric": Scope.ADMIN,
                "GetCustomMetric": Scope.READ,
                "ListCustomMetrics": Scope.READ,
                "DeleteCustomMetric": Scope.ADMIN,
            },
        ),
        (_PRIVACY, {"EraseUser": Scope.ADMIN, "GetErasure": Scope.ADMIN, "ExportUser": Scope.ADMIN}),
        (
            _AUDIT,
            {"VerifyMetrics": Scope.READ, "RepairMetrics": Scope.ADMIN, "ListAuditEntries": Scope.ADMIN},
        ),
        (
            _ACCOUNTS,
            {
                "SignOut": Scope.READ,
                "GetSession": Scope.READ,
                "CreateSignInCode": Scope.READ,
                "CreateEmbedToken": Scope.READ,
                "GetPreferences": Scope.READ,
                "UpdatePreferences": Scope.READ,
                "ListOwnSessions": Scope.READ,
                "RevokeOwnSession": Scope.READ,
                "RevokeOtherSessions": Scope.READ,
            },
        ),
        # Operators, who have no scopes, may call these, too (server/rpc/gate.py).
        (_ADMIN, {one.name: Scope.ADMIN for one in _ADMIN.methods}),
        # What is exported needs the scope of its own RPC, too.
        (_EXPORTS, {"ExportMetrics": Scope.READ, "ExportRows": Scope.READ}),
        # Changes of shared dashboards need edit, too, which depends on the dashboard.
        (
            _DASHBOARDS,
            {
                "CreateDashboard": Scope.READ,
                "GetDashboard": Scope.READ,
                "ListDashboards": Scope.READ,
                "UpdateDashboard": Scope.READ,
                "DeleteDashboard": Scope.READ,
                "DuplicateDashboard": Scope.READ,
                "ListDashboardVersions": Scope.READ,
                "ListDashboardTemplates": Scope.READ,
            },
        ),
        # As for dashboards: changes of reports of the organization need edit, too.
        (_REPORTS, {one.name: Scope.READ for one in _REPORTS.methods}),
        (
            _DELIVERIES,
            {
                "CreateDestination": Scope.ADMIN,
                "GetDestination": Scope.EDIT,
                "ListDestinations": Scope.EDIT,
                "UpdateDestination": Scope.ADMIN,
                "DeleteDestination": Scope.ADMIN,
                "TestDestination": Scope.EDIT,
                "RotateSecret": Scope.ADMIN,
                "ListDeliveries": Scope.EDIT,
                "GetDelivery": Scope.EDIT,
                "ResendDelivery": Scope.EDIT,
                "CreateDownloadLink": Scope.EDIT,
            },
        ),
        (_FORECASTS, {"GetForecast": Scope.READ, "GetChurn": Scope.READ, "ListUsersAtRisk": Scope.EVENTS}),
        (
            _ALERTS,
            {
                "CreateAlertRule": Scope.EDIT,
                "GetAlertRule": Scope.READ,
                "ListAlertRules": Scope.READ,
                "UpdateAlertRule": Scope.EDIT,
                "DeleteAlertRule": Scope.EDIT,
                "SnoozeAlertRule": Scope.EDIT,
                "TestAlertRule": Scope.READ,
                "BacktestAlertRule": Scope.READ,
                "ListIncidents": Scope.READ,
                "GetIncident": Scope.READ,
                "AcknowledgeIncident": Scope.EDIT,
                "CommentIncident": Scope.EDIT,
                "WatchAlerts": Scope.READ,
            },
        ),
        (
            _REALTIME,
            {"GetRealtimeMetrics": Scope.READ, "WatchMetrics": Scope.READ, "WatchUpdates": Scope.READ},
        ),
        (trace_requests.SERVICE, {"Export": Scope.INGEST}),
    )
    for method, scope in methods.items()
}
# What needs no key, since its request is one.
OPEN = frozenset(
    {
        f"/{_ACCOUNTS.full_name}/SignIn",
        f"/{_DELIVERIES.full_name}/ReadDownload",
        f"/{_DELIVERIES.full_name}/ChangeMailSubscription",
    }
)
# Fields of requests that need one more scope where they are set.
FIELD_SCOPES = {f"/{_REALTIME.full_name}/WatchUpdates": {"include_events": Scope.EVENTS}}
# For health checks alone.
MEMORY = "tallywire.memory"
PROCESS = "tallywire.process"
_SERVING, _NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
_NAMES = (
    "",
    *(
        one.full_name
        for one in (
            _EVENTS,
            _METRICS,
            _LEADERBOARDS,
            _ANOMALIES,
            _CAMPAIGNS,
            _DIRECTORY,
            _FUNNELS,
            _CUSTOM,
            _AUDIT,
            _PRIVACY,
            _ACCOUNTS,
            _ADMIN,
            _DASHBOARDS,
            _DELIVERIES,
            _REPORTS,
            _ALERTS,
            _EXPORTS,
            _FORECASTS,
            _REALTIME,
        )
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What a server serves."""

    events: EventService
    metrics: MetricsService
    leaderboards: LeaderboardService
    anomalies: AnomalyService
    campaigns: CampaignService
    directory: DirectoryService
    funnels: FunnelService
    custom_metrics: CustomMetricService
    audit: AuditService
    privacy: PrivacyService
    accounts: AccountService
    admin: AdminService
    dashboards: DashboardService
    deliveries: DeliveryService
    reports: ReportService
    alerts: AlertService
    exports: ExportService
    forecasts: ForecastService
    realtime: RealtimeService
    traces: TraceService | None  # None: switched off
    health: health.aio.HealthServicer

    def register(self, server: grpc.aio.Server) -> None:
        """Adds every service to a server."""
        event_service_pb2_grpc.add_EventServiceServicer_to_server(self.events, server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(self.metrics, server)
        leaderboard_service_pb2_grpc.add_LeaderboardServiceServicer_to_server(self.leaderboards, server)
        anomaly_service_pb2_grpc.add_AnomalyServiceServicer_to_server(self.anomalies, server)
        campaign_service_pb2_grpc.add_CampaignServiceServicer_to_server(self.campaigns, server)
        directory_service_pb2_grpc.add_DirectoryServiceServicer_to_server(self.directory, server)
        funnel_service_pb2_grpc.add_FunnelServiceServicer_to_server(self.funnels, server)
        custom_metric_service_pb2_grpc.add_CustomMetricServiceServicer_to_server(self.custom_metrics, server)
        audit_service_pb2_grpc.add_AuditServiceServicer_to_server(self.audit, server)
        privacy_service_pb2_grpc.add_PrivacyServiceServicer_to_server(self.privacy, server)
        account_service_pb2_grpc.add_AccountServiceServicer_to_server(self.accounts, server)
        admin_service_pb2_grpc.add_AdminServiceServicer_to_server(self.admin, server)
        dashboard_service_pb2_grpc.add_DashboardServiceServicer_to_server(self.dashboards, server)
        delivery_service_pb2_grpc.add_DeliveryServiceServicer_to_server(self.deliveries, server)
        report_service_pb2_grpc.add_ReportServiceServicer_to_server(self.reports, server)
        alert_service_pb2_grpc.add_AlertServiceServicer_to_server(self.alerts, server)
        export_service_pb2_grpc.add_ExportServiceServicer_to_server(self.exports, server)
        forecast_service_pb2_grpc.add_ForecastServiceServicer_to_server(self.forecasts, server)
        realtime_service_pb2_grpc.add_RealtimeServiceServicer_to_server(self.realtime, server)
        if self.traces is not None:
            self.traces.register(server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
        traces = () if self.traces is None else (trace_requests.SERVICE.full_name,)
        reflection.register((*_NAMES[1:], *traces, health.SERVICE_NAME), server)

    async def report(self, *, serving: bool) -> None:
        """Sets the answer of health checks: whether the services can be used, and that this process answers.

        An orchestrator restarts what does not answer for the process. It must not restart what is without a database,
        which a new process would be, too.
        """
        await self.health.set(PROCESS, _SERVING)
        for name in _NAMES:
            await self.health.set(name, _SERVING if serving else _NOT_SERVING)

    async def report_memory(self, *, short: bool) -> None:
        """Sets the answer of the health check of memory.

        The other services go on as serving: only organizations with much in flight are refused, and if all servers
        reported that they do not serve, the load of one organization would take them out one by one.
        """
        await self.health.set(MEMORY, _NOT_SERVING if short else _SERVING)
