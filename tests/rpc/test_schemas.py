"""Servers with different versions of the contract say the same of the same bytes."""

import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import grpc
import larger_schema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tallywire
from server.app import Running
from server.events import fingerprint
from server.local.embedded import Engines
from server.organizations.settings import OrganizationSettings
from server.rpc import event_conversion
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal, Scope
from tallywire.v1 import event_pb2, event_service_pb2
from tests.conftest import PEPPER, Tenant
from tests.support import processes

_SCRIPT = [sys.executable, str(pathlib.Path(larger_schema.__file__))]
_PRINCIPAL = Principal(
    organization_id=1, key_id="key", scopes=frozenset([Scope.INGEST]), settings=OrganizationSettings(time_zone="UTC")
)
_SENDER = event_conversion.SenderFacts.of(_PRINCIPAL, KeyedHashes("x" * 32), larger_schema.NOW)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*encoded, number))


def _field(number: int, content: bytes) -> bytes:
    """A field of text or of a message, as bytes."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _text(value: str) -> bytes:
    return _field(larger_schema.TEXT, value.encode())


def _number(value: int) -> bytes:
    """A message's detail with one field that is not in our contract."""
    return _field(event_pb2.Event.MESSAGE_FIELD_NUMBER, _varint(larger_schema.NUMBER << 3) + _varint(value))


def _detail(points: int) -> bytes:
    return _field(larger_schema.DETAIL, event_pb2.TaskDetail(points=points).SerializeToString())


def _event(event_type: str = "own.type", *parts: bytes, **fields: object) -> bytes:
    """An event as bytes, with fields in front of the known ones and behind them."""
    event = event_pb2.Event(event_id="one", event_type=event_type, **fields)  # type: ignore[arg-type]
    event.occurred_at.FromDatetime(larger_schema.NOW)
    return b"".join((*parts[:1], event.SerializeToString(), *parts[1:]))


@pytest.fixture(scope="module")
def larger() -> Iterator["subprocess.Popen[str]"]:
    """A process that answers bytes with the fingerprint under the larger contract."""
    command = [*_SCRIPT, "fingerprints"]
    environment = processes.environment(pathlib.Path.home())
    with subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=processes.ROOT
    ) as process:
        yield process
        process.terminate()


def _under_both(larger: "subprocess.Popen[str]", event: bytes) -> tuple[int, int]:
    assert larger.stdin is not None and larger.stdout is not None  # noqa: PT018 - both are pipes
    larger.stdin.write(event.hex() + "\n")
    larger.stdin.flush()
    answer = int(larger.stdout.readline())
    return event_conversion.event(event_pb2.Event.FromString(event), _SENDER).fingerprint, answer


_KNOWN = st.fixed_dictionaries(
    {},
    optional={
        "agent_id": st.sampled_from(["a", "ü"]),
        "user_id": st.sampled_from(["u", "Jo <jo@example.org>"]),
        "message": st.builds(event_pb2.MessageDetail, prompt_tokens=st.integers(0, 3), model=st.sampled_from("ab")),
        "properties": st.dictionaries(
            st.sampled_from(["a", "b", "token"]), st.integers(0, 3) | st.text("aé7", max_size=3)
        ),
    },
)
_ADDED = st.lists(st.one_of(st.builds(_text, st.sampled_from("ab")), st.builds(_number, st.integers(0, 2))), max_size=3)


@settings(max_examples=150, deadline=None)
@given(_KNOWN, _ADDED)
def test_the_same_bytes_have_the_same_content_under_a_larger_contract(
    larger: "subprocess.Popen[str]", known: dict[str, object], added: list[bytes]
) -> None:
    ours, theirs = _under_both(larger, _event("own.type", *added, **known))
    assert fingerprint.same(ours, theirs)
    assert _under_both(larger, _event("own.type", **known)) == (ours, ours)


@pytest.mark.parametrize("make", [_number, _detail])
def test_other_values_of_a_field_that_was_added_are_other_content(
    larger: "subprocess.Popen[str]", make: Callable[[int], bytes]
) -> None:
    ours, one = _under_both(larger, _event("own.type", b"", make(1)))
    again, other = _under_both(larger, _event("own.type", b"", make(2)))
    assert ours == again
    assert not fingerprint.same(one, other)
    assert fingerprint.same(ours, one)
    assert fingerprint.same(other, ours)


@pytest.fixture
def later_server(engines: Engines, server: Running, tmp_path: pathlib.Path) -> Iterator[str]:
    """The address of a server of a later release on the same database."""
    address = f"127.0.0.1:{processes.free_port()}"
    environment = processes.environment(
        tmp_path,
        DATABASE_URL=engines.database_url,
        REDIS_URL=engines.redis_url,
        TALLYWIRE_KEY_PEPPER=PEPPER,
        TALLYWIRE_LISTEN=address,
    )
    command = [*_SCRIPT, "serve"]
    with subprocess.Popen(command, env=environment, cwd=processes.ROOT, stderr=subprocess.DEVNULL) as process:
        yield address
        process.terminate()


async def _sent(channel: grpc.aio.Channel, tenant: Tenant, events: list[bytes]) -> list[int]:
    call = channel.unary_unary("/tallywire.v1.EventService/TrackEvents")
    answer: bytes = await call(
        b"".join(_field(1, event) for event in events),
        metadata=(("authorization", f"Bearer {tenant.key}"),),
        wait_for_ready=True,
        timeout=60,
    )
    return [result.status for result in event_service_pb2.TrackEventsResponse.FromString(answer).results]


def _events() -> list[bytes]:
    """Events with what no contract of ours knows, of ids of their own."""
    events = []
    for properties in (None, {"b": 1, "a": "x"}):
        for added in (_text("x"), _number(5), _detail(7)):
            event = tallywire.event("own.type", agent_id="a", properties=properties)
            events.append(event.SerializeToString() + added)
    return events


async def test_an_event_sent_again_to_another_release_is_a_duplicate(
    server: Running, later_server: str, tenant: Tenant
) -> None:
    accepted, duplicate = event_service_pb2.EVENT_STATUS_ACCEPTED, event_service_pb2.EVENT_STATUS_DUPLICATE
    channel = grpc.aio.insecure_channel
    async with channel(server.address) as earlier, channel(later_server) as later:
        for first, second in ((earlier, later), (later, earlier)):
            events = _events()
            assert await _sent(first, tenant, events) == [accepted] * len(events)
            assert await _sent(second, tenant, events) == [duplicate] * len(events)
