"""Requests between bytes and messages, with a bound on the memory of a request before it is parsed.

A parsed message may take a hundred times its bytes: two million empty events are 4 MiB, or 4 KiB as gRPC compresses
them. So at most 64 KiB are parsed at once. No question and no event is longer. A batch is scanned: its events are
counted, up to their limit, and parsed a few at a time when they are read.
"""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from google.protobuf.message import Message

from server.admission import request_limits
from server.events import rules
from server.rpc import trace_requests, wire
from server.rpc.trace_requests import TraceRequest
from tallywire.v1 import event_pb2, event_service_pb2

# How much is parsed at once: some two milliseconds of usual events, ten of events with nothing but properties.
PIECE_EVENTS = 250
PIECE_BYTES = 32 * 1024
_SINGLE_BYTES = rules.MAX_EVENT_BYTES + request_limits.MAX_BYTES_BESIDE_EVENTS
_LOOKS_FOR_AN_ID = 64  # fields of a too large event that are searched for its id

_Batch: TypeAlias = event_service_pb2.TrackEventsRequest | event_service_pb2.StreamBatch

_EVENTS = event_service_pb2.TrackEventsRequest.EVENTS_FIELD_NUMBER << 3 | wire.LENGTH_DELIMITED
_STREAM_BATCH = event_service_pb2.StreamEventsRequest.BATCH_FIELD_NUMBER << 3 | wire.LENGTH_DELIMITED
_STREAMED_EVENTS = event_service_pb2.StreamBatch.EVENTS_FIELD_NUMBER << 3 | wire.LENGTH_DELIMITED
_EVENT_ID = event_pb2.Event.EVENT_ID_FIELD_NUMBER << 3 | wire.LENGTH_DELIMITED


class TooLarge(NamedTuple):
    """An event that is too large to be parsed, with its id if it is easily found."""

    event_id: str


class _Piece(NamedTuple):
    """A range of bytes that holds events of a batch. large says that it is a single event, which is too large."""

    begin: int
    end: int
    large: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WireBatch:
    """A batch of events as it arrived. head is the batch without its events. sequence is 0 outside of streams."""

    head: _Batch
    sequence: int
    count: int  # of events
    size: int  # bytes
    data: bytes = field(repr=False)
    pieces: Sequence[_Piece] = field(repr=False)
    parse: "Callable[[bytes], _Batch]" = field(repr=False)

    def parts(self) -> Iterator[Sequence[event_pb2.Event] | TooLarge]:
        """Yields the events in order, a few at a time; each few are parsed when they are asked for."""
        for begin, end, large in self.pieces:
            if large:
                yield TooLarge(_event_id(self.data, begin, end))
            else:
                yield wire.parse(self.parse, self.data[begin:end]).events


def parser(method: str, parse: Callable[[bytes], Message]) -> Callable[[bytes], Any]:
    """Returns the function that parses the requests of a method, or refuses them. parse is protobuf's own parser."""
    return _PARSERS.get(method) or functools.partial(_question, parse)


def events_in(request: object) -> int:
    """Returns how many events a request carries."""
    match request:
        case WireBatch():
            return request.count
        case event_service_pb2.StreamEventsRequest() | TraceRequest():
            return 0  # of a trace it is not known yet: most spans become no event
        case _:
            return 1


def _question(parse: Callable[[bytes], Message], data: bytes) -> Message:
    request_limits.check_question(len(data))
    return wire.parse(parse, data)


def _track_event(data: bytes) -> Message:
    if len(data) > _SINGLE_BYTES:
        raise rules.event_too_large()
    return wire.parse(event_service_pb2.TrackEventRequest.FromString, data)


def _track_events(data: bytes) -> WireBatch:
    return _batch(event_service_pb2.TrackEventsRequest.FromString, data, 0, len(data), _EVENTS)


def _stream_events(data: bytes) -> WireBatch | event_service_pb2.StreamEventsRequest:
    """Returns a batch, or the message itself if it is a header or empty."""
    batch, beside = None, 0
    for one in wire.fields(data, 0, len(data)):
        if one.tag != _STREAM_BATCH:
            beside += one.end - one.begin
            request_limits.check_beside_events(beside)
        elif batch is None:
            batch = one
        else:
            raise wire.malformed()  # protobuf would merge the two into one batch
    if batch is None:
        return wire.parse(event_service_pb2.StreamEventsRequest.FromString, data)
    return _batch(event_service_pb2.StreamBatch.FromString, data, batch.content, batch.end, _STREAMED_EVENTS)


_SERVICE = f"/{event_service_pb2.DESCRIPTOR.services_by_name['EventService'].full_name}"
_PARSERS: dict[str, Callable[[bytes], Any]] = {
    f"{_SERVICE}/TrackEvent": _track_event,
    f"{_SERVICE}/TrackEvents": _track_events,
    f"{_SERVICE}/StreamEvents": _stream_events,
    trace_requests.METHOD: trace_requests.cut,
}


def _batch(parse: Callable[[bytes], _Batch], data: bytes, begin: int, end: int, tag: int) -> WireBatch:
    pieces, beside, count = _cut(data, begin, end, tag)
    head = wire.parse(parse, beside)
    sequence = head.sequence if isinstance(head, event_service_pb2.StreamBatch) else 0
    return WireBatch(head=head, sequence=sequence, count=count, size=end - begin, data=data, pieces=pieces, parse=parse)


def _cut(data: bytes, begin: int, end: int, tag: int) -> tuple[list[_Piece], bytes, int]:
    """Returns the ranges of a batch's events, the bytes beside them, and the number of events.

    Every event of the service passes through here, which is why the loop is written out.
    """
    pieces, beside, beside_bytes, count = list[_Piece](), list[bytes](), 0, 0
    at = first = begin  # of the piece
    members, most, large = 0, request_limits.EVENTS.count, rules.MAX_EVENT_BYTES
    try:
        while at < end:
            start = at
            if data[at] != tag:
                one = wire.field(data, at, end)
                at = one.end
                if one.tag != tag:
                    if members:
                        pieces.append(_Piece(first, start, large=False))
                    beside.append(data[start:at])
                    first, members, beside_bytes = at, 0, beside_bytes + at - start
                    request_limits.check_beside_events(beside_bytes)
                    continue
                length = at - one.content
            else:
                length = data[at + 1]
                at += 2
                if length > 0x7F:
                    more = data[at]
                    if more > 0x7F:
                        length, at = wire.varint(data, at - 1)
                    else:  # two bytes, as for nearly all longer events
                        length, at = length - 0x80 + (more << 7), at + 1
                at += length
            count += 1
            if count > most:
                request_limits.EVENTS.check(count)
            members += 1
            if length > large:
                if members > 1:
                    pieces.append(_Piece(first, start, large=False))
                pieces.append(_Piece(at - length, at, large=True))
                first, members = at, 0
            elif members > PIECE_EVENTS or (at - first > PIECE_BYTES and members > 1):
                pieces.append(_Piece(first, start, large=False))
                first, members = start, 1
    except IndexError:
        raise wire.malformed() from None
    if at > end:
        raise wire.malformed()
    if members:
        pieces.append(_Piece(first, at, large=False))
    return pieces, b"".join(beside), count


def _event_id(data: bytes, begin: int, end: int) -> str:
    for one in itertools.islice(wire.fields(data, begin, end), _LOOKS_FOR_AN_ID):
        if one.tag == _EVENT_ID:
            return data[one.content : min(one.end, one.content + 4 * rules.MAX_EVENT_ID)].decode(errors="ignore")
    return ""
