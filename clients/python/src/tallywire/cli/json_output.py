"""Answers as JSON with stable keys: every field is there, null where it is absent."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tallywire.cli import points
from tallywire.v1 import (
    api_usage_pb2,
    call_metrics_pb2,
    campaign_service_pb2,
    conversation_metrics_pb2,
    metrics_service_pb2,
    time_pb2,
)

if TYPE_CHECKING:
    from google._upb._message import FieldDescriptor as UpbField

Answer = (
    metrics_service_pb2.GetUsageTrendsResponse
    | metrics_service_pb2.GetAgentMetricsResponse
    | metrics_service_pb2.QueryMetricsResponse
    | metrics_service_pb2.GetCostsResponse
    | metrics_service_pb2.GetRoiResponse
    | api_usage_pb2.GetApiUsageResponse
    | call_metrics_pb2.GetCallMetricsResponse
    | campaign_service_pb2.GetCampaignResponse
    | conversation_metrics_pb2.GetConversationMetricsResponse
)
Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def of(message: Message) -> Json:
    """Returns a message as JSON: names as in the proto, whole numbers as numbers, instants in RFC 3339, enums by name.

    proto3 JSON would leave absent fields out and write 64-bit numbers as text, which scripts would have to undo.
    """
    if isinstance(message, timestamp_pb2.Timestamp):
        return message.ToJsonString()
    if isinstance(message, struct_pb2.Struct):
        plain: Json = json_format.MessageToDict(message)
        return plain
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields}


def with_states(answer: Answer, field: str, granularity: time_pb2.Granularity.ValueType) -> Json:
    """Returns an answer with a key "state" in each of its points: whole, cut, running or not_begun."""
    document = of(answer)
    spans = [getattr(point, "bucket", point) for point in getattr(answer, field)]
    mark(document, field, points.states(spans, granularity, answer.context))
    return document


def mark(document: Json, field: str, states: Sequence[points.PointState]) -> None:
    """Gives each point in a field of a document the key "state"."""
    if isinstance(document, dict) and isinstance(made := document[field], list):
        for point, state in zip(made, states, strict=True):
            if isinstance(point, dict):
                point["state"] = state.value


def emit(document: Json) -> None:
    """Writes one JSON document to stdout, in one line."""
    json.dump(document, sys.stdout, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def _field(message: Message, field: "FieldDescriptor | UpbField") -> Json:
    """Returns one field as JSON."""
    value = getattr(message, field.name)
    # Decided by the value: the descriptor's attribute for repeated fields differs between versions of protobuf.
    if isinstance(value, Mapping):
        return {str(key): _mapped(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_value(field, item) for item in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(field, value)


def _mapped(value: Any) -> Json:
    """Returns a value of a map as JSON."""
    result: Json = of(value) if isinstance(value, Message) else value
    return result


def _value(field: "FieldDescriptor | UpbField", value: Any) -> Json:
    """Returns one value as JSON; an enum's number stands in for a name that this client does not know."""
    if isinstance(value, Message):
        return of(value)
    if field.enum_type is not None and value in field.enum_type.values_by_number:
        return field.enum_type.values_by_number[value].name
    result: Json = value
    return result
