"""Rows in PostgreSQL's binary COPY format, and arrays as array_send() gives them.

Packed and unpacked here because ingest writes little else, and questions read little else: a driver that goes value by
value takes three times as long. The format is described in PostgreSQL's manual under COPY, that of arrays in its source
under array_send.
"""

import functools
import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import asyncpg

from server.store.database import Driver

NULL = b"\xff\xff\xff\xff"
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_POSTGRES_EPOCH, _MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_LENGTH = struct.Struct("!i")
_ARRAY_HEADER = 20  # bytes before the first element's length
_INT4, _INT8, _BYTEA = 23, 20, 17  # the oids of the types of elements
_BYTEAS = struct.Struct("!iiiiii")


async def copy(driver: Driver, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    """Copies rows into a table, each a packed number of columns and so many values with their lengths before them.

    InterfaceError over a connection that has been cut, for which the driver would raise what no one expects.
    """
    if driver.is_closed():
        raise asyncpg.InterfaceError("connection is closed")
    content = b"".join(chain((_HEADER,), rows, (_TRAILER,)))
    # As a buffer, which the driver sends as it is: of an iterator it would wait for each portion in a task of its own.
    source = memoryview(content)  # bytes would be taken for the name of a file
    await driver.copy_to_table(table, columns=columns, source=source, format="binary")  # type: ignore[arg-type]


def timestamp(at: datetime) -> int:
    """An instant as PostgreSQL counts it."""
    return (at - _POSTGRES_EPOCH) // _MICROSECOND


def text(value: str) -> bytes:
    """A text with its length."""
    content = value.encode()
    return _LENGTH.pack(len(content)) + content


def jsonb(value: str) -> bytes:
    """A JSON text with its length."""
    content = value.encode()
    return _LENGTH.pack(len(content) + 1) + b"\x01" + content  # 1: the version of the format


class Texts(dict[str, bytes]):
    """Texts with their lengths, each packed once; an empty one is NULL."""

    def __missing__(self, value: str) -> bytes:
        packed = self[value] = text(value) if value else NULL
        return packed


def integers(values: Sequence[int]) -> bytes:
    """An array of 32-bit integers with its length."""
    return _array(values, _INT4, 4, "i")


def bigints(values: Sequence[int]) -> bytes:
    """An array of 64-bit integers with its length."""
    return _array(values, _INT8, 8, "q")


def byteas(values: Sequence[bytes]) -> bytes:
    """An array of byte strings with its length."""
    elements = b"".join([_LENGTH.pack(len(value)) + value for value in values])
    return _BYTEAS.pack(_ARRAY_HEADER + len(elements), 1, 0, _BYTEA, len(values), 1) + elements


def integers_of(sent: bytes) -> tuple[int, ...]:
    """The elements of an array of 32-bit integers without NULLs."""
    return _elements(sent, 4, "i")


def bigints_of(sent: bytes) -> tuple[int, ...]:
    """The elements of an array of 64-bit integers without NULLs."""
    return _elements(sent, 8, "q")


def _elements(sent: bytes, size: int, code: str) -> tuple[int, ...]:
    count = (len(sent) - _ARRAY_HEADER) // (4 + size)  # an empty array has a shorter header
    return _unpacking(count, code).unpack(sent) if count > 0 else ()


@functools.lru_cache(maxsize=512)
def _unpacking(count: int, code: str) -> struct.Struct:
    return struct.Struct(f"!{_ARRAY_HEADER}x{('4x' + code) * count}")


def _array(values: Sequence[int], oid: int, size: int, code: str) -> bytes:
    count = len(values)
    if not count:
        return struct.pack("!iiii", 12, 0, 0, oid)
    flat = [size] * (2 * count)
    flat[1::2] = values
    return _layout(count, code).pack(_ARRAY_HEADER + (4 + size) * count, 1, 0, oid, count, 1, *flat)


@functools.lru_cache(maxsize=512)
def _layout(count: int, code: str) -> struct.Struct:
    return struct.Struct(f"!iiiiii{('i' + code) * count}")


def unpacked(rows: Iterable[bytes], readers: Sequence[Callable[[bytes], Any]]) -> list[list[Any]]:
    """The values of each column of packed rows, as its reader reads them; None for NULL."""
    columns: list[list[Any]] = [[] for _ in readers]
    content, place = b"".join(rows), 0
    while place < len(content):
        place += 2  # how many columns there are
        for column, read in zip(columns, readers, strict=True):
            (length,) = _LENGTH.unpack_from(content, place)
            place += 4
            column.append(read(content[place : place + length]) if length >= 0 else None)
            place += max(length, 0)
    return columns


def integer_of(sent: bytes) -> int:
    """An integer of any size."""
    return int.from_bytes(sent, "big", signed=True)


def instant_of(sent: bytes) -> datetime:
    """An instant."""
    return _POSTGRES_EPOCH + integer_of(sent) * _MICROSECOND


def json_of(sent: bytes) -> str:
    """A JSON text."""
    return sent[1:].decode()


def integers_text_of(sent: bytes) -> str:
    """An array of 32-bit integers as PostgreSQL writes it."""
    return "{" + ",".join(map(str, integers_of(sent))) + "}"


def bigints_text_of(sent: bytes) -> str:
    """An array of 64-bit integers as PostgreSQL writes it."""
    return "{" + ",".join(map(str, bigints_of(sent))) + "}"


def byteas_text_of(sent: bytes) -> str:
    """An array of byte strings as PostgreSQL writes it."""
    place, found = _ARRAY_HEADER, []
    while place < len(sent):
        (length,) = _LENGTH.unpack_from(sent, place)
        place += 4 + length
        found.append(f'"\\\\x{sent[place - length : place].hex()}"')
    return "{" + ",".join(found) + "}"
