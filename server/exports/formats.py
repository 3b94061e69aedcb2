"""The formats of files, and what writes each."""

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from server.errors import Reason, Refused
from server.exports import arrow_files, csv_file, json_files, spreadsheet
from server.exports.tables import DataTable, Heading, Row


class Format(enum.Enum):
    """A format; the value is the suffix of its files."""

    CSV = ".csv"
    JSON_LINES = ".jsonl"
    JSON = ".json"
    XLSX = ".xlsx"
    PARQUET = ".parquet"
    ARROW = ".arrows"

    @property
    def holds_many(self) -> bool:
        """Returns whether a file holds more than one table."""
        return self in (Format.JSON, Format.XLSX)

    @property
    def can_resume(self) -> bool:
        """Returns whether the bytes of some rows do not depend on those of the rows before, so that a file can be
        gone on with.
        """
        return self in (Format.CSV, Format.JSON_LINES, Format.ARROW)


class Writer(Protocol):
    """Makes the bytes of a file, bit by bit: begin and rows for each table, then finish; close in any case.

    Where is_resumed, begin returns nothing: those bytes were sent already. Methods may take time: they belong in a
    thread.
    """

    cut_cells: int  # texts that were longer than a cell of the format may be, and are cut and marked

    def begin(self, heading: Heading, *, is_resumed: bool = False) -> bytes:
        """Begins a table."""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Adds rows of the table that was begun last."""

    def finish(self) -> Iterator[bytes]:
        """Ends the file, and yields what is left of it."""

    def close(self) -> None:
        """Frees whatever the writer holds: files without a name."""


_WRITERS: Final[Mapping[Format, Callable[[], Writer]]] = {
    Format.CSV: csv_file.CsvWriter,
    Format.JSON_LINES: json_files.LinesWriter,
    Format.JSON: json_files.JsonWriter,
    Format.XLSX: spreadsheet.XlsxWriter,
    Format.PARQUET: arrow_files.ParquetWriter,
    Format.ARROW: arrow_files.StreamWriter,
}
_NEEDS_ARROW = (Format.PARQUET, Format.ARROW)


def writer(one: Format) -> Writer:
    """Returns a writer; refuses a format whose library this server does not have, with the command that installs it."""
    if one in _NEEDS_ARROW and not arrow_files.is_there():
        raise Refused(
            Reason.FORMAT_NOT_INSTALLED,
            f"this server cannot write {one.value} files: its operator has to run: {arrow_files.COMMAND}",
            field="format",
            metadata={"command": arrow_files.COMMAND},
        )
    return _WRITERS[one]()


def written(one: Format, tables: Sequence[DataTable]) -> Iterator[bytes]:
    """Yields the bytes of a file of whole tables; a format that holds one table takes one."""
    if len(tables) != 1 and not one.holds_many:
        raise ValueError(f"a {one.value} file holds one table, not {len(tables)}")
    making = writer(one)
    try:
        for table in tables:
            yield making.begin(table)
            yield making.rows(table.rows)
        yield from making.finish()
    finally:
        making.close()
