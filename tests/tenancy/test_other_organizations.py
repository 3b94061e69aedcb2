"""Nothing of another organization: each RPC answers to its names, ids and tokens as to those that nobody has.

The table has a row for each RPC of every service, as descriptors tell them, with all that its request can name. Each is
asked twice with the key of an organization: for something of another organization, and for something that is not there.
The two answers must be the same, and the owner's own answer another one, or the row would prove nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor

from server.rpc import services
from server.rpc.exports import places
from server.store.database import Database
from server.tenancy.principal import Scope
from tallywire.v1 import custom_metric_service_pb2, event_pb2, export_service_pb2, funnel_service_pb2
from tests.support import admin_rows, alerting, foreign_names, serving
from tests.support.foreign_names import Case, Fields, case
from tests.support.rpcs import METHODS, answers
from tests.support.serving import Accounts, Caller
from tests.support.tiny_worlds import DAY, THE_DAY

ALL = (Scope.ADMIN, Scope.INGEST, Scope.BACKFILL, Scope.READ, Scope.EVENTS, Scope.CORRECT)
SINCE = serving.period(DAY, DAY + timedelta(days=2))


def within(**more: Any) -> Fields:
    """A question about the day, filtered by an agent."""
    return lambda name: {"time_range": THE_DAY, "filter": {"agent_id": name}, **more}


def paged(rpc: str, **more: Any) -> Case:
    """The next page of a list, whose first one is asked for by the fixture."""
    return foreign_names.page_of(rpc, FIRST_PAGES[rpc], **more)


def event(event_id: str) -> event_pb2.Event:
    return serving.event(at=DAY, event_id=event_id)


# The first pages of lists, with one row each; all have more rows in the owner's organization.
FIRST_PAGES: Mapping[str, dict[str, Any]] = {
    "EventService/ListEvents": {"time_range": THE_DAY, "page_size": 1},
    "MetricsService/QueryMetrics": {
        "time_range": THE_DAY,
        "metrics": ["events"],
        "group_by": ["agent"],
        "page_size": 1,
    },
    "CampaignService/ListCampaigns": {"time_range": THE_DAY, "page_size": 1},
    "DirectoryService/ListAgents": {"page_size": 1},
    "DirectoryService/ListContentGaps": {"page_size": 1},
    "DirectoryService/ListConversations": {"time_range": THE_DAY, "time": 2, "page_size": 1},
    "DirectoryService/GetConversation": {"conversation_id": "conversation-a", "page_size": 1},
    "DirectoryService/ListLeads": {"page_size": 1},
    "DirectoryService/ListUsers": {"page_size": 1},
    "DirectoryService/ListUserActivities": {"user_id": "user-a", "page_size": 1},
    "AuditService/ListAuditEntries": {"page_size": 1},
    "AccountService/ListOwnSessions": {"page_size": 1},
    "DeliveryService/ListDeliveries": {"page_size": 1},
    "ReportService/ListReportRuns": {"page_size": 1},
    "AlertService/ListIncidents": {"page_size": 1},
    **admin_rows.FIRST_PAGES,
}
HOOK = {"name": "Hook", "webhook": {"url": "https://example.org/"}}
REPORT = {"title": "Weekly", "blocks": [{"kind": "text", "note": "Nothing."}], "visibility": 2}
RULE = {"name": "Errors", "metric": "events", "condition": {"value": {}, "direction": 1, "critical": 5.0}}
HOURLY = {**RULE, "window": {"seconds": 3600}, "step": {"seconds": 3600}}
NAMELESS = "takes no name of anything that an organization has"
ROWS = {
    "leads": "leads_generated",
    "events": "events",
    "conversations": "total_conversations",
    "users": "unique_users",
}

TABLE: Mapping[str, Sequence[Case] | str] = {
    "EventService/TrackEvent": [case("copied event", lambda name: {"event": event(name)})],
    "EventService/TrackEvents": [case("batched event", lambda name: {"events": [event(name)]})],
    "EventService/StreamEvents": [
        case("streamed event", lambda name: {"batch": {"sequence": 1, "events": [event(name)]}})
    ],
    "EventService/CorrectEvents": [case("corrected event", lambda name: {"events": [event(name)], "reason": "wrong"})],
    "EventService/RetractEvents": [case("doomed event", lambda name: {"event_ids": [name], "reason": "wrong"})],
    "EventService/GetEvent": [case("event", lambda name: {"event_id": name})],
    "EventService/ListEvents": [
        *(
            case(kind, lambda name, kind=kind: {"time_range": THE_DAY, "filter": {f"{kind}_id": name}})
            for kind in ("agent", "user", "conversation", "campaign", "team")
        ),
        case("rows of events", lambda token: {"rows_token": token}),
        paged("EventService/ListEvents"),
    ],
    "MetricsService/GetOverview": [case("agent", within())],
    "MetricsService/GetAgentMetrics": [
        case("agent", lambda name: {"time_range": THE_DAY, "agent_id": name}),
        case("team", lambda name: {"time_range": THE_DAY, "agent_id": "nobody", "team_id": name}, is_told=False),
    ],
    "MetricsService/GetUsageTrends": [
        case("agent", within()),
        case("metric", lambda name: {"time_range": THE_DAY, "metrics": [f"custom.{name}"]}),
    ],
    "MetricsService/QueryMetrics": [
        case("agent", within(metrics=["events"])),
        case("metric", lambda name: {"time_range": THE_DAY, "metrics": [f"custom.{name}"]}),
        case("metric", lambda name: {"time_range": THE_DAY, "metrics": ["events"], "order_by": name}, is_told=False),
        paged("MetricsService/QueryMetrics"),
    ],
    "MetricsService/GetApiUsage": [case("agent", within())],
    "MetricsService/GetCallMetrics": [case("agent", within())],
    "MetricsService/GetQuality": [
        case("agent", within()),
        case("rubric", lambda name: {"time_range": THE_DAY, "rubric_version": name}),
    ],
    "MetricsService/ListDimensionValues": [
        case("agent", lambda name: {"time_range": THE_DAY, "dimension": "agent", "prefix": name}),
        case("metric", lambda name: {"time_range": THE_DAY, "dimension": name}, is_told=False),
    ],
    "MetricsService/GetDailyStats": NAMELESS,
    "MetricsService/GetQuota": NAMELESS,
    "MetricsService/GetRoi": [case("agent", within(), is_told=False)],
    "MetricsService/GetConversationMetrics": [case("agent", within())],
    "MetricsService/GetCosts": NAMELESS,
    "MetricsService/ListMetrics": NAMELESS,
    "AnomalyService/ListAnomalies": [
        # There is no history, so that nothing is unusual for anybody.
        case("agent", within(metrics=["events"]), is_told=False),
        case("metric", lambda name: {"time_range": THE_DAY, "metrics": [f"custom.{name}"]}),
        case("metric", lambda name: {"time_range": THE_DAY, "metrics": ["events"], "group_by": name}, is_told=False),
    ],
    "AnomalyService/ListChanges": [
        case("agent", within(metrics=["events"], group_by=["channel"])),
        case("metric", lambda name: {"time_range": THE_DAY, "metrics": [f"custom.{name}"], "group_by": ["agent"]}),
        case("metric", lambda name: {"time_range": THE_DAY, "metrics": ["events"], "group_by": [name]}, is_told=False),
    ],
    "LeaderboardService/GetLeaderboard": [
        case("team", lambda name: {"time_range": THE_DAY, "team_id": name}, is_told=False)
    ],
    "ForecastService/GetForecast": [
        case(
            "agent",
            lambda name: {"metric": "events", "filter": {"agent_id": name}, "time_range": THE_DAY, "horizon": 1},
            is_told=False,
        )
    ],
    "ForecastService/GetChurn": NAMELESS,
    # Only organizations with a hundred users have pages of it, which tests/forecasts tries: this is another list's.
    "ForecastService/ListUsersAtRisk": [
        case("page of DirectoryService/ListUsers", lambda token: {"page_token": token})
    ],
    "CampaignService/ListCampaigns": [paged("CampaignService/ListCampaigns")],
    "CampaignService/GetCampaign": [case("campaign", lambda name: {"time_range": THE_DAY, "campaign_id": name})],
    "DirectoryService/ListAgents": [
        case("agent", lambda name: {"prefix": name}),
        case("team", lambda name: {"team_id": name}),
        paged("DirectoryService/ListAgents"),
    ],
    "DirectoryService/GetAgent": [case("agent", lambda name: {"agent_id": name})],
    "DirectoryService/ListContentGaps": [
        case("topic", lambda name: {"prefix": name}),
        case("topic", lambda name: {"search": name}),
        paged("DirectoryService/ListContentGaps"),
    ],
    "DirectoryService/GetContentGap": [case("topic", lambda name: {"topic": name})],
    "DirectoryService/UpdateContentGap": [
        case("topic", lambda name: {"topic": name, "note": "seen"}),
    ],
    "DirectoryService/MergeContentGaps": [
        case("doomed topic", lambda name: {"topic": name, "into_topic": "own-topic"}),
        case("doomed topic", lambda name: {"topic": "none", "into_topic": name}, is_told=False),
    ],
    "DirectoryService/UndoContentGapMerge": [case("merged topic", lambda name: {"topic": name})],
    "DirectoryService/ListConversations": [
        case("conversation", lambda name: {"conversation_id_prefix": name}),
        *(
            case(kind, lambda name, kind=kind: {"time_range": THE_DAY, "time": 2, f"{kind}_id": name})
            for kind in ("agent", "team", "user")
        ),
        case("subject", lambda name: {"time_range": THE_DAY, "time": 2, "topic": name}),
        case("rows of conversations", lambda token: {"rows_token": token}),
        paged("DirectoryService/ListConversations"),
    ],
    "DirectoryService/GetConversation": [
        case("conversation", lambda name: {"conversation_id": name}),
        paged("DirectoryService/GetConversation"),
    ],
    "DirectoryService/ListLeads": [
        case("lead", lambda name: {"prefix": name}),
        *(case(kind, lambda name, kind=kind: {f"{kind}_id": name}) for kind in ("agent", "team", "campaign")),
        case("rows of leads", lambda token: {"rows_token": token}),
        paged("DirectoryService/ListLeads"),
    ],
    "DirectoryService/GetLead": [case("lead", lambda name: {"lead_id": name})],
    "DirectoryService/ListUsers": [
        case("user", lambda name: {"prefix": name}),
        case("rows of users", lambda token: {"rows_token": token}),
        paged("DirectoryService/ListUsers"),
    ],
    "DirectoryService/GetUser": [case("user", lambda name: {"user_id": name})],
    "DirectoryService/ListUserActivities": [
        case("user", lambda name: {"user_id": name}),
        paged("DirectoryService/ListUserActivities"),
    ],
    "DirectoryService/GetUserRetention": NAMELESS,
    "FunnelService/CreateFunnel": [
        case("copied funnel", lambda name: {"funnel": funnel(name)}),
        case("request of a funnel", lambda name: {"funnel": funnel(f"for {name}"), "request_id": name}),
    ],
    "FunnelService/GetFunnel": [case("funnel", lambda name: {"name": name})],
    "FunnelService/ListFunnels": NAMELESS,
    "FunnelService/DeleteFunnel": [case("doomed funnel", lambda name: {"name": name})],
    "FunnelService/QueryFunnel": [
        case("funnel", lambda name: {"time_range": THE_DAY, "name": name}),
    ],
    "CustomMetricService/CreateCustomMetric": [case("copied metric", lambda name: {"metric": metric(name, "SUM")})],
    "CustomMetricService/GetCustomMetric": [case("metric", lambda name: {"name": name})],
    "CustomMetricService/ListCustomMetrics": NAMELESS,
    "CustomMetricService/DeleteCustomMetric": [case("doomed metric", lambda name: {"name": name})],
    "PrivacyService/EraseUser": [
        case("request of an erasure", lambda name: {"user_id": f"user of {name}", "request_id": name}, is_told=False),
        case("doomed user", lambda name: {"user_id": name}, is_told=False),
    ],
    "PrivacyService/GetErasure": [case("erasure", lambda name: {"erasure_id": name})],
    "PrivacyService/ExportUser": [case("user", lambda name: {"user_id": name})],
    "AuditService/VerifyMetrics": [
        case("metric", lambda name: {"time_range": SINCE, "dimension": name}, is_told=False),
    ],
    "AuditService/RepairMetrics": [
        case("metric", lambda name: {"time_range": SINCE, "dimension": name}, is_told=False),
    ],
    "AuditService/ListAuditEntries": [
        case("key", lambda name: {"actor_id": name}),
        case("metric", lambda name: {"subject": name}),
        paged("AuditService/ListAuditEntries"),
    ],
    "AccountService/SignIn": NAMELESS,  # its credential says whose it is
    "AccountService/SignOut": NAMELESS,
    "AccountService/GetSession": NAMELESS,
    "AccountService/CreateSignInCode": NAMELESS,
    "AccountService/CreateEmbedToken": NAMELESS,
    "AccountService/GetPreferences": NAMELESS,
    "AccountService/UpdatePreferences": [
        case("dashboard", lambda name: {"preferences": {"home_dashboard_id": name}}, is_told=False)
    ],
    "AccountService/ListOwnSessions": [paged("AccountService/ListOwnSessions")],
    "AccountService/RevokeOwnSession": [case("own session", lambda name: {"session_id": name})],
    "AccountService/RevokeOtherSessions": NAMELESS,
    "DashboardService/CreateDashboard": [
        case(
            "dashboard",
            lambda name: {"dashboard": {"title": "Copied", "dashboard_id": name, "owner": name}},
            is_told=False,
        )
    ],
    "DashboardService/GetDashboard": [case("dashboard", lambda name: {"dashboard_id": name})],
    "DashboardService/ListDashboards": NAMELESS,
    "DashboardService/UpdateDashboard": [
        case("dashboard", lambda name: {"dashboard": {"title": "Changed", "dashboard_id": name}})
    ],
    "DashboardService/DeleteDashboard": [case("doomed dashboard", lambda name: {"dashboard_id": name})],
    "DashboardService/DuplicateDashboard": [case("dashboard", lambda name: {"dashboard_id": name})],
    "DashboardService/ListDashboardVersions": [case("dashboard", lambda name: {"dashboard_id": name})],
    "DashboardService/ListDashboardTemplates": NAMELESS,
    "DeliveryService/CreateDestination": [
        case(
            "destination",
            lambda name: {"destination": {**HOOK, "destination_id": name, "owner": name, "etag": name}},
            is_told=False,
        )
    ],
    "DeliveryService/GetDestination": [case("destination", lambda name: {"destination_id": name})],
    "DeliveryService/ListDestinations": NAMELESS,
    "DeliveryService/UpdateDestination": [
        case("destination", lambda name: {"destination": {**HOOK, "destination_id": name}})
    ],
    "DeliveryService/DeleteDestination": [case("doomed destination", lambda name: {"destination_id": name})],
    "DeliveryService/TestDestination": [case("destination", lambda name: {"destination_id": name})],
    "DeliveryService/RotateSecret": [case("destination", lambda name: {"destination_id": name})],
    "DeliveryService/ListDeliveries": [
        case("destination", lambda name: {"destination_id": name}),
        case("destination", lambda name: {"subject_id": name}),  # of its tests
        paged("DeliveryService/ListDeliveries"),
    ],
    "DeliveryService/GetDelivery": [case("delivery", lambda name: {"delivery_id": name})],
    "DeliveryService/ResendDelivery": [case("delivery", lambda name: {"delivery_id": name})],
    "DeliveryService/CreateDownloadLink": [case("delivery", lambda name: {"delivery_id": name})],
    "DeliveryService/ReadDownload": NAMELESS,  # its token says whose it is
    "DeliveryService/ChangeMailSubscription": NAMELESS,  # the same
    "ReportService/CreateReport": [
        case("report", lambda name: {"report": {**REPORT, "report_id": name, "owner": name}}, is_told=False)
    ],
    "ReportService/GetReport": [case("report", lambda name: {"report_id": name})],
    "ReportService/ListReports": NAMELESS,
    "ReportService/UpdateReport": [case("report", lambda name: {"report": {**REPORT, "report_id": name}})],
    "ReportService/DeleteReport": [case("doomed report", lambda name: {"report_id": name})],
    "ReportService/ListReportVersions": [case("report", lambda name: {"report_id": name})],
    "ReportService/ListReportTemplates": NAMELESS,
    "ReportService/RunReport": [
        case("report", lambda name: {"report_id": name}),
        case("run", lambda name: {"again_of": name}),
        case("request of a run", lambda name: {"report_id": "none", "request_id": name}, is_told=False),
    ],
    "ReportService/GetReportRun": [case("run", lambda name: {"run_id": name})],
    "ReportService/ListReportRuns": [
        case("report", lambda name: {"report_id": name}),
        case("schedule", lambda name: {"schedule_id": name}),
        paged("ReportService/ListReportRuns"),
    ],
    "ReportService/CancelReportRun": [case("run", lambda name: {"run_id": name})],
    "ReportService/DownloadReport": [case("run", lambda name: {"run_id": name})],
    "ReportService/CreateReportSchedule": [
        case("report", lambda name: {"schedule": {"report_id": name, "when": "daily at 07:00"}})
    ],
    "ReportService/UpdateReportSchedule": [
        case("schedule", lambda name: {"schedule": {"schedule_id": name, "when": "daily at 08:00"}})
    ],
    "ReportService/DeleteReportSchedule": [case("doomed schedule", lambda name: {"schedule_id": name})],
    "ReportService/ListReportSchedules": [case("report", lambda name: {"report_id": name})],
    "ReportService/PauseReportSchedule": [case("schedule", lambda name: {"schedule_id": name})],
    "ReportService/ResumeReportSchedule": [case("schedule", lambda name: {"schedule_id": name})],
    "ReportService/RunReportSchedule": [
        case("schedule", lambda name: {"schedule_id": name}),
        case("request of a run", lambda name: {"schedule_id": "none", "request_id": name}, is_told=False),
    ],
    "ExportService/ExportMetrics": [
        case("agent", lambda name: {"overview": {"time_range": THE_DAY, "filter": {"agent_id": name}}}),
        case("funnel", lambda name: {"funnel": {"time_range": THE_DAY, "name": name}}),
    ],
    "ExportService/ExportRows": [
        *(
            case(kind, lambda name, kind=kind: {"events": {"time_range": THE_DAY, "filter": {f"{kind}_id": name}}})
            for kind in ("agent", "user", "conversation", "campaign", "team")
        ),
        case("rows of events", lambda token: {"events": {"rows_token": token}}),
        case("key", lambda name: {"audit_entries": {"actor_id": name}}),
        case("resume token of rows", lambda token: {"events": {"time_range": THE_DAY}, "resume_token": token}),
    ],
    "RealtimeService/GetRealtimeMetrics": [case("agent of now", lambda name: {"filter": {"agent_ids": [name]}})],
    "RealtimeService/WatchMetrics": [case("agent of now", lambda name: {"filter": {"agent_ids": [name]}})],
    "AlertService/CreateAlertRule": [
        case("destination", lambda name: {"rule": {**RULE, "destination_ids": [name]}}),
        case("agent", lambda name: {"rule": {**RULE, "filter": {"agent_id": name}}}, is_told=False),
        case("rule", lambda name: {"rule": {**RULE, "rule_id": name, "owner": name}}, is_told=False),
    ],
    "AlertService/GetAlertRule": [case("rule", lambda name: {"rule_id": name})],
    "AlertService/ListAlertRules": NAMELESS,
    "AlertService/UpdateAlertRule": [
        case("rule", lambda name: {"rule": {**RULE, "rule_id": name}}),
        case(
            "destination", lambda name: {"rule": {**RULE, "rule_id": "none", "destination_ids": [name]}}, is_told=False
        ),
    ],
    "AlertService/DeleteAlertRule": [case("doomed rule", lambda name: {"rule_id": name})],
    "AlertService/SnoozeAlertRule": [case("rule", lambda name: {"rule_id": name})],
    "AlertService/TestAlertRule": [
        case("agent", lambda name: {"rule": {**RULE, "filter": {"agent_id": name}}}, is_told=False),
        case("destination", lambda name: {"rule": {**RULE, "destination_ids": [name]}}, is_told=False),
    ],
    "AlertService/BacktestAlertRule": [
        case("agent", lambda name: {"rule": {**HOURLY, "filter": {"agent_id": name}}, "time_range": THE_DAY}),
        case(
            "destination",
            lambda name: {"rule": {**HOURLY, "destination_ids": [name]}, "time_range": THE_DAY},
            is_told=False,
        ),
    ],
    "AlertService/ListIncidents": [
        case("rule", lambda name: {"rule_id": name}),
        paged("AlertService/ListIncidents"),
    ],
    "AlertService/GetIncident": [case("incident", lambda name: {"incident_id": name})],
    "AlertService/AcknowledgeIncident": [case("incident", lambda name: {"incident_id": name, "comment": "mine"})],
    "AlertService/CommentIncident": [case("incident", lambda name: {"incident_id": name, "text": "seen"})],
    "AlertService/WatchAlerts": NAMELESS,
    **admin_rows.TABLE,
    "RealtimeService/WatchUpdates": [case("resume token", lambda token: {"resume_after": token})],
}


def funnel(name: str) -> funnel_service_pb2.Funnel:
    return funnel_service_pb2.Funnel(name=name, definition={"stages": [{"event_type": "lead.created"}] * 2})


def metric(name: str, aggregation: str = "COUNT") -> custom_metric_service_pb2.CustomMetric:
    kind = custom_metric_service_pb2.CustomMetricAggregation.Value(f"CUSTOM_METRIC_AGGREGATION_{aggregation}")
    value = "properties.amount" if aggregation == "SUM" else ""
    return custom_metric_service_pb2.CustomMetric(
        name=name, event_types=["order.placed"], aggregation=kind, value=value
    )


# What differs between two answers to the same question.
_OF_THE_MOMENT = re.compile(
    r'\n *"(as_of_revision|as_of_time|revision|created_at|requested_at|erasure_id|received_at|committed_at|seconds|'
    r"resume_token|updated_at|kept_from|epoch|now|etag|dashboard_id|report_id|run_id|schedule_id|"
    r"destination_id|secret|key_id|old_key_ends_at|task_id|run_at|"
    r'old_secret_until|rule_id|acknowledged_at|recorded_at|window_end|start|end)": [^\n]*'
)


async def outcome(caller: Caller, rpc: str, fields: Mapping[str, Any], name: str) -> str:
    """All that a caller sees of an answer or a refusal, but for the name that was asked about."""
    try:
        found = await answers(caller, rpc, fields)
    except grpc.aio.AioRpcError as error:
        said = serving.refusal(error)
        seen = f"{said} {error.details()} {sorted(serving.info(error).items())}"
    else:
        seen = "\n".join(json_format.MessageToJson(one, preserving_proto_field_name=True) for one in found)
    return _OF_THE_MOMENT.sub("", seen).replace(name, "…")


class Things(NamedTuple):
    """Two organizations, and the names of what the first one has, by kinds of things."""

    owner: Caller
    stranger: Caller
    names: dict[str, str]

    def unknown(self, thing: str, row: str) -> str:
        """A name of the same kind that nobody has, another one for each row: some rows make what they name."""
        if thing == "erasure":
            return "8c5b4f53-5d6d-4ef5-9d53-6f1f5a3b6d11"
        if thing == "run":
            return str(2**62 + len(row))
        if thing.endswith("task"):
            return str(10**17 + len(row))
        if thing.startswith(("page of", "rows of", "resume")):  # as one that was made up
            token = self.names[thing]
            middle = len(token) // 2
            return token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
        return f"none_of_{row.rpartition('/')[2].lower()}"


async def fill(caller: Caller, letter: str) -> None:
    """Stores two of everything, with names of their own."""
    some: list[event_pb2.Event] = []
    for one in (letter, f"{letter}2"):
        of = {
            "agent_id": f"agent-{one}",
            "user_id": f"user-{one}",
            "team_id": f"team-{one}",
            "campaign_id": f"campaign-{one}",
        }
        talk = {**of, "conversation_id": f"conversation-{one}"}
        some += [serving.event(at=DAY, event_id=f"event-{one}-{number}", **talk) for number in range(2)]
        some += [
            serving.event("conversation.started", at=DAY, conversation={"topic": f"subject-{one}"}, **talk),
            serving.event("message.sent", at=DAY, **talk),
            serving.event("lead.created", at=DAY, resource_id=f"lead-{one}", **of),
            serving.event("order.placed", at=DAY, **of),
            serving.event("quality.scored", at=DAY, quality={"overall": 9, "rubric_version": f"rubric-{one}"}, **talk),
            serving.event("call.ended", at=DAY, call={"talk_ms": 9}, **of),
            serving.event("api.called", at=DAY, api={"latency_ms": 9}, **of),
            serving.event("agent.created", at=DAY, **of),
            serving.event("message.sent", agent_id=f"agent-now-{one}"),
        ]
        for topic in ("topic", "doomed-topic", "merged-topic"):
            gap = {"topic": f"{topic}-{one}"}
            some.append(serving.event("content_gap.found", at=DAY, content_gap=gap, **of))
    for kind in ("copied", "batched", "streamed", "doomed", "corrected"):
        some.append(serving.event(at=DAY, event_id=f"{kind}-event-{letter}"))
    some.append(serving.event("content_gap.found", at=DAY, content_gap={"topic": "own-topic"}))
    await caller.track_all(some)
    for name in (f"metric_{letter}", f"copied_metric_{letter}", f"doomed_metric_{letter}"):
        await answers(caller, "CustomMetricService/CreateCustomMetric", {"metric": metric(name)})
    for kind in ("funnel", "copied-funnel", "doomed-funnel"):
        request = {"funnel": funnel(f"{kind}-{letter}"), "request_id": f"request-of-{kind}-{letter}"}
        await answers(caller, "FunnelService/CreateFunnel", request)
    merged = {"topic": f"merged-topic-{letter}", "into_topic": f"topic-{letter}2"}
    await answers(caller, "DirectoryService/MergeContentGaps", merged)


async def _reports_of(owner: Caller) -> dict[str, str]:
    """Two reports of the organization, a schedule of each, and two runs of the first."""
    names = {}
    for thing in ("report", "doomed report"):
        (made,) = await answers(owner, "ReportService/CreateReport", {"report": {**REPORT, "title": thing}})
        names[thing] = made.report.report_id
    for thing in ("schedule", "doomed schedule"):
        schedule = {"report_id": names["report"], "when": "daily at 07:00"}
        (kept,) = await answers(owner, "ReportService/CreateReportSchedule", {"schedule": schedule})
        names[thing] = kept.schedule.schedule_id
    asked = {"schedule_id": names["schedule"], "request_id": "of a schedule"}
    await answers(owner, "ReportService/RunReportSchedule", asked)
    named = {"report_id": names["report"], "request_id": "request-of-run-a"}
    (run,) = await answers(owner, "ReportService/RunReport", named)
    names["run"] = run.run.run_id
    return names | {"request of a run": "request-of-run-a"}


async def _alerts_of(owner: Caller, database: Database) -> dict[str, str]:
    """Two rules of the organization, and two incidents of the first."""
    names = {}
    for thing in ("rule", "doomed rule"):
        (made,) = await answers(owner, "AlertService/CreateAlertRule", {"rule": RULE})
        names[thing] = made.rule.rule_id
    for value in ("a", "b"):
        at = DAY + timedelta(hours=1)
        names["incident"] = await alerting.happen(database, owner.organization_id, names["rule"], at, value=value)
    return names


@pytest.fixture(scope="module")
async def things(accounts: Accounts) -> Things:
    """Two organizations that have as much as the other."""
    owner, stranger = [await accounts.caller(scopes=ALL) for _ in range(2)]
    kinds = ("agent", "user", "team", "campaign", "conversation", "lead", "topic", "subject", "rubric", "funnel")
    names = {kind: f"{kind}-a" for kind in kinds} | {"metric": "metric_a", "key": owner.key.key_id}
    names |= {"event": "event-a-0", "agent of now": "agent-now-a", "merged topic": "merged-topic-a"}
    names |= {f"{kind} event": f"{kind}-event-a" for kind in ("copied", "batched", "streamed", "doomed", "corrected")}
    names |= {f"{kind} funnel": f"{kind}-funnel-a" for kind in ("copied", "doomed")}
    names |= {f"{kind} metric": f"{kind}_metric_a" for kind in ("copied", "doomed")}
    names |= {"doomed topic": "doomed-topic-a", "doomed user": "doomed-user-a"}
    names |= {"request of a funnel": "request-of-funnel-a", "request of an erasure": "request-a"}
    for caller, letter in ((owner, "a"), (stranger, "b")):
        await fill(caller, letter)
    erasing = {"user_id": "gone", "request_id": "request-a"}
    (erased,) = await answers(owner, "PrivacyService/EraseUser", erasing)
    names["erasure"] = erased.erasure.erasure_id
    table = await owner.table(THE_DAY, *ROWS.values(), include_rows_tokens=True)
    names |= {f"rows of {kind}": table.total.rows_tokens[name].token for kind, name in ROWS.items()}
    for thing in ("dashboard", "doomed dashboard"):
        (made,) = await answers(
            owner, "DashboardService/CreateDashboard", {"dashboard": {"title": thing, "visibility": 2}}
        )
        names[thing] = made.dashboard.dashboard_id
    for thing in ("destination", "doomed destination"):
        (destination,) = await answers(owner, "DeliveryService/CreateDestination", {"destination": HOOK})
        names[thing] = destination.destination.destination_id
    for _ in range(2):
        (tested,) = await answers(owner, "DeliveryService/TestDestination", {"destination_id": names["destination"]})
    names["delivery"] = tested.delivery_ids[0]
    names |= await _reports_of(owner)
    names |= await _alerts_of(owner, accounts.database)
    names |= await admin_rows.fill(owner, accounts.database)
    for rpc, fields in FIRST_PAGES.items():
        (page,) = await answers(owner, rpc, fields)
        assert page.next_page_token, rpc
        names[f"page of {rpc}"] = page.next_page_token
    (update,) = await answers(owner, "RealtimeService/WatchUpdates", {})
    names["resume token"] = update.resume_token
    digest = places.digest_of(export_service_pb2.ExportRowsRequest(events={"time_range": THE_DAY}))
    place = places.FilePlace(page_token=names["page of EventService/ListEvents"], rows=1, size=100)
    names["resume token of rows"] = places.FilePlaces(accounts.secrets).token(owner.organization_id, digest, place)
    return Things(owner=owner, stranger=stranger, names=names)


@pytest.mark.parametrize("rpc", TABLE)
async def test_what_others_have_is_as_what_is_not_there(things: Things, rpc: str) -> None:
    rows = TABLE[rpc]
    for place, one in enumerate(() if isinstance(rows, str) else rows):
        theirs, nobodys = things.names[one.thing], things.unknown(one.thing, f"{rpc}_{place}")
        seen = await outcome(things.stranger, rpc, one.fields(theirs), theirs)
        assert seen == await outcome(things.stranger, rpc, one.fields(nobodys), nobodys), one.thing
        if one.is_told:
            assert await outcome(things.owner, rpc, one.fields(theirs), theirs) != seen, one.thing


def test_every_rpc_has_a_row() -> None:
    assert TABLE.keys() == METHODS.keys()
    served = {path.removeprefix("/tallywire.v1.") for path in services.SCOPES.keys() | services.OPEN}
    # Spans become events, whose ids are told apart as those of TrackEvent are.
    assert served - {"/opentelemetry.proto.collector.trace.v1.TraceService/Export"} == TABLE.keys()


@pytest.mark.parametrize("rpc", TABLE)
def test_a_row_has_all_that_its_request_can_name(rpc: str) -> None:
    rows = TABLE[rpc]
    named = set[str]() if isinstance(rows, str) else {name for one in rows for name in one.fields("a" * 9)}
    assert set(_names(METHODS[rpc])) <= named, rpc


# Fields of texts that are no names of what an organization has.
_WORDS = {"order_by", "currency", "prefix", "search", "reason", "note", "breakdown", "handoff_reason", "channel"}
_WORDS |= {"action_prefix", "stage", "reached_stage", "group_by", "dimension", "metrics"}
_WORDS |= {"etag"}  # how often a content gap or a dashboard was changed: it names nobody's
_WORDS |= {"scopes", "subject", "rpcs", "origins", "api_key", "code", "identity_token", "title"}
_WORDS |= {"token"}  # of a link in a mail: it says itself whose it is, as a key does
_WORDS |= {"table"}  # of a file
_WORDS |= {"kind"}  # of tasks


def _names(method: MethodDescriptor) -> Iterator[str]:
    """The fields of a request that may name something."""
    for field in method.input_type.fields:
        if field.type == FieldDescriptor.TYPE_STRING and field.name not in _WORDS:
            yield field.name
