"""The parts of exported figures.

The answer is the RPC's, of all pages. Of a table of any dimension that goes alone, the rows are read page after page in
one snapshot into a spool, so that any number of them takes the same memory.
"""

import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

from server.errors import Reason, Refused
from server.exports import formats
from server.exports.exports import ExportRoom
from server.exports.formats import Format
from server.exports.making import FileInTheMaking
from server.exports.spool import ByteSpool
from server.exports.tables import DataTable
from server.organizations.audit_trail import Actor
from server.rpc.asking import Asking
from server.rpc.exports import answer_tables, messages
from server.rpc.exports.answering import in_large_pages, whole
from server.rpc.exports.messages import Part
from server.rpc.exports.row_streams import ProgressNotes
from server.rpc.exports.telling import ToldExport
from server.tenancy.principal import Principal
from tallywire.v1 import export_service_pb2, metrics_service_pb2

_ROWS: Final = "rows"  # the main table of QueryMetrics
_ACTION: Final = "metrics.exported"


class MetricStreams:
    """Makes the parts of exported figures."""

    def __init__(self, asking: Asking, exports: ExportRoom) -> None:
        self._asking = asking
        self._exports = exports

    async def parts(
        self, principal: Principal, request: export_service_pb2.ExportMetricsRequest, by: Actor
    ) -> AsyncGenerator[Part, None]:
        """Yields the header, chunks, and the trailer."""
        name = request.WhichOneof("question")
        if name is None:
            raise Refused(Reason.REQUIRED_FIELD, "say which question", field="question")
        asked, one = getattr(request, name), messages.format_of(request.format)
        if getattr(asked, "page_token", ""):
            raise Refused(Reason.INVALID_VALUE, "an export begins with the first page", field=f"{name}.page_token")
        made = FileInTheMaking(formats.writer(one))
        told = ToldExport(self._exports, principal, by, asked, one, self._asking.secrets)
        try:
            async with self._exports.slot(principal):
                await told.begins(_ACTION)
                chosen = request.table or (_ROWS if not one.holds_many else "")
                if isinstance(asked, metrics_service_pb2.QueryMetricsRequest) and asked.group_by and chosen == _ROWS:
                    parts = self._rows(principal, asked, one, made)
                else:
                    parts = self._tables(principal, asked, one, request.table, made)
                async with contextlib.aclosing(parts):
                    try:
                        async for part in parts:
                            yield part
                            told.sent(part)
                    except Refused as why:
                        why.field = f"{name}.{why.field}" if why.field not in ("", "table", "question") else why.field
                        raise
        finally:
            await made.close()
            told.ends(made)

    async def _tables(
        self, principal: Principal, asked: Any, one: Format, table: str, made: FileInTheMaking
    ) -> AsyncGenerator[Part, None]:
        answer = await whole(self._asking, principal, asked)
        every = answer_tables.tables(answer)
        chosen = _chosen(every, one, table)
        names = [each.name for each in chosen]
        others = [each.name for each in every if each.name not in names]
        yield messages.header(one, answer.context, chosen, others=others)
        for each in chosen:
            data = await made.begin(each)
            data += await made.add(lambda each=each: each.rows)  # type: ignore[misc] # mypy infers no default's type
            if data:
                for chunk in messages.chunks(data, made.rows):
                    yield chunk
        async for data in made.finish():
            for chunk in messages.chunks(data, made.rows):
                yield chunk
        yield messages.trailer(made)

    async def _rows(
        self,
        principal: Principal,
        asked: metrics_service_pb2.QueryMetricsRequest,
        one: Format,
        made: FileInTheMaking,
    ) -> AsyncGenerator[Part, None]:
        """Yields the parts of the rows of a table, however many there are."""
        request, progress = in_large_pages(asked), ProgressNotes()
        request.ClearField("series")  # which is a table of its own
        with ByteSpool() as spool:
            async with self._exports.reading(principal), self._asking.of_one_instant() as pinned:
                answer = await pinned.answer(principal, request)
                rows, *others = answer_tables.tables(answer)
                yield messages.header(one, answer.context, [_counted(rows, answer)], others=_names(others, asked))
                data = await made.begin(rows)
                while True:
                    data += await made.add(lambda table=rows: table.rows)  # type: ignore[misc] # as above
                    if data:
                        await spool.put(data)
                    data = b""
                    if progress.is_due():
                        yield export_service_pb2.ExportChunk(rows=made.rows)
                    if not answer.next_page_token:
                        break
                    request.page_token = answer.next_page_token
                    answer = await pinned.answer(principal, request)
                    rows = answer_tables.tables(answer)[0]
            async for data in spool.portions():
                for chunk in messages.chunks(data, made.rows):
                    yield chunk
        async for data in made.finish():
            for chunk in messages.chunks(data, made.rows):
                yield chunk
        yield messages.trailer(made)


def _counted(rows: DataTable, answer: metrics_service_pb2.QueryMetricsResponse) -> DataTable:
    """Returns a table that says how many rows all pages have."""
    return DataTable(
        name=rows.name,
        title=rows.title,
        columns=rows.columns,
        context=rows.context,
        estimated_rows=answer.distinct_values,
        notes=rows.notes,
        rows=(),
    )


def _names(others: Sequence[DataTable], asked: metrics_service_pb2.QueryMetricsRequest) -> list[str]:
    return [one.name for one in others] + (["series"] if asked.HasField("series") else [])


def _chosen(tables: Sequence[DataTable], one: Format, name: str) -> Sequence[DataTable]:
    """Returns the tables that go into a file; refuses a name that no table has."""
    if not name:
        return tables if one.holds_many else tables[:1]
    found = [table for table in tables if table.name == name]
    if not found:
        known = ", ".join(table.name for table in tables)
        raise Refused(Reason.INVALID_VALUE, f"the answer has no table {name[:64]!r}; it has {known}", field="table")
    return found
