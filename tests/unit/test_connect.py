"""The Connect protocol as bytes, and what a reader of a shared stream gets when it is slow."""

import asyncio
import base64
import json
import struct

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError, Metadata

from server.web import connect, fanout
from server.web.connect import CallError

STATE, LATER, HEARTBEAT = b"\x0a\x01s", b"\x0a\x01t", b"\x10\x07"


def failure(code: grpc.StatusCode, said: str, trailing: Metadata) -> AioRpcError:
    return AioRpcError(code, Metadata(), trailing, said)


@pytest.mark.parametrize("code", [one for one in grpc.StatusCode if one is not grpc.StatusCode.OK])
def test_every_status_has_a_name_and_an_http_status(code: grpc.StatusCode) -> None:
    error = CallError(code=code, message="x")
    assert error.status >= 400
    assert error.json() == {"code": "canceled" if code.name == "CANCELLED" else code.name.lower(), "message": "x"}


def test_details_of_the_service_arrive_in_the_page() -> None:
    status = status_pb2.Status(code=8, message="wait")
    for detail in (error_details_pb2.ErrorInfo(reason="OVERLOADED"), error_details_pb2.RetryInfo()):
        status.details.add().Pack(detail)
    trailing = Metadata(("grpc-status-details-bin", status.SerializeToString()))
    error = connect.error_of(failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "wait", trailing))
    assert (error.reason, error.retry_after, error.status) == ("OVERLOADED", 0.0, 429)
    first, _ = error.json()["details"]
    assert first["type"] == "google.rpc.ErrorInfo"
    padded = first["value"] + "=" * (-len(first["value"]) % 4)
    assert error_details_pb2.ErrorInfo.FromString(base64.b64decode(padded)).reason == "OVERLOADED"


@pytest.mark.parametrize("details", [b"", b"\xff\xff"])
def test_what_grpc_says_by_itself_tells_no_addresses(details: bytes) -> None:
    trailing = Metadata(("grpc-status-details-bin", details)) if details else Metadata()
    error = connect.error_of(failure(grpc.StatusCode.UNAVAILABLE, "connect to 10.1.2.3:50051 failed", trailing))
    assert error.json() == {"code": "unavailable", "message": "the service cannot be reached"}


def test_envelopes() -> None:
    assert connect.unwrapped(connect.envelope(b"abc")) == b"abc"
    assert connect.unwrapped(connect.envelope(b"")) == b""
    for wrong in (b"", b"\x00\x00", connect.envelope(b"abc") + b"x", connect.envelope(b"abc")[:-1], connect.end()):
        assert connect.unwrapped(wrong) is None
    assert connect.unwrapped(struct.pack(">BI", 1, 3) + b"abc") is None  # compressed
    flags, length = struct.unpack(">BI", connect.end()[:5])
    assert (flags, length, connect.end()[5:]) == (2, 2, b"{}")
    error = CallError(code=grpc.StatusCode.NOT_FOUND, message="gone")
    assert json.loads(connect.end(error)[5:]) == {"error": {"code": "not_found", "message": "gone"}}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 30.0),
        ("1500", 1.5),
        ("0", 0.0),
        ("99999999", 30.0),
        ("-1", None),
        ("1.5", None),
        ("9" * 11, None),
        ("\u0663", None),  # a digit, but none of ASCII
    ],
)
def test_timeouts(header: str, seconds: float | None) -> None:
    assert connect.timeout(header, 30.0) == seconds


async def _got(*offered: bytes) -> bytes | CallError:
    place = fanout._Place("credential")
    for one in offered:
        place.offer(one)
    return await place.next()


@pytest.mark.parametrize(
    ("offered", "got"),
    [
        ((STATE, LATER), LATER),
        ((STATE, HEARTBEAT), STATE),
        ((HEARTBEAT, STATE), STATE),
        ((HEARTBEAT,), HEARTBEAT),
    ],
)
def test_a_slow_reader_gets_the_newest_state(offered: tuple[bytes, ...], got: bytes) -> None:
    assert asyncio.run(_got(*offered)) == got


def test_an_end_comes_before_what_was_not_read() -> None:
    async def read() -> bytes | CallError:
        place = fanout._Place("credential")
        place.offer(STATE)
        place.end(fanout.draining())
        place.end(CallError(code=grpc.StatusCode.INTERNAL, message="later"))
        return await place.next()

    found = asyncio.run(read())
    assert isinstance(found, CallError)
    assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
