"""Traces as they arrive: cut into spans, each of which is parsed by itself, without what is never read.

A request is as large as gRPC lets in, and most of it may be prompts and answers. What a span says is taken from the few
attributes that server/events/spans.py names. A span of usual size is parsed whole; from a larger one all other
attributes are cut out before, so that a hostile request costs no more memory than its bytes.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from server.admission import request_limits
from server.errors import Refused
from server.events import spans
from server.events.spans import TraceSpan, Value
from server.rpc import wire

SERVICE = trace_service_pb2.DESCRIPTOR.services_by_name["TraceService"]
METHOD = f"/{SERVICE.full_name}/Export"

_PARSED_WHOLE = 32 * 1024  # bytes
# How much is parsed at once, as far as it is in several spans.
_PART_SPANS, _PART_BYTES = 50, 32 * 1024
_MOST_FIELDS = 20_000  # that are looked at in a span or resource that is larger
_Attributes: TypeAlias = tuple[tuple[str, Value], ...]

_RESOURCE_SPANS = trace_service_pb2.ExportTraceServiceRequest.RESOURCE_SPANS_FIELD_NUMBER << 3 | wire.LENGTH_DELIMITED
_RESOURCE = trace_pb2.ResourceSpans.RESOURCE_FIELD_NUMBER << 3 | wire.LENGTH_DELIMITED
_SCOPE_SPANS = trace_pb2.ResourceSpans.SCOPE_SPANS_FIELD_NUMBER << 3 | wire.LENGTH_DELIMITED
_SPANS = trace_pb2.ScopeSpans.SPANS_FIELD_NUMBER << 3 | wire.LENGTH_DELIMITED
_SPAN_ATTRIBUTES = trace_pb2.Span.ATTRIBUTES_FIELD_NUMBER << 3 | wire.LENGTH_DELIMITED
_RESOURCE_ATTRIBUTES = resource_pb2.Resource.ATTRIBUTES_FIELD_NUMBER << 3 | wire.LENGTH_DELIMITED
_KEY = common_pb2.KeyValue.KEY_FIELD_NUMBER << 3 | wire.LENGTH_DELIMITED
# Events of a span hold prompts in some conventions, links hold attributes.
_LEFT_OUT = frozenset(
    number << 3 | wire.LENGTH_DELIMITED
    for number in (trace_pb2.Span.EVENTS_FIELD_NUMBER, trace_pb2.Span.LINKS_FIELD_NUMBER)
)
_WANTED = frozenset(name.encode() for name in spans.ATTRIBUTES)
_FAILED = trace_pb2.Status.STATUS_CODE_ERROR


class _Place(NamedTuple):
    """Where a span stands in the bytes, and which of the resources it belongs to."""

    begin: int
    end: int
    resource: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRequest:
    """Spans as they arrived. count is how many."""

    data: bytes = field(repr=False)
    resources: list[tuple[int, int]] = field(repr=False)  # where each resource stands; (0, 0) where none was sent
    places: list[_Place] = field(repr=False)

    @property
    def count(self) -> int:
        """Returns how many spans there are."""
        return len(self.places)

    def parts(self) -> Iterator[Sequence[TraceSpan | Refused]]:
        """Yields the spans in order, a few at a time, or why one cannot be read; each few are parsed when they are
        asked for.
        """
        part, size = list[TraceSpan | Refused](), 0
        known, resource = -1, dict[str, Value]()
        for begin, end, number in self.places:
            if part and (len(part) == _PART_SPANS or size + end - begin > _PART_BYTES):
                yield part
                part, size = [], 0
            if number != known:
                first, last = self.resources[number]
                known, resource, size = number, _resource(self.data, first, last), size + last - first
            size += end - begin
            try:
                part.append(_span(self.data, begin, end, resource))
            except Refused as refusal:
                part.append(refusal.again())
        if part:
            yield part


def cut(data: bytes) -> TraceRequest:
    """Returns a request cut into spans; refuses one that is damaged or has too many."""
    resources, places = list[tuple[int, int]](), list[_Place]()
    seen = itertools.count(1)

    def fields(begin: int, end: int) -> Iterator[wire.Field]:
        for one in wire.fields(data, begin, end):
            request_limits.SPAN_FIELDS.check(next(seen))  # each takes time to be looked at, whatever it is
            yield one

    for group in fields(0, len(data)):
        if group.tag != _RESOURCE_SPANS:
            continue
        resources.append((0, 0))
        for part in fields(group.content, group.end):
            if part.tag == _RESOURCE:
                resources[-1] = part.content, part.end
            elif part.tag == _SCOPE_SPANS:
                for one in fields(part.content, part.end):
                    if one.tag == _SPANS:
                        places.append(_Place(one.content, one.end, len(resources) - 1))
                        request_limits.SPANS.check(len(places))
    return TraceRequest(data=data, resources=resources, places=places)


def _resource(data: bytes, begin: int, end: int) -> dict[str, Value]:
    """Returns what is read of a resource; nothing if it cannot be read."""
    try:
        found = wire.parse(resource_pb2.Resource.FromString, _slim(data, begin, end, _RESOURCE_ATTRIBUTES))
    except Refused:
        return {}
    return dict(_read(found.attributes))


def _span(data: bytes, begin: int, end: int, resource: dict[str, Value]) -> TraceSpan:
    found = wire.parse(trace_pb2.Span.FromString, _slim(data, begin, end, _SPAN_ATTRIBUTES))
    return TraceSpan(
        trace_id=found.trace_id,
        span_id=found.span_id,
        parent_id=found.parent_span_id if len(found.parent_span_id) == spans.SPAN_ID_BYTES else b"",
        name=found.name,
        started_at=found.start_time_unix_nano,
        ended_at=found.end_time_unix_nano,
        failed=found.status.code == _FAILED,
        attributes=dict(_read(found.attributes)),
        resource=resource,
    )


def _slim(data: bytes, begin: int, end: int, attributes: int) -> bytes:
    """Returns the bytes of a span or resource, without all that is never read if they are many."""
    if end - begin <= _PARSED_WHOLE:
        return data[begin:end]
    kept = list[bytes]()
    for count, one in enumerate(wire.fields(data, begin, end)):
        if count == _MOST_FIELDS:
            raise request_limits.span_too_large()
        if one.tag in _LEFT_OUT or (one.tag == attributes and not _is_wanted(data, one)):
            continue
        kept.append(data[one.begin : one.end])
    slim = b"".join(kept)
    if len(slim) > _PARSED_WHOLE:
        raise request_limits.span_too_large()
    return slim


def _is_wanted(data: bytes, attribute: wire.Field) -> bool:
    first = wire.field(data, attribute.content, attribute.end) if attribute.content < attribute.end else None
    # A key that does not stand first is not what any encoder writes.
    return first is not None and first.tag == _KEY and data[first.content : first.end] in _WANTED


def _read(attributes: Iterable[common_pb2.KeyValue]) -> Iterator[tuple[str, Value]]:
    for one in attributes:
        if one.key not in spans.ATTRIBUTES:
            continue
        match kind := one.value.WhichOneof("value"):
            case "string_value" | "int_value" | "double_value" | "bool_value":
                yield one.key, getattr(one.value, kind)
            case "array_value":
                yield one.key, tuple(item.string_value for item in one.value.array_value.values)
