"""The connection between a client and the scripted server: it can be cut, refused, or answered by somebody else."""

import asyncio
import contextlib
import socket
import struct
import time
from typing import Self

_NOT_GRPC = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nConnection: close\r\n\r\naway"


class Relay:
    """A port of its own on loopback, whose connections lead to the server until they are reset.

    `foreign` is the number of connections that are answered, in HTTP/1.1, by what is no gRPC server.
    """

    def __init__(self, target_port: int, *, foreign: int = 0) -> None:
        self._target_port = target_port
        self._foreign = foreign
        self._writers: set[asyncio.StreamWriter] = set()
        self._refusing_until = 0.0
        self._server: asyncio.Server | None = None
        self.connections = 0

    async def __aenter__(self) -> Self:
        """Listens."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the port and its connections."""
        if self._server is not None:
            self._server.close()
        self.reset()

    @property
    def address(self) -> str:
        """Returns the address for clients."""
        if self._server is None:
            raise RuntimeError("the relay does not listen")
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def reset(self) -> None:
        """Resets all connections, without another byte."""
        for writer in tuple(self._writers):
            _reset(writer)

    def refuse(self, seconds: float) -> None:
        """Resets all connections, and new ones for so long."""
        self._refusing_until = time.monotonic() + seconds
        self.reset()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if time.monotonic() < self._refusing_until:
            _reset(writer)
            return
        if self._foreign > 0:
            self._foreign -= 1
            writer.write(_NOT_GRPC)
            writer.close()
            return
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._writers |= {writer, server_writer}
        try:
            await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))
        finally:
            self._writers -= {writer, server_writer}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies until either side ends, then closes the other one."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection as a killed process or a broken network does: by a reset."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
