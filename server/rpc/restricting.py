"""What principals may ask that are restricted to a part of their organization, which the gate sees to.

A question that can be narrowed is narrowed to the part, so that its totals are the part's, and its context says so.
What is about no events stays open. What is kept with the part that it is about is seen by those whose part that lies
within. Everything else is refused: an RPC that is not named here is not for restricted callers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from server.errors import Reason, Refused
from server.organizations.restriction import Restriction
from server.rpc import embedding
from server.tenancy.principal import Principal
from tallywire.v1 import answer_pb2, list_events_pb2, metrics_service_pb2, realtime_service_pb2

_METRICS = "/tallywire.v1.MetricsService/"
_DIRECTORY = "/tallywire.v1.DirectoryService/"
_ACCOUNTS = "/tallywire.v1.AccountService/"
_DASHBOARDS = "/tallywire.v1.DashboardService/"
_EXPORTS = "/tallywire.v1.ExportService/"
_REPORTS = "/tallywire.v1.ReportService/"
_ALERTS = "/tallywire.v1.AlertService/"

# RPCs whose request says which part it is about: in its field filter, or in fields of its own.
NARROWED: Final = frozenset(
    {
        *(
            _METRICS + name
            for name in (
                "GetOverview",
                "GetAgentMetrics",
                "GetUsageTrends",
                "QueryMetrics",
                "GetApiUsage",
                "GetQuality",
                "GetCallMetrics",
                "GetRoi",
                "GetConversationMetrics",
            )
        ),
        "/tallywire.v1.LeaderboardService/GetLeaderboard",
        "/tallywire.v1.AnomalyService/ListAnomalies",
        "/tallywire.v1.AnomalyService/ListChanges",
        "/tallywire.v1.ForecastService/GetForecast",
        "/tallywire.v1.EventService/ListEvents",
        *(_DIRECTORY + name for name in ("ListAgents", "ListConversations", "ListLeads")),
        _EXPORTS + "ExportMetrics",
        _EXPORTS + "ExportRows",
        _ALERTS + "TestAlertRule",
        _ALERTS + "BacktestAlertRule",
        "/tallywire.v1.RealtimeService/GetRealtimeMetrics",
        "/tallywire.v1.RealtimeService/WatchMetrics",
        "/tallywire.v1.RealtimeService/WatchUpdates",
        _ACCOUNTS + "CreateEmbedToken",  # which is tied to the part as well
    }
)
# RPCs that tell nothing of events, or only what is the caller's own; and those that send events.
OPEN: Final = frozenset(
    {
        *(f"/tallywire.v1.EventService/{name}" for name in ("TrackEvent", "TrackEvents", "StreamEvents")),
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        _METRICS + "ListMetrics",
        "/tallywire.v1.CustomMetricService/GetCustomMetric",
        "/tallywire.v1.CustomMetricService/ListCustomMetrics",
        "/tallywire.v1.FunnelService/GetFunnel",
        "/tallywire.v1.FunnelService/ListFunnels",
        *(
            _ACCOUNTS + name
            for name in (
                "SignOut",
                "GetSession",
                "CreateSignInCode",
                "GetPreferences",
                "UpdatePreferences",
                "ListOwnSessions",
                "RevokeOwnSession",
                "RevokeOtherSessions",
            )
        ),
        *(
            _DASHBOARDS + name
            for name in (
                "CreateDashboard",
                "GetDashboard",
                "ListDashboards",
                "UpdateDashboard",
                "DeleteDashboard",
                "DuplicateDashboard",
                "ListDashboardVersions",
                "ListDashboardTemplates",
            )
        ),
        _REPORTS + "ListReportTemplates",
    }
)
# RPCs about what is kept with its part, which the domain looks at.
WITHIN: Final = frozenset(
    {
        *(
            _REPORTS + name
            for name in (
                "CreateReport",
                "GetReport",
                "ListReports",
                "UpdateReport",
                "DeleteReport",
                "ListReportVersions",
                "RunReport",
                "GetReportRun",
                "ListReportRuns",
                "CancelReportRun",
                "DownloadReport",
                "CreateReportSchedule",
                "UpdateReportSchedule",
                "DeleteReportSchedule",
                "ListReportSchedules",
                "PauseReportSchedule",
                "ResumeReportSchedule",
                "RunReportSchedule",
            )
        ),
        *(
            _ALERTS + name
            for name in (
                "CreateAlertRule",
                "GetAlertRule",
                "ListAlertRules",
                "UpdateAlertRule",
                "DeleteAlertRule",
                "SnoozeAlertRule",
                "ListIncidents",
                "GetIncident",
                "AcknowledgeIncident",
                "CommentIncident",
                "WatchAlerts",
            )
        ),
    }
)
_FIELDS: Final = {"agent": "agent_id", "channel": "channel", "team": "team_id"}
# The narrowed RPCs by their requests, which are called as they are.
_METHODS: Final = {f"tallywire.v1.{method.rpartition('/')[2]}Request": method for method in NARROWED}
_restriction: ContextVar[Restriction | None] = ContextVar("restriction", default=None)


def begin(principal: Principal) -> None:
    """Notes whom the current call is for."""
    _restriction.set(principal.restriction)


def tell(context: answer_pb2.AnswerContext) -> None:
    """Says in the context of an answer which part the caller of the current call is restricted to."""
    restriction = _restriction.get()
    if restriction is not None:
        context.restriction.dimension = restriction.dimension
        context.restriction.values.extend(restriction.values)


@contextmanager
def asking(principal: Principal, question: Any) -> Iterator[None]:
    """Has the service ask a question for a principal as that would ask it, and says so in the context of the answer;
    refuses a question that the principal could not ask.
    """
    if principal.restriction is not None:
        narrow(_check_asked(question, principal.restriction), question, principal.restriction)
    before = _restriction.set(principal.restriction)
    try:
        yield
    finally:
        _restriction.reset(before)


def check(method: str, restriction: Restriction) -> None:
    """Refuses a method that is not for restricted callers."""
    if method not in NARROWED | OPEN | WITHIN:
        raise _refused(restriction, f"{method.rpartition('/')[2]} is about the whole organization")


def _check_asked(question: Any, restriction: Restriction) -> str:
    """Returns the RPC that a question is the request of; refuses one whose RPC is not narrowed."""
    method = _METHODS.get(question.DESCRIPTOR.full_name)
    if method is None:
        name = question.DESCRIPTOR.name.removesuffix("Request")
        raise _refused(restriction, f"{name} is about the whole organization")
    return method


def check_going_on(method: str, narrowed: Restriction | None, now: Restriction | None) -> None:
    """Refuses to go on with a call that was about another part than its caller may see now, or about the whole."""
    if method in NARROWED | WITHIN and now is not None and now != narrowed:
        raise _refused(now, "that has changed since the call began: ask again")


def narrow(method: str, request: Any, restriction: Restriction) -> None:
    """Narrows a request to a restriction; refuses one about something else."""
    if method not in NARROWED:
        return
    question = request
    if method.startswith(_EXPORTS):
        if getattr(request, "resume_token", ""):
            raise _refused(restriction, "an export is not resumed under a restriction: begin it anew")
        which = next(iter(request.DESCRIPTOR.oneofs), None)
        chosen = None if which is None else request.WhichOneof(which.name)
        if chosen is None:
            return  # which is refused as incomplete
        question = getattr(request, chosen)
        _check_asked(question, restriction)  # as its own RPC would be
    if method.startswith(_ALERTS):
        _narrow_rule(request, restriction)
        return
    _without_rows(question, restriction)
    is_agent = isinstance(question, metrics_service_pb2.GetAgentMetricsRequest) and question.agent_id
    if is_agent and restriction.dimension == "team":  # it is asked about an agent or about a team
        raise _refused(restriction, "ask QueryMetrics about an agent, which can be narrowed")
    filtered = question.filter if "filter" in question.DESCRIPTOR.fields_by_name else question
    if isinstance(filtered, (answer_pb2.Filter, realtime_service_pb2.RealtimeFilter)):
        _narrow_filter(filtered, restriction)
    elif isinstance(filtered, list_events_pb2.EventFilter) or _FIELDS[restriction.dimension] in _names(filtered):
        _narrow_field(filtered, restriction)
    else:
        name = question.DESCRIPTOR.name.removesuffix("Request")
        raise _refused(restriction, f"{name} cannot be narrowed by {restriction.dimension}")


def narrowed_rule(request: Any, restriction: Restriction | None) -> Any:
    """Returns a request to store a rule of alerts, narrowed to what that has to be about if it does not say. Whether it
    is about that is looked at where it is stored.
    """
    if restriction is None or not request.HasField("rule") or len(restriction.values) > 1:
        return request
    narrowed = type(request)()
    narrowed.CopyFrom(request)
    if not narrowed.rule.group_by and not _named(narrowed.rule.filter, restriction):
        _narrow_filter(narrowed.rule.filter, restriction)
    return narrowed


def _narrow_rule(request: Any, restriction: Restriction) -> None:
    if not request.HasField("rule"):
        return  # which is refused as incomplete
    if request.rule.group_by:
        raise _refused(restriction, f"name one {restriction.dimension} in the rule's filter, without group_by")
    _narrow_filter(request.rule.filter, restriction)


def _names(message: Any) -> Any:
    return message.DESCRIPTOR.fields_by_name


def _without_rows(question: Any, restriction: Restriction) -> None:
    """Gives out no tokens of rows, and takes none: whoever made one may have seen more."""
    if "include_rows_tokens" in _names(question):
        question.include_rows_tokens = False
    if "rows_token" in _names(question) and question.rows_token:
        raise _refused(restriction, "rows behind a figure are not shown by its token: list them with a filter")


def _named(message: answer_pb2.Filter | realtime_service_pb2.RealtimeFilter, restriction: Restriction) -> set[str]:
    """Returns the values of the restriction's dimension that a filter names."""
    return {value for dimension, value in embedding.conditions(message) if dimension == restriction.dimension}


def _narrow_filter(message: answer_pb2.Filter | realtime_service_pb2.RealtimeFilter, restriction: Restriction) -> None:
    if named := _named(message, restriction):
        _allow(named, restriction)
    else:
        message.dimensions.add(dimension=restriction.dimension, value=_only(restriction))


def _narrow_field(message: Any, restriction: Restriction) -> None:
    field = _FIELDS[restriction.dimension]
    named = getattr(message, field)
    if named:
        _allow({named}, restriction)
    else:
        setattr(message, field, _only(restriction))


def _allow(named: set[str], restriction: Restriction) -> None:
    if not named <= set(restriction.values):
        raise _refused(restriction, f"another {restriction.dimension} was asked about")


def _only(restriction: Restriction) -> str:
    """Returns the value to narrow a question to. Of several the question itself must name one, or it is refused."""
    if len(restriction.values) > 1:
        raise _refused(restriction, f"name one {restriction.dimension} in the filter")
    return restriction.values[0]


def _refused(restriction: Restriction, why: str) -> Refused:
    values = ", ".join(restriction.values)
    return Refused(
        Reason.RESTRICTED,
        f"the caller may see the {restriction.dimension} {values[:200]} alone: {why}",
        metadata={"dimension": restriction.dimension, "values": values[:1_000]},
    )
