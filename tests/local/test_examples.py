"""The examples of the documentation work when they are typed as they stand."""

import asyncio
import json
import os
import shlex
import sys
from asyncio.subprocess import PIPE
from typing import Any

from google.protobuf import json_format

from server.app import Running
from tallywire import AsyncClient
from tallywire.v1 import event_pb2, event_service_pb2
from tests.documentation import EVENTS, PAGES, README, REALTIME, ROOT, blocks, shell_lines
from tests.support import children
from tests.support.waiting import PATIENCE


async def run(*command: str, address: str, key: str) -> tuple[int | None, str, str]:
    variables = {**os.environ, "TALLYWIRE_ADDRESS": address, "TALLYWIRE_API_KEY": key}
    return await children.ran(*command, cwd=ROOT, env=variables)


async def test_the_example_in_python_works(server: Running, tenant: Any) -> None:
    (example,) = blocks("python", PAGES[README])
    done = await run(sys.executable, "-c", example, address=server.address, key=tenant.key)
    assert done == (0, "1 820.0 1\n", "")


async def test_the_realtime_example_works(server: Running, tenant: Any) -> None:
    (example,) = blocks("python", PAGES[REALTIME])
    variables = {**os.environ, "TALLYWIRE_ADDRESS": server.address, "TALLYWIRE_API_KEY": tenant.key}
    command = (sys.executable, "-u", "-c", example)
    async with children.child(*command, env=variables, stdout=PIPE) as process, asyncio.timeout(PATIENCE):
        assert process.stdout is not None
        assert await process.stdout.readline() == b"0 0 0 0\n"


async def test_the_commands_of_the_client_work(server: Running, tenant: Any) -> None:
    # Those that go on until they are ended have tests of their own.
    lines = {
        line
        for line in shell_lines()
        if line.startswith(".venv/bin/tallywire ") and line.split()[1] not in ("watch", "updates")
    }
    assert lines
    for line in sorted(lines):
        words = shlex.split(line)[1:]
        code, out, err = await run(
            sys.executable, "-m", "tallywire.cli", *words, address=server.address, key=tenant.key
        )
        assert (code, err) == (0, ""), line
        assert out


async def test_the_example_of_every_family_is_accepted(server: Running, tenant: Any) -> None:
    (lines,) = blocks("jsonl", PAGES[EVENTS])
    events = [json_format.ParseDict(json.loads(line), event_pb2.Event()) for line in lines.splitlines()]
    async with AsyncClient(server.address, api_key=tenant.key) as client:
        results = await client.track_batch(events)
    accepted = event_service_pb2.EVENT_STATUS_ACCEPTED
    assert [one.event_id for one in results if one.status != accepted] == []
    assert len(results) == len(events)
