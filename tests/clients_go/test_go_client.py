"""The Go client as a newcomer meets it: the README's quick start as pasted, the examples, and what is generated."""

import asyncio
import os
import pathlib
import re
import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import tallywire
from tallywire import events
from tests.conformance import languages
from tests.support import webhook_receivers

pytestmark = pytest.mark.skipif(not languages.are_quick_starts_wanted(), reason="built and tested by .ci/clients")

GO = pathlib.Path(__file__).parents[2] / "clients" / "go"
PLACEHOLDER = "/path/to/clients/go"


@pytest.fixture(scope="module", autouse=True)
def _toolchain() -> None:
    if shutil.which("go") is None:
        pytest.fail("go is not on PATH")


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


def _quick_start() -> tuple[list[str], str]:
    """The lines for the shell and the program of the quick start."""
    text = (GO / "README.md").read_text(encoding="utf-8").partition("## Quick start")[2].partition("\n## ")[0]
    shell = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    (program,) = re.findall(r"```go\n(.*?)```", text, re.DOTALL)
    return shell, program


async def test_the_quick_start_works_as_pasted(server: Any, make_tenant: Any, tmp_path: pathlib.Path) -> None:
    tenant = await make_tenant()
    shell, program = _quick_start()
    (tmp_path / "main.go").write_text(program, encoding="utf-8")
    access = {"TALLYWIRE_ADDRESS": server.address, "TALLYWIRE_API_KEY": tenant.key}
    outputs = []
    for line in shell:
        # The address and key of the last line are those of this test.
        command = re.sub(r"TALLYWIRE_\w+=\S+ ", "", line).replace(PLACEHOLDER, str(GO))
        outputs.append(await _run(tmp_path, *command.split(), **access))
    assert outputs[-1] == "1 messages\n"


async def test_the_examples_run(server: Any, make_tenant: Any, tmp_path: pathlib.Path) -> None:
    tenant = await make_tenant()
    access = {"TALLYWIRE_ADDRESS": server.address, "TALLYWIRE_API_KEY": tenant.key}
    names = ("track_and_read", "plain_stubs", "http_server")
    await _run(GO, "go", "build", "-o", f"{tmp_path}/", *(f"./examples/{name}" for name in names))

    read = await _run(tmp_path, str(tmp_path / "track_and_read"), **access)
    assert "Sent:4" in read
    assert "messages: 2" in read
    assert "nobody was asked" in read
    config = GO.parent / "python" / "src" / "tallywire" / "service_config.json"
    assert await _run(tmp_path, str(tmp_path / "plain_stubs"), str(config), **access) == "messages: 2\n"

    process = await asyncio.create_subprocess_exec(
        tmp_path / "http_server", env={**os.environ, **access}, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        host, port = (await process.stdout.readline()).decode().split()[-1].rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /orders/7 HTTP/1.0\r\nX-Agent: bot\r\n\r\n")
        assert b"order 7" in await reader.read()
        writer.close()
        process.terminate()
        assert "Sent:1" in (await process.stdout.read()).decode()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    now = datetime.now(UTC)
    async with tallywire.AsyncClient(server.address, api_key=tenant.key) as client:
        usage = await client.api_usage(now - timedelta(hours=1), now + timedelta(hours=1))
    assert usage.figures.api_calls == 1
    assert [row.value for row in usage.by_endpoint.rows] == ["GET /orders/{id}"]


async def test_the_receiver_of_webhooks_believes_what_is_signed(tmp_path: pathlib.Path) -> None:
    await _run(GO, "go", "build", "-o", f"{tmp_path}/", "./examples/webhook_receiver")
    await webhook_receivers.check(str(tmp_path / "webhook_receiver"), cwd=tmp_path)


def test_builders_know_every_event_type_and_its_detail() -> None:
    text = (GO / "event" / "builders.gen.go").read_text(encoding="utf-8")
    known = dict(re.findall(r'^\t"([a-z_.]+)": +"([a-z_]+)",$', text, re.MULTILINE))
    assert known == dict(events.FAMILY_OF)


def test_no_file_names_a_registry() -> None:
    for path in (GO / "go.mod", GO / "go.sum", GO / "tools" / "go.mod", GO / "tools" / "go.sum"):
        assert "https://proxy" not in path.read_text(encoding="utf-8")
