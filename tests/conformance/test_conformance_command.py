"""The command that runs cases outside of pytest, with engines and a server of its own."""

import asyncio
import sys

from tests.support.waiting import PATIENCE


async def test_the_command_runs_cases_against_a_server_of_its_own() -> None:
    arguments = ["-m", "tests.conformance", "--no-build", "--language", "python", "--kind", "contract"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        "--case",
        "track_and_overview",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, said.decode()
