"""The wire format of Protocol Buffers, for requests that are looked at before they are parsed.

A message is its fields in any order, each a tag and a value; the value of a text or a message is its length and its
bytes.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from google.protobuf.message import DecodeError

from server.errors import Reason, Refused

VARINT, LENGTH_DELIMITED = 0, 2
_FIXED = {1: 8, 5: 4}  # bytes
_Parsed = TypeVar("_Parsed")


class Field(NamedTuple):
    """A field of a message: its tag, where it begins, where its value begins, and where it ends."""

    tag: int
    begin: int
    content: int
    end: int


def fields(data: bytes, at: int, end: int) -> Iterator[Field]:
    """Yields the fields of a message."""
    while at < end:
        one = field(data, at, end)
        yield one
        at = one.end


def field(data: bytes, begin: int, end: int) -> Field:
    """Returns the field that begins at a position; refuses one that is damaged or goes on after the end."""
    try:
        tag, content = varint(data, begin)
        kind = tag & 7
        if kind == LENGTH_DELIMITED:
            length, content = varint(data, content)
            after = content + length
        elif kind == VARINT:
            _, after = varint(data, content)
        elif kind in _FIXED:
            after = content + _FIXED[kind]
        else:  # groups, which the contract has never had
            raise malformed()
    except IndexError:
        raise malformed() from None
    if after > end:
        raise malformed()
    return Field(tag, begin, content, after)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Returns a number and the position after it."""
    value = shift = 0
    while shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise malformed()


def parse(read: Callable[[bytes], _Parsed], data: bytes) -> _Parsed:
    """Returns what protobuf's own parser reads; refuses bytes that it cannot read."""
    try:
        return read(data)
    except DecodeError:
        raise malformed() from None


def malformed() -> Refused:
    """Returns the refusal of bytes that are no message of the kind."""
    return Refused(Reason.MALFORMED_MESSAGE, "the request is damaged or is not the message that was expected")
