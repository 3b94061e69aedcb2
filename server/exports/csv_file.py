"""Tables as CSV (RFC 4180): UTF-8, a header with units, CRLF after each row.

Figures stand unrounded, money in its currency with every digit. An absent figure is an empty cell, 0 a computed zero.
Instants are ISO 8601 with the offset of the table's zone.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Final

from server.exports import labels
from server.exports.tables import DataColumn, Heading, Row, Value, ValueKind

# A spreadsheet runs a text that begins with one of these, wide forms included and after blanks too, as a formula.
_FORMULA: Final = frozenset("=+-@＝＋－＠")
_CONTROLS: Final = ("\t", "\r", "\n")
# Comma, quote and ends of lines by RFC 4180; the others because spreadsheets of some countries separate cells by them.
_QUOTED: Final = frozenset('",;\t\r\n')


class CsvWriter:
    """Writes one table. See server.exports.formats.Writer."""

    cut_cells = 0

    def __init__(self) -> None:
        self._heading: Heading | None = None

    def begin(self, heading: Heading, *, is_resumed: bool = False) -> bytes:
        """Returns the header."""
        self._heading = heading
        return b"" if is_resumed else _line([_quoted(harmless(one)) for one in labels.titled(heading.columns)]).encode()

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Returns the lines of rows."""
        assert self._heading is not None  # noqa: S101 - a table was begun
        columns, zone = self._heading.columns, self._heading.context.zone
        lines = []
        for row in rows:
            cells = []
            for column, value in zip(columns, row, strict=True):
                shown = value.astimezone(zone) if isinstance(value, datetime) else value
                cells.append(_cell(column, shown))
            lines.append(_line(cells))
        return "".join(lines).encode()

    def finish(self) -> Iterator[bytes]:
        """Yields nothing: a CSV file has no end of its own."""
        return iter(())

    def close(self) -> None:
        """There is nothing to free."""


def _line(cells: Sequence[str]) -> str:
    # An empty line would be no row to most readers.
    return (",".join(cells) or '""') + "\r\n"


def _cell(column: DataColumn, value: Value) -> str:
    """Returns a value as it stands in a line."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime() | date():
            return value.isoformat()
        case str():
            return _quoted(harmless(value))
        case _ if column.kind is ValueKind.MONEY_MICROS:
            return f"{labels.money(value):f}"
    return repr(value)


def harmless(text: str) -> str:
    """Returns a text that no spreadsheet takes for a formula: one that it would take for one gets an apostrophe."""
    begins_formula = text.lstrip()[:1] in _FORMULA
    return f"'{text}" if begins_formula or text[:1] in _CONTROLS else text


def _quoted(text: str) -> str:
    """Returns a text in quotes where it needs them; an empty text, which is there, is told from an absent one."""
    if text and _QUOTED.isdisjoint(text) and text == text.strip():
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
