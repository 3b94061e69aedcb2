"""Poolers: one of ours that does what they do in transaction mode, which is to give one session of PostgreSQL to
several clients in turns; and PgBouncer, where the machine has it.
"""

import asyncio
import contextlib
import os
import pathlib
import shutil
import socket
import tempfile
import urllib.parse
from collections.abc import AsyncIterator

import pytest

from tests.support import processes, waiting

_ASKS_FOR_TLS = 80877103
_ENDS_A_TURN = (b"S", b"Q")  # Sync, and a simple query
_GREETED = (0, 12)  # AuthenticationOk and the last word of SASL: the client says nothing to these


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(int.from_bytes(head[1:], "big") - 4)


class _Shared:
    """The session, and what it said to the first who came."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._turn = asyncio.Lock()
        self._greeting = b""
        self._answered = asyncio.Event()
        self._in_transaction = False
        self._client: asyncio.StreamWriter | None = None
        self._handing_on: asyncio.Task[None] | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            startup = await self._startup(reader, writer)
            async with self._turn:
                if not self._greeting:
                    await self._open(startup, reader, writer)
                else:
                    writer.write(self._greeting)
            while True:
                asked = await _message(reader)
                if asked[:1] == b"X":
                    break
                async with self._turn:
                    self._client = writer
                    while await self._step(asked):
                        asked = await _message(reader)
        writer.close()

    async def _startup(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        while True:
            length = await reader.readexactly(4)
            rest = await reader.readexactly(int.from_bytes(length, "big") - 4)
            if int.from_bytes(rest[:4], "big") != _ASKS_FOR_TLS:
                return length + rest
            writer.write(b"N")

    async def _open(self, startup: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        self._writer.write(startup)
        greeting = b""
        while not greeting.endswith(b"Z\0\0\0\5I"):
            said = await _message(self._reader)
            writer.write(said)
            is_question = said[:1] == b"R" and int.from_bytes(said[5:9], "big") not in _GREETED
            greeting = b"" if is_question else greeting + said
            if is_question:
                self._writer.write(await _message(reader))
        self._greeting = greeting[greeting.index(b"R\0\0\0\10\0\0\0\0") :]
        self._handing_on = asyncio.create_task(self._hand_on())

    async def _hand_on(self) -> None:
        """Gives what the session says to the client whose turn it is."""
        while True:
            said = await _message(self._reader)
            assert self._client is not None
            self._client.write(said)
            if said[:1] == b"Z":
                self._in_transaction = said[5:] != b"I"
                self._answered.set()

    async def _step(self, asked: bytes) -> bool:
        """Hands on what is asked; whether the turn goes on."""
        self._answered.clear()
        self._writer.write(asked)
        if asked[:1] not in _ENDS_A_TURN:
            return True
        await self._answered.wait()
        return self._in_transaction

    async def close(self) -> None:
        """Ends the session."""
        if self._handing_on is not None:
            self._handing_on.cancel()
            await asyncio.gather(self._handing_on, return_exceptions=True)
            self._writer.close()


@contextlib.asynccontextmanager
async def in_front_of(url: str) -> AsyncIterator[str]:
    """The URL of a pooler in front of that database."""
    parts = urllib.parse.urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    shared = _Shared(parts.hostname, parts.port)
    server = await asyncio.start_server(shared.serve, "127.0.0.1", 0)
    try:
        yield url.replace(f":{parts.port}/", f":{server.sockets[0].getsockname()[1]}/")
    finally:
        server.close()
        await shared.close()


_PGBOUNCER = """\
[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = {mode}
{user}
{more}
"""


@contextlib.asynccontextmanager
async def pgbouncer(url: str, mode: str, *more: str) -> AsyncIterator[str]:
    """The URL of a PgBouncer in front of that database, in a mode and with more settings; skips where there is none."""
    if (program := shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")) is None:
        pytest.skip("there is no PgBouncer: apt-get install pgbouncer")
    parts = urllib.parse.urlsplit(url)
    port = processes.free_port()
    # Root's PgBouncer becomes nobody, who may not look into the folders of tests.
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = _readable(name)
        (folder / "users.txt").write_text(f'"{parts.username}" "{parts.password}"\n')
        (folder / "pgbouncer.ini").write_text(
            _PGBOUNCER.format(
                host=parts.hostname,
                server_port=parts.port,
                port=port,
                users=folder / "users.txt",
                mode=mode,
                user="user = nobody" if os.geteuid() == 0 else "",
                more="\n".join(more),
            )
        )
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                program, "-q", folder / "pgbouncer.ini", stdout=log, stderr=log, cwd="/"
            )
        try:
            await waiting.until(lambda: _listens(port) or process.returncode is not None)
            yield url.replace(f":{parts.port}/", f":{port}/")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait_for(process.wait(), waiting.PATIENCE)
            print((folder / "log").read_text()[-3000:])  # shown where the test has failed


def _readable(name: str) -> pathlib.Path:
    folder = pathlib.Path(name)
    folder.chmod(0o755)
    return folder


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
