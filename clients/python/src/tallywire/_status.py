"""Decoding of the google.rpc.Status that travels in a trailer, without the package googleapis-common-protos.

The messages are declared here under private names in a private descriptor pool. The wire format has no names, so they
read the same bytes; and nothing is registered in the default pool, where a second copy of google/rpc would end the
process at import.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

TRAILER: Final = "grpc-status-details-bin"
PUSHBACK: Final = "grpc-retry-pushback-ms"
DOMAIN: Final = "tallywire"

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "tallywire.private.status"

# message -> (field, number, kind): a scalar type, or the name of a message above; a trailing * says repeated.
_LAYOUT: Mapping[str, tuple[tuple[str, int, str], ...]] = {
    "Detail": (("type_url", 1, "string"), ("value", 2, "bytes")),
    "Status": (("code", 1, "int32"), ("message", 2, "string"), ("details", 3, "Detail*")),
    "Entry": (("key", 1, "string"), ("value", 2, "string")),
    "ErrorInfo": (("reason", 1, "string"), ("domain", 2, "string"), ("metadata", 3, "Entry*")),
    "Delay": (("seconds", 1, "int64"), ("nanos", 2, "int32")),
    "RetryInfo": (("retry_delay", 1, "Delay"),),
    "Violation": (("field", 1, "string"), ("description", 2, "string")),
    "BadRequest": (("field_violations", 1, "Violation*"),),
}
_SCALARS: Mapping[str, descriptor_pb2.FieldDescriptorProto.Type.ValueType] = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The contents of a google.rpc.Status beyond its code; texts are empty if it has none.

    `spoken` says whether the service itself has said it: what others add to a status does not count.
    """

    spoken: bool = False
    message: str = ""
    reason: str = ""
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    field: str = ""
    retry_after: float | None = None


def _declare() -> descriptor_pool.DescriptorPool:
    """Returns a pool of its own that holds the messages of the layout."""
    file = descriptor_pb2.FileDescriptorProto(name="tallywire/private/status.proto", package=_PACKAGE)
    file.syntax = "proto3"
    for name, fields in _LAYOUT.items():
        entry = file.message_type.add(name=name)
        for field_name, number, kind in fields:
            label = _Field.LABEL_REPEATED if kind.endswith("*") else _Field.LABEL_OPTIONAL
            target = entry.field.add(name=field_name, number=number, label=label)
            if kind in _SCALARS:
                target.type = _SCALARS[kind]
            else:
                target.type = _Field.TYPE_MESSAGE
                target.type_name = f".{_PACKAGE}.{kind.rstrip('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _declare()


def _parse(name: str, data: bytes) -> Any:
    """Returns the parsed message; its fields are known to the layout only, hence Any. Raises DecodeError."""
    kind = message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
    return kind.FromString(data)


def decode(trailers: Iterable[tuple[str, str | bytes]]) -> Details:
    """Returns what the trailers say about an error; empty Details when they say nothing or cannot be read."""
    for key, value in trailers:
        if key == TRAILER and isinstance(value, bytes):
            try:
                return _details(_parse("Status", value))
            except message.DecodeError:
                break
    return Details()


def pushback(trailers: Iterable[tuple[str, str | bytes]]) -> float | None:
    """Returns the seconds that gRPC's own trailer asks to wait, or None; infinity if it asks for no retry at all.

    A value that is no number of milliseconds asks for no retry either (gRFC A6).
    """
    for key, value in trailers:
        if key == PUSHBACK:
            text = value if isinstance(value, str) else value.decode("ascii", "replace")
            return int(text) / 1000 if text.isascii() and text.isdigit() else math.inf
    return None


def _details(status: Any) -> Details:
    """Returns the parts of a parsed Status that this client knows; nothing unless it is the service's own."""
    parts = {detail.type_url.rpartition("/")[2]: detail.value for detail in reversed(status.details)}
    info = _parse("ErrorInfo", parts.get("google.rpc.ErrorInfo", b""))
    if info.domain != DOMAIN:
        return Details()
    bad = _parse("BadRequest", parts.get("google.rpc.BadRequest", b""))
    metadata = {entry.key: entry.value for entry in info.metadata}
    retry_after = None
    if "google.rpc.RetryInfo" in parts:
        delay = _parse("RetryInfo", parts["google.rpc.RetryInfo"]).retry_delay
        retry_after = max(0.0, delay.seconds + delay.nanos / 1e9)
    return Details(
        spoken=True,
        message=status.message,
        reason=info.reason,
        metadata=metadata,
        field=bad.field_violations[0].field if bad.field_violations else metadata.get("field", ""),
        retry_after=retry_after,
    )
