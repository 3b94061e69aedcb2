"""Bytes that wait to be sent: packed, in memory, or in a file without a name where they are many."""

import asyncio
import tempfile
import zlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final, Self

from server import errors

IN_MEMORY: Final = 8 * 1024 * 1024  # packed, which are about ten times as many bytes of text
_LEVEL: Final = 1  # of packing: the fastest, and text becomes a tenth anyway
_SIZE_BYTES: Final = 4


class ByteSpool:
    """Portions of bytes, in the order in which they are put. They are gone once the block is left, or its process ends.

    Raises FilesUnavailable where there is no room for them.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by the block

    async def put(self, data: bytes) -> None:
        """Adds a portion, which is not empty."""
        await asyncio.to_thread(self._put, data)

    async def portions(self) -> AsyncIterator[bytes]:
        """Yields the portions."""
        await asyncio.to_thread(self._file.seek, 0)
        while data := await asyncio.to_thread(self._get):
            yield data

    def _put(self, data: bytes) -> None:
        packed = zlib.compress(data, _LEVEL)
        try:
            self._file.write(len(packed).to_bytes(_SIZE_BYTES) + packed)
        except OSError as error:
            raise errors.FilesUnavailable("the folder for temporary files has no room") from error

    def _get(self) -> bytes:
        size = int.from_bytes(self._file.read(_SIZE_BYTES))
        return zlib.decompress(self._file.read(size)) if size else b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
