"""OpenTelemetry's TraceService: what instrumented agents send becomes events."""

import collections
import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from server.admission.admission import Admission
from server.clock import Clock
from server.errors import Reason, Refused, Rejection
from server.events import rules, spans
from server.events.event import Event
from server.events.spans import TraceEvent, TraceSpan, TraceSpanKey
from server.ingest import results
from server.ingest.pipeline import Ingest
from server.ingest.results import EventStatus, Result
from server.rpc import event_conversion, gate
from server.rpc.event_conversion import SenderFacts
from server.rpc.trace_requests import TraceRequest
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal
from tallywire.v1 import event_pb2

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_AT_ONCE = 50  # events are made between two yields to other calls
_REASONS_TOLD = 3  # of spans that were rejected
_MOST_ANCESTORS = 200_000  # are remembered, some 60 MiB; a trace of an agent has a few


@dataclass(slots=True)
class _Rejections:
    """How many spans were rejected, and for what."""

    count: int = 0
    reasons: dict[str, None] = field(default_factory=dict)  # in the order in which they were found

    def add(self, rejection: Rejection) -> None:
        self.count += 1
        if len(self.reasons) < _REASONS_TOLD:
            where = f"{rejection.field}: " if rejection.field else ""
            self.reasons.setdefault(f"{rejection.reason.name}: {where}{rejection.message}")

    def response(self) -> trace_service_pb2.ExportTraceServiceResponse:
        response = trace_service_pb2.ExportTraceServiceResponse()
        if self.count:
            response.partial_success.rejected_spans = self.count
            response.partial_success.error_message = "; ".join(self.reasons)
        return response


class _Ancestors:
    """The spans below which a turn of a model was counted, and which have not come yet, of the last minutes or hours.

    An exporter sends spans when they end, over one connection, so children come before their parents and to the same
    server. Where they do not, a turn that is told by two nested instrumentations is counted twice.
    """

    def __init__(self) -> None:
        self._known = collections.OrderedDict[tuple[int, TraceSpanKey], None]()

    def above(self, organization_id: int, some: Iterable[TraceSpan]) -> set[TraceSpanKey]:
        """Returns those of some spans below which a turn was counted."""
        return {one.key for one in some if (organization_id, one.key) in self._known}

    def add(self, organization_id: int, keys: Iterable[TraceSpanKey]) -> None:
        """Remembers spans; forgets the oldest ones where there are too many."""
        for key in keys:
            self._known[organization_id, key] = None
            self._known.move_to_end((organization_id, key))
        while len(self._known) > _MOST_ANCESTORS:
            self._known.popitem(last=False)


class TraceService(trace_service_pb2_grpc.TraceServiceServicer):
    """The service that takes spans in and stores those that count as events."""

    def __init__(self, ingest: Ingest, admission: Admission, secrets: KeyedHashes, clock: Clock) -> None:
        self._ingest = ingest
        self._admission = admission
        self._secrets = secrets
        self._clock = clock
        self._ancestors = _Ancestors()

    def register(self, server: grpc.aio.Server) -> None:
        """Adds the service to a server."""
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, server)  # type: ignore[no-untyped-call]

    async def Export(  # noqa: N802 - the name in the protocol
        self, request: TraceRequest, context: _Context
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Stores the spans that count. A span that cannot be stored is told in partial_success, never by the status:
        senders would send the whole batch again.
        """
        principal, rejections = gate.caller().principal, _Rejections()
        events, ancestors = await self._read(principal, request, rejections)
        for start in range(0, len(events), rules.MAX_BATCH_EVENTS):
            for rejection in await self._store(principal, events[start : start + rules.MAX_BATCH_EVENTS]):
                rejections.add(rejection)
        self._ancestors.add(principal.organization_id, ancestors)
        return rejections.response()

    async def _store(self, principal: Principal, events: Sequence[Event]) -> Sequence[Rejection]:
        """Stores events; returns why those were rejected that were."""
        try:
            submission = await self._ingest.submit(principal.organization_id, events, self._admission.limits(principal))
        except Refused as refusal:
            if refusal.retry_after is not None:
                raise
            return [refusal.rejection] * len(events)
        return [
            result.rejection
            for result in submission.results
            # Another instrumentation has told the same turn of a model.
            if result.rejection is not None and result.rejection.reason is not Reason.EVENT_ID_CONFLICT
        ]

    async def _read(
        self, principal: Principal, request: TraceRequest, rejections: _Rejections
    ) -> tuple[Sequence[Event], Collection[TraceSpanKey]]:
        """Returns the events that spans become, and the ancestors that are to be remembered once they are stored."""
        sender = SenderFacts.of(principal, self._secrets, self._clock.now())
        found, events = list[TraceSpan](), list[Event]()
        async with self._admission.reading(principal, request.count) as yield_point:
            for part in request.parts():
                found += _readable(part, rejections)
                await yield_point()
            reading = spans.read(found, self._ancestors.above(principal.organization_id, found))
            while some := [_message(one) for one in itertools.islice(reading.events, _AT_ONCE)]:
                self._admission.charge(principal, len(some))
                made = event_conversion.read(some, sender)
                refused = [one.rejection for one in made if isinstance(one, Refused)]
                for rejection in refused:
                    rejections.add(rejection)
                results.count([Result("", EventStatus.REJECTED, rejection, ()) for rejection in refused])
                events += [one for one in made if isinstance(one, Event)]
                await yield_point()
        return events, reading.ancestors


def _readable(part: Iterable[TraceSpan | Refused], rejections: _Rejections) -> Iterator[TraceSpan]:
    """Yields the spans that can be read; the others are rejections, if they may count."""
    for one in part:
        refusal = one if isinstance(one, Refused) else _refusal(one)
        if refusal is not None:
            rejections.add(refusal.rejection)
        elif isinstance(one, TraceSpan) and not one.wrong_id:
            yield one


def _refusal(span: TraceSpan) -> Refused | None:
    """Returns why a span that may count cannot be an event, if so."""
    if span.kind is None:
        return None
    if span.wrong_id:
        return Refused(Reason.INVALID_VALUE, "is absent or no id of OpenTelemetry", field=span.wrong_id)
    return None if span.ended_at else rules.required("end_time_unix_nano")


def _message(told: TraceEvent) -> event_pb2.Event:
    message = event_pb2.Event(event_id=told.event_id, event_type=told.event_type)
    for name, text in told.ids.items():
        setattr(message, name, text)
    message.occurred_at.FromMicroseconds(told.occurred_at)
    detail = getattr(message, told.family)
    detail.SetInParent()
    for name, value in told.detail.items():
        setattr(detail, name, value)
    return message
