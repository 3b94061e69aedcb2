"""Reports for programs: a ZIP archive with a CSV file for each table, and one JSON object with everything.

Figures stand unrounded. Money is in its currency in CSV, with every digit, and in millionths in JSON, as in the
contract.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from server.exports.csv_file import CsvWriter
from server.exports.tables import DataColumn, DataTable, Value, ValueKind
from server.reports import layout
from server.reports.document import FigureDifference, ReportDocument
from server.reports.formatting import Formatting

_FORM: Final = 1  # of the JSON
_MOST_NAME: Final = 60
# Two tables' rows are the same where these columns are equal.
_KEYS: Final = (ValueKind.TEXT, ValueKind.INSTANT, ValueKind.DATE, ValueKind.BOOLEAN)


def zipped(document: ReportDocument) -> bytes:
    """Returns the archive of a document. Files have the number of their block in front. One about a part says so in a
    text of its own, since tables hold nothing but their rows.
    """
    file = io.BytesIO()
    taken = set[str]()
    made = document.made_at.astimezone(document.zone).timetuple()[:6]
    about = Formatting(document.locale, document.zone).part(document.restriction)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        if about:
            archive.writestr(zipfile.ZipInfo("00-about.txt", date_time=made), f"{about}\n")
        for place, block, table in document.tables():
            name = f"{place:02}-{_plain(block.title or table.title)}"
            if len(block.tables) > 1:
                name = f"{name}-{_plain(table.name)}"
            number, chosen = 1, name
            while chosen in taken:
                number += 1
                chosen = f"{name}-{number}"
            taken.add(chosen)
            entry = zipfile.ZipInfo(f"{chosen}.csv", date_time=made)
            entry.compress_type = zipfile.ZIP_DEFLATED
            writer = CsvWriter()
            archive.writestr(entry, b"".join((writer.begin(table), writer.rows(table.rows), *writer.finish())))
    return file.getvalue()


def _plain(text: str) -> str:
    """Returns a part of the name of a file: letters and digits of ASCII alone, so that no path can be made of it."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:_MOST_NAME].strip("-") or "table"


def written(document: ReportDocument) -> bytes:
    """Returns the JSON of a document."""
    first, last = document.revisions
    told = {
        "form": _FORM,
        "title": document.title,
        "description": document.description,
        "organization": document.organization,
        "restriction": _part(document),
        "range": document.range,
        "start": document.bounds.start.isoformat(),
        "end": document.bounds.end.isoformat(),
        "time_zone": document.zone.key,
        "earlier": _bounds(document),
        "first_revision": first,
        "last_revision": last,
        "still_running": document.still_running,
        "made_at": document.made_at.isoformat(),
        "requested_by": document.requested_by,
        "version": document.version,
        "run_id": str(document.run_id),
        "again_of": None if document.again_of is None else str(document.again_of),
        "differences": None if document.differences is None else [_difference(one) for one in document.differences],
        "blocks": [
            {
                "kind": block.kind,
                "title": block.title,
                "note": block.note,
                "refusal": block.refusal,
                "context": None if block.context is None else layout.context_told(block.context),
                "tables": [_table(one) for one in block.tables],
            }
            for block in document.blocks
        ],
        "definitions": {name: {"title": title, "text": text} for name, (title, text) in document.definitions.items()},
    }
    return json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _part(document: ReportDocument) -> Mapping[str, object] | None:
    found = document.restriction
    return None if found is None else {"dimension": found.dimension, "values": list(found.values)}


def _bounds(document: ReportDocument) -> Mapping[str, str] | None:
    earlier = document.earlier
    return None if earlier is None else {"start": earlier.start.isoformat(), "end": earlier.end.isoformat()}


def _difference(one: FigureDifference) -> Mapping[str, object]:
    return {
        "block": one.block,
        "row": one.row,
        "column": one.column.name,
        "before": layout.plain(one.before),
        "now": layout.plain(one.now),
    }


def _table(table: DataTable) -> Mapping[str, object]:
    return {
        "name": table.name,
        "title": table.title,
        "notes": list(table.notes),
        "columns": [_column(one) for one in table.columns],
        "rows": [[layout.plain(value) for value in row] for row in table.rows],
    }


def _column(one: DataColumn) -> Mapping[str, object]:
    return {
        "name": one.name,
        "title": one.title,
        "kind": one.kind.value,
        "unit": one.unit,
        "currency": one.currency,
        "whole": one.whole,
    }


def differences(document: ReportDocument, before: bytes) -> list[FigureDifference]:
    """Returns the figures of a document that differ from those in the JSON of an earlier run. A figure is the same one
    where block, table, the texts and instants of its row, and its column are; what only one of the two runs has is
    absent in the other.
    """
    earlier: dict[tuple[str, ...], Value] = {}
    for place, block in enumerate(json.loads(before)["blocks"], 1):
        for table in block["tables"]:
            columns = [(one["name"], one["kind"]) for one in table["columns"]]
            for key, row in _keyed(columns, table["rows"]):
                for (name, kind), value in zip(columns, row, strict=True):
                    if ValueKind(kind) not in _KEYS:
                        earlier[str(place), table["name"], key, name] = value
    return list(_compared(document, earlier))


def _compared(document: ReportDocument, earlier: Mapping[tuple[str, ...], Value]) -> Iterator[FigureDifference]:
    for place, block, table in document.tables():
        columns = [(one.name, one.kind.value) for one in table.columns]
        rows = [[layout.plain(value) for value in row] for row in table.rows]
        seen = {key for key, _ in _keyed(columns, rows)}
        for key, row in _keyed(columns, rows):
            for column, value in zip(table.columns, row, strict=True):
                if column.kind in _KEYS:
                    continue
                before: Any = earlier.get((str(place), table.name, key, column.name))
                if before != value:
                    shown = key if len(seen) > 1 else ""
                    yield FigureDifference(
                        block=block.title, row=shown, column=column, before=before, now=_number(value)
                    )
        figures = {one.name: one for one in table.columns if one.kind not in _KEYS}
        for (of, name, key, figure), before in earlier.items():
            is_gone = (of, name) == (str(place), table.name) and key not in seen and figure in figures
            if is_gone and before is not None:
                yield FigureDifference(block=block.title, row=key, column=figures[figure], before=before, now=None)


def _number(value: object) -> Value:
    return value if isinstance(value, int | float) else None


def _keyed(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yields rows with what names each: its texts and instants."""
    places = [
        place
        for place, (name, kind) in enumerate(columns)
        if ValueKind(kind) in _KEYS and name not in ("partial", "end")
    ]
    for row in rows:
        # The first column of breakdowns says "value" where the next one has the value.
        yield " · ".join(str(row[place]) for place in places if row[place] not in (None, "value")), row
