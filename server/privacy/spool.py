"""Lines that wait to be sent, in the order in which they are put."""

from collections.abc import AsyncIterator, Sequence

from server.exports import spool


class Spool(spool.ByteSpool):
    """Portions of lines: see ByteSpool."""

    async def put_lines(self, lines: Sequence[str]) -> None:
        """Adds a portion; none of its lines holds a line feed."""
        await self.put("\n".join(lines).encode())

    async def lines(self) -> AsyncIterator[Sequence[str]]:
        """Yields the portions."""
        async for data in self.portions():
            yield data.decode().split("\n")
