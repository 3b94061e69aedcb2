"""Tables as Parquet and as an Arrow stream: typed columns, money as decimals of its currency.

Whole money is decimal128(38, 6). Averages of money are doubles of the currency. The schema's metadata holds what the
table is about, under "tallywire", and that of each field its title and unit.
"""

import abc
import importlib.util
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from server.exports import json_files, labels
from server.exports.tables import DataColumn, Heading, Row, Value, ValueKind

COMMAND: Final = "pip install 'pyarrow>=21'"
_DIGITS, _MICROS_DIGITS = 38, 6
_ROW_GROUP = 65_536


def is_there() -> bool:
    """Returns whether the library is installed."""
    return importlib.util.find_spec("pyarrow") is not None


class _Gathered(io.RawIOBase):
    """Gathers what is written until somebody takes it."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        """Returns what was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


class _ArrowWriter(abc.ABC):
    """What both formats share. See server.exports.formats.Writer."""

    cut_cells = 0

    def __init__(self) -> None:
        self._sink = _Gathered()
        self._columns: Sequence[DataColumn] = ()
        self._schema: Any = None
        self._file: Any = None

    def begin(self, heading: Heading, *, is_resumed: bool = False) -> bytes:
        """Returns the schema, where it stands in front."""
        self._columns = heading.columns
        self._schema = _schema(heading)
        self._file = self._open()
        first = self._sink.take()
        return b"" if is_resumed else first

    @abc.abstractmethod
    def _open(self) -> Any:
        """Returns pyarrow's writer of the format, which writes into the sink."""

    def _batch(self, rows: Sequence[Row]) -> Any:
        import pyarrow

        columns = zip(*rows, strict=True) if rows else [()] * len(self._columns)
        arrays = [
            pyarrow.array([_value(column, one) for one in values], type=field.type)
            for column, values, field in zip(self._columns, columns, self._schema, strict=True)
        ]
        return pyarrow.record_batch(arrays, schema=self._schema)

    def finish(self) -> Iterator[bytes]:
        """Yields the end of the file."""
        self._file.close()
        yield self._sink.take()

    def close(self) -> None:
        """Lets go of what is gathered."""
        self._sink.take()


class ParquetWriter(_ArrowWriter):
    """Writes one table as Parquet, in groups of rows; zstd."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[Any] = []

    def _open(self) -> Any:
        import pyarrow.parquet

        return pyarrow.parquet.ParquetWriter(self._sink, self._schema, compression="zstd")

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Adds rows; returns groups of them once they are whole."""
        if rows:
            self._waiting.append(self._batch(rows))
        if sum(one.num_rows for one in self._waiting) >= _ROW_GROUP:
            self._flush()
        return self._sink.take()

    def _flush(self) -> None:
        import pyarrow

        if self._waiting:
            self._file.write_table(pyarrow.Table.from_batches(self._waiting), row_group_size=2 * _ROW_GROUP)
            self._waiting = []

    def finish(self) -> Iterator[bytes]:
        """Yields the last group and the footer."""
        self._flush()
        yield from super().finish()


class StreamWriter(_ArrowWriter):
    """Writes one table as a stream of record batches."""

    def _open(self) -> Any:
        import pyarrow

        file = pyarrow.ipc.new_stream(self._sink, self._schema)
        # The schema is written with the first batch: an empty one, so that the first rows of a resumed file have none.
        file.write_batch(self._batch(()))
        return file

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Returns a batch."""
        if rows:
            self._file.write_batch(self._batch(rows))
        return self._sink.take()


def _schema(heading: Heading) -> Any:
    import pyarrow

    fields = []
    for column, name in zip(heading.columns, labels.typed_names(heading.columns), strict=True):
        about = {"title": column.title, "unit": labels.unit(column)}
        kind = _type(column, heading.context.zone.key)
        fields.append(pyarrow.field(name, kind, metadata={key: value for key, value in about.items() if value}))
    about_table = {"name": heading.name, "title": heading.title, "notes": list(heading.notes)}
    told = about_table | json_files.described_context(heading.context)
    return pyarrow.schema(fields, metadata={"tallywire": json.dumps(told, ensure_ascii=False)})


def _type(column: DataColumn, zone: str) -> Any:
    import pyarrow

    match column.kind:
        case ValueKind.TEXT:
            return pyarrow.string()
        case ValueKind.INSTANT:
            return pyarrow.timestamp("us", tz=zone)
        case ValueKind.DATE:
            return pyarrow.date32()
        case ValueKind.BOOLEAN:
            return pyarrow.bool_()
        case ValueKind.MONEY_MICROS if column.whole:
            return pyarrow.decimal128(_DIGITS, _MICROS_DIGITS)
        case ValueKind.INTEGER:
            return pyarrow.int64()
    return pyarrow.int64() if column.whole else pyarrow.float64()


def _value(column: DataColumn, value: Value) -> object:
    if value is None or not column.is_number or not isinstance(value, int | float):
        return value
    if column.kind is ValueKind.MONEY_MICROS:
        return labels.money(value) if column.whole else float(labels.money(value))
    return value if column.whole or column.kind is ValueKind.INTEGER else float(value)
