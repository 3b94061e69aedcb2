"""The examples of the client as programs of their own, and what the service then knows of their use."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import scripted

from server.app import Running
from server.tenancy.principal import Scope
from tallywire import AsyncClient
from tests.support import serving
from tests.support.serving import Accounts, Caller
from tests.support.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "clients/python/examples"
BIN = Path(sys.executable).parent


def free_port() -> int:
    """Returns a port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.asynccontextmanager
async def program(caller: Caller, server: Running, log: Path, *command: str, **variables: str) -> AsyncIterator[None]:
    """Runs an example with the key of a caller; in the end it is asked to stop, and does so in order."""
    environment = scripted.environment(
        TALLYWIRE_API_KEY=caller.key.secret, TALLYWIRE_ADDRESS=server.address, C_FORCE_ROOT="1", **variables
    )
    with log.open("w") as output:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, cwd=EXAMPLES, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def asking(caller: Caller, server: Running) -> AsyncIterator[AsyncClient]:
    """A client of the service."""
    async with AsyncClient(server.address, api_key=caller.key.secret) as client:
        yield client


def request(port: int, path: str, method: str = "GET") -> int:
    """Asks the example once, and returns the status."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method), timeout=60
        ) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


async def listens(port: int) -> bool:
    """Whether somebody listens on a port."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_requests_of_a_service_show_up_by_endpoint(accounts: Accounts, server: Running, tmp_path: Path) -> None:
    caller = await accounts.caller()
    port = free_port()
    command = (str(BIN / "uvicorn"), "asgi_app:app", f"--port={port}")

    def requests() -> list[int]:
        asked = [("/conversations/c1/messages?text=hi", "POST")] * 3 + [("/conversations/c2/messages", "POST")]
        return [request(port, *one) for one in [*asked, ("/healthz", "GET"), ("/nowhere/57", "GET")]]

    async with program(caller, server, tmp_path / "log", *command):
        await until(lambda: listens(port))
        assert await asyncio.to_thread(requests) == [200, 200, 200, 422, 200, 404]
    async with asking(caller, server) as client:
        period = serving.today()
        start, end = (one.ToDatetime(serving.UTC) for one in (period.start, period.end))
        usage = await client.api_usage(start, end)
        rows = {row.value: row for row in usage.by_endpoint.rows}
        overview = (await client.overview(start, end, agent_id="support-bot")).overview
    messages = "POST /conversations/{conversation_id}/messages"
    found = {name: (row.figures.api_calls, row.figures.api_client_errors) for name, row in rows.items()}
    assert found == {messages: (4, 1), "GET (none)": (1, 1)}, (tmp_path / "log").read_text()
    assert usage.figures.api_calls == 5
    assert rows[messages].figures.HasField("p99_api_latency_ms")
    assert rows[messages].figures.api_response_bytes > 0
    assert (overview.messages_received, overview.messages_sent) == (3, 3)


async def test_tasks_of_a_worker_show_up_as_workflows(accounts: Accounts, server: Running, tmp_path: Path) -> None:
    caller = await accounts.caller(scopes=(Scope.INGEST, Scope.READ, Scope.EVENTS))
    queue, log = tmp_path / "queue", tmp_path / "log"
    queue.mkdir()
    folders = {"data_folder_in": str(queue), "data_folder_out": str(queue), "control_folder": str(tmp_path / "control")}
    # The example with a folder as its broker.
    (tmp_path / "by_folder.py").write_text(
        "from celery_worker import app, write_report\n"
        f"app.conf.broker_transport_options = {folders!r}\n"
        "def send():\n"
        "    for pages in (3, 2, 0): write_report.delay(user_id='ann', pages=pages)\n"
    )
    variables = {"BROKER": "filesystem://", "PYTHONPATH": f"{tmp_path}:{scripted.environment()['PYTHONPATH']}"}
    environment = scripted.environment(TALLYWIRE_API_KEY="unused", **variables)
    send = [sys.executable, "-c", "import by_folder; by_folder.send()"]
    await asyncio.to_thread(subprocess.run, send, env=environment, cwd=EXAMPLES, check=True, timeout=60)
    options = ["--pool=prefork", "--concurrency=1", "--loglevel=info"]
    async with program(caller, server, log, str(BIN / "celery"), "--app=by_folder", "worker", *options, **variables):
        await until(lambda: log.read_text().count("succeeded in") == 2 and "raised unexpected" in log.read_text())
    async with asking(caller, server) as client:
        period = serving.today()
        start, end = (one.ToDatetime(serving.UTC) for one in (period.start, period.end))
        figures = (await client.overview(start, end, agent_id="report-bot")).overview
        name = {"properties.workflow": "celery_worker.write_report"}
        users = [row.event.user_id async for row in client.list_events(start, end, properties=name)]
    assert users == ["ann"] * 3
    assert (figures.workflow_executions, figures.workflow_failures) == (2, 1), log.read_text()
