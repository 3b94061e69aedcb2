"""Tables as JSON, one object a row. Names and units are those of the contract: money in millionths, times in
milliseconds. An absent value is null. Instants are ISO 8601 with the offset of the table's zone.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from server.exports.tables import DataColumn, DataContext, Heading, Row, Value


class LinesWriter:
    """Writes one table as JSON lines. See server.exports.formats.Writer."""

    cut_cells = 0

    def __init__(self) -> None:
        self._heading: Heading | None = None

    def begin(self, heading: Heading, *, is_resumed: bool = False) -> bytes:
        """Returns nothing: every line is a row."""
        self._heading = heading
        return b""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Returns the lines of rows."""
        assert self._heading is not None  # noqa: S101 - a table was begun
        heading = self._heading
        return "".join(f"{_row(heading, row)}\n" for row in rows).encode()

    def finish(self) -> Iterator[bytes]:
        """Yields nothing."""
        return iter(())

    def close(self) -> None:
        """There is nothing to free."""


class JsonWriter:
    """Writes tables into one document: {"tables": [{"name", "title", "context", "columns", "rows"}]}."""

    cut_cells = 0

    def __init__(self) -> None:
        self._heading: Heading | None = None
        self._has_rows = False

    def begin(self, heading: Heading, *, is_resumed: bool = False) -> bytes:
        """Returns what stands before the rows of a table."""
        before = '{"tables":[' if self._heading is None else "\n]},"
        self._heading, self._has_rows = heading, False
        about: dict[str, object] = {
            "name": heading.name,
            "title": heading.title,
            "context": described_context(heading.context),
            "columns": [described_column(one) for one in heading.columns],
        }
        if heading.notes:
            about["notes"] = list(heading.notes)
        return f'{before}\n{_dumped(about)[:-1]},"rows":['.encode()

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Returns rows."""
        assert self._heading is not None  # noqa: S101 - a table was begun
        heading = self._heading
        text = "".join(f",\n{_row(heading, row)}" for row in rows)
        if text and not self._has_rows:
            text, self._has_rows = text[1:], True
        return text.encode()

    def finish(self) -> Iterator[bytes]:
        """Yields the end of the document."""
        yield b'{"tables":[]}\n' if self._heading is None else b"\n]}]}\n"

    def close(self) -> None:
        """There is nothing to free."""


def described_column(column: DataColumn) -> dict[str, object]:
    """Returns what is said of a column in a file."""
    about = {"name": column.name, "title": column.title, "kind": column.kind.value}
    return about | {name: value for name in ("unit", "currency") if (value := getattr(column, name))}


def described_context(context: DataContext) -> dict[str, object]:
    """Returns what is said of a table's context in a file."""
    about: dict[str, Any] = {
        "time_zone": context.zone.key,
        "start": context.start and _instant(context.start, context),
        "end": context.end and _instant(context.end, context),
        "as_of_revision": context.revision,
        "as_of_time": context.as_of and _instant(context.as_of, context),
        "epoch": context.epoch,
        "still_running": context.still_running,
        "currency": context.currency,
        "approximate": list(context.approximate),
        "max_relative_error": context.max_relative_error,
        "lagging": dict(context.lagging),
        "restriction": {one: list(values) for one, values in context.restriction.items()},
    }
    return {name: value for name, value in about.items() if value or name == "as_of_revision"}


def _instant(at: datetime, context: DataContext) -> str:
    return at.astimezone(context.zone).isoformat()


def _row(heading: Heading, row: Row) -> str:
    pairs = zip(heading.columns, row, strict=True)
    return _dumped({column.name: _value(value, heading.context) for column, value in pairs})


def _value(value: Value, context: DataContext) -> str | int | float | bool | None:
    match value:
        case datetime():
            return _instant(value, context)
        case date():
            return value.isoformat()
    return value


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
