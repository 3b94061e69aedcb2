"""The contract, the catalogue and the service say the same."""

import pathlib
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from server import errors
from server.catalog import realtime_figures, registry
from server.catalog.metrics import Derived, Quantile, is_integer
from server.query import agent, daily_stats, overview
from server.query.changes import Absence
from server.rpc import services, trace_requests
from tallywire.v1 import (
    answer_pb2,
    error_reason_pb2,
    metrics_service_pb2,
    realtime_service_pb2,
)
from tests.support.serving import Caller


async def test_the_catalogue_is_reported_as_it_is(caller: Caller) -> None:
    answer = await caller.ask("ListMetrics", metrics_service_pb2.ListMetricsRequest())
    reported = {one.name: one for one in answer.metrics}
    everything = registry.ALL
    assert [one.name for one in answer.metrics] == sorted(everything)
    for name, metric in everything.items():
        assert (reported[name].description, reported[name].unit) == (metric.description, metric.unit)
        assert reported[name].has_series == (not isinstance(metric, Derived))
        assert (reported[name].max_relative_error > 0) == isinstance(metric, Quantile)
        measure = metrics_service_pb2.METRIC_KIND_MEASURE
        assert (reported[name].kind == measure) == (name in registry.MEASURES)


@pytest.mark.parametrize(
    ("message", "metrics"),
    [
        (metrics_service_pb2.Overview, {*overview.FIGURES, *registry.CHANGES, "storage_used_bytes"}),
        (metrics_service_pb2.AgentMetrics, {*agent.FIGURES, "available_time_ms", "occupancy"}),
        (metrics_service_pb2.AgentTrendPoint, set(agent.DAILY_FIGURES)),
        (
            metrics_service_pb2.DailyStats,
            {*daily_stats.FIGURES, "users_total", "new_users", "returning_users"},
        ),
    ],
)
def test_the_fields_of_answers_are_metrics_and_have_presence(message: Any, metrics: set[str]) -> None:
    others = {
        "agent_id",
        "storage_by_kind",
        "events_by_type",
        "start",
        "end",
        "bucket",
        "running",
        "before_first_event",
    }
    fields = {field.name: field for field in message.DESCRIPTOR.fields if field.name not in others}
    assert fields.keys() == metrics
    known = registry.ALL
    for name, field in fields.items():
        assert name in known
        assert field.has_presence
        if field.message_type is None:
            integer = field.type == descriptor_pb2.FieldDescriptorProto.TYPE_INT64
            metric = known[name]
            whole = metric.unit in ("1", "By", "ms") if isinstance(metric, Derived) else is_integer(metric)
            assert integer == whole


def test_the_fields_of_realtime_are_the_figures_of_the_catalogue() -> None:
    fields = {field.name: field for field in realtime_service_pb2.RealtimeMetrics.DESCRIPTOR.fields}
    assert fields.keys() == {one.name for one in realtime_figures.FIGURES}
    for one in realtime_figures.FIGURES:
        field = fields[one.name]
        assert field.has_presence
        integer = field.type == descriptor_pb2.FieldDescriptorProto.TYPE_INT64
        assert integer == (not one.metric or is_integer(registry.METRICS[one.metric]))


def test_the_reasons_of_the_contract_and_of_the_service_are_the_same() -> None:
    reported = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118
    assert reported - {"UNSPECIFIED"} == set(errors.Reason.__members__)


def test_the_comment_of_each_reason_gives_its_status() -> None:
    text = (pathlib.Path(__file__).parents[2] / "protos/tallywire/v1/error_reason.proto").read_text()
    lines = iter(text.splitlines())
    comment, seen = "", 0
    for line in map(str.strip, lines):
        if line.startswith("//"):
            comment = comment or line
        else:
            name = line.partition(" = ")[0].removeprefix("ERROR_REASON_")
            if name in errors.Reason.__members__:
                assert comment.startswith(f"// {errors.Reason[name].status.name}"), name
                seen += 1
            comment = ""
    assert seen == len(errors.Reason)


def test_ci_looks_for_what_breaks_generated_code_too() -> None:
    # WIRE_JSON, and whatever else there is, lets an RPC be deleted or renamed.
    text = (pathlib.Path(__file__).parents[2] / "protos/buf.yaml").read_text()
    assert text.partition("breaking:\n")[2].split() == ["use:", "-", "FILE"]


def test_the_reasons_of_absence_are_the_same() -> None:
    reported = {name.removeprefix("ABSENCE_REASON_") for name in answer_pb2.AbsenceReason.keys()}  # noqa: SIM118
    assert reported - {"UNSPECIFIED"} == set(Absence.__members__)


def test_every_rpc_has_a_scope() -> None:
    assert realtime_service_pb2.DESCRIPTOR.package == "tallywire.v1"
    pool = descriptor_pool.Default()
    names = (
        "EventService",
        "LeaderboardService",
        "AnomalyService",
        "MetricsService",
        "CampaignService",
        "AuditService",
        "CustomMetricService",
        "DirectoryService",
        "FunnelService",
        "PrivacyService",
        "AccountService",
        "AdminService",
        "DashboardService",
        "DeliveryService",
        "ReportService",
        "AlertService",
        "ExportService",
        "ForecastService",
        "RealtimeService",
    )
    methods = {
        f"/tallywire.v1.{name}/{method.name}"
        for name in names
        for method in pool.FindServiceByName(f"tallywire.v1.{name}").methods
    }
    assert services.SCOPES.keys() | services.OPEN == methods | {trace_requests.METHOD}  # which is another protocol's
    assert {f"tallywire.v1.{name}" for name in names} | {""} == set(services._NAMES)
