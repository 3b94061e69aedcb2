"""What a request may hold, tried on every RPC and every message within: unknown fields, and durations."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import descriptor_pool, message_factory, struct_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from server.rpc import services
from server.tenancy.principal import Scope
from tallywire.v1 import event_service_pb2
from tests.support import administering, serving
from tests.support.serving import Accounts, Caller

_UNKNOWN = b"\xfa\xff\x03\x03new"  # field 8191, of two bytes in its tag, with a text
_DURATION = "google.protobuf.Duration"
_QUESTIONS = [method for method, scope in services.SCOPES.items() if scope is not Scope.INGEST]


def input_of(method: str) -> Descriptor:
    _, service, name = method.split("/")
    return descriptor_pool.Default().FindServiceByName(service).methods_by_name[name].input_type


def messages_in(
    descriptor: Descriptor, path: tuple[FieldDescriptor, ...] = ()
) -> Iterator[tuple[FieldDescriptor, ...]]:
    """The way to each message that a message can hold, itself included, but for what is in a Struct, as any JSON is."""
    yield path
    if descriptor is struct_pb2.Struct.DESCRIPTOR:
        return
    for field in descriptor.fields:
        if field.message_type is not None and field not in path:
            yield from messages_in(field.message_type, (*path, field))


_PLACES = [(method, path) for method in _QUESTIONS for path in messages_in(input_of(method))]
_DURATIONS = [(method, path) for method, path in _PLACES if path and path[-1].message_type.full_name == _DURATION]
# A request with nothing but its duration, so that nothing else is refused first; that of funnels is tried with them.
_OPERATORS = {"/tallywire.v1.AdminService/DeleteOrganization"}
_ALONE = [(method, path) for method, path in _DURATIONS if len(path) == 1]


def test_the_places_are_those_of_every_question() -> None:
    names = {(method.rpartition("/")[2], ".".join(one.name for one in path)) for method, path in _PLACES}
    assert {
        ("GetOverview", ""),
        ("GetOverview", "filter"),
        ("GetUsageTrends", "time_range.start"),
        ("ListMetrics", ""),
        ("GetRealtimeMetrics", "filter"),
        ("WatchMetrics", "min_interval"),
        ("WatchUpdates", "filter"),
    } <= names


@pytest.mark.parametrize(
    ("method", "path"),
    _PLACES,
    ids=[".".join((method.rpartition("/")[2], *(field.name for field in path))) for method, path in _PLACES],
)
async def test_a_question_with_an_unknown_field_is_refused(
    accounts: Accounts, method: str, path: tuple[FieldDescriptor, ...]
) -> None:
    caller = await accounts.caller(scopes=[services.SCOPES[method]])
    request, place = made(method, path)
    place.MergeFromString(_UNKNOWN)
    error = await serving.refused(first(caller, method, request))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", "UNKNOWN_FIELD", "", False)
    assert serving.info(error) == {"path": ".".join(field.name for field in path), "number": "8191"}


def made(method: str, path: tuple[FieldDescriptor, ...]) -> tuple[Message, Any]:
    """A request of a method, and a message in it."""
    request = message_factory.GetMessageClass(input_of(method))()
    place: Any = request
    for field in path:
        place = getattr(place, field.name)
        place = place.add() if field.is_repeated else place
    return request, place


async def first(caller: Caller, method: str, request: Message) -> bytes:
    """The first answer, or the error, of a call, whether it gives one answer or more."""
    call = caller.channel.unary_stream(method)(request.SerializeToString(), metadata=caller.metadata, timeout=20)
    async for answer in call:
        call.cancel()
        return bytes(answer)
    raise AssertionError("no answer and no error")


async def test_an_event_with_an_unknown_field_is_taken(caller: Caller) -> None:
    event = serving.event()
    event.MergeFromString(_UNKNOWN)
    request = event_service_pb2.TrackEventsRequest(events=[event])
    request.MergeFromString(_UNKNOWN)
    answer = event_service_pb2.TrackEventsResponse.FromString(
        await caller.raw(serving.TRACK_EVENTS, request.SerializeToString())
    )
    assert serving.statuses(answer.results) == ["ACCEPTED"]


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [(1, -1), (-1, 1), (0, 1_000_000_000), (1, -1_500_000_000), (0, -1_000_000_000), (315_576_000_001, 0)],
)
@pytest.mark.parametrize(("method", "path"), _ALONE, ids=[str(path[-1].full_name) for _, path in _ALONE])
async def test_a_duration_that_contradicts_itself_is_refused(
    accounts: Accounts, method: str, path: tuple[FieldDescriptor, ...], seconds: int, nanos: int
) -> None:
    is_operators = method in _OPERATORS
    caller = await (
        administering.operator(accounts) if is_operators else accounts.caller(scopes=[services.SCOPES[method]])
    )
    request, place = made(method, path)
    place.seconds, place.nanos = seconds, nanos
    error = await serving.refused(first(caller, method, request))
    field = ".".join(field.name for field in path)
    assert serving.refusal(error) == ("INVALID_ARGUMENT", "INVALID_DURATION", field, False)


def test_durations_are_taken_in_questions_alone() -> None:
    assert {".".join(field.name for field in path) for _, path in _DURATIONS} == {
        "min_interval",
        "definition.window",
        "funnel.definition.window",
        "dashboard.tiles.funnel.definition.window",
        "report.blocks.funnel.definition.window",
        "overlap",
        "grace",
        *(f"rule.{name}" for name in ("window", "step", "hold_for", "close_after", "remind_after", "delay")),
        "rule.condition.forecast.within",
        "rule.mute_windows.duration",
    }
    for method in services.SCOPES.keys() - set(_QUESTIONS):
        assert all(path[-1].message_type.full_name != _DURATION for path in messages_in(input_of(method)) if path)
