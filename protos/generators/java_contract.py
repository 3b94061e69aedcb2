"""What the generators of clients/java share: names and doc comments of Java, and the messages of the contract."""

import functools
import re
import textwrap
from typing import Final

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from generators import contract

Field = FieldDescriptorProto
SCALARS: Final = {
    Field.TYPE_INT64: ("long", "OptionalLong"),
    Field.TYPE_INT32: ("int", "OptionalInt"),
    Field.TYPE_DOUBLE: ("double", "OptionalDouble"),
    Field.TYPE_BOOL: ("boolean", "Optional<Boolean>"),
    Field.TYPE_STRING: ("String", "Optional<String>"),
    Field.TYPE_BYTES: ("com.google.protobuf.ByteString", "Optional<com.google.protobuf.ByteString>"),
}
KNOWN: Final = {
    ".google.protobuf.Timestamp": ("Instant", "instant"),
    ".google.protobuf.Duration": ("Duration", "duration"),
    ".google.protobuf.Struct": ("Map<String, Object>", "struct"),
}


@functools.cache
def contract_package() -> str:
    """Returns the package of the generated messages, which the contract names."""
    return contract.files()[0].options.java_package


def base() -> str:
    """Returns the package of the client: beside that of the messages, not inside."""
    return contract_package().rpartition(".")[0]


# Names and texts


def camel(name: str) -> str:
    """Returns a field's name as Java writes it: response_time_ms is responseTimeMs."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def capital(name: str) -> str:
    """Returns a field's name as a part of a method's: responseTimeMs is ResponseTimeMs."""
    word = camel(name)
    return word[0].upper() + word[1:]


def lower(name: str) -> str:
    """Returns the name of an RPC as a method's: GetOverview is getOverview."""
    return name[0].lower() + name[1:]


def _html(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    return escaped.replace("*/", "*&#47;").replace("{", "&#123;")


def doc(text: str, *tags: str, indent: str = "  ") -> str:
    """Returns a doc comment of the text and of tags such as "@return the answer"."""
    paragraphs = [" ".join(part.split()) for part in _html(text).split("\n\n")]
    lines = []
    for number, paragraph in enumerate(paragraphs):
        lines += ([""] if number else []) + textwrap.wrap(("<p>" if number else "") + paragraph, 100 - len(indent) - 3)
    if tags:
        lines.append("")
        for tag in tags:
            lines += textwrap.wrap(tag, 100 - len(indent) - 3, subsequent_indent="    ")
    if len(lines) == 1 and len(lines[0]) + len(indent) + 7 <= 100:
        return f"{indent}/** {lines[0]} */\n"
    body = "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines)
    return f"{indent}/**\n{body}{indent} */\n"


# The contract


@functools.cache
def messages() -> dict[str, tuple[DescriptorProto, str]]:
    """Returns every message at the top of a file with its comment, by name."""
    found = {}
    for file in contract.files():
        comments = _comments(file)
        for i, message in enumerate(file.message_type):
            found[message.name] = (message, comments.get((4, i), ""))
    return found


@functools.cache
def fields(name: str) -> tuple[tuple[Field, str], ...]:
    """Returns the fields of a message with their comments."""
    for file in contract.files():
        comments = _comments(file)
        for i, message in enumerate(file.message_type):
            if message.name == name:
                return tuple((field, comments.get((4, i, 2, k), "")) for k, field in enumerate(message.field))
    raise KeyError(name)


def _comments(file: FileDescriptorProto) -> dict[tuple[int, ...], str]:
    places = file.source_code_info.location
    return {
        tuple(place.path): re.sub(r"^ ", "", place.leading_comments, flags=re.MULTILINE).strip() for place in places
    }


def simple(type_name: str) -> str:
    """Returns the name of a message or enum without its package."""
    return type_name.rpartition(".")[2]


def entry(message: str, field: Field) -> DescriptorProto | None:
    """Returns the message of a map's entries, or None for another field."""
    nested = {f".tallywire.v1.{message}.{one.name}": one for one in messages()[message][0].nested_type}
    return nested.get(field.type_name)


@functools.cache
def messages_of_answers() -> frozenset[str]:
    """Returns the names of all messages that answers are made of."""
    found: set[str] = set()
    waiting = [rpc.response for rpc in contract.rpcs()]
    while waiting:
        name = waiting.pop()
        if name in found or name not in messages():
            continue
        found.add(name)
        for field, _ in fields(name):
            of_map = entry(name, field)
            types = [part.type_name for part in of_map.field] if of_map else [field.type_name]
            waiting += [simple(one) for one in types if one and one not in KNOWN]
    return frozenset(found)
