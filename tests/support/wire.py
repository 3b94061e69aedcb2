"""HTTP/2 by hand: just enough to say what no client of good manners would say."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

import grpc

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1

PROTOCOL_ERROR, FLOW_CONTROL_ERROR, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 0x1, 0x3, 0x9, 0xB

Pair = tuple[str | bytes, str | bytes]
Pairs = Iterable[Pair]


class Frame(NamedTuple):
    """A frame as it was read."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def error(self) -> int:
        """The error code of RST_STREAM and GOAWAY."""
        return int.from_bytes(self.payload[:4] if self.kind == RST_STREAM else self.payload[4:8], "big")


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """The bytes of a frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _length(number: int) -> bytes:
    """An HPACK integer with a prefix of 7 bits."""
    if number < 127:
        return bytes((number,))
    rest, encoded = number - 127, bytearray((127,))
    while rest >= 128:
        encoded.append(rest % 128 | 128)
        rest //= 128
    return bytes((*encoded, rest))


def hpack(pairs: Pairs) -> bytes:
    """A header block of literals without an index and without Huffman codes."""
    block = bytearray()
    for pair in pairs:
        block.append(0)
        for text in pair:
            data = text.encode() if isinstance(text, str) else text
            block += _length(len(data)) + data
    return bytes(block)


def request(path: str, *extra: Pair, secret: str = "") -> list[Pair]:
    """The headers of a gRPC call."""
    pairs: list[Pair] = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    if secret:
        pairs.append(("authorization", f"Bearer {secret}"))
    return [*pairs, *extra]


def message(body: bytes) -> bytes:
    """A gRPC message with its prefix."""
    return b"\0" + len(body).to_bytes(4, "big") + body


class Connection:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.frames: list[Frame] = []
        self.closed = False

    def send(self, *parts: bytes) -> None:
        """Puts bytes on their way, unless the connection is gone."""
        if not self._writer.transport.is_closing():
            self._writer.write(b"".join(parts))

    async def flush(self) -> None:
        """Waits until the bytes have left; a peer that is gone is no error here."""
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    def headers(self, stream: int, pairs: Pairs, *, end: bool = False) -> None:
        """Sends a header block, in as many frames as it takes."""
        self.block(stream, hpack(pairs), end=end)

    def block(self, stream: int, block: bytes, *, end: bool = False) -> None:
        """Sends a header block as it is."""
        pieces = [block[at : at + 16_000] for at in range(0, len(block), 16_000)] or [b""]
        for index, piece in enumerate(pieces):
            flags = (END_STREAM if end and not index else 0) | (END_HEADERS if piece is pieces[-1] else 0)
            self.send(frame(CONTINUATION if index else HEADERS, flags, stream, piece))

    def data(self, stream: int, payload: bytes, *, end: bool = False) -> None:
        """Sends a DATA frame."""
        self.send(frame(DATA, END_STREAM if end else 0, stream, payload))

    async def read(self, seconds: float = 5) -> Frame | None:
        """The next frame; None where the connection is closed. TimeoutError where nothing comes."""
        try:
            async with asyncio.timeout(seconds):
                head = await self._reader.readexactly(9)
                payload = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed = True
            return None
        one = Frame(head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFF_FFFF, payload)
        self.frames.append(one)
        if one.kind == SETTINGS and not one.flags & ACK:
            self.send(frame(SETTINGS, ACK))
        return one

    async def answer(self, stream: int = 1, seconds: float = 5) -> str:
        """How a stream ended: the name of its gRPC status, "http N", "reset", "goaway" or "closed"."""
        block = b""
        while (one := await self.read(seconds)) is not None:
            if one.kind == GOAWAY and one.error:
                return "goaway"
            if one.stream != stream:
                continue
            if one.kind == RST_STREAM:
                return "reset"
            if one.kind in (HEADERS, CONTINUATION):
                block += one.payload
            if one.kind in (HEADERS, DATA) and one.flags & END_STREAM:
                return _status(block)
        return "closed"

    async def until_closed(self, seconds: float = 10) -> list[int]:
        """Reads until the connection is closed and returns the error codes of its GOAWAYs."""
        async with asyncio.timeout(seconds):
            while await self.read(seconds) is not None:
                pass
        return [one.error for one in self.frames if one.kind == GOAWAY]

    def abort(self) -> None:
        """Ends the connection with a TCP reset."""
        self._writer.transport.abort()


_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


def _status(block: bytes) -> str:
    """The status in header blocks of a connection's first answer, whose names are spelled out."""
    if found := re.search(rb"grpc-status.(\d+)", block, re.DOTALL):
        return _NAMES[int(found.group(1))]
    if found := re.search(rb"(?:\x08|:status)\x03(\d{3})", block):
        return f"http {found.group(1).decode()}"
    return {0x88: "http 200", 0x8C: "http 400", 0x8D: "http 404"}.get(block[0], f"unknown {block.hex()}")


@contextlib.asynccontextmanager
async def connected(
    address: str, *, first: bytes = PREFACE + frame(SETTINGS), tls: ssl.SSLContext | None = None
) -> AsyncIterator[Connection]:
    """A connection that has said its first words."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
    writer.write(first)
    connection = Connection(reader, writer)
    try:
        if first.startswith(PREFACE):
            # The server's limits hold once it knows that they have arrived.
            while (one := await connection.read()) is not None and one.kind != SETTINGS:
                pass
        yield connection
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
