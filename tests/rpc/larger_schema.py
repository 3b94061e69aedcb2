"""The service with a contract that has more fields than ours, as a later release would have.

python larger_schema.py serve: serves gRPC. python larger_schema.py fingerprints: answers each line on standard input,
an event's bytes in hexadecimal, with its fingerprint. Times in seconds since 1970 are read at NOW.
"""

import sys
from datetime import UTC, datetime
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool

# In Event: a text between fields that are known, and a detail; in MessageDetail: a number. None is in our contract.
TEXT, DETAIL, NUMBER = 13, 40, 30
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class _LargerPool:
    """The usual pool, except that event.proto gets more fields on its way in."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def AddSerializedFile(self, content: bytes) -> Any:  # noqa: N802 - protobuf's name
        return self._pool.AddSerializedFile(_larger(content))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


def _larger(content: bytes) -> bytes:
    file = descriptor_pb2.FileDescriptorProto.FromString(content)
    if file.name != "tallywire/v1/event.proto":
        return content
    messages = {message.name: message for message in file.message_type}
    field = descriptor_pb2.FieldDescriptorProto
    messages["Event"].field.add(name="added", number=TEXT, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    messages["Event"].field.add(
        name="added_detail",
        number=DETAIL,
        type=field.TYPE_MESSAGE,
        type_name=".tallywire.v1.TaskDetail",
        label=field.LABEL_OPTIONAL,
        oneof_index=0,
    )
    message = messages["MessageDetail"]
    message.field.add(
        name="added_number",
        number=NUMBER,
        type=field.TYPE_INT64,
        label=field.LABEL_OPTIONAL,
        oneof_index=len(message.oneof_decl),
        proto3_optional=True,
    )
    message.oneof_decl.add(name="_added_number")
    return file.SerializeToString()


def fingerprints() -> None:
    """Answers every line on standard input."""
    from server.organizations.settings import OrganizationSettings
    from server.rpc import event_conversion
    from server.tenancy.keyed_hashes import KeyedHashes
    from server.tenancy.principal import Principal, Scope
    from tallywire.v1 import event_pb2

    principal = Principal(
        organization_id=1,
        key_id="key",
        scopes=frozenset([Scope.INGEST]),
        settings=OrganizationSettings(time_zone="UTC"),
    )
    sender = event_conversion.SenderFacts.of(principal, KeyedHashes("x" * 32), NOW)
    for line in sys.stdin:
        event = event_conversion.event(event_pb2.Event.FromString(bytes.fromhex(line)), sender)
        print(event.fingerprint, flush=True)


def main() -> None:
    """Does what the command line says, with the larger contract."""
    pool = _LargerPool(descriptor_pool.Default())
    descriptor_pool.Default = lambda: pool  # type: ignore[assignment, return-value]
    if sys.argv[1] == "fingerprints":
        fingerprints()
    else:
        from server.cli import main

        main.app(["serve"])


if __name__ == "__main__":
    main()
