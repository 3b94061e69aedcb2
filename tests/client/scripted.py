"""A real gRPC server on a socket that plays back a script: the other end of the client in these tests."""

import dataclasses
import os
import pathlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass
from typing import Any

import grpc
import subscription_log
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

import tallywire
from tallywire.v1 import (
    error_reason_pb2,
    event_pb2,
    event_service_pb2,
    event_service_pb2_grpc,
    metrics_service_pb2,
    metrics_service_pb2_grpc,
    realtime_service_pb2_grpc,
)
from tests.support.waiting import PATIENCE

KEY = "test-key"


@dataclass(frozen=True, kw_only=True)
class Fail:
    """Ends the call with a google.rpc.Status as the service sends it; with `store` it does the work first."""

    code: int = code_pb2.UNAVAILABLE
    reason: str = ""
    field: str = ""
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    retry_after: float | None = None
    message: str = "scripted"
    store: bool = False
    bare: bool = False
    pushback: str | None = None


@dataclass(frozen=True, kw_only=True)
class Slow:
    """Waits before answering."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Reject:
    """Rejects every event of the call."""

    reason: "error_reason_pb2.ErrorReason.ValueType" = error_reason_pb2.ERROR_REASON_VALUE_OUT_OF_RANGE
    field: str = "message.prompt_tokens"


@dataclass(frozen=True, kw_only=True)
class EndAfter:
    """Ends a stream after some acknowledgements, with a status or without."""

    acks: int
    failure: Fail | None = None


def environment(**variables: str) -> dict[str, str]:
    """Returns the environment for a subprocess that imports the client; without colours and keys of the caller's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TALLYWIRE_", "GRPC_"))}
    source = pathlib.Path(tallywire.__file__).parents[1]
    return {**kept, "PYTHONPATH": str(source), "NO_COLOR": "1", "COLUMNS": "80", **variables}


def status_of(fail: Fail) -> status_pb2.Status:
    """Returns the Status with the details that the service would send."""
    details: list[Any] = [error_details_pb2.ErrorInfo(reason=fail.reason, domain="tallywire", metadata=fail.metadata)]
    if fail.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=fail.field, description=fail.message)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if fail.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(fail.retry_after * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    return status_pb2.Status(code=fail.code, message=fail.message, details=packed)


def abort(context: grpc.ServicerContext, fail: Fail) -> None:
    """Ends the call."""
    if fail.pushback is not None:
        context.set_trailing_metadata((("grpc-retry-pushback-ms", fail.pushback),))
    if fail.bare:
        codes = {code.value[0]: code for code in grpc.StatusCode}
        context.abort(codes[fail.code], fail.message)
    context.abort_with_status(rpc_status.to_status(status_of(fail)))


class Script(
    event_service_pb2_grpc.EventServiceServicer,
    metrics_service_pb2_grpc.MetricsServiceServicer,
):
    """Plays back its steps, one per call, then does as the service would: stores, and knows duplicates by id."""

    def __init__(self) -> None:
        self.steps: deque[Fail | Slow | Reject | EndAfter] = deque()
        self.requests: list[Any] = []
        self.metadata: list[dict[str, Any]] = []
        self.stored: dict[str, event_pb2.Event] = {}
        self.answers: dict[str, Any] = {}
        self.streams: list[list[event_service_pb2.StreamBatch]] = []
        self.arrived = threading.Event()
        self.hold = threading.Event()
        self.hold.set()
        self.lock = threading.Lock()
        self.live = subscription_log.Live(abort)

    def play(self, *steps: Fail | Slow | Reject | EndAfter) -> None:
        """Appends steps to the script."""
        self.steps.extend(steps)

    def ids(self) -> list[list[str]]:
        """Returns the event ids of each ingest request that came in."""
        return [
            [event.event_id for event in getattr(request, "events", [])] or [request.event.event_id]
            for request in self.requests
        ]

    def _begin(self, request: Any, context: grpc.ServicerContext) -> Fail | Slow | Reject | EndAfter | None:
        with self.lock:
            self.requests.append(request)
            self.metadata.append(dict(context.invocation_metadata()))
            step = self.steps.popleft() if self.steps else None
        self.arrived.set()
        if isinstance(step, Slow):
            time.sleep(step.seconds)
        self.hold.wait(PATIENCE)
        if isinstance(step, Fail) and not step.store:
            abort(context, step)
        return step

    def _results(self, events: Any, step: Any) -> list[event_service_pb2.EventResult]:
        results = []
        for event in events:
            result = event_service_pb2.EventResult(event_id=event.event_id)
            if isinstance(step, Reject):
                result.status = event_service_pb2.EVENT_STATUS_REJECTED
                result.rejection.reason = step.reason
                result.rejection.field = step.field
                result.rejection.message = "too much"
                result.rejection.code = code_pb2.OUT_OF_RANGE
            elif event.event_id in self.stored:
                result.status = event_service_pb2.EVENT_STATUS_DUPLICATE
            else:
                self.stored[event.event_id] = event
                result.status = event_service_pb2.EVENT_STATUS_ACCEPTED
            results.append(result)
        return results

    def TrackEvent(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        step = self._begin(request, context)
        results = self._results([request.event], step)
        if isinstance(step, Fail):
            abort(context, step)
        return event_service_pb2.TrackEventResponse(result=results[0], revision=1)

    def TrackEvents(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        step = self._begin(request, context)
        results = self._results(request.events, step)
        if isinstance(step, Fail):
            abort(context, step)
        return event_service_pb2.TrackEventsResponse(results=results, revision=1)

    def StreamEvents(self, request_iterator: Any, context: Any) -> Iterator[Any]:  # noqa: N802 - gRPC's name
        with self.lock:
            step = self.steps.popleft() if self.steps else None
            batches: list[event_service_pb2.StreamBatch] = []
            self.streams.append(batches)
        if isinstance(step, Fail):
            abort(context, step)
        left = step.acks if isinstance(step, EndAfter) else -1
        for request in request_iterator:
            if left == 0:
                if isinstance(step, EndAfter) and step.failure:
                    abort(context, step.failure)
                return
            left -= 1
            batches.append(request.batch)
            ack = event_service_pb2.StreamAck(
                sequence=request.batch.sequence, results=self._results(request.batch.events, None)
            )
            yield event_service_pb2.StreamEventsResponse(acks=[ack])

    def _answer(self, name: str, default: Callable[[], Any], request: Any, context: Any) -> Any:
        self._begin(request, context)
        answer = self.answers.get(name) or default()
        return answer(request) if callable(answer) else answer

    def GetOverview(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        return self._answer("overview", metrics_service_pb2.GetOverviewResponse, request, context)

    def GetAgentMetrics(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        return self._answer("agent", metrics_service_pb2.GetAgentMetricsResponse, request, context)

    def GetUsageTrends(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        return self._answer("usage", metrics_service_pb2.GetUsageTrendsResponse, request, context)

    def QueryMetrics(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        return self._answer("table", metrics_service_pb2.QueryMetricsResponse, request, context)

    def ListDimensionValues(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        return self._answer("values", metrics_service_pb2.ListDimensionValuesResponse, request, context)

    def ListMetrics(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        return self._answer("metrics", metrics_service_pb2.ListMetricsResponse, request, context)


@dataclass
class Running:
    """A server that listens, and its script."""

    address: str
    script: Script
    server: grpc.Server


def start(port: int = 0, script: Script | None = None, credentials: grpc.ServerCredentials | None = None) -> Running:
    """Starts a server on loopback."""
    script = script or Script()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=[("grpc.so_reuseport", 0)])
    event_service_pb2_grpc.add_EventServiceServicer_to_server(script, server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(script, server)
    realtime_service_pb2_grpc.add_RealtimeServiceServicer_to_server(script.live, server)
    address = f"127.0.0.1:{port}"
    bound = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    return Running(address=f"127.0.0.1:{bound}", script=script, server=server)
