"""Files of answers and lists, for ordinary, blocking code."""

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from tallywire import connection, export_parts
from tallywire.export_parts import Export, ExportedFile, FormatName, Progress
from tallywire.v1 import export_service_pb2_grpc


class Exports:
    """A client's exports."""

    def __init__(self, channel: grpc.Channel, to: connection.Connection) -> None:
        self._stub = export_service_pb2_grpc.ExportServiceStub(channel)
        self._connection = to

    def stream(
        self,
        request: Message,
        *,
        format: FormatName = "csv",  # noqa: A002 - the word that says it
        table: str = "",
        timeout: float | None = None,
    ) -> Generator[bytes, None, None]:
        """Yields the bytes of a file: of the answer to a question (`GetCostsRequest`, `QueryMetricsRequest` …), or of
        all rows of a list (`ListEventsRequest` …).

        `table` names one of the answer's tables. An export of events goes on by itself where a connection was lost.
        Raises Internal at the end if bytes are missing or wrong. `timeout` is an hour unless given.
        """
        yield from self._bytes(Export(export_parts.request(request, format, table), timeout))

    def to_file(
        self,
        request: Message,
        path: str | Path,
        *,
        format: FormatName | None = None,  # noqa: A002 - the word that says it
        table: str = "",
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> ExportedFile:
        """Writes a file, whole or not at all, in the format that its suffix tells unless one is named.

        The file is checked against the server's SHA-256 before it takes its name. `progress` is called with the header,
        and the rows and bytes so far. A `trailer.complete` that is false says that rows are no longer kept.
        """
        place = Path(path)
        export = Export(export_parts.request(request, format or export_parts.by_suffix(place), table), timeout)
        with export_parts.written_at_once(place) as file:
            for data in self._bytes(export, progress):
                file.write(data)
        return export.written(place)

    def _bytes(self, export: Export, progress: Progress | None = None) -> Generator[bytes, None, None]:
        method: Any = self._stub.ExportRows if export.is_rows else self._stub.ExportMetrics
        while export.trailer is None:
            call = method(export.request, timeout=export.timeout(), metadata=self._connection.metadata)
            try:
                for response in call:
                    yield from export.take(response)
                    if progress is not None and export.header is not None:
                        progress(export.header, export.rows, export.size)
                export.check()
            except grpc.RpcError as failure:
                time.sleep(export.failed(failure))
            finally:
                call.cancel()
