"""The messages of ExportService, made of tables and files."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from server.errors import Reason, Refused
from server.exports import labels
from server.exports.formats import Format
from server.exports.making import FileInTheMaking
from server.exports.tables import DataColumn, Heading, ValueKind
from tallywire.v1 import answer_pb2, export_service_pb2

Part: TypeAlias = export_service_pb2.ExportHeader | export_service_pb2.ExportChunk | export_service_pb2.ExportTrailer
PIECE_BYTES: Final = 512 * 1024  # of a chunk, at most
_FORMATS: Mapping[int, Format] = {
    export_service_pb2.EXPORT_FORMAT_UNSPECIFIED: Format.CSV,
    **{export_service_pb2.ExportFormat.Value(f"EXPORT_FORMAT_{one.name}"): one for one in Format},
}
_KINDS = {one: export_service_pb2.ExportColumnKind.Value(f"EXPORT_COLUMN_KIND_{one.name}") for one in ValueKind}
_MEDIA_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSON_LINES: "application/jsonl",
    Format.JSON: "application/json",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.ARROW: "application/vnd.apache.arrow.stream",
}


def format_of(number: int) -> Format:
    """Returns a format; refuses an unknown one."""
    if number not in _FORMATS:
        raise Refused(Reason.INVALID_ENUM, "not a known format", field="format")
    return _FORMATS[number]


def header(
    one: Format,
    context: answer_pb2.AnswerContext,
    headings: Sequence[Heading],
    *,
    others: Sequence[str] = (),
    offset: int = 0,
    resumable: bool = False,
) -> export_service_pb2.ExportHeader:
    """Returns the first message."""
    return export_service_pb2.ExportHeader(
        context=context,
        tables=map(_table, headings),
        other_tables=others,
        file_name=labels.file_name(headings[0], one.value),
        media_type=_MEDIA_TYPES[one],
        offset=offset,
        resumable=resumable,
    )


def _table(heading: Heading) -> export_service_pb2.ExportTable:
    return export_service_pb2.ExportTable(
        name=heading.name,
        title=heading.title,
        columns=map(_column, heading.columns),
        estimated_rows=heading.estimated_rows,
        notes=heading.notes,
    )


def _column(column: DataColumn) -> export_service_pb2.ExportColumn:
    return export_service_pb2.ExportColumn(
        name=column.name, title=column.title, kind=_KINDS[column.kind], unit=column.unit, currency=column.currency
    )


def chunks(data: bytes, rows: int, token: str = "") -> Iterator[export_service_pb2.ExportChunk]:
    """Yields bytes in pieces; the last one has the token, since nothing is gone on with within a page."""
    pieces = range(0, len(data), PIECE_BYTES) or range(1)
    for start in pieces:
        is_last = start == pieces[-1]
        yield export_service_pb2.ExportChunk(
            data=data[start : start + PIECE_BYTES], rows=rows, resume_token=token if is_last else ""
        )


def trailer(made: FileInTheMaking, incomplete_reason: str = "") -> export_service_pb2.ExportTrailer:
    """Returns the last message."""
    return export_service_pb2.ExportTrailer(
        rows=made.rows,
        bytes=made.size,
        sha256=made.sha256,
        complete=not incomplete_reason,
        incomplete_reason=incomplete_reason,
        cut_cells=made.cut_cells,
    )
