"""Receivers of webhooks as programs: each language's example is told what the service says, and something else."""

import asyncio
import os
import pathlib
from datetime import UTC, datetime

from server.delivery import signing
from tests.support.waiting import PATIENCE

_SECRET, _OLD = bytes(range(32)), bytes(range(32, 64))
_BODY = '{"type":"report.finished","timestamp":"2026-11-30T12:00:00.000Z","data":{"title":"Wöchentlich"}}'


async def check(*command: str, cwd: pathlib.Path, **environment: str) -> None:
    """Starts a receiver with two secrets, and expects that it takes a signed message, prints what it was told, and
    refuses one that was changed.
    """
    secrets = f"{signing.shown(_OLD)} {signing.shown(_SECRET)}"
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, "WEBHOOK_SECRETS": secrets, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            port = int((await process.stdout.readline()).decode().split(":")[-1].split()[-1])
            headers = signing.headers("dlv_1", datetime.now(UTC), _BODY, [_SECRET])
            assert b" 204 " in await _posted(port, headers, _BODY)
            said = (await process.stdout.readline()).decode()
            assert said.startswith("dlv_1 report.finished "), said
            assert b" 400 " in await _posted(port, headers, _BODY.replace("report", "retort"))
    finally:
        process.kill()
        await process.wait()


async def _posted(port: int, headers: dict[str, str], body: str) -> bytes:
    """Returns the first line of the answer."""
    content = body.encode()
    head = {"host": "localhost", "content-type": "application/json", "content-length": str(len(content)), **headers}
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"POST /hooks HTTP/1.1\r\n{lines}connection: close\r\n\r\n".encode() + content)
        return await reader.readline()
    finally:
        writer.close()
