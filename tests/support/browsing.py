"""A web process for tests, and a browser that speaks to it: raw HTTP/1.1, so that tests see every header and byte."""

import asyncio
import contextlib
import json
import struct
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from server.settings import Settings
from server.web.running import RunningWeb
from tallywire.v1 import account_service_pb2, account_service_pb2_grpc
from tests.support.serving import Caller

RPC = "/tallywire.v1."
UNARY, STREAM = "application/proto", "application/connect+proto"
SIGN_IN = "AccountService/SignIn"


@contextlib.asynccontextmanager
async def web(settings: Settings, service: str, folder: Path, **changes: Any) -> AsyncIterator[RunningWeb]:
    """A web process in front of a service, until the block ends."""
    changes = {"web_listen": "127.0.0.1:0", "web_service": service, **changes}
    running = RunningWeb(settings.model_copy(update=changes), folder=folder)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def link(caller: Caller, web: RunningWeb, subject: str = "") -> str:
    """A link that signs in once: somebody by name, or the key itself."""
    stub = account_service_pb2_grpc.AccountServiceStub(caller.channel)
    made = await stub.CreateSignInCode(
        account_service_pb2.CreateSignInCodeRequest(subject=subject), metadata=caller.metadata, timeout=20
    )
    return f"http://{web.address}/#code={made.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> Any:
        """The error of a unary call."""
        return json.loads(self.body)


@dataclass(slots=True, kw_only=True)
class Stream:
    """A stream of messages that a page reads."""

    status: int
    headers: Mapping[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    _left: bytes = b""

    async def next(self) -> bytes | dict[str, Any]:
        """The next message, or what the end says; raises IncompleteReadError where the stream was cut."""
        while len(self._left) < 5 or len(self._left) < 5 + struct.unpack(">I", self._left[1:5])[0]:
            self._left += await _chunk(self.reader)
        flags, length = struct.unpack(">BI", self._left[:5])
        message, self._left = self._left[5 : 5 + length], self._left[5 + length :]
        if not flags & 2:
            return message
        self.close()
        return dict(json.loads(message))

    def close(self) -> None:
        """Goes away, as a closed tab does."""
        self.writer.transport.abort()


@dataclass(slots=True, kw_only=True)
class Browser:
    """One browser: its cookies, and the headers that all browsers send."""

    address: str
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)  # all headers that have set one

    async def send(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str | None] | None = None
    ) -> tuple[int, dict[str, str], asyncio.StreamReader, asyncio.StreamWriter]:
        """Sends a request and reads the head of its answer. A header of None is left out."""
        host, _, port = self.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        own: dict[str, str | None] = {
            "host": self.address,
            "sec-fetch-site": "same-origin",
            "origin": f"http://{self.address}" if method != "GET" else None,
            "content-length": str(len(body)) if method != "GET" else None,
            "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()) or None,
            **(headers or {}),
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in own.items() if value is not None)]
        writer.write("\r\n".join((*lines, "", "")).encode() + body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        found = {}
        for line in head[1:-2]:
            name, _, value = line.partition(": ")
            found[name.lower()] = value
            if name.lower() == "set-cookie":
                cookie, _, content = value.partition(";")[0].partition("=")
                self.cookies[cookie] = content
                self.set_cookies.append(value)
        return int(head[0].split()[1]), found, reader, writer

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str | None] | None = None
    ) -> Answer:
        """Sends a request and reads its whole answer."""
        status, found, reader, writer = await self.send(method, path, body, headers)
        try:
            content = await reader.readexactly(int(found["content-length"])) if method != "HEAD" else b""
        finally:
            writer.close()
        if found.get("content-encoding") == "gzip":
            content = zlib.decompress(content, 31)
        return Answer(status=status, headers=found, body=content)

    async def call(
        self, rpc: str, request: Message | bytes = b"", headers: Mapping[str, str | None] | None = None
    ) -> Answer:
        """Makes a unary call."""
        body = request if isinstance(request, bytes) else request.SerializeToString()
        return await self.ask("POST", RPC + rpc, body, {"content-type": UNARY, **(headers or {})})

    async def sign_in(self, key: str = "", *, code: str = "") -> Answer:
        """Signs in with a key or a code."""
        request = account_service_pb2.SignInRequest(code=code)
        if not code:
            request.api_key = key
        return await self.call(SIGN_IN, request)

    async def watch(self, rpc: str, request: Message, headers: Mapping[str, str | None] | None = None) -> Stream:
        """Opens a stream."""
        message = request.SerializeToString()
        body = struct.pack(">BI", 0, len(message)) + message
        status, found, reader, writer = await self.send(
            "POST", RPC + rpc, body, {"content-type": STREAM, **(headers or {})}
        )
        return Stream(status=status, headers=found, reader=reader, writer=writer)


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    """A part of a body in chunks; raises IncompleteReadError at its end."""
    size = int((await reader.readuntil(b"\r\n")).strip(), 16)
    content = await reader.readexactly(size + 2)
    if not size:
        raise asyncio.IncompleteReadError(b"", 1)
    return content[:-2]
