"""Events of a batch, read together, are what they are one by one."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from google.protobuf import json_format, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st

from server.errors import Reason, Refused
from server.events import event, rules
from server.events.event import ID_FIELDS, Event
from server.organizations.settings import OrganizationSettings
from server.rpc import event_conversion
from server.rpc.event_conversion import SenderFacts
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal, Scope
from tallywire.v1 import event_pb2

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_SECONDS = int(NOW.timestamp())
_LAST = 253_402_300_799 + 200 - _SECONDS  # later than the year 9999, by seconds
_CLOCKS = [None, 0, -7, 400, -3_700, -_SECONDS, 253_402_300_799 - _SECONDS]
_DETAILS = [field.name for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["detail"].fields]
T = TypeVar("T")

# What is in order, and what is not or needs a second look.
_IDS = st.sampled_from(["", "a", "agent-1", "ü", "a b", "é" * 128, "who@example.org", "not@mail"])
_ODD_IDS = st.sampled_from(["x\0", "tab\t", "\x85", "x" * 257, "é" * 129])
_EVENT_IDS = st.one_of(
    st.integers(0, 999).map(lambda number: f"018f2a3b-4c5d-7e6f-8a9b-{number:012x}"),
    st.sampled_from(
        ["order-7", "x" * 128, "018f2a3b-4c5d-4e6f-8a9b-0123456789ab", "018F2A3B-4C5D-7E6F-8A9B-0123456789AB"]
    ),
)
_ODD_EVENT_IDS = st.sampled_from(
    [
        *("", "null", "order 7", "x" * 129, "é", "a\0"),
        *(
            "018f2a3b4c5d-7e6f-8a9b-0123456789ab-",
            "018f2a3b-4c5d-7e6f-8a9b-0123456789a ",
            "018f2a3b-4c5d-7e6f-8a9b-0123456789ag",
        ),
    ]
)
_TYPES = st.sampled_from([*rules.FAMILIES, "custom.type"])
_ODD_TYPES = st.sampled_from(["", "Not.Allowed", "x" * 65])
_NUMBERS, _ODD_NUMBERS = st.integers(1, 5), st.sampled_from([-1, 0, 10_001, 10**10, 10**12 + 1])
_SMALL_ODD_NUMBERS = st.sampled_from([-1, 0, 6, 10_001])  # also for what has 32 bits
_VALUES: dict[int, tuple[st.SearchStrategy[object], st.SearchStrategy[object]]] = {
    FieldDescriptor.TYPE_STRING: (st.sampled_from(["", "a", "EUR", "ü"]), _ODD_IDS),
    FieldDescriptor.TYPE_BOOL: (st.booleans(), st.booleans()),
    FieldDescriptor.TYPE_INT64: (_NUMBERS, _ODD_NUMBERS),
}
_SECONDS_AGO = st.one_of(st.integers(0, 250), st.integers(0, 30 * 86_400))
_ODD_SECONDS_AGO = st.sampled_from(
    [_SECONDS, _SECONDS - 1, 40 * 86_400, -400, -3_500, -3_601, 10**12, -(10**12), -_LAST]
)
_NANOS, _ODD_NANOS = st.integers(0, 999_999_999), st.sampled_from([-1, 10**9])
_PROPERTIES = st.dictionaries(
    st.sampled_from(["a", "b", "ç", "token"]),
    st.recursive(
        st.none() | st.booleans() | st.floats(-1e6, 1e6) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
        max_leaves=5,
    ),
)


@st.composite
def messages(draw: st.DrawFn) -> event_pb2.Event:
    """An event that is in order, or nearly."""

    def one_of(usual: st.SearchStrategy[T], odd: st.SearchStrategy[T]) -> T:
        return draw(odd if draw(st.integers(0, 24)) == 24 else usual)

    message = event_pb2.Event(event_id=one_of(_EVENT_IDS, _ODD_EVENT_IDS), event_type=one_of(_TYPES, _ODD_TYPES))
    for field in ID_FIELDS:
        setattr(message, field, one_of(_IDS, _ODD_IDS))
    if one_of(st.just(True), st.just(False)):
        message.occurred_at.seconds = _SECONDS - one_of(_SECONDS_AGO, _ODD_SECONDS_AGO)
        message.occurred_at.nanos = one_of(_NANOS, _ODD_NANOS)
    if draw(st.booleans()):
        family = one_of(st.just(rules.FAMILIES.get(message.event_type)), st.sampled_from(_DETAILS))
        detail = getattr(message, family or draw(st.sampled_from(_DETAILS)))
        detail.SetInParent()
        for field in detail.DESCRIPTOR.fields:
            if draw(st.booleans()):
                setattr(detail, field.name, one_of(*_VALUES.get(field.type, (_NUMBERS, _SMALL_ODD_NUMBERS))))
    if draw(st.integers(0, 3)) == 3:
        json_format.ParseDict(draw(_PROPERTIES), message.properties)
    if one_of(st.just(False), st.just(True)):  # a field of a later version of the contract
        message.MergeFromString(b"\xfa\x7f\x03abc")
    return message


def sender_of(off: int | None, *scopes: Scope, correct: bool = False, **chosen: object) -> SenderFacts:
    """A sender whose clock is off by so many seconds; None: who does not tell the time."""
    principal = Principal(
        organization_id=1,
        key_id="key",
        scopes=frozenset(scopes),
        settings=OrganizationSettings(time_zone="UTC", **chosen),  # type: ignore[arg-type]
    )
    sent_at = None if off is None else timestamp_pb2.Timestamp(seconds=_SECONDS + off)
    return SenderFacts.of(
        principal, KeyedHashes("x" * 32), NOW, sent_at=sent_at, correct_clock=correct and sent_at is not None
    )


@st.composite
def senders(draw: st.DrawFn) -> SenderFacts:
    """A sender, with or without scopes, limits and a clock that is right."""
    return sender_of(
        draw(st.sampled_from(_CLOCKS)),
        *draw(st.sets(st.sampled_from([Scope.INGEST, Scope.BACKFILL]))),
        key_retention_days=draw(st.sampled_from([None, 30])),
        keep_user_details=draw(st.booleans()),
        correct=draw(st.booleans()),
    )


def one_by_one(given: Sequence[event_pb2.Event], sender: SenderFacts) -> list[object]:
    """What event_conversion.event says of each event."""
    return [_reported(lambda message=message: event_conversion.event(message, sender)) for message in given]


def _reported(read: Callable[[], Event]) -> object:
    try:
        return read()
    except Refused as refusal:
        return refusal.rejection


def same(given: Sequence[event_pb2.Event], sender: SenderFacts) -> bool:
    """True where the events read together are those read one by one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_conversion, "_new_id", lambda: "018f2a3b-4c5d-7e6f-8a9b-0123456789ab")
        together = event_conversion.read(given, sender)
        apart = one_by_one(given, sender)
    assert all(type(one) is Event for one in together if not isinstance(one, Refused))
    return [one.rejection if isinstance(one, Refused) else one for one in together] == apart


@given(st.lists(messages(), max_size=6), senders())
def test_a_batch_is_its_events(given: Sequence[event_pb2.Event], sender: SenderFacts) -> None:
    assert same(given, sender)


@pytest.mark.parametrize("correct", [False, True])
@pytest.mark.parametrize("off", _CLOCKS)
def test_a_time_at_the_edge_is_what_it_is_alone(off: int | None, correct: bool) -> None:
    first, last = -62_135_596_800, 253_402_300_799
    batch = [event_pb2.Event(event_id="unset", event_type="message.sent")]
    for edge in (0, _SECONDS - 35 * 86_400, _SECONDS, _SECONDS + (off or 0), _SECONDS + 3_600, first, last):
        for seconds in (edge - 1, edge, edge + 1, edge + 299, edge + 301):
            one = event_pb2.Event(event_id=str(seconds), event_type="message.sent")
            one.occurred_at.seconds = seconds
            batch.append(one)
    assert same(batch, sender_of(off, Scope.INGEST, correct=correct))
    assert same(batch, sender_of(off, Scope.INGEST, Scope.BACKFILL, correct=correct))


def test_an_event_that_is_too_large_is_refused_and_no_other() -> None:
    sender = sender_of(None, Scope.INGEST)
    small = event_pb2.Event(event_id="a", event_type="message.sent")
    small.occurred_at.FromDatetime(NOW - timedelta(days=1))
    large = event_pb2.Event(event_id="b", event_type="message.sent", team_id="x" * rules.MAX_EVENT_BYTES)
    before, refusal, after = event_conversion.read([small, large, small], sender)
    assert before == after == event_conversion.event(small, sender)
    assert isinstance(refusal, Refused)
    assert refusal.reason is Reason.EVENT_TOO_LARGE


@given(st.lists(_EVENT_IDS, max_size=4))
def test_keys_are_read_together_only_where_all_are_uuid7(event_ids: list[str]) -> None:
    apart = [event.uuid7_key(event_id) for event_id in event_ids]
    assert event.uuid7_keys(event_ids) == (apart if all(apart) else None)


_FIELDS = {
    f"{family.name}.{field.name}": field
    for family in event_pb2.Event.DESCRIPTOR.oneofs_by_name["detail"].fields
    for field in family.message_type.fields
}


def _beyond(path: str, field: FieldDescriptor) -> tuple[object, Reason]:
    """A value just beyond the limit of a field, and why it is refused."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return "x" * (1025 if path in ("content_gap.question", "user.user_agent") else 257), Reason.FIELD_TOO_LONG
    if field.enum_type is not None:
        return max(field.enum_type.values_by_number) + 1, Reason.INVALID_ENUM
    return rules.detail_limits(*path.split("."))[1] + 1, Reason.VALUE_OUT_OF_RANGE


@pytest.mark.parametrize("path", [path for path, field in _FIELDS.items() if field.type != FieldDescriptor.TYPE_BOOL])
def test_every_field_of_a_detail_has_a_limit_and_the_refusal_its_name(path: str) -> None:
    family, name = path.split(".")
    value, reason = _beyond(path, _FIELDS[path])
    message = event_pb2.Event(event_id="a", event_type="own.type")
    setattr(getattr(message, family), name, value)
    with pytest.raises(Refused) as refused:
        event_conversion.event(message, sender_of(None, Scope.INGEST))
    assert (refused.value.reason, refused.value.field) == (reason, path)


@pytest.mark.parametrize("path", [path for path, field in _FIELDS.items() if field.enum_type is not None])
def test_every_value_of_an_enum_is_taken(path: str) -> None:
    assert rules.detail_limits(*path.split(".")) == (0, len(_FIELDS[path].enum_type.values) - 1)
