"""The TypeScript client as a newcomer meets it: the README's quick start as pasted, and the examples."""

import asyncio
import os
import pathlib
import re
import shutil
import signal
import sys
from typing import Any

import pytest

from tests.conformance import languages
from tests.support import webhook_receivers
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.skipif(not languages.are_quick_starts_wanted(), reason="built and tested by .ci/clients")

ROOT = pathlib.Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "typescript"
sys.path.insert(0, str(ROOT / "protos"))


@pytest.fixture(scope="module")
async def package(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder with the package, made once: what is built for it serves the examples, too."""
    if missing := [program for program in ("node", "npm") if shutil.which(program) is None]:
        pytest.fail(f"{missing[0]} is not on PATH")
    folder = tmp_path_factory.mktemp("package")
    await _run(CLIENT, "./check", "build")
    await _run(CLIENT, "npm", "pack", "--silent", "--pack-destination", str(folder))
    return folder


async def _run(folder: pathlib.Path, *command: str, **environment: str) -> str:
    """What a program prints. Fails the test with its output if it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, f"{' '.join(command)}\n{output.decode()}"
    return output.decode()


def _quick_start() -> tuple[str, str]:
    """The line for the shell and the program of the quick start."""
    text = (CLIENT / "README.md").read_text(encoding="utf-8").partition("## Quick start")[2].partition("\n## ")[0]
    (line,) = re.findall(r"```sh\n(.*)\n```", text)
    (program,) = re.findall(r"```js\n(.*?)```", text, re.DOTALL)
    return line, program


async def test_the_quick_start_works_as_pasted(server: Any, make_tenant: Any, package: pathlib.Path) -> None:
    tenant = await make_tenant()
    line, program = _quick_start()
    await _run(package, *line.split(), "--no-audit", "--no-fund", "--prefer-offline")
    (package / "start.mjs").write_text(program, encoding="utf-8")
    access = {"TALLYWIRE_ADDRESS": server.address, "TALLYWIRE_API_KEY": tenant.key}
    assert await _run(package, "node", "start.mjs", **access) == "1 820 nobody was asked\n"
    # CommonJS programs can have it, too.
    required = "const { event } = require('tallywire'); console.log(event('a.b').eventType)"
    assert "a.b" in await _run(package, "node", "-e", required)


@pytest.mark.usefixtures("package")
async def test_the_examples_run(server: Any, make_tenant: Any) -> None:
    tenant = await make_tenant()
    key = {"TALLYWIRE_API_KEY": tenant.key}
    read = await _run(CLIENT, "node", "build/examples/track_and_read.js", server.address, **key)
    assert "sent in the background: 3\n" in read
    assert "rating: ACCEPTED\n" in read
    assert "refused: feedback.rating VALUE_OUT_OF_RANGE\n" in read
    assert "messages: 2 tokens: 330\n" in read
    assert await _run(CLIENT, "node", "build/examples/plain_stubs.js", server.address, **key) == "messages: 2\n"

    process = await asyncio.create_subprocess_exec(
        "node",
        *("build/examples/server.js", server.address),
        cwd=CLIENT,
        env={**os.environ, **key},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            port = int((await process.stdout.readline()).split()[-1])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /users/ann/greeting HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).endswith(b"Hello, ann")
            writer.close()
            process.send_signal(signal.SIGTERM)
            assert await process.stdout.readline() == b"sent: 2\n"
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.usefixtures("package")
async def test_the_receiver_of_webhooks_believes_what_is_signed() -> None:
    await webhook_receivers.check("node", "build/examples/webhook_receiver.js", cwd=CLIENT)


def test_the_families_of_event_types_are_those_of_the_other_clients() -> None:
    from generators.typescript import event_families

    from tallywire.events import FAMILY_OF

    assert event_families() == dict(FAMILY_OF)
