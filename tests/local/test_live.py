"""`demo --live` and its readers as whole programs: what they show outlives kills, and everything ends cleanly."""

import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from server.local import demo
from tests.support import processes
from tests.support.processes import Foreground
from tests.support.terminals import Terminal

Read = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def live(tmp_path: pathlib.Path) -> Iterator[Foreground]:
    """The demo, playing."""
    playing = Foreground("demo", "--live", environment=processes.environment(tmp_path), logs=tmp_path / "logs")
    playing.says("Ctrl-C ends it.")
    yield playing
    playing.end()


@pytest.fixture
def readers(live: Foreground, tmp_path: pathlib.Path) -> dict[str, str]:
    """The environment in which the demo invites to read."""
    invited = re.search(r"TALLYWIRE_API_KEY=(\S+) TALLYWIRE_ADDRESS=(\S+) .*watch", live.out)
    assert invited
    return processes.environment(tmp_path, TALLYWIRE_API_KEY=invited[1], TALLYWIRE_ADDRESS=invited[2])


@pytest.fixture
def terminal(readers: dict[str, str]) -> Iterator[Terminal]:
    """A terminal that shows the dashboard."""
    terminal = Terminal(readers, "watch", "--interval", "0.1")
    yield terminal
    terminal.close()


@pytest.fixture
def read(readers: dict[str, str]) -> Iterator[Read]:
    """Runs the command `tallywire` as the demo invites to, with its lines added to a file."""
    started = []

    def read(shown: pathlib.Path, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tallywire.cli", *arguments]
        with shown.open("ab") as out:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, env=readers)
        started.append(child)
        return child

    yield read
    for child in started:
        child.kill()
        child.wait()


def lines(shown: pathlib.Path) -> list[dict[str, object]]:
    """The whole lines so far."""
    text = shown.read_text() if shown.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def grows(shown: pathlib.Path, by: int = 2) -> None:
    """Waits for some more lines."""
    before = len(lines(shown))
    assert processes.until(lambda: len(lines(shown)) >= before + by)


def test_readers_of_the_live_demo_outlive_kills(
    live: Foreground, read: Read, terminal: Terminal, tmp_path: pathlib.Path
) -> None:
    states, updates, position = tmp_path / "states", tmp_path / "updates", tmp_path / "position"
    day = datetime.now(ZoneInfo(demo.TIME_ZONE)).date()
    watching = read(states, "watch", "--json", "--interval", "0.1")
    reading = read(updates, "updates", "--resume", str(position))
    grows(states)
    grows(updates)
    terminal.wait_for("● live")

    # A reader that is killed goes on where it was.
    reading.kill()
    reading.wait()
    reading = read(updates, "updates", "--resume", str(position))
    grows(updates)

    # A server that is killed is started again, and all readers find it.
    killed = live.child("server")
    assert killed  # a signal to 0 would reach the tests themselves
    os.kill(killed, signal.SIGKILL)
    terminal.wait_for("reconnecting…")
    assert processes.until(lambda: live.child("server") not in (0, killed))
    grows(states)
    grows(updates)
    terminal.wait_for("● live")
    live.look()

    os.write(terminal.master, b"q")
    assert terminal.end() == 0
    for child in (watching, reading):
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 130
    # What came in is never taken back: the number falls at midnight alone. Soon after it, all of the hour that the demo
    # sends first can be yesterday's.
    today = [line["metrics"]["messages_today"] for line in lines(states)]  # type: ignore[index]
    falls = sum(later < earlier for earlier, later in itertools.pairwise(today))
    assert falls <= (datetime.now(ZoneInfo(demo.TIME_ZONE)).date() != day)
    assert max(today) > 0
    revisions = [line["revision"] for line in lines(updates)]
    first = revisions[0]
    assert isinstance(first, int)
    assert revisions == list(range(first, first + len(revisions)))

    live.interrupt()
    assert live.process.wait(30) == 0
    assert live.is_gone()
    assert re.fullmatch(r"everything is stopped, [\d,]+ events are kept in .*/demo\n", live.err)
