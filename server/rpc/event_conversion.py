"""Events between their messages and their values."""

import operator
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from google.protobuf import struct_pb2, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor

from agentmetrics.v1 import event_pb2
from server import validation
from server.accounts import Principal, Scope, Secrets
from server.errors import Reason, Refused
from server.events import ID_FIELDS, Event, Warning, fingerprints, key_of, uuid7_key
from server.validation import Horizon

CLOCK_TOLERANCE = int(validation.CLOCK_TOLERANCE.total_seconds() * 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What has to be known of a call to read its events. Times are microseconds since 1970."""

    principal: Principal
    secrets: Secrets
    horizon: Horizon
    sent_at: int | None
    clock_skew: int  # how far its clock seems to be ahead; 0 where it is within the tolerance
    correction: int  # added to its times

    @classmethod
    def of(
        cls,
        principal: Principal,
        secrets: Secrets,
        now: datetime,
        *,
        sent_at: timestamp_pb2.Timestamp | None = None,
        correct_clock: bool = False,
    ) -> "Sender":
        """The sender of a call that is being received now."""
        if correct_clock and sent_at is None:
            raise validation.required("sent_at")
        horizon = validation.horizon(
            now,
            backfill=principal.may(Scope.BACKFILL),
            key_retention_days=principal.settings.key_retention_days,
        )
        sent = None if sent_at is None else validation.timestamp("sent_at", sent_at.seconds, sent_at.nanos)
        ahead = 0 if sent is None else sent - horizon.now
        skew = ahead if abs(ahead) > CLOCK_TOLERANCE else 0
        return cls(
            principal=principal,
            secrets=secrets,
            horizon=horizon,
            sent_at=sent,
            clock_skew=skew,
            correction=-skew if correct_clock else 0,
        )

    @property
    def warnings(self) -> tuple[Warning, ...]:
        """The warnings of every event that tells when it occurred."""
        if self.correction:
            return (Warning.CLOCK_CORRECTED,)
        return (Warning.CLOCK_SKEW,) if self.clock_skew else ()


def event(message: event_pb2.Event, sender: Sender) -> Event:
    """The event of a message, checked; Refused says what is wrong with it."""
    content = message.SerializeToString(deterministic=True)
    if len(content) > validation.MAX_EVENT_BYTES:
        raise Refused(Reason.EVENT_TOO_LARGE, "larger than 64 KiB", metadata={"limit": str(validation.MAX_EVENT_BYTES)})
    event_id = message.event_id
    event_key = uuid7_key(event_id)
    if event_key is None:
        event_id = validation.event_id(event_id) if event_id else _new_id()
        event_key = key_of(event_id)
    event_type = validation.event_type(message.event_type)
    warnings: list[Warning] = []
    occurred_at = _occurred_at(message, event_id, sender, warnings)
    ids = checked_ids(ids_of(message), sender)
    check_needs(event_type, ids)
    (fingerprint,) = fingerprints((content,))
    return Event(
        event_id,
        event_key,
        fingerprint,
        event_type,
        occurred_at,
        *ids,
        detail(message, event_type, sender),
        properties(message.properties, warnings) if message.HasField("properties") else "",
        tuple(warnings),
    )


Ids: TypeAlias = tuple[str, str, str, str, str, str, str, str]  # of an event, in the order of ID_FIELDS
ids_of: Callable[[event_pb2.Event], Ids] = operator.attrgetter(*ID_FIELDS)


def checked_ids(ids: Ids, sender: Sender) -> Ids:
    """The ids of an event as they are stored; refused where one is not what an id may be."""
    validation.identifiers(ID_FIELDS, ids)
    agent_id, user_id, conversation_id, channel, team_id, campaign_id, resource_type, resource_id = ids
    if validation.is_email(user_id):
        user_id = sender.secrets.user_hash(sender.principal.organization_id, user_id)
    return agent_id, user_id, conversation_id, channel, team_id, campaign_id, resource_type, resource_id


def check_needs(event_type: str, ids: Ids) -> None:
    """Refuses an event without an id that its type needs."""
    if event_type in NEEDY:
        agent_id, _, conversation_id, *_ = ids
        if not conversation_id and event_type in _NEED_CONVERSATION:
            raise validation.required("conversation_id")
        if not agent_id and event_type in _NEED_AGENT:
            raise validation.required("agent_id")


_NEED_CONVERSATION = frozenset(name for name, family in validation.FAMILIES.items() if family == "conversation")
_NEED_AGENT = frozenset(("agent.status_changed",))
NEEDY = _NEED_CONVERSATION | _NEED_AGENT


def _new_id() -> str:
    """A UUIDv7 of the server's own."""
    milliseconds = time.time_ns() // 1_000_000
    value = bytearray(milliseconds.to_bytes(6, "big") + os.urandom(10))
    value[6], value[8] = 0x70 | value[6] & 0x0F, 0x80 | value[8] & 0x3F
    return str(uuid.UUID(bytes=bytes(value)))


def _occurred_at(message: event_pb2.Event, event_id: str, sender: Sender, warnings: list[Warning]) -> int:
    if not message.HasField("occurred_at"):
        warnings.append(Warning.TIME_DEFAULTED)
        return validation.default_time(event_id, sender.horizon)
    told = message.occurred_at
    at = validation.timestamp("occurred_at", told.seconds, told.nanos)
    if sender.sent_at is not None and at > sender.sent_at + CLOCK_TOLERANCE:
        raise Refused(Reason.INVALID_TIMESTAMP, "occurred_at is later than sent_at", field="occurred_at")
    warnings += sender.warnings
    return validation.occurred_at(at + sender.correction, sender.horizon)


def detail(message: event_pb2.Event, event_type: str, sender: Sender) -> Mapping[str, int | str]:
    """The fields of an event's typed detail that are set, each within its limits."""
    family = message.WhichOneof("detail")
    fields: dict[str, int | str] = {}
    if family is not None:
        if family != validation.FAMILIES.get(event_type):
            validation.detail_family(family, event_type)
        for descriptor, value in getattr(message, family).ListFields():
            name, low, high = _DETAIL_FIELDS[descriptor]
            # Nearly all are numbers within their limits.
            usual = value.__class__ is int and low <= value <= high
            fields[name] = value if usual else validation.detail_value(family, name, value)
    if event_type in validation.REQUIRED_DETAILS:
        validation.required_detail(event_type, fields)
    return {} if family == "user" and not sender.principal.settings.keep_user_details else fields


def _detail_fields() -> dict[FieldDescriptor, tuple[str, int, int]]:
    """The name and the limits of every field of every detail."""
    families = {field.name: field.message_type for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["detail"].fields}
    return {
        field: (field.name, *validation.detail_limits(family, field.name))
        for family, message in families.items()
        if message is not None
        for field in message.fields
    }


_DETAIL_FIELDS = _detail_fields()


def properties(message: struct_pb2.Struct, warnings: list[Warning]) -> str:
    """Free properties as they are stored; adds a warning where something was redacted."""
    if len(message.fields) > validation.MAX_PROPERTIES:
        raise Refused(
            Reason.TOO_MANY_PROPERTIES,
            f"more than {validation.MAX_PROPERTIES} properties",
            field="properties",
            metadata={"limit": str(validation.MAX_PROPERTIES)},
        )
    return validation.properties(_object(message, 0, warnings))


def _object(message: struct_pb2.Struct, depth: int, warnings: list[Warning]) -> dict[str, object]:
    if depth > validation.MAX_PROPERTIES_DEPTH:
        raise _too_deep()
    result: dict[str, object] = {}
    for key in sorted(message.fields):
        name = validation.property_key(key)
        if validation.is_secret(name):
            result[name] = validation.REDACTED
            if Warning.REDACTED not in warnings:
                warnings.append(Warning.REDACTED)
        else:
            result[name] = _value(message.fields[key], depth, warnings)
    return result


def _value(message: struct_pb2.Value, depth: int, warnings: list[Warning]) -> object:
    match message.WhichOneof("kind"):
        case "string_value":
            return validation.property_text(message.string_value)
        case "number_value":
            return validation.property_number(message.number_value)
        case "bool_value":
            return message.bool_value
        case "struct_value":
            return _object(message.struct_value, depth + 1, warnings)
        case "list_value":
            if depth + 1 > validation.MAX_PROPERTIES_DEPTH:
                raise _too_deep()
            return [_value(item, depth + 1, warnings) for item in message.list_value.values]
        case _:
            return None


def _too_deep() -> Refused:
    return Refused(
        Reason.PROPERTIES_TOO_DEEP,
        f"nested more than {validation.MAX_PROPERTIES_DEPTH} deep",
        field="properties",
    )
