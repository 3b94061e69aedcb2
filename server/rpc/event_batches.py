"""The events of a batch between their messages and their values.

Says of each event what event_conversion.event says of it, in less than half the time: what can be looked at for all of
them at once is, ids that come together are checked once, and whatever is out of the ordinary is left to that function.
"""

import operator
from collections.abc import Callable, Sequence
from typing import TypeAlias

from google.protobuf import timestamp_pb2

from agentmetrics.v1 import event_pb2
from server import events, validation
from server.errors import Refused
from server.events import Event
from server.rpc import event_conversion
from server.rpc.event_conversion import CLOCK_TOLERANCE, Ids, Sender

_Head: TypeAlias = tuple[str, str, timestamp_pb2.Timestamp]
_head_of: Callable[[event_pb2.Event], _Head] = operator.attrgetter("event_id", "event_type", "occurred_at")
_serialized = event_pb2.Event.SerializeToString


def read(messages: Sequence[event_pb2.Event], sender: Sender) -> list[Event | Refused]:
    """The event of each message, or why there is none."""
    messages = list(messages)
    free = [message.HasField("properties") for message in messages]
    contents = [
        # Properties are the only map of an event, and without a map there is one way to serialize it.
        message.SerializeToString(deterministic=True) if has_map else _serialized(message)
        for message, has_map in zip(messages, free, strict=True)
    ]
    if max(map(len, contents), default=0) > validation.MAX_EVENT_BYTES:
        return [_alone(message, sender) for message in messages]
    heads = list(map(_head_of, messages))
    keys = _keys([event_id for event_id, _, _ in heads])
    fingerprints = events.fingerprints(contents)
    found: list[Event | Refused] = []
    checked: dict[Ids, Ids] = {}
    correction, warned = sender.correction, sender.warnings
    earliest, latest = _window(sender)
    for message, (event_id, event_type, told), key, fingerprint, has_properties in zip(
        messages, heads, keys, fingerprints, free, strict=True
    ):
        nanos = told.nanos
        at = told.seconds * 1_000_000 + nanos // 1000
        if key is None or not (earliest <= at <= latest and 0 <= nanos < 1_000_000_000):
            found.append(_alone(message, sender))
            continue
        try:
            if event_type not in validation.FAMILIES:
                validation.event_type(event_type)
            given = event_conversion.ids_of(message)
            ids = checked.get(given)
            if ids is None:
                ids = checked[given] = event_conversion.checked_ids(given, sender)
            if event_type in event_conversion.NEEDY:
                event_conversion.check_needs(event_type, ids)
            detail = event_conversion.detail(message, event_type, sender)
            warnings, properties = warned, ""
            if has_properties:
                more = list(warned)
                properties, warnings = event_conversion.properties(message.properties, more), tuple(more)
        except Refused:
            found.append(_alone(message, sender))  # of several faults, that function says which one counts
            continue
        # Without Event's own constructor, whose arguments are taken one by one.
        event = (event_id, key, fingerprint, event_type, at + correction, *ids, detail, properties, warnings)
        found.append(tuple.__new__(Event, event))
    return found


def _alone(message: event_pb2.Event, sender: Sender) -> Event | Refused:
    try:
        return event_conversion.event(message, sender)
    except Refused as refusal:
        return refusal


def _keys(event_ids: Sequence[str]) -> Sequence[bytes | None]:
    """The key of each id that may be one; None for others, and for those that the server has to make."""
    return events.uuid7_keys(event_ids) or [_key(event_id) for event_id in event_ids]


def _key(event_id: str) -> bytes | None:
    try:
        return events.key_of(validation.event_id(event_id)) if event_id else None
    except Refused:
        return None


def _window(sender: Sender) -> tuple[int, int]:
    """The first and the last time that the sender's events may tell, by the sender's clock, those aside about which
    there is more to be said.
    """
    latest = min(sender.horizon.latest - sender.correction, validation.LAST_INSTANT)
    if sender.sent_at is not None:
        latest = min(latest, sender.sent_at + CLOCK_TOLERANCE)
    return max(sender.horizon.earliest - sender.correction, 1), latest  # a time of 0 may be one that is not set
