"""The RPCs of the contract, for generators that write a method for each."""

import functools
import json
import pathlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from google.protobuf import descriptor_pb2

from generators.generator import CLIENTS
from generators.python import run_protoc

# Which calls may be repeated, and how long they may take, is said once for every language.
SERVICE_CONFIG: Final = CLIENTS / "python" / "src" / "tallywire" / "service_config.json"
_PACKAGE: Final = "tallywire.v1"
# The first words of RPCs that change nothing. Verify leaves an entry in the audit trail, and figures as they are.
_QUESTIONS: Final = ("Get", "List", "Query", "Watch", "Export", "Verify")


@dataclass(frozen=True, kw_only=True)
class Rpc:
    """One RPC.

    Attributes:
        service: its name without the package, such as "MetricsService".
        name: such as "GetOverview".
        comment: what the contract says of it, without a line break at the end.
        request, response: names of the messages without the package.
        takes_stream, gives_stream: which side sends more than one message.
        is_question: whether it changes nothing, so that it may be repeated whatever became of an attempt.
        timeout_ms: how long a call takes at most unless the caller says otherwise; None if it has no end.
        rows: for a list in pages, the repeated field of the response that has the rows; empty for others.
        row: for a list in pages, the name of a row's message without the package.
    """

    service: str
    name: str
    comment: str
    request: str
    response: str
    takes_stream: bool
    gives_stream: bool
    is_question: bool
    timeout_ms: int | None
    rows: str = ""
    row: str = ""

    @property
    def path(self) -> str:
        """Returns the path as gRPC calls it, without the slash in front."""
        return f"{_PACKAGE}.{self.service}/{self.name}"


@functools.cache
def files() -> tuple[descriptor_pb2.FileDescriptorProto, ...]:
    """Returns the descriptors of the contract with its comments, without those of other packages."""
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder) / "set"
        run_protoc("--include_source_info", f"--descriptor_set_out={target}")
        return tuple(descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes()).file)


@functools.cache
def rpcs() -> tuple[Rpc, ...]:
    """Returns all RPCs, in the order of the files' names and within a file as written."""
    messages = {message.name: message for file in files() for message in file.message_type}
    policies = dict(_policies())
    found = []
    for file in files():
        comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
        for i, service in enumerate(file.service):
            for k, method in enumerate(service.method):
                response = method.output_type.rpartition(".")[2]
                rows, row = _rows(messages[method.input_type.rpartition(".")[2]], messages[response])
                policy = policies.get((service.name, method.name)) or policies.get((service.name, "")) or {}
                found.append(
                    Rpc(
                        service=service.name,
                        name=method.name,
                        comment=_text(comments.get((6, i, 2, k), "")),
                        request=method.input_type.rpartition(".")[2],
                        response=response,
                        takes_stream=method.client_streaming,
                        gives_stream=method.server_streaming,
                        is_question=method.name.startswith(_QUESTIONS),
                        timeout_ms=_milliseconds(policy.get("timeout")),
                        rows=rows,
                        row=row,
                    )
                )
    return tuple(found)


def _policies() -> Iterator[tuple[tuple[str, str], dict[str, object]]]:
    for policy in json.loads(SERVICE_CONFIG.read_text(encoding="utf-8"))["methodConfig"]:
        for name in policy["name"]:
            yield (str(name["service"]).rpartition(".")[2], name.get("method", "")), policy


def _milliseconds(timeout: object) -> int | None:
    return None if timeout is None else round(float(str(timeout).removesuffix("s")) * 1000)


def _rows(request: descriptor_pb2.DescriptorProto, response: descriptor_pb2.DescriptorProto) -> tuple[str, str]:
    """Returns the field with the rows of a page and their message; empty texts if the RPC has no pages."""
    if not any(field.name == "page_token" for field in request.field):
        return "", ""
    repeated = [
        field for field in response.field if field.label == field.LABEL_REPEATED and field.type == field.TYPE_MESSAGE
    ]
    # A table has its columns in front of its rows.
    repeated.sort(key=lambda field: field.name != "rows")
    return (repeated[0].name, repeated[0].type_name.rpartition(".")[2]) if repeated else ("", "")


def _text(comment: str) -> str:
    return re.sub(r"^ ", "", comment, flags=re.MULTILINE).strip()
