"""Reports as a workbook (XLSX): a sheet with what it is about, then a sheet for each table, with a native chart where
the block is one. Numbers are numbers, instants are dates of the report's zone, and nothing is a formula.
"""

import dataclasses
import io
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from server.exports import labels, spreadsheet
from server.exports.tables import DataColumn, DataTable, Value, ValueKind
from server.reports import charts, layout
from server.reports.document import ReportBlock, ReportDocument
from server.reports.formatting import Formatting

_FORMATS: Final[Mapping[ValueKind, str]] = {
    ValueKind.FRACTION: "0.0%",
    ValueKind.INTEGER: "#,##0",
    ValueKind.BYTES: "#,##0",
    ValueKind.DURATION_MS: "#,##0.###",
    ValueKind.MONEY_MICROS: "#,##0.00####",
    ValueKind.DECIMAL: "#,##0.00####",
    ValueKind.DATE: "yyyy-mm-dd",
}
_OPTIONS: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": True,
    "remove_timezone": True,
}
_MOST_CHARACTERS: Final = 32_767  # of a cell
_MOST_ROWS: Final = 1_048_575
_EXACT: Final = 10**15  # integers from here on would lose digits
_MOST_BARS: Final = 25
_MOST_NAME: Final = 31  # of a sheet, in units of UTF-16, as spreadsheets count
_FORBIDDEN: Final = str.maketrans(dict.fromkeys("[]:*?/\\", " "))


def written(document: ReportDocument) -> bytes:
    """Returns the workbook of a document. It belongs in a thread."""
    import xlsxwriter

    file = io.BytesIO()
    with xlsxwriter.Workbook(file, _OPTIONS) as book:
        book.set_properties({"title": document.title, "author": document.organization})
        book.set_size(2400, 1600)
        _Writer(book, document).write()
    return file.getvalue()


class _Writer:
    """Writes the sheets of a workbook."""

    def __init__(self, book: Any, document: ReportDocument) -> None:
        self._book = book
        self._document = document
        self._shown = Formatting(document.locale, document.zone)
        self._names = set[str]()
        self._bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        self._offsets = dict[str, Any]()
        self._formats = {kind: book.add_format({"num_format": text}) for kind, text in _FORMATS.items()}

    def write(self) -> None:
        """Writes all sheets."""
        self._write_about()
        for place, block, table in self._document.tables():
            self._write_table(place, block, table)

    def _write_about(self) -> None:
        words = self._shown.texts
        laid = layout.laid_out(self._document, most_rows=0)
        sheet = self._book.add_worksheet(self._name(words.report))
        sheet.set_column(0, 0, 28)
        sheet.set_column(1, 1, 90)
        title = self._book.add_format({"bold": True, "font_size": 16})
        sheet.write_string(0, 0, _fitting(self._document.title), title)
        row = 2
        for text in filter(None, (laid["restricted"], self._document.description, laid["running"])):
            sheet.write_string(row, 0, _fitting(text))
            row += 1
        for name, text in laid["facts"]:
            sheet.write_string(row, 0, name)
            sheet.write_string(row, 1, _fitting(text))
            row += 1
        for block in self._document.blocks:
            if block.refusal or block.kind == "text":
                sheet.write_string(row + 1, 0, _fitting(block.title), self._bold)
                text = f"{words.refused}: {block.refusal}" if block.refusal else block.note
                sheet.write_string(row + 1, 1, _fitting(text), self._wrapped)
                row += 1
        row = self._write_differences(sheet, row + 2, laid)
        sheet.write_string(row, 0, words.definitions, self._bold)
        sheet.write_string(row, 1, words.definitions_lead, self._wrapped)
        for number, one in enumerate(laid["definitions"], row + 1):
            sheet.write_string(number, 0, _fitting(one["title"]))
            sheet.write_string(number, 1, _fitting(one["text"]), self._wrapped)

    def _write_differences(self, sheet: Any, row: int, laid: Mapping[str, Any]) -> int:
        """Writes what differs from an earlier run, and returns the row behind it."""
        found = laid["differences"]
        if found is None:
            return row
        sheet.write_string(row, 0, found["title"], self._bold)
        sheet.write_string(row, 1, found["lead"], self._wrapped)
        row += 1
        for one in self._document.differences or ():
            before, now = (self._shown.figure(one.column, value) for value in (one.before, one.now))
            where = " · ".join(filter(None, (one.block, one.row, self._shown.title(one.column))))
            sheet.write_string(row, 0, _fitting(where))
            sheet.write_string(row, 1, f"{before} → {now}")
            row += 1
        return row + 1

    def _write_table(self, place: int, block: ReportBlock, table: DataTable) -> None:
        sheet = self._book.add_worksheet(self._name(f"{place} {block.title or table.title}"))
        columns = [dataclasses.replace(one, title=self._shown.title(one)) for one in table.columns]
        for number, (column, label) in enumerate(zip(columns, labels.titled(columns), strict=True)):
            sheet.write_string(0, number, _fitting(label), self._bold)
            sheet.set_column(number, number, 28 if column.kind is ValueKind.TEXT else 18)
        sheet.freeze_panes(1, 0)
        rows = table.rows[:_MOST_ROWS]
        for row, values in enumerate(rows, 1):
            for number, (column, value) in enumerate(zip(table.columns, values, strict=True)):
                if value is not None:
                    self._write_cell(sheet, row, number, column, value)
        if rows and table is block.tables[0]:
            self._add_chart(sheet, block, table)

    def _write_cell(self, sheet: Any, row: int, number: int, column: DataColumn, value: Value) -> None:
        shape = self._formats.get(column.kind)
        match value:
            case bool():
                sheet.write_boolean(row, number, value)
            case datetime():
                local = value.astimezone(self._document.zone)
                sheet.write_datetime(row, number, local.replace(tzinfo=None), self._instants(local.utcoffset()))
            case date():
                sheet.write_datetime(row, number, value, self._formats[ValueKind.DATE])
            case str():
                sheet.write_string(row, number, _fitting(value))
            case int() if abs(value) >= _EXACT:
                sheet.write_string(row, number, labels.digits(column, value))
            case int() | float():
                amount = float(labels.money(value)) if column.kind is ValueKind.MONEY_MICROS else value
                sheet.write_number(row, number, amount, shape)

    def _instants(self, offset: timedelta | None) -> Any:
        """Returns the format of instants with an offset, which tells hours apart that come twice."""
        text = spreadsheet.instant_format(offset or timedelta())
        if text not in self._offsets:
            self._offsets[text] = self._book.add_format({"num_format": text})
        return self._offsets[text]

    def _add_chart(self, sheet: Any, block: ReportBlock, table: DataTable) -> None:
        """Adds the chart of a block, of the cells beside it."""
        name, last, places = sheet.get_name(), len(table.rows), {one.name: at for at, one in enumerate(table.columns)}
        if block.chart is not None:
            made = self._book.add_chart({"type": "line"})
            first = block.chart.lines[0].column
            for number, line in enumerate(block.chart.lines[: charts.MOST_LINES]):
                at = places[line.column.name]
                if (line.column.kind, line.column.unit) == (first.kind, first.unit):
                    made.add_series(_series(name, last, places["start"], at, charts.COLORS[number]))
            made.set_x_axis({"date_axis": block.chart.granularity == "day", "num_format": "dd mmm"})
        elif block.ranking is not None and block.ranking.column.name in places:
            made = self._book.add_chart({"type": "bar"})
            at, last = places[block.ranking.column.name], min(last, len(block.ranking.bars), _MOST_BARS)
            made.add_series(_series(name, last, _label(table, last), at, charts.COLORS[0]))
            made.set_y_axis({"reverse": True})
            made.set_legend({"none": True})
        elif block.stages and {"name", "reached"} <= places.keys():
            made = self._book.add_chart({"type": "bar"})
            made.add_series(
                _series(name, min(last, len(block.stages)), places["name"], places["reached"], charts.COLORS[0])
            )
            made.set_y_axis({"reverse": True})
            made.set_legend({"none": True})
        else:
            return
        # An absent figure is a gap, never 0.
        made.show_blanks_as("gap")
        made.set_title({"name": block.title or table.title, "overlay": False})
        made.set_size({"width": 760, "height": 380})
        sheet.insert_chart(1, len(table.columns) + 1, made)

    def _name(self, title: str) -> str:
        """Returns a name that a sheet may have, and that none has yet."""
        plain = title.translate(_FORBIDDEN).strip("' ")
        name, number = _cut(plain, _MOST_NAME) or "Table", 1
        while name.casefold() in self._names:
            number += 1
            end = f" ({number})"
            name = _cut(plain, _MOST_NAME - len(end)) + end
        self._names.add(name.casefold())
        return name


def _series(sheet: str, last: int, labels_at: int, values_at: int, color: str) -> dict[str, object]:
    return {
        "name": [sheet, 0, values_at],
        "categories": [sheet, 1, labels_at, last, labels_at],
        "values": [sheet, 1, values_at, last, values_at],
        "line": {"color": color, "width": 2},
        "fill": {"color": color},
        "gap": 60,
    }


def _label(table: DataTable, rows: int) -> int:
    """Returns the column that names the first rows of a ranking: the one with names for people if all have one."""
    texts = [at for at, one in enumerate(table.columns) if one.kind is ValueKind.TEXT and one.name != "row"]
    shown = [at for at in texts if table.columns[at].name == "display_name"]
    return next((at for at in shown if all(row[at] for row in table.rows[:rows])), texts[0])


def _cut(text: str, most: int) -> str:
    """Returns the beginning of a text that has so many units of UTF-16 at most."""
    return text.encode("utf-16-le")[: 2 * most].decode("utf-16-le", errors="ignore").strip("' ")


def _fitting(text: str) -> str:
    """Returns a text that fits into a cell."""
    return text if len(text.encode("utf-16-le")) <= 2 * _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS // 2 - 1]}…"
