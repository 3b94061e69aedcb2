"""Answers as CSV (RFC 4180) for spreadsheets and programs: UTF-8, a header, CRLF after each row.

Figures stand in the units of the catalogue and unrounded; one that is absent is an empty cell, and 0 a computed zero.
Instants are RFC 3339 with the offset of their zone.
"""

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from google.protobuf import timestamp_pb2
from google.protobuf.message import Message

Cell = str | int | float | bool | datetime | None

# A spreadsheet runs a text that begins with one of these, wide forms included and after blanks too, as a formula.
_FORMULA: Final = "=+-@＝＋－＠"
# Comma, quote and ends of lines by RFC 4180; the others because spreadsheets of some countries separate cells by them.
_QUOTED: Final = frozenset('",;\t\r\n')
_ROWS_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table for programs: the names of its columns, and rows with as many cells."""

    header: Sequence[str]
    rows: Iterable[Sequence[Cell]]


def emit(sheet: Sheet) -> None:
    """Writes a sheet to stdout."""
    sys.stdout.flush()
    # Bytes, because a text stream has the encoding and the ends of lines of its platform.
    gathered: list[str] = []
    for line in lines(sheet):
        gathered.append(line)
        if len(gathered) == _ROWS_AT_ONCE:
            sys.stdout.buffer.write("".join(gathered).encode())
            gathered.clear()
    sys.stdout.buffer.write("".join(gathered).encode())
    sys.stdout.buffer.flush()


def lines(sheet: Sheet) -> Iterator[str]:
    """Yields the lines of a sheet with their ends, the header first."""
    for row in itertools.chain([sheet.header], sheet.rows):
        # An empty line would be no row to most readers.
        yield (",".join(map(_written, row)) or '""') + "\r\n"


def instant(stamp: timestamp_pb2.Timestamp, where: tzinfo) -> datetime:
    """Returns an instant as a cell that shows the clock of a zone."""
    return stamp.ToDatetime(tzinfo=UTC).astimezone(where)


def field(message: Message, name: str) -> Cell:
    """Returns a plain field of a message as a cell: empty where it is absent, or a text without a character."""
    if message.DESCRIPTOR.fields_by_name[name].has_presence and not message.HasField(name):
        return None
    value: Cell = getattr(message, name)
    return None if value == "" else value


def _written(cell: Cell) -> str:
    """Returns a cell as it stands in a line."""
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case datetime():
            return cell.isoformat()
        case str():
            return _quoted(_harmless(cell))
    return repr(cell)


def _harmless(text: str) -> str:
    """Returns a text that no spreadsheet takes for a formula: one that it would take for one gets an apostrophe."""
    begins_formula = text.lstrip()[:1] in _FORMULA if text.strip() else False
    return f"'{text}" if begins_formula or text[:1] in ("\t", "\r", "\n") else text


def _quoted(text: str) -> str:
    """Returns a text in quotes where it needs them."""
    if _QUOTED.isdisjoint(text) and text == text.strip():
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
