"""A file in the making: what writes it does so in threads, and what it comes to is counted."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

from server.exports.formats import Writer
from server.exports.tables import Heading, Row

_Given = TypeVar("_Given")


class FileInTheMaking:
    """A file that a writer makes. rows and size are those of the whole file, the part before a resumption included;
    sha256 is that of the bytes from there on.
    """

    def __init__(self, writer: Writer, *, rows: int = 0, size: int = 0) -> None:
        self._writer = writer
        self._digest = hashlib.sha256()
        self._work: asyncio.Future[Any] | None = None
        self._is_resumed = size > 0
        self.rows = rows
        self.size = size

    @property
    def sha256(self) -> str:
        """Returns the digest in hexadecimal digits."""
        return self._digest.hexdigest()

    @property
    def cut_cells(self) -> int:
        """Returns how many texts did not fit."""
        return self._writer.cut_cells

    async def begin(self, heading: Heading) -> bytes:
        """Begins a table; returns bytes to send."""
        return self._counted(await self._run(lambda: self._writer.begin(heading, is_resumed=self._is_resumed)))

    async def add(self, make: Callable[[], Sequence[Row]]) -> bytes:
        """Adds rows, which a function makes in a thread; returns bytes to send, if there are any yet."""

        def work() -> tuple[int, bytes]:
            rows = make()
            return len(rows), self._writer.rows(rows)

        count, data = await self._run(work)
        self.rows += count
        return self._counted(data)

    async def finish(self) -> AsyncIterator[bytes]:
        """Ends the file; yields bytes to send."""
        rest = await self._run(self._writer.finish)
        while data := await self._run(lambda: next(rest, b"")):
            yield self._counted(data)

    async def close(self) -> None:
        """Frees all that the writer holds, once its thread has let go of it."""
        if self._work is not None:
            await asyncio.wait({self._work})
        await asyncio.to_thread(self._writer.close)

    async def _run(self, work: Callable[[], _Given]) -> _Given:
        running = asyncio.ensure_future(asyncio.to_thread(work))
        self._work = running
        return await asyncio.shield(running)

    def _counted(self, data: bytes) -> bytes:
        self.size += len(data)
        self._digest.update(data)
        return data
