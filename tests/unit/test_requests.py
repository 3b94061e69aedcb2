"""Requests are bounded before they are parsed, and are what Protocol Buffers make of their bytes."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import descriptor_pool, timestamp_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import example, given
from hypothesis import strategies as st

from server.admission import request_limits
from server.errors import Reason, Refused
from server.events import rules
from server.rpc import requests, services, trace_requests
from server.rpc.requests import TooLarge, WireBatch
from tallywire.v1 import event_pb2, event_service_pb2

_POOL = descriptor_pool.Default()
_SERVICES: list[ServiceDescriptor] = [_POOL.FindServiceByName(name) for name in services._NAMES if name]
RPCS: dict[str, type[Message]] = {
    f"/{service.full_name}/{method.name}": GetMessageClass(method.input_type)
    for service in _SERVICES
    for method in service.methods
}
TRACK_EVENTS = "/tallywire.v1.EventService/TrackEvents"
STREAM_EVENTS = "/tallywire.v1.EventService/StreamEvents"


def _parsed(method: str, data: bytes) -> Any:
    """What becomes of the bytes of a request."""
    return requests.parser(method, RPCS[method].FromString)(data)


def _events(batch: WireBatch) -> list[event_pb2.Event]:
    """The events of a batch, none of which may be too large."""
    found: list[event_pb2.Event] = []
    for part in batch.parts():
        assert not isinstance(part, TooLarge)
        found += part
    assert len(found) == batch.count
    return found


# Every RPC


def _fields(message: Descriptor, seen: tuple[Descriptor, ...] = ()) -> Iterator[FieldDescriptor]:
    """Every field that a message can hold, at any depth."""
    for field in message.fields:
        yield field
        if field.message_type is not None and field.message_type not in seen:
            yield from _fields(field.message_type, (*seen, message))


def test_every_rpc_is_here() -> None:
    assert RPCS.keys() | {trace_requests.METHOD} == services.SCOPES.keys() | services.OPEN


@pytest.mark.parametrize("method", RPCS)
def test_every_repeated_field_of_a_request_has_a_limit(method: str) -> None:
    repeated = {field.full_name for field in _fields(RPCS[method].DESCRIPTOR) if field.is_repeated}
    assert repeated <= request_limits.REPEATED.keys()


def test_no_limit_is_of_a_field_that_is_no_more() -> None:
    repeated = {field.full_name for one in RPCS.values() for field in _fields(one.DESCRIPTOR) if field.is_repeated}
    assert repeated == request_limits.REPEATED.keys()


@pytest.mark.parametrize("method", RPCS)
@pytest.mark.parametrize("part", [b"\xf8\x7f\x00", b"\x0a\x00", b"\x12\x00", b"\x1a\x00"])
def test_no_rpc_parses_more_than_64_kib_at_once(method: str, part: bytes) -> None:
    """Whatever field it is that is there a million times."""

    def parse(data: bytes) -> Message:
        assert len(data) <= request_limits.MAX_QUESTION_BYTES
        return RPCS[method].FromString(data)

    with pytest.raises(Refused) as refused:
        requests.parser(method, parse)(part * (1 << 20))
    assert refused.value.reason in (
        Reason.REQUEST_TOO_LARGE,
        Reason.EVENT_TOO_LARGE,
        Reason.TOO_MANY_EVENTS,
        Reason.MALFORMED_MESSAGE,  # several batches in one message of a stream
    )


# Batches

_EVENTS = st.lists(
    st.builds(
        event_pb2.Event,
        event_id=st.text("ab", max_size=3),
        agent_id=st.sampled_from(["", "a", "x" * 120, "y" * 300, "z" * 20_000]),
    ),
    max_size=12,
)
_SENT_AT = st.none() | st.integers(0, 2**33).map(lambda seconds: timestamp_pb2.Timestamp(seconds=seconds))
_UNKNOWN = st.sampled_from([b"", b"\xf8\x7f\x07", b"\xfa\x7f\x02ab", b"\xf9\x7f" + bytes(8), b"\xfd\x7f" + bytes(4)])


@given(before=_EVENTS, after=_EVENTS, sent_at=_SENT_AT, between=_UNKNOWN, last=_UNKNOWN)
def test_a_batch_is_what_parsing_it_gives(
    before: list[event_pb2.Event],
    after: list[event_pb2.Event],
    sent_at: timestamp_pb2.Timestamp | None,
    between: bytes,
    last: bytes,
) -> None:
    kind = event_service_pb2.TrackEventsRequest
    data = kind(events=before, sent_at=sent_at).SerializeToString() + between
    data += kind(events=after).SerializeToString() + last
    batch, whole = _parsed(TRACK_EVENTS, data), kind.FromString(data)
    assert _events(batch) == list(whole.events)
    assert not batch.head.events
    assert (batch.head.HasField("sent_at"), batch.head.sent_at) == (whole.HasField("sent_at"), whole.sent_at)
    assert all(end - begin <= requests.PIECE_BYTES + 4 or len(part) == 1 for begin, end, part in _pieces(batch))


def _pieces(batch: WireBatch) -> Iterator[tuple[int, int, Any]]:
    for (begin, end, _), part in zip(batch.pieces, batch.parts(), strict=True):
        yield begin, end, part


@given(events=_EVENTS, sequence=st.integers(0, 2**40), sent_at=_SENT_AT)
def test_a_batch_of_a_stream_is_what_parsing_it_gives(
    events: list[event_pb2.Event], sequence: int, sent_at: timestamp_pb2.Timestamp | None
) -> None:
    whole = event_service_pb2.StreamBatch(sequence=sequence, events=events, sent_at=sent_at)
    batch = _parsed(STREAM_EVENTS, event_service_pb2.StreamEventsRequest(batch=whole).SerializeToString())
    assert (_events(batch), batch.sequence, batch.size) == (events, sequence, whole.ByteSize())


def test_a_message_of_a_stream_without_a_batch_is_itself() -> None:
    header = event_service_pb2.StreamEventsRequest(header=event_service_pb2.StreamHeader(producer_id="me"))
    assert _parsed(STREAM_EVENTS, header.SerializeToString()) == header
    assert _parsed(STREAM_EVENTS, b"") == event_service_pb2.StreamEventsRequest()


@given(st.binary(max_size=40) | st.binary(max_size=12).map(lambda data: b"\x0a" + bytes((len(data),)) + data))
@example(b"\x0a\x80")  # a length that ends early
@example(b"\x0a\x05\x0a")  # an event that does
@example(b"\x8a\x80\x00\x02\x0a\x00")  # a tag that is longer than it need be
@example(b"\x0a" + b"\x80" * 9 + b"\x00")
@example(b"\x0a" + b"\xff" * 9 + b"\x01")
@example(b"\x12\x02\x08\x80")
@example(b"\x02\x00")  # field 0
def test_bytes_are_a_batch_where_protocol_buffers_say_so(data: bytes) -> None:
    found: list[event_pb2.Event] | Reason
    whole: list[event_pb2.Event] | Reason
    try:
        found = _events(_parsed(TRACK_EVENTS, data))
    except Refused as refusal:
        found = refusal.reason
    try:
        whole = list(event_service_pb2.TrackEventsRequest.FromString(data).events)
    except DecodeError:
        whole = Reason.MALFORMED_MESSAGE
    assert found == whole or (found is Reason.MALFORMED_MESSAGE and _has_group(data))


def _has_group(data: bytes) -> bool:
    """Groups, at the top of a batch, are refused: nothing of ours has ever had one."""
    return any(byte & 7 in (3, 4) for byte in data)


def test_an_event_that_is_too_large_is_not_parsed_and_keeps_its_place_and_its_id() -> None:
    small = event_pb2.Event(event_id="small", agent_id="a")
    large = event_pb2.Event(event_id="large", agent_id="x" * rules.MAX_EVENT_BYTES)
    nameless = event_pb2.Event(agent_id="x" * rules.MAX_EVENT_BYTES)
    batch = event_service_pb2.TrackEventsRequest(events=[small, small, large, small, nameless])
    parts = list(_parsed(TRACK_EVENTS, batch.SerializeToString()).parts())
    assert [one if isinstance(one, TooLarge) else list(one) for one in parts] == [
        [small, small],
        TooLarge("large"),
        [small],
        TooLarge(""),
    ]


def test_an_event_of_just_64_kib_is_parsed() -> None:
    event = event_pb2.Event(event_id="e", agent_id="x" * (rules.MAX_EVENT_BYTES - 7))
    assert event.ByteSize() == rules.MAX_EVENT_BYTES
    batch = event_service_pb2.TrackEventsRequest(events=[event])
    assert _events(_parsed(TRACK_EVENTS, batch.SerializeToString())) == [event]


def test_many_events_are_read_a_few_at_a_time() -> None:
    batch = event_service_pb2.TrackEventsRequest(events=[event_pb2.Event()] * rules.MAX_BATCH_EVENTS)
    parts = list(_parsed(TRACK_EVENTS, batch.SerializeToString()).parts())
    assert [len(part) for part in parts] == [requests.PIECE_EVENTS] * (1000 // requests.PIECE_EVENTS)
