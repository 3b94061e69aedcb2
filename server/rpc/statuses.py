"""From refusals to google.rpc.Status: the one place where an error becomes bytes for a caller."""

import math

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from server.errors import Refused, Status

DOMAIN = "agentmetrics"
_DETAILS = "grpc-status-details-bin"
_PUSHBACK = "grpc-retry-pushback-ms"

CODES: dict[Status, grpc.StatusCode] = {status: grpc.StatusCode[status.name] for status in Status}


def code(refusal: Refused) -> grpc.StatusCode:
    """The status code of a refusal."""
    return CODES[refusal.reason.status]


def trailers(refusal: Refused) -> tuple[tuple[str, str | bytes], ...]:
    """The trailing metadata that carries a refusal's details, and when to try again where waiting helps."""
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
    pairs: list[tuple[str, str | bytes]] = []
    if refusal.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(math.ceil(refusal.retry_after * 1000))
        status.details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
        pairs.append((_PUSHBACK, str(delay.ToMilliseconds())))
    return ((_DETAILS, status.SerializeToString()), *pairs)


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
