"""The part of a client that belongs to one event loop: an asyncio connection and its stubs."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import grpc.aio

from tallywire.v1 import (
    account_service_pb2_grpc,
    admin_service_pb2_grpc,
    alert_service_pb2_grpc,
    anomaly_service_pb2_grpc,
    audit_service_pb2_grpc,
    campaign_service_pb2_grpc,
    custom_metric_service_pb2_grpc,
    dashboard_service_pb2_grpc,
    delivery_service_pb2_grpc,
    directory_service_pb2_grpc,
    event_service_pb2_grpc,
    export_service_pb2_grpc,
    forecast_service_pb2_grpc,
    funnel_service_pb2_grpc,
    leaderboard_service_pb2_grpc,
    metrics_service_pb2_grpc,
    privacy_service_pb2_grpc,
    realtime_service_pb2_grpc,
    report_service_pb2_grpc,
)

if TYPE_CHECKING:
    # These classes exist in the stubs alone: at run time one stub class serves both kinds of channel.
    from tallywire.v1.account_service_pb2_grpc import AccountServiceAsyncStub
    from tallywire.v1.admin_service_pb2_grpc import AdminServiceAsyncStub
    from tallywire.v1.alert_service_pb2_grpc import AlertServiceAsyncStub
    from tallywire.v1.anomaly_service_pb2_grpc import AnomalyServiceAsyncStub
    from tallywire.v1.audit_service_pb2_grpc import AuditServiceAsyncStub
    from tallywire.v1.campaign_service_pb2_grpc import CampaignServiceAsyncStub
    from tallywire.v1.custom_metric_service_pb2_grpc import CustomMetricServiceAsyncStub
    from tallywire.v1.dashboard_service_pb2_grpc import DashboardServiceAsyncStub
    from tallywire.v1.delivery_service_pb2_grpc import DeliveryServiceAsyncStub
    from tallywire.v1.directory_service_pb2_grpc import DirectoryServiceAsyncStub
    from tallywire.v1.event_service_pb2_grpc import EventServiceAsyncStub
    from tallywire.v1.export_service_pb2_grpc import ExportServiceAsyncStub
    from tallywire.v1.forecast_service_pb2_grpc import ForecastServiceAsyncStub
    from tallywire.v1.funnel_service_pb2_grpc import FunnelServiceAsyncStub
    from tallywire.v1.leaderboard_service_pb2_grpc import LeaderboardServiceAsyncStub
    from tallywire.v1.metrics_service_pb2_grpc import MetricsServiceAsyncStub
    from tallywire.v1.privacy_service_pb2_grpc import PrivacyServiceAsyncStub
    from tallywire.v1.realtime_service_pb2_grpc import RealtimeServiceAsyncStub
    from tallywire.v1.report_service_pb2_grpc import ReportServiceAsyncStub


@dataclass(frozen=True, slots=True, kw_only=True)
class Stubs:
    """A connection and its stubs, which belong to one event loop."""

    loop: asyncio.AbstractEventLoop
    channel: grpc.aio.Channel
    events: "EventServiceAsyncStub"
    metrics: "MetricsServiceAsyncStub"
    campaigns: "CampaignServiceAsyncStub"
    directory: "DirectoryServiceAsyncStub"
    forecasts: "ForecastServiceAsyncStub"
    funnels: "FunnelServiceAsyncStub"
    anomalies: "AnomalyServiceAsyncStub"
    leaderboards: "LeaderboardServiceAsyncStub"
    realtime: "RealtimeServiceAsyncStub"
    audit: "AuditServiceAsyncStub"
    custom_metrics: "CustomMetricServiceAsyncStub"
    privacy: "PrivacyServiceAsyncStub"
    accounts: "AccountServiceAsyncStub"
    admin: "AdminServiceAsyncStub"
    alerts: "AlertServiceAsyncStub"
    dashboards: "DashboardServiceAsyncStub"
    delivery: "DeliveryServiceAsyncStub"
    reports: "ReportServiceAsyncStub"
    exports: "ExportServiceAsyncStub"


def bind(loop: asyncio.AbstractEventLoop, channel: grpc.aio.Channel) -> Stubs:
    """Returns a connection with its stubs."""
    return Stubs(
        loop=loop,
        channel=channel,
        events=cast("EventServiceAsyncStub", event_service_pb2_grpc.EventServiceStub(channel)),
        metrics=cast("MetricsServiceAsyncStub", metrics_service_pb2_grpc.MetricsServiceStub(channel)),
        campaigns=cast("CampaignServiceAsyncStub", campaign_service_pb2_grpc.CampaignServiceStub(channel)),
        directory=cast("DirectoryServiceAsyncStub", directory_service_pb2_grpc.DirectoryServiceStub(channel)),
        forecasts=cast("ForecastServiceAsyncStub", forecast_service_pb2_grpc.ForecastServiceStub(channel)),
        funnels=cast("FunnelServiceAsyncStub", funnel_service_pb2_grpc.FunnelServiceStub(channel)),
        anomalies=cast("AnomalyServiceAsyncStub", anomaly_service_pb2_grpc.AnomalyServiceStub(channel)),
        leaderboards=cast("LeaderboardServiceAsyncStub", leaderboard_service_pb2_grpc.LeaderboardServiceStub(channel)),
        realtime=cast("RealtimeServiceAsyncStub", realtime_service_pb2_grpc.RealtimeServiceStub(channel)),
        audit=cast("AuditServiceAsyncStub", audit_service_pb2_grpc.AuditServiceStub(channel)),
        custom_metrics=cast(
            "CustomMetricServiceAsyncStub", custom_metric_service_pb2_grpc.CustomMetricServiceStub(channel)
        ),
        privacy=cast("PrivacyServiceAsyncStub", privacy_service_pb2_grpc.PrivacyServiceStub(channel)),
        admin=cast("AdminServiceAsyncStub", admin_service_pb2_grpc.AdminServiceStub(channel)),
        accounts=cast("AccountServiceAsyncStub", account_service_pb2_grpc.AccountServiceStub(channel)),
        alerts=cast("AlertServiceAsyncStub", alert_service_pb2_grpc.AlertServiceStub(channel)),
        dashboards=cast("DashboardServiceAsyncStub", dashboard_service_pb2_grpc.DashboardServiceStub(channel)),
        delivery=cast("DeliveryServiceAsyncStub", delivery_service_pb2_grpc.DeliveryServiceStub(channel)),
        reports=cast("ReportServiceAsyncStub", report_service_pb2_grpc.ReportServiceStub(channel)),
        exports=cast("ExportServiceAsyncStub", export_service_pb2_grpc.ExportServiceStub(channel)),
    )


def is_cancelled() -> bool:
    """Returns whether the caller's task was cancelled, and not the call under it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
