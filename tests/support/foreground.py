"""The fixture for commands in the foreground, which end with the test."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support import processes


@pytest.fixture
def start(tmp_path: pathlib.Path) -> Iterator[processes.Start]:
    """Starts commands that run in the foreground, and ends them after the test."""
    from tests.support import processes

    started: list[processes.Foreground] = []

    def start(*arguments: str, **variables: str) -> processes.Foreground:
        environment = processes.environment(tmp_path, **variables)
        started.append(processes.Foreground(*arguments, environment=environment, logs=tmp_path / "logs"))
        return started[-1]

    yield start
    for one in started:
        one.end()
