"""Rows about the bytes of messages."""

from collections.abc import Callable

from google.protobuf import struct_pb2

from tallywire.v1 import event_pb2, event_service_pb2
from tests.support import serving
from tests.support.bad_inputs import World, outcome, row

MALFORMED = "INVALID_ARGUMENT MALFORMED_MESSAGE"


def _field(number: int, data: bytes) -> bytes:
    """A field of the kind that has a length, up to 127 bytes."""
    return bytes((number << 3 | 2, len(data))) + data


def _bytes(id: str, body: Callable[[], bytes]) -> None:  # noqa: A002 - the table's word
    """Registers a body that cannot be parsed; as a part of a batch, it takes its neighbours with it."""

    @row(id, MALFORMED)
    async def run(world: World) -> str:
        neighbour = event_service_pb2.TrackEventsRequest(events=[serving.event()]).SerializeToString()
        assert await outcome(world.caller.raw(serving.TRACK_EVENTS, neighbour + body())) == MALFORMED
        return await outcome(world.caller.raw(serving.TRACK_EVENT, body()))


_bytes("W-001", lambda: b"\xff" * 20)
_bytes("W-002", lambda: serving.body()[:-1])
_bytes("W-003", lambda: _field(1, _field(1, b"\xc3\x28")))
_bytes("W-004", lambda: _field(1, _field(1, b"\xed\xa0\x80")))
_bytes("W-005", lambda: _field(1, _field(1, b"\xc0\x80")))
_bytes("W-006", lambda: _field(1, _field(1, b"\xf4\x90\x80\x80")))
_bytes("W-011", lambda: serving.body() + b"\x0b")
_bytes("W-012", lambda: serving.body() + b"\x0c")
_bytes("W-016", lambda: b"\x0a\x7f\x00")
_bytes("W-017", lambda: b"\x0a\x80\x80\x80\x80\x08" + b"a" * 10)


@row("W-007", "INVALID_ARGUMENT REQUIRED_FIELD event", because="field 1 of TrackEventRequest is event")
async def _(world: World) -> str:
    return await outcome(world.caller.raw(serving.TRACK_EVENT, b"\x08\x01"))


@row("W-008", "OK", keeps=1)
async def _(world: World) -> str:
    event = serving.event().SerializeToString() + b"\xf8\x01\x07"  # field 31, a varint
    return await outcome(world.caller.raw(serving.TRACK_EVENT, _field(1, event)))


@row("W-018", "OK", keeps=1)
async def _(world: World) -> str:
    event = event_pb2.Event(event_type="a.b").SerializeToString()
    assert len(event) < 128
    longer = b"\x0a" + bytes((len(event) | 0x80, 0x80, 0x00)) + event
    return await outcome(world.caller.raw(serving.TRACK_EVENT, longer))


@row("W-020", "OK", keeps=1)
async def _(world: World) -> str:
    first = event_pb2.Event(message=event_pb2.MessageDetail(prompt_tokens=7))
    last = serving.event("feedback.submitted", feedback=event_pb2.FeedbackDetail(rating=4))
    body = _field(1, first.SerializeToString() + last.SerializeToString())
    answer = await outcome(world.caller.raw(serving.TRACK_EVENT, body))
    overview = (await world.caller.overview(serving.today())).overview
    assert (overview.satisfaction_score, overview.prompt_tokens) == (4, 0)
    return answer


@row("W-022", "INVALID_ARGUMENT INVALID_ENUM agent.status")
async def _(world: World) -> str:
    event = serving.event("agent.status_changed", agent_id="a", agent=event_pb2.AgentDetail(status=-1))
    return await outcome(world.caller.track(event))


@row("W-024", "OK")
async def _(world: World) -> str:
    answer = event_service_pb2.TrackEventsResponse.FromString(await world.caller.raw(serving.TRACK_EVENTS, b""))
    assert (len(answer.results), answer.revision) == (0, 0)
    return "OK"


def _lists(depth: int) -> event_pb2.Event:
    value = struct_pb2.Value(string_value="core")
    for _ in range(depth):
        value = struct_pb2.Value(list_value=struct_pb2.ListValue(values=[value]))
    return serving.event(properties=struct_pb2.Struct(fields={"deep": value}))


def _nested(id: str, depth: int) -> None:  # noqa: A002 - the table's word
    @row(id, "INVALID_ARGUMENT PROPERTIES_TOO_DEEP properties", keeps=1)
    async def run(world: World) -> str:
        answer = await world.caller.track_all([_lists(8), _lists(depth)])
        assert serving.statuses(answer.results) == ["ACCEPTED", "PROPERTIES_TOO_DEEP"]
        return await outcome(world.caller.track(_lists(depth)))


_nested("W-025", 9)
_nested("W-026", 48)
