"""Building of events and ids, and the requests made of them."""

import itertools
import time
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from google.protobuf import json_format

import tallywire
from tallywire import events, requests
from tallywire.v1 import error_reason_pb2, event_pb2, event_service_pb2


def test_keywords_go_to_the_detail_of_the_type() -> None:
    built = tallywire.event(
        "message.sent", agent_id="a", user_id="u", conversation_id="c", channel="w", response_time_ms=9, failed=False
    )
    assert built.WhichOneof("detail") == "message"
    assert built.message.response_time_ms == 9
    assert built.message.HasField("failed")
    assert not built.message.HasField("prompt_tokens")
    assert (built.agent_id, built.user_id, built.conversation_id, built.channel) == ("a", "u", "c", "w")


def test_none_leaves_a_field_unset() -> None:
    built = tallywire.event("message.sent", agent_id=None, response_time_ms=None)
    assert built.WhichOneof("detail") is None
    assert built.agent_id == ""


def test_an_event_has_an_id_and_a_time_from_the_start() -> None:
    before = datetime.now(UTC)
    first, second = tallywire.event("a.b"), tallywire.event("a.b")
    assert first.event_id != second.event_id
    assert before - timedelta(seconds=1) < first.occurred_at.ToDatetime(tzinfo=UTC) < before + timedelta(seconds=5)


def test_times_of_other_zones_are_converted() -> None:
    nepal = timezone(timedelta(hours=5, minutes=45))
    built = tallywire.event("a.b", occurred_at=datetime(2026, 1, 1, tzinfo=nepal))
    assert built.occurred_at.ToJsonString() == "2025-12-31T18:15:00Z"


def test_naive_times_are_refused() -> None:
    with pytest.raises(ValueError, match="occurred_at has no time zone"):
        tallywire.event("a.b", occurred_at=datetime(2026, 1, 1))  # noqa: DTZ001 - the case


@pytest.mark.parametrize(
    ("event_type", "fields", "said"),
    [
        ("message.sent", {"latency": 1}, "message.sent takes no latency; its fields are response_time_ms, "),
        ("message.sent", {"rating": None}, "message.sent takes no rating"),
        ("shop.opened", {"points": 1}, "shop.opened is a custom event type and takes no points"),
        ("message.sent", {"response_time_ms": "120"}, "a whole number, not '120' (str): pass the number, int('120')"),
        ("message.sent", {"response_time_ms": "fast"}, "response_time_ms is a whole number, not 'fast' (str)"),
        ("message.sent", {"response_time_ms": True}, "response_time_ms is a whole number, not True (bool)"),
        ("message.sent", {"response_time_ms": 1j}, "response_time_ms is a whole number, not 1j (complex)"),
        ("message.sent", {"failed": 1}, "failed is a bool, not 1 (int)"),
        ("message.sent", {"model": 4}, "model is a str, not 4 (int)"),
        ("message.sent", {"agent_id": 4.0}, "agent_id is a text, a whole number or a UUID, not 4.0 (float)"),
        ("message.sent", {"user_id": False}, "user_id is a text, a whole number or a UUID, not False (bool)"),
        ("message.sent", {"properties": [1]}, "properties is a mapping, not list"),
        ("message.sent", {"properties": {"at": datetime.now(UTC)}}, "properties.at is of type datetime"),
        ("message.sent", {"properties": {"a": {1: 2}}}, "properties.a has a key that is no text"),
        ("message.sent", {"detail": event_pb2.Event()}, "detail is a detail message"),
        ("message.sent", {"occurred_at": "yesterday"}, "occurred_at is a datetime, not str"),
    ],
)
def test_wrong_types_are_named(event_type: str, fields: dict[str, object], said: str) -> None:
    with pytest.raises(TypeError) as caught:
        tallywire.event(event_type, **fields)  # type: ignore[arg-type]
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"response_time_ms": 2**63}, "response_time_ms is a whole number of 64 bits, and 9223372036854775808 (int)"),
        ({"response_time_ms": 1e30}, "response_time_ms is a whole number of 64 bits"),
        ({"response_time_ms": float("inf")}, "response_time_ms is a whole number, not inf (float)"),
        ({"response_time_ms": Decimal("NaN")}, "response_time_ms is a whole number, not Decimal('NaN') (Decimal)"),
        ({"prompt_tokens": 7.5}, "prompt_tokens is a whole number, not 7.5 (float): round it as fits its meaning"),
        ({"properties": {"a": [float("nan")]}}, "properties.a[0]"),
        ({"properties": {"a": 2**53 + 1}}, "send it as text"),
        ({"properties": {"a": {"b": [2**53]}}}, "send it as text"),
        ({"properties": {"a": {"": 1}}}, "properties.a has a key that is blank: ''"),
        ({"properties": {" ": 1}}, "properties has a key that is blank"),
        ({"detail": event_pb2.ApiDetail()}, "takes detail=MessageDetail, not ApiDetail"),
    ],
)
def test_wrong_values_are_named(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared below
        tallywire.event("message.sent", **fields)  # type: ignore[arg-type]
    assert said in str(caught.value)


class Number:
    """A whole number of another library, such as numpy.int64."""

    def __index__(self) -> int:
        return 4


@pytest.mark.parametrize("given", [4, 4.0, Decimal("4.00"), Fraction(8, 2), Number()])
def test_whole_numbers_of_every_type_are_taken(given: object) -> None:
    built = tallywire.event("message.sent", prompt_tokens=given, response_time_ms=given, cost_micros=given)
    assert (built.message.prompt_tokens, built.message.response_time_ms, built.message.cost_micros) == (4, 4, 4)
    assert tallywire.event("feedback.submitted", rating=given).feedback.rating == 4


@pytest.mark.parametrize(
    ("given", "taken"),
    [(12.5, 12), (13.5, 14), (12.500001, 13), (-0.5, 0), (Decimal("2.5"), 2), (Fraction(7, 2), 4), (819.9999, 820)],
)
def test_times_and_money_are_rounded_halves_to_even(given: object, taken: int) -> None:
    built = tallywire.event("message.sent", response_time_ms=given, cost_micros=given)
    assert (built.message.response_time_ms, built.message.cost_micros) == (taken, taken)


def test_ids_may_be_numbers_and_uuids() -> None:
    one = uuid.uuid4()
    built = tallywire.event("a.b", event_id=one, user_id=42, agent_id=Number(), team_id=0, campaign_id="c")
    assert (built.event_id, built.user_id, built.agent_id, built.team_id, built.campaign_id) == (
        str(one), "42", "4", "0", "c",
    )  # fmt: skip


@pytest.mark.parametrize("given", ["available", "AVAILABLE", "AGENT_STATUS_AVAILABLE", 1])
def test_enums_by_name_or_number(given: object) -> None:
    assert tallywire.event("agent.status_changed", status=given).agent.status == event_pb2.AGENT_STATUS_AVAILABLE


@pytest.mark.parametrize(
    ("event_type", "fields"),
    [
        ("conversation.started", {"topic": "returns"}),
        ("message.sent", {"cached_tokens": 256, "time_to_first_token_ms": 240, "by_human": False}),
        ("agent.created", {"name": "Maria", "kind": "human", "version": "3"}),
        ("call.started", {"direction": "inbound", "queue": "billing"}),
        ("lead.created", {"lead_id": "7"}),
        ("campaign.started", {"name": "Spring sale"}),
        ("badge.earned", {"badge": "first-hundred"}),
        ("user.registered", {"name": "Jo Doe"}),
    ],
)
def test_fields_of_a_detail_are_keyword_arguments(event_type: str, fields: dict[str, object]) -> None:
    detail = getattr(tallywire.event(event_type, **fields), tallywire.events.FAMILY_OF[event_type])
    named = {"kind": event_pb2.AGENT_KIND_HUMAN, "direction": event_pb2.CALL_DIRECTION_INBOUND}
    assert {field.name: value for field, value in detail.ListFields()} == {
        name: named.get(name, value) for name, value in fields.items()
    }


@pytest.mark.parametrize("given", ["asleep", 9, True])
def test_unknown_enum_values_name_the_choices(given: object) -> None:
    with pytest.raises(ValueError, match="status is one of available, busy, away, offline"):
        tallywire.event("agent.status_changed", status=given)


def test_custom_types_take_any_detail() -> None:
    built = tallywire.event("shop.opened", detail=event_pb2.TaskDetail(points=0))
    assert built.task.HasField("points")


def test_an_empty_detail_is_still_reported() -> None:
    assert tallywire.event("message.sent", detail=event_pb2.MessageDetail()).WhichOneof("detail") == "message"


def test_properties_keep_their_types() -> None:
    assert tallywire.event("a.b", properties={"seats": Number()}).properties["seats"] == 4
    properties = {"plan": "pro", "seats": 3, "trial": False, "none": None, "list": [1, "a", {"deep": (1.5,)}]}
    built = tallywire.event("a.b", properties=properties)
    assert json_format.MessageToDict(built.properties) == {**properties, "list": [1, "a", {"deep": [1.5]}]}


def test_every_family_is_a_field_of_the_contract() -> None:
    members = {field.name for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["detail"].fields}
    assert set(events.FAMILY_OF.values()) == members


@pytest.mark.parametrize("event_type", sorted(events.FAMILY_OF))
def test_every_type_takes_every_field_of_its_detail(event_type: str) -> None:
    sample = {"int32": 3, "int64": 3, "bool": True, "string": "x"}
    fields = events.detail_fields(event_type)
    kinds = {5: "int32", 3: "int64", 8: "bool", 9: "string"}
    given = {name: 1 if field.enum_type else sample[kinds[field.type]] for name, field in fields.items()}
    built = tallywire.event(event_type, **given)  # type: ignore[arg-type]
    detail = getattr(built, events.FAMILY_OF[event_type])
    assert {name: getattr(detail, name) for name in fields} == given
    assert tallywire.fields_of(event_type) == tuple(fields)


def test_uuid7_is_one_and_sorts_by_time() -> None:
    before = time.time_ns() // 1_000_000
    made = [tallywire.uuid7() for _ in range(1_000)]
    parsed = uuid.UUID(made[0])
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert before <= parsed.int >> 80 <= time.time_ns() // 1_000_000
    assert len(set(made)) == 1_000
    # Ids of one quarter of a microsecond may be in any order; the leading bits never go back.
    leading = [uuid.UUID(text).int >> 64 for text in made]
    assert all(earlier <= later for earlier, later in itertools.pairwise(leading))


def test_ensure_id_leaves_its_argument_alone() -> None:
    bare = event_pb2.Event(event_type="a.b")
    assert tallywire.ensure_id(bare).event_id
    assert not bare.event_id
    named = event_pb2.Event(event_id="x")
    assert tallywire.ensure_id(named) is named


def test_parts_of_a_large_batch_keep_order_and_limits() -> None:
    batch = [tallywire.event("a.b", event_id=f"e{number}") for number in range(2_500)]
    sizes = [len(part.events) for part in requests.parts(iter(batch))]
    assert sizes == [1_000, 1_000, 500]
    assert [event for part in requests.parts(batch) for event in part.events] == batch


def test_parts_stay_below_the_size_of_a_message() -> None:
    heavy = [tallywire.event("a.b", properties={"text": "x" * 60_000}) for _ in range(100)]
    parts = list(requests.parts(heavy))
    assert len(parts) == 2
    for part in parts:
        assert event_service_pb2.TrackEventsRequest(events=part.events).ByteSize() <= requests.MAX_BYTES


def test_an_event_that_fits_nowhere_is_refused_in_its_place() -> None:
    giant = tallywire.event("a.b", event_id="giant", properties={"text": "x" * 4_000_000})
    parts = list(requests.parts([tallywire.event("a.b"), giant, tallywire.event("a.b")]))
    assert [part.refused is not None for part in parts] == [False, True, False]
    refused = parts[1].refused
    assert refused is not None
    assert refused.rejection.reason == error_reason_pb2.ERROR_REASON_EVENT_TOO_LARGE
