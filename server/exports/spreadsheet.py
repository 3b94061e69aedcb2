"""Tables as a workbook for spreadsheets (XLSX): a sheet for each table, and one that says what they are about.

Numbers are numbers, instants are dates of the table's zone that show their offset, fractions are shown as percent,
money with its decimals. A sheet holds 1,048,576 rows: further rows go on in the next one. A text longer than a cell may
be is cut and marked, and counted in cut_cells. Nothing is a formula.
"""

import contextlib
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from server import errors
from server.exports import labels
from server.exports.tables import DataColumn, DataContext, Heading, Row, Value, ValueKind

MOST_ROWS: Final = 1_048_576  # of a sheet, its header included
MOST_CHARACTERS: Final = 32_767  # of a cell, in UTF-16
_CUT: Final = "… [cut: the whole text is in the other formats]"
_EXACT: Final = 10**15  # integers from here on would lose digits: a spreadsheet keeps 15
_PIECE: Final = 256 * 1024
_LONGEST_NAME: Final = 31
_ABOUT: Final = "About"
_PREFIX: Final = "tallywire-export-"
_LEFT_SECONDS: Final = 86_400.0  # longer than any export takes
_FORMATS: Final = {
    ValueKind.FRACTION: "0.00%",
    ValueKind.INTEGER: "#,##0",
    ValueKind.BYTES: "#,##0",
    ValueKind.DURATION_MS: "#,##0.###",
    ValueKind.MONEY_MICROS: "#,##0.00####",
    ValueKind.DATE: "yyyy-mm-dd",
    ValueKind.DECIMAL: "#,##0.######",
}
_WIDTHS: Final = {ValueKind.TEXT: 24, ValueKind.INSTANT: 26, ValueKind.DATE: 12, ValueKind.BOOLEAN: 8}
_OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "use_zip64": True,
}


class XlsxWriter:
    """Writes a workbook into a folder of its own; its bytes come at the end. See server.exports.formats.Writer.

    Raises FilesUnavailable where there is no room.
    """

    def __init__(self) -> None:
        self.cut_cells = 0
        _remove_left_ones()
        try:
            self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        except OSError as error:
            raise errors.FilesUnavailable("the folder for temporary files has no room") from error
        self._path = self._folder / "workbook.xlsx"
        self._book = xlsxwriter.Workbook(str(self._path), {**_OPTIONS, "tmpdir": str(self._folder)})
        self._formats: dict[str, Any] = {}
        self._names: set[str] = {_ABOUT.casefold()}
        self._told: list[tuple[Heading, list[str]]] = []
        self._counts: list[int] = []
        self._sheet: Any = None
        self._next = 0

    def begin(self, heading: Heading, *, is_resumed: bool = False) -> bytes:
        """Begins a sheet."""
        self._told.append((heading, []))
        self._counts.append(0)
        self._begin_sheet()
        return b""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Adds rows, and sheets where one is full."""
        columns, zone = self._told[-1][0].columns, self._told[-1][0].context.zone
        try:
            for row in rows:
                if self._next == MOST_ROWS:
                    self._begin_sheet()
                for place, (column, value) in enumerate(zip(columns, row, strict=True)):
                    if value is not None:
                        shown = value.astimezone(zone) if isinstance(value, datetime) else value
                        self._write(place, column, shown)
                self._next += 1
        except OSError as error:
            raise errors.FilesUnavailable("the folder for temporary files has no room") from error
        self._counts[-1] += len(rows)
        return b""

    def finish(self) -> Iterator[bytes]:
        """Yields the workbook."""
        try:
            self._write_about()
            self._book.close()
            with self._path.open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except OSError as error:
            raise errors.FilesUnavailable("the folder for temporary files has no room") from error

    def close(self) -> None:
        """Removes the folder. Open files of the workbook close with it."""
        for sheet in self._book.worksheets():
            with contextlib.suppress(OSError):  # what it still holds has no room on a full disk, and no use any more
                sheet.row_data_fh.close()
        self._book.fileclosed = True  # it is thrown away, which is no mistake to warn of
        shutil.rmtree(self._folder, ignore_errors=True)

    def _begin_sheet(self) -> None:
        heading, sheets = self._told[-1]
        sheet = self._book.add_worksheet(self._name(heading.title, len(sheets) + 1))
        sheets.append(sheet.get_name())
        for place, (column, label) in enumerate(zip(heading.columns, labels.titled(heading.columns), strict=True)):
            sheet.set_column(place, place, max(_WIDTHS.get(column.kind, 14), min(len(label) + 2, 40)))
        sheet.freeze_panes(1, 0)
        bold = self._format("@", bold=True)
        for place, label in enumerate(labels.titled(heading.columns)):
            sheet.write_string(0, place, self._fitting(label), bold)
        self._sheet, self._next = sheet, 1

    def _name(self, title: str, number: int) -> str:
        """Returns a name that a sheet may have, and that none has yet."""
        plain = re.sub(r"[\[\]:*?/\\]", " ", title).strip("' ") or "Table"
        while True:
            end = f" ({number})" if number > 1 else ""
            name = plain[: _LONGEST_NAME - len(end)] + end
            if name.casefold() not in self._names:
                self._names.add(name.casefold())
                return name
            number += 1

    def _write(self, place: int, column: DataColumn, value: Value) -> None:
        sheet, row = self._sheet, self._next
        match value:
            case bool():
                sheet.write_boolean(row, place, value)
            case datetime():
                shown = self._format(instant_format(value.utcoffset() or timedelta()))
                sheet.write_datetime(row, place, value.replace(tzinfo=None), shown)
            case date():
                sheet.write_datetime(row, place, value, self._format(_FORMATS[ValueKind.DATE]))
            case str():
                self._write_text(place, value)
            case int() | float() if abs(value) >= _EXACT and isinstance(value, int):
                sheet.write_string(row, place, labels.digits(column, value))
            case int() | float():
                number = float(labels.money(value)) if column.kind is ValueKind.MONEY_MICROS else value
                sheet.write_number(row, place, number, self._format(_FORMATS[column.kind]))

    def _write_text(self, place: int, text: str) -> None:
        fitting = self._fitting(text)
        if fitting is text:
            self._sheet.write_string(self._next, place, text)
        else:
            self.cut_cells += 1
            self._sheet.write_string(self._next, place, fitting, self._format("@", bg_color="#ffe699"))

    @staticmethod
    def _fitting(text: str) -> str:
        """Returns a text that fits into a cell: the same one, or cut and marked."""
        if len(text) <= MOST_CHARACTERS // 2 or len(text.encode("utf-16-le")) <= 2 * MOST_CHARACTERS:
            return text
        room = text.encode("utf-16-le")[: 2 * (MOST_CHARACTERS - len(_CUT))]
        return room.decode("utf-16-le", errors="ignore") + _CUT

    def _format(self, number_format: str, **more: object) -> Any:
        key = f"{number_format}{more}"
        found = self._formats.get(key)
        if found is None:
            found = self._formats[key] = self._book.add_format({"num_format": number_format, **more})
        return found

    def _write_about(self) -> None:
        """Adds the sheet that says what the others are about."""
        sheet = self._book.add_worksheet(_ABOUT)
        sheet.set_column(0, 0, 24)
        sheet.set_column(1, 1, 60)
        row = 0
        for (heading, sheets), count in zip(self._told, self._counts, strict=True):
            told = [(heading.title, f"{count:,} rows in {', '.join(sheets)}"), *about(heading.context)]
            told += [("Note", note) for note in heading.notes]
            for name, text in told:
                sheet.write_string(row, 0, self._fitting(name))
                sheet.write_string(row, 1, self._fitting(text))
                row += 1
            row += 1
        if self.cut_cells:
            sheet.write_string(row, 0, "Cut cells")
            sheet.write_string(
                row, 1, f"{self.cut_cells:,} texts were longer than a cell may be; each ends with “{_CUT}”"
            )


def _remove_left_ones() -> None:
    """Removes the folders of servers that were killed in the middle of an export."""
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            if folder.stat().st_mtime < time.time() - _LEFT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def about(context: DataContext) -> Iterator[tuple[str, str]]:
    """Yields what a table is about, for people: a name and a text each."""

    def shown(at: datetime) -> str:
        return at.astimezone(context.zone).isoformat(timespec="seconds")

    if context.start is not None and context.end is not None:
        yield "Period", f"{shown(context.start)} to {shown(context.end)}{' (running)' if context.still_running else ''}"
    yield "Time zone", context.zone.key
    if context.currency:
        yield "Currency", context.currency
    if context.revision:
        yield "Revision", str(context.revision)
    if context.as_of is not None:
        yield "As of", shown(context.as_of)
    if context.approximate:
        most = f"{context.max_relative_error:.2%}"
        yield "Not exact", f"{', '.join(context.approximate)}: at most {most} off"
    for projection, revision in context.lagging.items():
        yield "Of an earlier revision", f"{projection}: {revision}"


def instant_format(offset: timedelta) -> str:
    """Returns the format of an instant on the clock of a zone, with its offset: hours that come twice can be told."""
    if not offset:
        return 'yyyy-mm-dd hh:mm:ss "Z"'
    sign, minutes = ("-", -offset) if offset < timedelta() else ("+", offset)
    hours, rest = divmod(minutes // timedelta(minutes=1), 60)
    return f'yyyy-mm-dd hh:mm:ss "{sign}{hours:02}:{rest:02}"'
