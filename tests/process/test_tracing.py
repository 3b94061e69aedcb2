"""Traces of the service itself: one trace from a program over the client and a server to the database and a worker."""

import asyncio
import contextlib
import dataclasses
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent import futures
from datetime import datetime, timedelta

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from server import trace_export, tracing
from server.settings import Settings
from server.store import tasks
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.tasks import NewTask
from server.tasks.kinds import Kind, Kinds, Result, Work
from server.tasks.runner import Runner
from server.tracing import TraceParent
from tallywire import AsyncClient, Client
from tests.support import serving, waiting
from tests.support.serving import Caller

_TRACE, _SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
_AGENT = "an-agent-that-no-span-names"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """A collector that keeps what it gets."""

    def __init__(self) -> None:
        self.spans: list[trace_pb2.Span] = []
        self.text = ""

    def Export(  # noqa: N802 - the name in the contract
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        self.text += str(request)
        for resource, scope in ((one, scope) for one in request.resource_spans for scope in one.scope_spans):
            assert any(found.key == "service.name" for found in resource.resource.attributes)
            self.spans.extend(scope.spans)
        return trace_service_pb2.ExportTraceServiceResponse()

    def of(self, trace_id: str) -> Mapping[str, trace_pb2.Span]:
        """Returns the spans of a trace by their names, the last one of each."""
        return {one.name: one for one in self.spans if one.trace_id.hex() == trace_id}


@pytest.fixture
def collector() -> Iterator[tuple[Collector, str]]:
    """A collector, and where it listens."""
    found = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(found, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield found, f"http://127.0.0.1:{port}"
    server.stop(None)


@contextlib.contextmanager
def traced(settings: Settings, endpoint: str, ratio: float = 1.0, followed: float = 0.0) -> Iterator[None]:
    """Has this process send its spans to a collector; all are there once the block has ended."""
    changes = {"tracing": endpoint, "tracing_ratio": ratio, "tracing_followed_per_second": followed}
    tracing.start(settings.model_copy(update=changes), "server")
    try:
        yield
    finally:
        tracing.stop()


@contextlib.contextmanager
def in_span(*, is_sampled: bool = True) -> Iterator[None]:
    """Has the program be in a span, as one that uses OpenTelemetry is."""
    of = trace.SpanContext(int(_TRACE, 16), int(_SPAN, 16), False, trace.TraceFlags(int(is_sampled)))
    with trace.use_span(trace.NonRecordingSpan(of)):
        yield


def today() -> tuple[datetime, datetime]:
    return serving.now() - timedelta(days=1), serving.now() + timedelta(hours=1)


@pytest.fixture
async def near(settings: Settings, caller: Caller) -> AsyncIterator[tuple[Caller, str]]:
    """The test's organization at a server of its own."""
    async with serving.running(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        yield dataclasses.replace(caller, channel=channel), server.address


async def test_one_trace_from_the_program_to_the_worker(
    settings: Settings, own_database: Database, near: tuple[Caller, str], collector: tuple[Collector, str]
) -> None:
    caller, address = near
    found, endpoint = collector
    with traced(settings, endpoint):
        async with AsyncClient(address, api_key=caller.key.secret) as client:
            with in_span():
                await client.track(serving.event(agent_id=_AGENT))
                await client.overview(*today())
        await _task_of_a_call(own_database)
    spans = found.of(_TRACE)
    question, sent = (
        spans[f"tallywire.v1.{name}"] for name in ("MetricsService/GetOverview", "EventService/TrackEvent")
    )
    for one in (question, sent):
        assert one.parent_span_id.hex() == _SPAN
        assert one.kind == trace_pb2.Span.SPAN_KIND_SERVER
    told = {one.key: one.value for one in question.attributes}
    assert told["rpc.service"].string_value == "tallywire.v1.MetricsService"
    assert told["rpc.method"].string_value == "GetOverview"
    assert told["rpc.grpc.status_code"].int_value == 0
    assert spans["admission"].parent_span_id == spans["ingest"].parent_span_id == sent.span_id
    by_parent = {(one.name, one.parent_span_id): one for one in found.spans}
    read = by_parent["transaction", question.span_id]
    written = by_parent["transaction", spans["ingest"].span_id]
    assert read.kind == written.kind == trace_pb2.Span.SPAN_KIND_CLIENT
    summaries = [next(a for a in one.attributes if a.key == "db.query.summary") for one in (read, written)]
    assert "read_figures" in summaries[0].value.string_value
    assert "INSERT" in summaries[1].value.string_value or "claim" in summaries[1].value.string_value
    task = spans["task traced"]
    queued = by_parent["transaction", spans["tallywire.v1.Reports/Run"].span_id]
    assert task.parent_span_id == queued.span_id
    assert ("transaction", task.span_id) in {(one.name, one.parent_span_id) for one in found.spans}
    for hidden in (_AGENT, caller.key.secret, caller.name, "SELECT r.", "acme"):
        assert hidden not in found.text


async def _task_of_a_call(database: Database) -> None:
    """Queues a task within a call, and has a worker run it."""
    payloads: list[Mapping[str, object]] = []

    async def run(work: Work) -> Result:
        payloads.append(work.payload)
        async with work.database.transaction(of=EVERY) as driver:
            await driver.execute("SELECT count(*) FROM tasks WHERE task_id > $1", 0)
        return {}

    kind = Kind(name="traced", help="", run=run)
    metadata = [("traceparent", f"00-{_TRACE}-{_SPAN}-01")]
    span = tracing.begin_call("tallywire.v1.Reports/Run", {}, metadata)
    assert span is not None
    async with database.transaction(of=EVERY) as driver:
        await tasks.enqueue(driver, [NewTask(kind="traced", tries=1, priority=0, payload={"run_id": 7})])
    span.end()
    runner = Runner(database, Kinds([kind], []), "me")
    working = asyncio.create_task(runner.run_tasks())
    try:
        await waiting.until(lambda: payloads)
        await waiting.until(lambda: _is_done(database))
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert payloads == [{"run_id": 7}]


async def _is_done(database: Database) -> bool:
    async with database.transaction(of=EVERY) as driver:
        return bool(await driver.fetchval("SELECT count(*) FROM tasks WHERE state = 'done'"))


async def test_the_ordinary_client_sends_the_span_as_well(
    settings: Settings, near: tuple[Caller, str], collector: tuple[Collector, str]
) -> None:
    caller, address = near
    found, endpoint = collector

    def ask() -> None:
        with Client(address, api_key=caller.key.secret, connections=2) as client:
            with in_span():
                client.overview(*today())
            client.overview(*today())

    with traced(settings, endpoint):
        await asyncio.to_thread(ask)
    assert found.of(_TRACE)["tallywire.v1.MetricsService/GetOverview"].parent_span_id.hex() == _SPAN
    alone = [one for one in found.spans if one.trace_id.hex() != _TRACE and one.name.endswith("GetOverview")]
    assert [one.parent_span_id for one in alone] == [b""]


async def test_callers_cannot_have_everything_traced(
    settings: Settings, near: tuple[Caller, str], collector: tuple[Collector, str]
) -> None:
    caller, address = near
    found, endpoint = collector
    with traced(settings, endpoint, ratio=0, followed=0):
        async with AsyncClient(address, api_key=caller.key.secret) as client:
            with in_span():
                for _ in range(5):
                    await client.overview(*today())
    assert found.spans == []


def test_what_is_recorded_is_chosen_by_the_service() -> None:
    clock, dice = iter(itertools.count()), iter(itertools.cycle([0.05, 0.5, 0.9, 0.95]))
    sampled, other = TraceParent(1, 2, is_sampled=True), TraceParent(1, 2, is_sampled=False)
    choice = trace_export.TraceChoice(0.1, 0, dice=lambda: next(dice), clock=lambda: float(next(clock)))
    assert [choice.records(sampled) for _ in range(8)] == [True, False, False, False] * 2
    assert [choice.records(None) for _ in range(4)] == [True, False, False, False]
    at = [0.0]
    followed = trace_export.TraceChoice(0, 2, dice=lambda: 0.5, clock=lambda: at[0])
    assert [followed.records(sampled) for _ in range(4)] == [True, True, False, False]
    at[0] += 0.5
    assert [followed.records(one) for one in (other, sampled, sampled)] == [False, True, False]
    # What the service has passed on belongs to a trace that it has chosen already.
    assert followed.records(TraceParent(1, 2, is_sampled=True, is_ours=True))
    assert not trace_export.TraceChoice(1, 1).records(TraceParent(1, 2, is_sampled=False, is_ours=True))


@pytest.mark.parametrize(
    "text", ["", "00", f"00-{_TRACE}-{_SPAN}", f"00-{'0' * 32}-{_SPAN}-01", f"00-{_TRACE}-{'0' * 16}-01", "ü" * 55]
)
def test_a_traceparent_that_is_none_is_no_parent(text: str) -> None:
    assert tracing.parent_of(text) is None


def test_without_the_setting_no_library_of_tracing_is_loaded() -> None:
    program = (
        "import sys, server.app, workers.__main__\n"
        "from server import settings, tracing\n"
        "tracing.start(settings.Settings(), 'server')\n"
        "print([one for one in sys.modules if one.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
