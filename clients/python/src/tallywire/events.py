"""Building of events: keyword arguments to the right typed detail of an Event."""

import math
import operator
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, SupportsIndex

from google.protobuf import struct_pb2, timestamp_pb2
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from tallywire import contexts, field_values, ids
from tallywire.v1 import event_pb2

Detail = (
    event_pb2.ConversationDetail
    | event_pb2.MessageDetail
    | event_pb2.FeedbackDetail
    | event_pb2.QualityDetail
    | event_pb2.ContentGapDetail
    | event_pb2.KnowledgeDetail
    | event_pb2.AgentDetail
    | event_pb2.CallDetail
    | event_pb2.LeadDetail
    | event_pb2.CampaignDetail
    | event_pb2.TaskDetail
    | event_pb2.WorkflowDetail
    | event_pb2.UserDetail
    | event_pb2.BillingDetail
    | event_pb2.ApiDetail
    | event_pb2.StorageDetail
)
"""Any message of the oneof Event.detail."""

Id = field_values.Id
"""An id as event() takes it: a text, a whole number or a UUID."""

# The field of the oneof -> the event types of its family. What a family's fields are called and hold is read from the
# descriptors, so a field that is added to a detail needs no change here.
_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    "conversation": tuple(
        f"conversation.{verb}" for verb in ("started", "ended", "resolved", "escalated", "abandoned", "reopened")
    ),
    "message": ("message.received", "message.sent", "model.called"),
    "feedback": ("feedback.submitted",),
    "quality": ("quality.scored",),
    "content_gap": ("content_gap.found",),
    "knowledge": (
        "document.uploaded",
        "document.deleted",
        "search.performed",
        "knowledge.retrieved",
        "citation.clicked",
    ),
    "agent": ("agent.created", "agent.updated", "agent.deleted", "agent.deployed", "agent.status_changed"),
    "call": ("call.started", "call.answered", "call.ended", "call.abandoned"),
    "lead": ("lead.created", "lead.contacted", "lead.stage_entered", "lead.converted", "lead.lost"),
    "campaign": ("campaign.started", "campaign.ended", "campaign.cost_recorded"),
    "task": ("task.created", "task.completed", "badge.earned", "points.awarded"),
    "workflow": ("workflow.created", "workflow.executed", "workflow.failed"),
    "user": ("user.registered", "user.invited", "user.logged_in", "user.logged_out"),
    "billing": ("subscription.created", "payment.succeeded", "payment.failed"),
    "api": ("api.called",),
    "storage": ("storage.changed",),
}
FAMILY_OF: Final[Mapping[str, str]] = {
    event_type: family for family, event_types in _FAMILIES.items() for event_type in event_types
}
"""The field of Event.detail that belongs to each event type that the service knows."""

_DETAILS: Final = {
    field.name: field.message_type
    for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["detail"].fields
    if field.message_type is not None
}
_FAMILY_OF_MESSAGE: Final = {message.full_name: family for family, message in _DETAILS.items()}
_INTEGERS: Final = {FieldDescriptor.TYPE_INT32: 32, FieldDescriptor.TYPE_INT64: 64}
# Beyond this a Struct, whose numbers are doubles, may hold a neighbour of the value.
_MAX_EXACT_INTEGER: Final = 2**53 - 1


def event(
    event_type: str,
    *,
    event_id: Id | None = None,
    occurred_at: datetime | None = None,
    agent_id: Id | None = None,
    user_id: Id | None = None,
    conversation_id: Id | None = None,
    channel: str | None = None,
    team_id: Id | None = None,
    campaign_id: Id | None = None,
    resource_type: str | None = None,
    resource_id: Id | None = None,
    properties: Mapping[str, object] | None = None,
    detail: Detail | None = None,
    **fields: object,
) -> event_pb2.Event:
    """Returns an event with an event_id of its own, ready to be sent as often as needed.

    `occurred_at` is an aware datetime and now by default. Further keyword arguments are fields of the detail that
    belongs to the event type: `event("message.sent", agent_id="a", response_time_ms=120)`. None leaves a field unset;
    who the event is about (agent_id to campaign_id) is then taken from context(), inside of its block.
    Enums are given by name ("available") or number. An event type that the service does not know has no detail of
    its own: pass `detail=MessageDetail(...)`.

    Ids are texts, whole numbers or UUIDs. A field that is a whole number takes every number that is one (4, 4.0,
    Decimal("4")), and no text; times and money, whose names end in _ms and _micros, are rounded to the nearest one,
    halves to the even one.

    Raises TypeError for an unknown keyword or a value of the wrong type, ValueError for a naive datetime, a number
    that does not fit or a detail of another family. The message names the field, the value and what would be right.
    """
    built = event_pb2.Event(
        event_type=event_type,
        event_id=field_values.identity("event_id", event_id) or ids.uuid7(),
        occurred_at=timestamp(datetime.now(UTC) if occurred_at is None else occurred_at, "occurred_at"),
        resource_type=resource_type or "",
        resource_id=field_values.identity("resource_id", resource_id),
    )
    ids_of_whom = {"agent_id": agent_id, "user_id": user_id, "conversation_id": conversation_id}
    groups = {"channel": channel, "team_id": team_id, "campaign_id": campaign_id}
    for name, text in contexts.completed({**ids_of_whom, **groups}).items():
        setattr(built, name, text)
    if properties is not None and not isinstance(properties, Mapping):
        raise field_values.WrongType("properties", f"properties is a mapping, not {type(properties).__name__}")
    if properties:
        built.properties.CopyFrom(_struct(properties, "properties"))
    if detail is not None:
        _attach(built, detail)
    given = {name: value for name, value in fields.items() if value is not None}
    if fields.keys() - detail_fields(event_type).keys():
        raise TypeError(_unknown(event_type, fields))
    if given:
        _fill(built, given)
    return built


def fields_of(event_type: str) -> tuple[str, ...]:
    """Returns the names of the detail fields that event() takes for a type; none for custom types."""
    return tuple(detail_fields(event_type))


def from_text(event_type: str, name: str, text: str) -> object:
    """Returns the value of a detail field written as text: 120, true, available. Raises as event() does."""
    field = detail_fields(event_type).get(name)
    if field is None:
        raise TypeError(_unknown(event_type, {name: text}))
    if field.type in _INTEGERS:
        try:
            return int(text)
        except ValueError:
            raise ValueError(f"{name} is a whole number, not {text!r}") from None
    if field.type == FieldDescriptor.TYPE_BOOL:
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{name} is true or false, not {text!r}")
        return text.lower() == "true"
    return text


def timestamp(instant: datetime, name: str) -> timestamp_pb2.Timestamp:
    """Returns an aware datetime as a Timestamp. Raises TypeError for other types, ValueError for naive datetimes."""
    if not isinstance(instant, datetime):
        raise field_values.WrongType(name, f"{name} is a datetime, not {type(instant).__name__}")
    if instant.utcoffset() is None:
        raise field_values.WrongValue(
            name, f"{name} has no time zone: pass an aware datetime, such as datetime.now(UTC)"
        )
    stamp = timestamp_pb2.Timestamp()
    stamp.FromDatetime(instant)
    return stamp


def detail_fields(event_type: str) -> Mapping[str, FieldDescriptor]:
    """Returns the fields of the detail that belongs to a type, by name."""
    family = FAMILY_OF.get(event_type)
    return _DETAILS[family].fields_by_name if family else {}


def _unknown(event_type: str, fields: Mapping[str, object]) -> str:
    """Returns what to say about keywords that a type does not take."""
    choices = detail_fields(event_type)
    names = ", ".join(sorted(fields.keys() - choices.keys()))
    if not choices:
        return f"{event_type} is a custom event type and takes no {names}: pass detail=MessageDetail(...) or properties"
    return f"{event_type} takes no {names}; its fields are {', '.join(choices)}"


def _attach(built: event_pb2.Event, detail: Message) -> None:
    """Sets the whole detail of an event."""
    family = _FAMILY_OF_MESSAGE.get(detail.DESCRIPTOR.full_name)
    if family is None:
        raise TypeError(f"detail is a detail message such as MessageDetail, not {type(detail).__name__}")
    expected = FAMILY_OF.get(built.event_type, family)
    if family != expected:
        wanted = _DETAILS[expected].name
        raise ValueError(f"{built.event_type} takes detail={wanted}, not {type(detail).__name__}")
    target: Message = getattr(built, family)
    target.CopyFrom(detail)
    target.SetInParent()


def _fill(built: event_pb2.Event, given: Mapping[str, object]) -> None:
    """Sets single fields of an event's detail, each checked against its descriptor."""
    target: Message = getattr(built, FAMILY_OF[built.event_type])
    known = detail_fields(built.event_type)
    for name, value in given.items():
        setattr(target, name, _checked(known[name], value))
    target.SetInParent()


def _checked(field: FieldDescriptor, value: object) -> int | str | bool:
    """Returns the value as the field takes it; protobuf itself would take True for 1."""
    if field.enum_type is not None:
        return _enum_number(field.name, field.enum_type, value)
    if field.type == FieldDescriptor.TYPE_BOOL and isinstance(value, bool):
        return value
    if field.type == FieldDescriptor.TYPE_STRING and isinstance(value, str):
        return value
    if field.type in _INTEGERS:
        return field_values.whole(field.name, value, _INTEGERS[field.type])
    wanted = "a bool" if field.type == FieldDescriptor.TYPE_BOOL else "a str"
    raise field_values.WrongType(field.name, f"{field.name} is {wanted}, not {value!r:.80} ({type(value).__name__})")


def _enum_number(name: str, enum: EnumDescriptor, value: object) -> int:
    """Returns the number of an enum value given by number, by full name or by name without the enum's prefix."""
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    if isinstance(value, int) and not isinstance(value, bool) and value in enum.values_by_number:
        return int(value)
    if isinstance(value, str):
        for candidate in (value.upper(), prefix + value.upper()):
            if candidate in enum.values_by_name:
                return enum.values_by_name[candidate].number
    choices = ", ".join(entry.name.removeprefix(prefix).lower() for entry in enum.values[1:])
    raise field_values.WrongValue(name, f"{name} is one of {choices}, not {value!r:.80}")


def _struct(properties: Mapping[str, object], path: str) -> struct_pb2.Struct:
    """Returns a mapping as a Struct. Raises TypeError or ValueError with the path of what JSON cannot hold."""
    struct = struct_pb2.Struct()
    for key, value in properties.items():
        if not isinstance(key, str):
            raise field_values.WrongType(path, f"{path} has a key that is no text: {key!r}")
        if not key or key.isspace():
            raise field_values.WrongValue(path, f"{path} has a key that is blank: {key!r}")
        struct.fields[key].CopyFrom(_value(value, f"{path}.{key}"))
    return struct


def _value(value: object, path: str) -> struct_pb2.Value:
    """Returns one JSON value as a Value."""
    match value:
        case None:
            return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
        case bool():
            return struct_pb2.Value(bool_value=value)
        case str():
            return struct_pb2.Value(string_value=value)
        case SupportsIndex() if not isinstance(value, int):
            return _value(operator.index(value), path)
        case int() | float():
            if not math.isfinite(value) or (isinstance(value, int) and abs(value) > _MAX_EXACT_INTEGER):
                raise field_values.WrongValue(
                    path, f"{path} is not a number that JSON keeps exactly: {value!r}; send it as text"
                )
            return struct_pb2.Value(number_value=value)
        case Mapping():
            return struct_pb2.Value(struct_value=_struct(value, path))
        case list() | tuple():
            items = [_value(item, f"{path}[{index}]") for index, item in enumerate(value)]
            return struct_pb2.Value(list_value=struct_pb2.ListValue(values=items))
        case _:
            raise field_values.WrongType(path, f"{path} is of type {type(value).__name__}, which is not JSON")
