"""Refusals as google.rpc.Status: the one place where an error becomes bytes for a caller."""

import functools
import math

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from server.errors import Reason, Refused, Status

DOMAIN = "tallywire"
_DETAILS = "grpc-status-details-bin"
_PUSHBACK = "grpc-retry-pushback-ms"

CODES: dict[Status, grpc.StatusCode] = {status: grpc.StatusCode[status.name] for status in Status}


def code(refusal: Refused) -> grpc.StatusCode:
    """Returns the status code of a refusal."""
    return CODES[refusal.reason.status]


def trailers(refusal: Refused) -> tuple[tuple[str, str | bytes], ...]:
    """Returns the trailing metadata with a refusal's details, and with the time to try again if waiting helps."""
    if refusal.field or refusal.metadata or refusal.quota:
        content = _status(refusal).SerializeToString()
    else:
        content = _plain(refusal.reason, refusal.message)
    if refusal.retry_after is None:
        return ((_DETAILS, content),)
    milliseconds = math.ceil(refusal.retry_after * 1000)
    delay = duration_pb2.Duration(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000)
    # Two messages one behind the other are one, with the details of both.
    more = status_pb2.Status(details=[_packed(error_details_pb2.RetryInfo(retry_delay=delay))])
    return ((_DETAILS, content + more.SerializeToString()), (_PUSHBACK, str(milliseconds)))


@functools.lru_cache(maxsize=256)
def _plain(reason: Reason, message: str) -> bytes:
    """Returns the status of a refusal without further details. Refusals of an overloaded server are many and equal."""
    content: bytes = _status(Refused(reason, message)).SerializeToString()
    return content


def _status(refusal: Refused) -> status_pb2.Status:
    """Returns the status of a refusal, without the time to try again."""
    status = status_pb2.Status(code=refusal.reason.status.value, message=refusal.message)
    metadata = dict(refusal.metadata)
    if refusal.field:
        metadata["field"] = refusal.field
    status.details.append(
        _packed(error_details_pb2.ErrorInfo(reason=refusal.reason.name, domain=DOMAIN, metadata=metadata))
    )
    if refusal.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=refusal.field, description=refusal.message)
        status.details.append(_packed(error_details_pb2.BadRequest(field_violations=[violation])))
    if refusal.quota:
        exceeded = error_details_pb2.QuotaFailure.Violation(subject=refusal.quota, description=refusal.message)
        status.details.append(_packed(error_details_pb2.QuotaFailure(violations=[exceeded])))
    return status


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
