"""A link between two parts of the service that can be harmed: a TCP proxy on a port of 127.0.0.1.

It reads whatever comes, so that neither side's kernel notices a silent link: only the parts' own time limits can.
"""

import asyncio
import contextlib
import enum
import random
import socket
import struct
from collections.abc import AsyncIterator

_CHUNK = 65536
_LATENCY = (0.02, 0.15)  # seconds, for each chunk
_SLICE = (1, 40)  # bytes
_SLICED = 4096  # bytes of a chunk that are sent in pieces; the rest goes at once
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing discards what is unsent and sends a reset


class Harm(enum.Enum):
    """What can be done to a link."""

    LATENCY = "latency"
    SLICES = "slices"  # a message comes in tiny pieces
    CUT = "cut"  # connections are closed in order, new ones at once
    RESET = "reset"  # connections end with a reset; new ones work
    HALF_OPEN = "half-open"  # one side's connection is gone and the other side is not told; new ones work
    BLACK_HOLE = "black hole"  # nothing gets through, and connections of that time stay silent for ever


class _Connection:
    """A connection of each side."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near, self.far = near, far
        self.silent = False  # for ever: what comes is read and forgotten, and no end is passed on

    def close(self) -> None:
        self.near.close()
        self.far.close()

    def reset(self) -> None:
        for writer in (self.near, self.far):
            if not writer.is_closing():
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()

    def lose(self, side: asyncio.StreamWriter) -> None:
        self.silent = True
        side.close()


class Link:
    """One link. While it has no harm it passes everything on."""

    def __init__(self, name: str, host: str, port: int, dice: random.Random) -> None:
        self.name = name
        self.port = 0
        self._target = (host, port)
        self._dice = dice
        self._harm: Harm | None = None
        self._connections: set[_Connection] = set()

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, name: str, host: str, port: int, dice: random.Random) -> AsyncIterator["Link"]:
        """A link to that host and port, listening on a port of its own."""
        link = cls(name, host, port, dice)
        server = await asyncio.start_server(link._serve, "127.0.0.1", 0)
        link.port = server.sockets[0].getsockname()[1]
        try:
            yield link
        finally:
            server.close()
            for connection in list(link._connections):
                connection.reset()
            await server.wait_closed()

    def harm(self, harm: Harm) -> None:
        """Begins to harm the link."""
        self._harm = harm
        for connection in list(self._connections):
            if connection.silent:
                continue
            match harm:
                case Harm.CUT:
                    connection.close()
                case Harm.RESET:
                    connection.reset()
                case Harm.HALF_OPEN:
                    connection.lose(self._dice.choice((connection.near, connection.far)))
                case Harm.BLACK_HOLE:
                    connection.silent = True

    def heal(self) -> None:
        """Lets everything through again, on connections that are still alive."""
        self._harm = None

    def lose_near(self) -> None:
        """Ends what every connection is on the near side, and does not tell the far side."""
        for connection in self._connections:
            connection.lose(connection.near)

    @property
    def is_alive(self) -> bool:
        """True where a connection passes everything on."""
        return self._harm is None and any(not connection.silent for connection in self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._harm is Harm.CUT:
            writer.close()
            return
        try:
            far_reader, far = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(writer, far)
        connection.silent = self._harm is Harm.BLACK_HOLE
        self._connections.add(connection)
        try:
            await asyncio.gather(self._pump(connection, reader, far), self._pump(connection, far_reader, writer))
        finally:
            connection.close()
            self._connections.discard(connection)

    async def _pump(self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Passes bytes on in one direction, and their end."""
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._delay()
                if not connection.silent:
                    await self._write(writer, data)
        if not connection.silent:
            connection.close()

    async def _delay(self) -> None:
        if self._harm is Harm.LATENCY:
            await asyncio.sleep(self._dice.uniform(*_LATENCY))

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self._harm is Harm.SLICES:
            data, rest = data[:_SLICED], data[_SLICED:]
            while data:
                size = self._dice.randint(*_SLICE)
                writer.write(data[:size])
                data = data[size:]
                await asyncio.sleep(0)
            data = rest
        writer.write(data)
        await writer.drain()
