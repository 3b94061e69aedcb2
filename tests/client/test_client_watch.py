"""The command watch: its picture, and its life in terminals of several kinds."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import scripted
import states
import subscription_log
from google.rpc import code_pb2
from rich.console import Console
from scripted import Fail

from tallywire.cli import dashboard, formatting, trends
from tallywire.cli.dashboard import Dashboard
from tallywire.v1 import realtime_service_pb2
from tests.support.terminals import Terminal

RISING = {card.name: 1 for row in dashboard.CARDS for card in row}
LEAVES_THE_SCREEN, SHOWS_THE_CURSOR = "\x1b[?1049l", "\x1b[?25h"


def drawn(view: Dashboard, width: int = 80, height: int = 24, **options: Any) -> str:
    """Returns the picture as text, checked to be of its size."""
    console = Console(file=io.StringIO(), width=width, height=height, **options)
    console.print(dashboard.render(view, width, height))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    bare = Console(width=1000).render_str(
        re.sub(r"\x1b\[[\d;]*m", "", text), markup=False, emoji=False, highlight=False
    )
    assert len(bare.split()) == height
    assert max(line.cell_len for line in bare.split()) <= width
    return text


def view(**changes: Any) -> Dashboard:
    """Returns a view of a made state."""
    facts = {"title": "everything", "state": states.state(), "revision": 12_345, "age": 0.4, "trends": RISING}
    return Dashboard(**{**facts, "hint": "q quits", **changes})


def test_the_picture_without_colour() -> None:
    text = drawn(view(), color_system=None)
    assert "\x1b" not in text
    lines = text.splitlines()
    assert re.match(r"tallywire watch · everything +11:03:45 America/Denver", lines[0])
    assert re.fullmatch(r"● live · revision 12,345 +q quits ?", lines[-1])
    for said in (
        "│ 42 ▲",
        "│ 148 ▲",
        "│ 8,123 ▲",
        "│ –  ",
        "│ 850 ms ▲",
        "│ 12.3 s ▲",
        "│ 1,234,567  ",
        "│ 123M  ",
        "│ 0  ",
    ):
        assert said in text
    for status in ("active", "resolved", "escalated", "abandoned", "ended"):
        assert any(line.startswith(status) for line in lines)
    assert re.search(r"conversation-0-\?… +agent-with-a… +用户0 +web +1 +now", text)
    assert re.search(r"web +1\.0M +4 min ago", text)
    assert re.search(r"10:04 +10:19 +10:34 +10:49 +now", text)
    assert "peak 200" in text
    assert "peak 2,600 ms" in text


def test_colours_say_what_is_better() -> None:
    text = drawn(view(), color_system="standard", force_terminal=True)
    assert text.count("\x1b[1;32m ▲") == 3  # more messages and conversations
    assert text.count("\x1b[1;31m ▲") == 3  # slower responses
    falling = drawn(view(trends={"p95_response_time_ms": -1}), color_system="standard", force_terminal=True)
    assert (falling.count("\x1b[1;32m ▼"), falling.count("\x1b[1;31m ▼")) == (1, 0)
    for colour, status in (("32", "active"), ("36", "resolved"), ("33", "escalated"), ("31", "abandoned")):
        assert f"\x1b[{colour}m{status}" in text


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = drawn(view(), color_system="standard", force_terminal=True)
    assert not re.search(r"\x1b\[[\d;]*3\dm", text)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 12), (81, 25), (60, 20), (100, 30), (200, 60), (80, 43)])
@pytest.mark.parametrize("conversations", [0, 3, 20])
def test_every_size_is_filled_exactly(width: int, height: int, conversations: int) -> None:
    text = drawn(view(state=states.state(conversations=conversations)), width, height, color_system=None)
    assert text.count("web") == min(conversations, text.count("web"))
    assert "live" in text.splitlines()[-1]
    drawn(Dashboard(title="x" * 300), width, height, color_system=None)


def test_what_is_wrong_with_the_connection() -> None:
    assert "○ connecting…" in drawn(Dashboard(title="everything"), color_system=None)
    text = drawn(view(problem="no\x1b[5m route", problem_age=12.4, age=65), color_system=None)
    assert "○ reconnecting… for 12 s · figures of 1 min ago · no?[5m route" in text
    assert "live" not in text.splitlines()[-1]
    assert re.search(r"conversation-0.* 1 min ago", text)


def test_an_empty_state_is_dashes() -> None:
    text = drawn(
        Dashboard(title="agent a", state=realtime_service_pb2.RealtimeState(time_zone="UTC")), color_system=None
    )
    assert text.count(formatting.ABSENT) == 10
    assert "agent a" in text


def test_bars() -> None:
    assert dashboard.bar_lines([0, 0.001, 8, 16, 99, None], 2, 16) == ["   ██ ", "▁▂███·"]
    assert dashboard.bar_lines([None, None], 1, 0) == ["··"]
    assert dashboard.bar_lines([0, 0], 1, 0) == ["▁▁"]
    assert dashboard.bar_lines([], 2, 0) == ["", ""]


def test_one_outlier_does_not_flatten_a_chart() -> None:
    state = states.state()
    state.minutes[30].p95_response_time_ms = 90_000
    lines = drawn(view(state=state), color_system=None).splitlines()
    (row,) = [number for number, line in enumerate(lines) if line.startswith("peak 90.0 s (cut)")]
    assert lines[row].count("▄") + lines[row].count("▅") > 20
    assert lines[row - 1][50] == "█"


def test_trends_compare_with_a_minute_before() -> None:
    going = trends.MinuteTrends()
    assert going.of("messages_last_minute") is None
    for second in range(0, 200, 2):
        values = {"messages_last_minute": second, "p95_response_time_ms": 1_000 - second, "messages_last_hour": 5_000}
        state = states.state(at=states.NOW + timedelta(seconds=second), **values)
        going.take(state)
        if second < 5:
            assert going.of("messages_last_minute") is None
    assert [going.of(name) for name in ("messages_last_minute", "p95_response_time_ms", "messages_last_hour")] == [
        1,
        -1,
        0,
    ]
    assert going.of("success_rate") is None
    assert going.kept <= 32


@pytest.fixture
def terminal(running: scripted.Running) -> Iterator[Any]:
    """Opens terminals. What started the tests may ignore a hangup, as nohup does, and a child would inherit that."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    opened: list[Terminal] = []

    def opens(*arguments: str, stdin: bool = True, **variables: str) -> Terminal:
        reached = {"TALLYWIRE_API_KEY": "k", "TALLYWIRE_ADDRESS": running.address}
        environment = scripted.environment(**reached, **variables)
        opened.append(Terminal(environment, "watch", "--interval", "0.1", *arguments, stdin=stdin))
        return opened[-1]

    yield opens
    for one in opened:
        one.close()


@pytest.mark.parametrize(("how", "code"), [("q", 0), ("\x03", 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_every_end_gives_the_terminal_back(terminal: Any, script: scripted.Script, how: Any, code: int) -> None:
    shown = terminal()
    shown.wait_for("revision 0")
    shown.wait_for("q quits")
    script.live.commit(7)
    shown.wait_for("revision 7")
    assert termios.tcgetattr(shown.slave) != shown.before
    if isinstance(how, str):
        os.write(shown.master, how.encode())
    else:
        shown.process.send_signal(how)
    assert shown.end() == code
    assert LEAVES_THE_SCREEN in shown.text
    assert SHOWS_THE_CURSOR in shown.text
    script.live.wait_until(lambda: script.live.ended_calls == 1)


def test_ctrl_z_lends_the_terminal(terminal: Any, script: scripted.Script) -> None:
    shown = terminal()
    shown.wait_for("q quits")
    os.write(shown.master, b"\x1a")
    shown.wait_for(LEAVES_THE_SCREEN)
    pid, status = os.waitpid(shown.process.pid, os.WUNTRACED)
    assert (pid, os.WIFSTOPPED(status)) == (shown.process.pid, True)
    assert termios.tcgetattr(shown.slave) == shown.before
    script.live.commit(3)
    shown.process.send_signal(signal.SIGCONT)
    shown.wait_for("revision 3")
    os.write(shown.master, b"Q")
    assert shown.end() == 0


def test_a_stdin_that_is_no_terminal(terminal: Any) -> None:
    shown = terminal(stdin=False)
    shown.wait_for("Ctrl-C quits")
    os.write(shown.master, b"\x03")
    assert shown.end() == 0
    assert LEAVES_THE_SCREEN in shown.text


def test_a_restart_is_survived(terminal: Any, running: scripted.Running) -> None:
    shown = terminal()
    shown.wait_for("live")
    running.server.stop(None).wait(5)
    shown.wait_for("reconnecting…")
    running.script.live.commit(5)
    again = scripted.start(int(running.address.rpartition(":")[2]), running.script)
    shown.wait_for("revision 5")
    os.write(shown.master, b"q")
    assert shown.end() == 0
    assert "transport" not in shown.all  # gRPC's own log
    again.server.stop(None).wait(5)


def test_an_error_is_one_line_below_the_screen(terminal: Any, script: scripted.Script) -> None:
    revoked = Fail(code=code_pb2.UNAUTHENTICATED, reason="CREDENTIALS_INVALID")
    script.live.steps.append(subscription_log.Cut(after=1, failure=revoked))
    shown = terminal()
    shown.wait_for(LEAVES_THE_SCREEN)
    shown.wait_for("tallywire: UNAUTHENTICATED (CREDENTIALS_INVALID)")
    assert shown.end() == 1


def test_a_dumb_terminal_gets_one_picture_below_the_other(terminal: Any) -> None:
    shown = terminal(TERM="dumb")
    shown.wait_for("● live")
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 0
    assert "\x1b" not in shown.text


def process(running: scripted.Running, *arguments: str) -> "subprocess.Popen[str]":
    """Starts watch without any terminal."""
    environment = scripted.environment(TALLYWIRE_API_KEY="k", TALLYWIRE_ADDRESS=running.address)
    command = [sys.executable, "-m", "tallywire.cli", "watch", "--interval", "0.1", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, env=environment)


def test_json_is_a_line_for_each_state(running: scripted.Running, script: scripted.Script) -> None:
    with process(running, "--json", "--agent", "a", "--agent", "b") as child:
        assert child.stdout is not None
        for revision in range(3):
            document = json.loads(child.stdout.readline())
            assert document["as_of_revision"] == revision
            assert document["metrics"]["success_rate"] is None
            assert len(document["minutes"]) == 60
            script.live.commit()
        child.send_signal(signal.SIGTERM)
        assert (child.wait(20), child.stderr.read()) == (143, "")  # type: ignore[union-attr]
    assert list(script.live.requests[0].filter.agent_ids) == ["a", "b"]


def test_a_pipe_gets_pictures(running: scripted.Running, script: scripted.Script) -> None:
    with process(running, "--channel", "web") as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(24)]
        assert "channel web" in lines[0]
        assert "live" in lines[-1]
        assert not any("\x1b" in line for line in lines)
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0


def test_no_server_and_wrong_options_are_reported_at_once(nobody: str) -> None:
    for arguments, code, said in (
        (["--address", nobody], 1, f"no connection to {nobody}"),
        (["--interval", "0"], 2, "interval"),
    ):
        environment = scripted.environment(TALLYWIRE_API_KEY="k", TALLYWIRE_ADDRESS=nobody)
        command = [sys.executable, "-m", "tallywire.cli", "watch", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment)
        assert (ran.returncode, ran.stdout) == (code, "")
        assert said in ran.stderr
