"""The Connect protocol as far as pages need it: unary calls and server streams in protobuf, messages as bytes."""

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

UNARY_TYPE: Final = "application/proto"
STREAM_TYPE: Final = "application/connect+proto"
_END = 0x02
_DETAILS = "grpc-status-details-bin"
_ENVELOPE = struct.Struct(">BI")
_MOST_TIMEOUT_DIGITS = 10
_HTTP: Mapping[grpc.StatusCode, int] = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallError:
    """A call's error, as the service said it or as this process says it in the same form."""

    code: grpc.StatusCode
    message: str
    details: Sequence[any_pb2.Any] = ()
    http_status: int = 0  # 0: that of the code

    @property
    def status(self) -> int:
        """Returns the HTTP status of a unary call with this error."""
        return self.http_status or _HTTP[self.code]

    @property
    def reason(self) -> str:
        """Returns the reason in its details, as in ErrorReason; empty where it has none."""
        info = error_details_pb2.ErrorInfo()
        return next((info.reason for one in self.details if one.Unpack(info)), "")

    @property
    def retry_after(self) -> float | None:
        """Returns the seconds after which to try again; None where waiting does not help."""
        info = error_details_pb2.RetryInfo()
        return next((info.retry_delay.ToTimedelta().total_seconds() for one in self.details if one.Unpack(info)), None)

    def json(self) -> Mapping[str, Any]:
        """Returns the error as the protocol has it."""
        found: dict[str, Any] = {"code": _name(self.code), "message": self.message}
        if self.details:
            found["details"] = [
                {
                    "type": one.type_url.rpartition("/")[2],
                    "value": base64.b64encode(one.value).decode().rstrip("="),
                }
                for one in self.details
            ]
        return found

    def body(self) -> bytes:
        """Returns the body of a unary call with this error."""
        return json.dumps(self.json(), ensure_ascii=False, separators=(",", ":")).encode()


def _name(code: grpc.StatusCode) -> str:
    return "canceled" if code is grpc.StatusCode.CANCELLED else code.name.lower()


def own_error(
    code: grpc.StatusCode, message: str, reason: str, *, retry_after: float | None = None, http_status: int = 0
) -> CallError:
    """Returns an error of this process, with a reason of the contract."""
    details = [_packed(error_details_pb2.ErrorInfo(reason=reason, domain="tallywire"))]
    if retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(retry_after * 1000))
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return CallError(code=code, message=message, details=details, http_status=http_status)


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def error_of(failure: grpc.aio.AioRpcError) -> CallError:
    """Returns the error of a gRPC call."""
    found = [value for key, value in failure.trailing_metadata() or () if key == _DETAILS]
    details: Sequence[any_pb2.Any] = ()
    if found:
        try:
            details = status_pb2.Status.FromString(found[0]).details
        except DecodeError:
            details = ()
    if not details and failure.code() is grpc.StatusCode.UNAVAILABLE:  # gRPC's own words name addresses
        return CallError(code=failure.code(), message="the service cannot be reached")
    return CallError(code=failure.code(), message=failure.details() or "", details=details)


def envelope(message: bytes) -> bytes:
    """Returns a message of a stream."""
    return _ENVELOPE.pack(0, len(message)) + message


def end(error: CallError | None = None) -> bytes:
    """Returns the end of a stream: good, or with an error. A stream without it was cut."""
    told = {} if error is None else {"error": error.json()}
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return _ENVELOPE.pack(_END, len(text)) + text


def unwrapped(body: bytes) -> bytes | None:
    """Returns the one message in the body of a stream's request; None where the body is something else."""
    if len(body) < _ENVELOPE.size:
        return None
    flags, length = _ENVELOPE.unpack_from(body)
    if flags or length != len(body) - _ENVELOPE.size:
        return None
    return body[_ENVELOPE.size :]


def timeout(value: str, most: float) -> float | None:
    """Returns the seconds that a call may take, by the header connect-timeout-ms; None where that is no number."""
    if not value:
        return most
    if not value.isascii() or not value.isdigit() or len(value) > _MOST_TIMEOUT_DIGITS:
        return None
    return min(int(value) / 1000, most)
