"""A scripted server for each test, and a client on it."""

import socket
from collections.abc import Callable, Iterator

import pytest
import reported
import scripted
from typer.testing import CliRunner, Result

import tallywire
from tallywire.cli.app import application


@pytest.fixture
def running() -> Iterator[scripted.Running]:
    """A server that plays back what the test puts in its script."""
    running = scripted.start()
    yield running
    running.script.hold.set()
    running.server.stop(None).wait(5)


@pytest.fixture
def script(running: scripted.Running) -> scripted.Script:
    """The script of the server."""
    return running.script


@pytest.fixture
def client(running: scripted.Running) -> Iterator[tallywire.Client]:
    """A client of the server."""
    with tallywire.Client(running.address, api_key=scripted.KEY, timeout=10) as client:
        yield client


@pytest.fixture
def observed(running: scripted.Running, script: scripted.Script) -> Iterator[reported.Reported]:
    """A tracker for middleware, and what has come from it."""
    with tallywire.Tracker(running.address, api_key="k", flush_interval=60) as tracker:
        yield reported.Reported(tracker=tracker, script=script)


@pytest.fixture
def nobody() -> str:
    """An address on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def run(running: scripted.Running, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command against the scripted server."""
    monkeypatch.setenv("TALLYWIRE_API_KEY", "k")
    monkeypatch.setenv("TALLYWIRE_ADDRESS", running.address)
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *arguments, **options: CliRunner().invoke(application, list(arguments), **options)
