"""Exports of traces: those that were recorded of real instrumentations, and the events that they must become."""

import json
import pathlib
import time
from typing import Any, NamedTuple

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

_FOLDER = pathlib.Path(__file__).parents[1] / "data" / "traces"
NAMES = sorted(path.stem for path in _FOLDER.glob("*.json"))
PROMPT = "marigold"  # a word of every prompt and answer that was recorded


class Recorded(NamedTuple):
    """An export, and the events that it must become, without ids and times."""

    export: trace_service_pb2.ExportTraceServiceRequest
    events: list[dict[str, Any]]


def recorded(name: str, *, ended_at: int | None = None) -> Recorded:
    """A recorded export, moved in time so that it ends then, in nanoseconds since 1970 (unset: a minute ago)."""
    content = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    export = json_format.ParseDict(content["export"], trace_service_pb2.ExportTraceServiceRequest())
    every = spans(export)
    later = (ended_at or time.time_ns() - 60 * 10**9) - max(one.end_time_unix_nano for one in every)
    for one in every:
        one.start_time_unix_nano += later
        one.end_time_unix_nano += later
    return Recorded(export, content["events"])


def spans(export: trace_service_pb2.ExportTraceServiceRequest) -> list[trace_pb2.Span]:
    """All spans of an export."""
    return [one for group in export.resource_spans for scope in group.scope_spans for one in scope.spans]
