"""Requests that are small on the wire and large, or long to read, for whoever parses them as they are."""

import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf import timestamp_pb2

from tallywire.v1 import error_reason_pb2, event_pb2, event_service_pb2

_BYTES = 4 * 1024 * 1024 - 1024  # as much as gRPC lets in
_LENGTH_DELIMITED = 2
TRACK_EVENT = "/tallywire.v1.EventService/TrackEvent"
TRACK_EVENTS = "/tallywire.v1.EventService/TrackEvents"
STREAM_EVENTS = "/tallywire.v1.EventService/StreamEvents"
TRENDS = "/tallywire.v1.MetricsService/GetUsageTrends"
WATCH_UPDATES = "/tallywire.v1.RealtimeService/WatchUpdates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bomb:
    """What is sent to which RPC, and how the call ends, or what becomes of its events by status or reason."""

    method: str
    body: Callable[[], bytes]
    answer: str


def field(number: int, content: bytes) -> bytes:
    """A text or a message as a field."""
    size, length = bytearray(), len(content)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes((number << 3 | _LENGTH_DELIMITED, *size, length)) + content


def _filled(part: bytes) -> bytes:
    return part * (_BYTES // len(part))


def _event() -> bytes:
    """An event that is in order."""
    at = timestamp_pb2.Timestamp(seconds=int(time.time()))
    return event_pb2.Event(event_id=str(uuid.uuid4()), event_type="message.sent", occurred_at=at).SerializeToString()


def _with_properties(entries: bytes) -> bytes:
    """An event with properties as they are encoded."""
    return _event() + field(12, entries)


def _list(values: bytes) -> bytes:
    """Properties with a list under one key."""
    return field(1, field(1, b"list") + field(2, field(6, values)))


def _many_keys() -> bytes:
    """200,000 keys of one event, beside one that is in order."""
    keys = b"".join(field(1, field(1, b"%d" % number)) for number in range(200_000))
    return field(1, _with_properties(keys)) + field(1, _event())


_STRUCT = field(1, field(5, field(1, field(1, b"k"))))  # {"k": null}, of which parsing makes 25 times its 9 bytes


def _structs(count: int, events: int) -> bytes:
    return b"".join(field(1, _with_properties(_list(_STRUCT * count))) for _ in range(events))


BOMBS = {
    "empty events": Bomb(
        method=TRACK_EVENTS,
        body=lambda: _filled(field(1, b"")),
        answer="INVALID_ARGUMENT TOO_MANY_EVENTS events",
    ),
    "empty events on a stream": Bomb(
        method=STREAM_EVENTS,
        body=lambda: field(2, b"\x08\x01" + _filled(field(2, b""))),
        answer="INVALID_ARGUMENT TOO_MANY_EVENTS events",
    ),
    "empty names": Bomb(
        method=TRENDS, body=lambda: _filled(field(3, b"")), answer="INVALID_ARGUMENT REQUEST_TOO_LARGE"
    ),
    "empty agents of a filter": Bomb(
        method=WATCH_UPDATES,
        body=lambda: field(2, _filled(field(1, b""))),
        answer="INVALID_ARGUMENT REQUEST_TOO_LARGE",
    ),
    "unknown fields": Bomb(
        method=TRACK_EVENTS,
        body=lambda: _filled(b"\x78\x00"),
        answer="INVALID_ARGUMENT REQUEST_TOO_LARGE",
    ),
    "keys of an event": Bomb(
        method=TRACK_EVENT,
        body=_many_keys,
        answer="INVALID_ARGUMENT EVENT_TOO_LARGE",
    ),
    "keys of an event beside another": Bomb(
        method=TRACK_EVENTS, body=_many_keys, answer="1 EVENT_TOO_LARGE, 1 ACCEPTED"
    ),
    "lists of nothing": Bomb(
        method=TRACK_EVENTS,
        body=lambda: b"".join(field(1, _with_properties(_list(field(1, b"") * 30_000))) for _ in range(68)),
        answer="68 PROPERTIES_TOO_LARGE",
    ),
    "maps in lists": Bomb(method=TRACK_EVENTS, body=lambda: _structs(5_500, 63), answer="63 PROPERTIES_TOO_LARGE"),
    "as many maps as are allowed": Bomb(method=TRACK_EVENTS, body=lambda: _structs(1_400, 250), answer="250 ACCEPTED"),
}


def fates(response: bytes) -> str:
    """What became of the events of a batch: how many of each status, or reason of a rejection."""
    results = event_service_pb2.TrackEventsResponse.FromString(response).results
    return ", ".join(f"{count} {fate}" for fate, count in Counter(map(_fate, results)).items())


def _fate(result: event_service_pb2.EventResult) -> str:
    if result.status == event_service_pb2.EVENT_STATUS_REJECTED:
        return error_reason_pb2.ErrorReason.Name(result.rejection.reason).removeprefix("ERROR_REASON_")
    return event_service_pb2.EventStatus.Name(result.status).removeprefix("EVENT_STATUS_")
