"""Lines that wait to be sent: packed, in memory, or in a file without a name where they are many."""

import asyncio
import tempfile
import zlib
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

from server import errors

IN_MEMORY = 8 * 1024 * 1024  # packed, which are about ten times as many bytes of JSON
_LEVEL = 1  # of packing: the fastest, and JSON becomes a tenth anyway
_SIZE_BYTES = 4


class Spool:
    """Portions of lines, in the order in which they are put. They are gone once the block is left, or its process ends.

    Raises StorageUnavailable where there is no room for them.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by the block

    async def put(self, lines: Sequence[str]) -> None:
        """Adds a portion; none of its lines holds a line feed."""
        await asyncio.to_thread(self._put, lines)

    async def portions(self) -> AsyncIterator[Sequence[str]]:
        """Yields the portions."""
        await asyncio.to_thread(self._file.seek, 0)
        while lines := await asyncio.to_thread(self._get):
            yield lines

    def _put(self, lines: Sequence[str]) -> None:
        packed = zlib.compress("\n".join(lines).encode(), _LEVEL)
        try:
            self._file.write(len(packed).to_bytes(_SIZE_BYTES) + packed)
        except OSError as error:
            raise errors.StorageUnavailable("the folder for temporary files has no room") from error

    def _get(self) -> Sequence[str]:
        size = int.from_bytes(self._file.read(_SIZE_BYTES))
        return zlib.decompress(self._file.read(size)).decode().split("\n") if size else ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
