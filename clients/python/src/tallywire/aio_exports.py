"""Files of answers and lists, for asyncio code."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from tallywire import aio_stubs, export_parts
from tallywire.export_parts import Export, ExportedFile, FormatName, Progress


class AsyncExports:
    """A client's exports."""

    def __init__(self, bound: Callable[[], aio_stubs.Stubs], metadata: tuple[tuple[str, str], ...]) -> None:
        self._bound = bound
        self._metadata = metadata

    async def stream(
        self,
        request: Message,
        *,
        format: FormatName = "csv",  # noqa: A002 - the word that says it
        table: str = "",
        timeout: float | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Yields the bytes of a file, as Exports.stream() does."""
        async for data in self._bytes(Export(export_parts.request(request, format, table), timeout)):
            yield data

    async def to_file(
        self,
        request: Message,
        path: str | Path,
        *,
        format: FormatName | None = None,  # noqa: A002 - the word that says it
        table: str = "",
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> ExportedFile:
        """Writes a file, whole or not at all, as Exports.to_file() does."""
        place = Path(path)
        export = Export(export_parts.request(request, format or export_parts.by_suffix(place), table), timeout)
        with export_parts.written_at_once(place) as file:
            async for data in self._bytes(export, progress):
                await asyncio.to_thread(file.write, data)
        return export.written(place)

    async def _bytes(self, export: Export, progress: Progress | None = None) -> AsyncGenerator[bytes, None]:
        stub = self._bound().exports
        method: Any = stub.ExportRows if export.is_rows else stub.ExportMetrics
        while export.trailer is None:
            call = method(export.request, timeout=export.timeout(), metadata=self._metadata)
            try:
                async for response in call:
                    for data in export.take(response):
                        yield data
                    if progress is not None and export.header is not None:
                        progress(export.header, export.rows, export.size)
                export.check()
            except grpc.aio.AioRpcError as failure:
                await asyncio.sleep(export.failed(failure))
            finally:
                call.cancel()
