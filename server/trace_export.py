"""Records spans with OpenTelemetry's SDK and sends them over OTLP: the extra "tracing" of tallywire-server.

What is traced is decided here and not by callers: a caller's trace is followed as often as any call is traced, and
beyond that up to a rate, whatever callers say of sampling and whatever ids they choose.
"""

import importlib.util
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from server import errors
from server.settings import Settings
from server.tracing import Recorded, Recorder, TraceParent

_UNNAMED: Final = "unknown_service"
INSTALL: Final = 'pip install "tallywire-server[tracing]"'
if importlib.util.find_spec("opentelemetry.sdk") is None or importlib.util.find_spec("opentelemetry.exporter") is None:
    raise errors.SetupError(f"TALLYWIRE_TRACING needs what is not installed: {INSTALL}")

from opentelemetry.context import Context  # noqa: E402 - there is an answer where they are missing
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: E402 - as above
from opentelemetry.sdk.resources import Resource  # noqa: E402 - as above
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402 - as above
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter  # noqa: E402 - as above
from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: E402 - as above
from opentelemetry.trace import (  # noqa: E402 - as above
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)


class TraceChoice:
    """Which traces are recorded: a part of all, at random, and of those that callers record so many a second."""

    def __init__(
        self,
        ratio: float,
        followed_per_second: float,
        *,
        dice: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ratio = ratio
        self._rate = followed_per_second
        self._most = max(1.0, followed_per_second)
        self._left = self._most if followed_per_second else 0.0
        self._dice, self._clock = dice, clock
        self._at = clock()

    def records(self, parent: TraceParent | None) -> bool:
        """Returns whether a call or a task is recorded."""
        if parent is not None and parent.is_ours:
            return parent.is_sampled
        if self._dice() < self._ratio:
            return True
        return parent is not None and parent.is_sampled and self._follows()

    def _follows(self) -> bool:
        now = self._clock()
        self._left, self._at = min(self._most, self._left + (now - self._at) * self._rate), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class _Recorded:
    """A span of the SDK."""

    __slots__ = ("span",)

    def __init__(self, span: Span) -> None:
        self.span = span

    @property
    def traceparent(self) -> str:
        of = self.span.get_span_context()
        return f"00-{of.trace_id:032x}-{of.span_id:016x}-{of.trace_flags:02x}"

    def end(self, attributes: Mapping[str, str | int], *, is_fault: bool) -> None:
        self.span.set_attributes(attributes)
        if is_fault:
            self.span.set_status(StatusCode.ERROR)
        self.span.end()


class _Exporting:
    """Records spans and sends them from a thread; what it cannot send in time it drops."""

    def __init__(self, choice: TraceChoice, exporter: SpanExporter, role: str) -> None:
        self._choice = choice
        known = Resource.create()
        if str(known.attributes.get("service.name", _UNNAMED)).startswith(_UNNAMED):  # no OTEL_SERVICE_NAME
            known = known.merge(Resource({"service.name": f"tallywire-{role}"}))
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=known, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("tallywire")

    def begin(
        self, name: str, attributes: Mapping[str, str | int], parent: TraceParent | None, *, is_call: bool
    ) -> Recorded | None:
        if not self._choice.records(parent):
            return None
        context = Context()
        if parent is not None:
            of = SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=TraceFlags(parent.is_sampled))
            context = set_span_in_context(NonRecordingSpan(of), context)
        kind = SpanKind.SERVER if is_call else SpanKind.CONSUMER
        return _Recorded(self._tracer.start_span(name, context=context, kind=kind, attributes=attributes))

    def begin_within(
        self, name: str, attributes: Mapping[str, str | int], parent: Recorded, linked: Sequence[Recorded]
    ) -> Recorded:
        kind = SpanKind.CLIENT if "db.system.name" in attributes else SpanKind.INTERNAL
        links = [Link(_span(one).get_span_context()) for one in linked]
        within = set_span_in_context(_span(parent), Context())
        return _Recorded(self._tracer.start_span(name, context=within, kind=kind, attributes=attributes, links=links))

    def close(self) -> None:
        self._provider.shutdown()


def _span(recorded: Recorded) -> Span:
    assert isinstance(recorded, _Recorded)  # noqa: S101 - this module has made it
    return recorded.span


def recorder(settings: Settings, role: str) -> Recorder:
    """Returns what records the spans of a process and sends them to where the settings say."""
    endpoint = settings.tracing or ""
    choice = TraceChoice(settings.tracing_ratio, settings.tracing_followed_per_second)
    # Headers, certificates and time limits are those of OTEL_EXPORTER_OTLP_….
    return _Exporting(choice, OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http://")), role)
