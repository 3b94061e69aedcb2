"""Child processes: how they start, what is made of their ends, and how they are stopped."""

import asyncio
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from server.process import children
from server.process.children import Program
from tests.support import waiting
from tests.support.waiting import PATIENCE

# What stands in for server.process.child: it knows the same protocol, and does what its role says.
STAND_IN = """
import os, pathlib, signal, socket, sys, time

role, number = sys.argv[-2:]
here = pathlib.Path(os.environ["PLACE"])
with (here / "starts").open("a") as starts:
    print(number, time.monotonic(), os.getpid(), file=starts)
if role == "failing":
    print("error: it cannot be", file=sys.stderr)
    sys.exit(1)
if role == "stubborn" and number == "2":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(0.1)
(here / f"ready-{number}").write_text(str(time.monotonic()))
print("it works", flush=True)
socket.socket(fileno=0).sendall(b"ready\\n")
while True:
    time.sleep(60)
"""

Make = Callable[..., list[Program]]


@pytest.fixture
def make(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes two programs of a role of the stand-in."""
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    monkeypatch.setattr(children.child, "__name__", "stand_in")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PLACE": str(tmp_path)}

    def make(role: str, *, relayed: bool = True, grace: float = PATIENCE) -> list[Program]:
        return [
            Program(role=role, number=number, grace=grace, relayed=relayed, environment=environment)
            for number in (1, 2)
        ]

    return make


async def test_the_first_of_a_role_starts_alone_and_all_stop_together(make: Make, tmp_path: pathlib.Path) -> None:
    said: list[tuple[str, str]] = []
    async with children.running(make("good"), lambda *line: said.append(line), asyncio.Event()) as family:
        assert await family.ready(asyncio.Event())
        ready = float((tmp_path / "ready-1").read_text())
        starts = [line.split() for line in (tmp_path / "starts").read_text().splitlines()]
        assert [number for number, *_ in starts] == ["1", "2"]
        assert float(starts[1][1]) > ready
    assert family.orderly
    assert sorted(said) == [("good 1", "it works"), ("good 2", "it works")]


async def test_one_that_has_to_be_killed_is_reported(make: Make) -> None:
    async with children.running(make("stubborn", grace=0.5), lambda *_: None, asyncio.Event()) as family:
        assert await family.ready(asyncio.Event())
        began = time.monotonic()
    assert not family.orderly
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize("relayed", [True, False])
async def test_one_that_cannot_start_ends_all_and_is_reported_once(
    make: Make, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str], relayed: bool
) -> None:
    said: list[tuple[str, str]] = []
    programs = make("failing", relayed=relayed)
    with pytest.raises(children.DoesNotStart, match=r"^the failing 1 does not start: ") as refused:
        async with children.running(programs, lambda *line: said.append(line), asyncio.Event()) as family:
            await family.ready(asyncio.Event())
    assert refused.value.code == 1
    assert (tmp_path / "starts").read_text().count("\n") == 1
    printed = capfd.readouterr().err
    assert (said, printed) == (
        ([("failing 1", "error: it cannot be")], "") if relayed else ([], "error: it cannot be\n")
    )
    assert ("it cannot be" in str(refused.value)) == relayed


async def test_one_that_died_before_is_no_disorder(make: Make, tmp_path: pathlib.Path) -> None:
    died = asyncio.Event()
    async with children.running(
        make("good"), lambda _, line: "ended" in line and died.set(), asyncio.Event()
    ) as family:
        assert await family.ready(asyncio.Event())
        os.kill(int((tmp_path / "starts").read_text().split()[2]), signal.SIGKILL)  # the first
        await asyncio.wait_for(died.wait(), PATIENCE)
    assert family.orderly


async def test_one_that_dies_comes_back_alone(make: Make, tmp_path: pathlib.Path) -> None:
    said: list[tuple[str, str]] = []
    async with children.running(make("good"), lambda *line: said.append(line), asyncio.Event()) as family:
        assert await family.ready(asyncio.Event())
        os.kill(int((tmp_path / "starts").read_text().split()[2]), signal.SIGKILL)  # the first
        await waiting.until(lambda: (tmp_path / "starts").read_text().count("\n") == 3)
    assert family.orderly
    assert ("good 1", "ended by SIGKILL unexpectedly, starts again in 0.5 s") in said
    assert [line.split()[0] for line in (tmp_path / "starts").read_text().splitlines()] == ["1", "2", "1"]


# A child that says on standard output that it drains, and then does.
DRAINING = """
import os, pathlib, signal, socket, sys, threading, time
from server.process import child

def drain(*_):
    print("draining", flush=True)
    pathlib.Path(sys.argv[1]).touch()
    os._exit(0)

signal.signal(signal.SIGTERM, drain)
threading.Thread(target=child.end_with, args=(socket.socket(fileno=0), True), daemon=True).start()
print("ready", flush=True)
time.sleep(300)
"""


def test_a_child_drains_though_its_parent_reads_no_more(tmp_path: pathlib.Path) -> None:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", DRAINING, str(tmp_path / "drained")]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        # What the parent's death does.
        process.stdout.close()
        theirs.close()
        ours.close()
        assert process.wait(PATIENCE) == 0
    assert (tmp_path / "drained").exists()
