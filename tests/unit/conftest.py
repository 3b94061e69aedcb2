"""Unit tests are the fast loop: they need no engine, open no socket and start no process."""

import socket
import subprocess
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

_WHERE = "tests/unit is for what needs no engine, socket or process: move this test to the folder of its subject"


def _refuse(*_: Any, **__: Any) -> NoReturn:
    pytest.fail(_WHERE)


@pytest.fixture(scope="session")
def engines() -> NoReturn:
    """Fails, and with it every fixture that stands on engines."""
    pytest.fail(_WHERE)


@pytest.fixture(scope="module", autouse=True)
def _nothing_outside() -> Iterator[None]:
    """Fails a test that opens a socket or starts a process."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("bind", "connect"):
            patch.setattr(socket.socket, name, _refuse)
        patch.setattr(subprocess, "Popen", _refuse)
        yield
