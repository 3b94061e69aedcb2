"""What makes two events with one id the same, pinned: stored fingerprints hold for as long as event ids are known."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from server.events import fingerprint
from server.events.fingerprint import Fingerprints
from server.organizations.settings import OrganizationSettings
from server.rpc import event_conversion
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal, Scope
from tallywire.v1 import event_pb2

GOLDEN = json.loads((pathlib.Path(__file__).parents[1] / "data" / "fingerprints.json").read_text())
_KEY = b"a key that only this file knows."
_PRINCIPAL = Principal(
    organization_id=1,
    key_id="key",
    scopes=frozenset([Scope.INGEST, Scope.BACKFILL]),
    settings=OrganizationSettings(time_zone="UTC"),
)
_SENDER = dataclasses.replace(
    event_conversion.SenderFacts.of(_PRINCIPAL, KeyedHashes("x" * 32), datetime(2026, 3, 1, tzinfo=UTC)),
    fingerprints=Fingerprints(_KEY),
)


class _Noting(Fingerprints):
    """Notes the contents of which it makes fingerprints."""

    def __init__(self) -> None:
        super().__init__(_KEY)
        self.seen: list[str] = []

    def of(self, said: str, later: Sequence[tuple[int, str]] = ()) -> int:
        self.seen.append(said)
        return super().of(said, later)


@pytest.mark.parametrize("one", GOLDEN, ids=[one["why"] for one in GOLDEN])
def test_contents_and_fingerprints_are_those_of_every_version(one: dict[str, Any]) -> None:
    noting = _Noting()
    message = json_format.ParseDict(one["event"], event_pb2.Event())
    event = event_conversion.event(message, dataclasses.replace(_SENDER, fingerprints=noting))
    assert noting.seen == [one["content"]]
    assert event.fingerprint == one["fingerprint"]


def test_the_golden_events_have_every_field_of_the_contract() -> None:
    messages = [json_format.ParseDict(one["event"], event_pb2.Event()) for one in GOLDEN]
    used = {field.full_name for message in messages for field, _ in message.ListFields()}
    details = [getattr(message, family) for message in messages if (family := message.WhichOneof("detail"))]
    used |= {field.full_name for detail in details for field, _ in detail.ListFields()}
    families = event_pb2.Event.DESCRIPTOR.oneofs_by_name["detail"].fields
    contract = {field.full_name for field in event_pb2.Event.DESCRIPTOR.fields}
    contract |= {field.full_name for family in families for field in family.message_type.fields}
    assert used == contract


def test_every_field_of_a_detail_is_of_the_first_release_or_of_one_that_is_named() -> None:
    for family in event_pb2.Event.DESCRIPTOR.oneofs_by_name["detail"].fields:
        for field in family.message_type.fields:
            place = (family.number, field.number)
            assert (fingerprint.added_in(*place) == 0) == (place not in fingerprint.ADDED)


_LATER = st.lists(st.tuples(st.integers(1, 3), st.sampled_from("ab")), max_size=4)


@given(st.sampled_from(["x", "y"]), st.sampled_from(["x", "y"]), _LATER, _LATER)
def test_what_only_one_of_two_servers_knows_is_not_compared(
    one: str, other: str, later: list[tuple[int, str]], more: list[tuple[int, str]]
) -> None:
    def texts(release: int, fields: list[tuple[int, str]]) -> str:
        return "".join(text for since, text in fields if since == release)

    make = Fingerprints(_KEY).of
    groups = [(texts(release, later), texts(release, more)) for release in (1, 2, 3)]
    expected = one == other and all(left == right or not left or not right for left, right in groups)
    assert fingerprint.same(make(one, later), make(other, more)) == expected


def test_another_key_makes_other_fingerprints() -> None:
    assert Fingerprints(_KEY).of("x") != Fingerprints(_KEY[::-1]).of("x")


@given(st.integers(0, 999), st.integers(0, 999))
def test_nanoseconds_that_are_not_kept_are_not_compared(one: int, other: int) -> None:
    def made(nanos: int) -> event_pb2.Event:
        message = event_pb2.Event(event_id="a", event_type="message.sent")
        message.occurred_at.seconds, message.occurred_at.nanos = 1_770_000_000, 123_456_000 + nanos
        return message

    assert event_conversion.event(made(one), _SENDER) == event_conversion.event(made(other), _SENDER)
