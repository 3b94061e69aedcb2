"""The command `tallywire`, run against a server of this process."""

import asyncio
import json
from csv import DictReader
from typing import Any

import structlog.testing
from typer.testing import CliRunner, Result

from tallywire.cli.app import application
from tests.support.serving import Caller


async def shown(address: str, caller: Caller, *arguments: str) -> str:
    """Returns what a command prints for people; its lines fit a terminal of 80 columns."""
    text = await output(address, caller, *arguments)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80, text
    return text


async def document(address: str, caller: Caller, *arguments: str) -> Any:
    """Returns the JSON that a command prints."""
    return json.loads(await output(address, caller, *arguments, "--json"))


async def csv(address: str, caller: Caller, *arguments: str) -> list[dict[str, str]]:
    """Returns the rows that a command prints as CSV."""
    text = await output(address, caller, *arguments, "--csv")
    return list(DictReader(text.splitlines()))


async def refused(address: str, caller: Caller, *arguments: str) -> str:
    """Returns the line that a command prints when it fails."""
    result = await run(address, caller, *arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    return result.stderr


async def output(address: str, caller: Caller, *arguments: str) -> str:
    """Returns what a command prints."""
    result = await run(address, caller, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


async def run(address: str, caller: Caller, *arguments: str) -> Result:
    """Runs a command and returns how it has ended."""
    environment = {"TALLYWIRE_ADDRESS": address, "TALLYWIRE_API_KEY": caller.key.secret, "COLUMNS": "80"}
    # In a thread: the command blocks, and the server is on this event loop. What the server logs meanwhile would go to
    # the output that is caught for the command.
    with structlog.testing.capture_logs():
        return await asyncio.to_thread(CliRunner().invoke, application, arguments, env=environment)
