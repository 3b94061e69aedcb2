"""The command: in-process through typer's runner, and as a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import answers
import pytest
import scripted
from google.rpc import code_pb2
from scripted import Fail, Reject, Slow
from typer.testing import Result

Run = Callable[..., Result]


def process(running: scripted.Running, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command as a process of its own."""
    environment = scripted.environment(TALLYWIRE_API_KEY="k", TALLYWIRE_ADDRESS=running.address)
    command = [sys.executable, "-m", "tallywire.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, **options)


def test_track(run: Run, script: scripted.Script) -> None:
    arguments = [
        "track", "message.sent", "--agent", "a", "--user", "u", "--conversation", "c", "--id", "e1",
        "--at", "2026-01-01T05:45:00+05:45", "--property", "plan=pro", "--property", "seats=3", "--property", "x=a=b",
        "--property", "nan=NaN", "--set", "response_time_ms=120", "--set", "failed=true", "--set", "model=m-1",
    ]  # fmt: skip
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (0, "accepted e1\n")
    stored = script.stored["e1"]
    assert (stored.agent_id, stored.user_id, stored.conversation_id) == ("a", "u", "c")
    assert stored.occurred_at.ToJsonString() == "2026-01-01T00:00:00Z"
    assert (stored.message.response_time_ms, stored.message.failed, stored.message.model) == (120, True, "m-1")
    assert dict(stored.properties) == {"plan": "pro", "seats": 3, "x": "a=b", "nan": "NaN"}
    assert not script.requests[0].HasField("sent_at")
    again = run(*arguments, "--json")
    assert json.loads(again.stdout) == {
        "event_id": "e1", "status": "EVENT_STATUS_DUPLICATE", "rejection": None, "warnings": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["track", "message.sent", "--set", "latency=1"],
            "message.sent takes no latency; its fields are",
        ),
        (["track", "message.sent", "--set", "response_time_ms=fast"], "response_time_ms is a whole number, not 'fast'"),
        (["track", "message.sent", "--set", "failed=yes"], "failed is true or false"),
        (["track", "message.sent", "--set", "response_time_ms"], "--set has the form key=value"),
        (["track", "shop.opened", "--set", "points=1"], "shop.opened is a custom event type"),
        (["track", "agent.status_changed", "--set", "status=asleep"], "status is one of available, busy"),
        (["track", "message.sent", "--at", "yesterday"], "--at is an RFC 3339 instant"),
        (["track", "message.sent", "--at", "2026-01-31"], "--at is an RFC 3339 instant (2026-01-31T12:00:00Z), not"),
        (["track", "message.sent", "--at", "2026-01-01T00:00:00"], "--at is an RFC 3339 instant"),
        (["overview", "--last", "7"], "--last is a number with m, h, d or w"),
        (["overview", "--last", "7d", "--from", "2026-01-01"], "--last goes without"),
        (["overview", "--to", "2026-01-01"], "--to needs --from"),
        (["overview", "--from", "2026-02-01", "--to", "2026-01-01"], "--to is not later than --from"),
        (["overview", "--zone", "Mars/Base"], "--zone is the name of an IANA time zone"),
        (["usage", "--granularity", "second"], "--granularity is one of minute, five_minutes, quarter_hour"),
        (["api", "--granularity", "minute"], "series by the minute are those of `tallywire usage`"),
        (["conversations", "--order", "messages"], "--order goes with --list"),
        (["conversations", "--list", "--order", "speed"], "--order is one of began_at, closed_at"),
        (["conversations", "--list", "--number", "rating=2"], "--number is NAME=MIN..MAX with a name of messages, "),
        (["conversations", "--list", "--where", "model=x"], "--where goes without --list"),
        (["users", "--order", "speed"], "--order is one of last_seen, first_seen, user_id"),
        (["users", "u", "--rows-token", "x"], "--rows-token goes without a period, a prefix and an order"),
        (["users", "--seen", "new"], "--seen goes with a period"),
        (["users", "--last", "7d", "--seen", "old"], "--seen is one of active, new, returning, not"),
        (["user-retention", "--cohorts", "hour"], "--cohorts is one of day, week, month, not"),
        (["agents", "--order", "speed"], "--order is one of name, agent_id, last_seen, not"),
        (["agents", "--kind", "robot"], "--kind is one of ai, human, not"),
        (["agents", "--status", "asleep"], "--status is one of available, busy"),
        (["agent", "ada", "--now", "--last", "7d"], "--now goes without a period"),
        (["campaigns", "--order", "speed"], "--order is one of leads_generated, "),
        (["anomalies", "--sensitivity", "x"], "--sensitivity is one of low, medium, high or a number, not"),
        (["anomalies", "--direction", "up"], "--direction is one of above, below, not"),
        (["changes", "--compare", "decade"], "--compare is one of"),
        (["leaderboard", "--order", "speed"], "--order is one of points, badges, tasks, calls, conversions, not"),
        (["leaderboard", "--teams", "--team", "north"], "--team goes without --teams"),
        (["replay", "/does/not/exist"], "No such file or directory: /does/not/exist"),
        (["overview", "--ca", "/does/not/exist"], "--ca: No such file"),
        (["overview", "--ca", os.devnull, "--insecure"], "insecure contradicts"),
        (["overview", "--key", "a b"], "api_key is empty or holds"),
        (["overview", "--key", ""], "TALLYWIRE_API_KEY"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(run: Run, script: scripted.Script, arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr
    assert result.stderr.startswith("tallywire: ")
    assert result.stderr.count("\n") == 1
    assert script.requests == []


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Fail(code=code_pb2.UNAUTHENTICATED, reason="CREDENTIALS_INVALID"), "Set TALLYWIRE_API_KEY to a key"),
        (Fail(code=code_pb2.PERMISSION_DENIED, reason="SCOPE_MISSING", metadata={"scope": "read"}), "the scope read"),
        (Fail(code=code_pb2.NOT_FOUND, reason="AGENT_NOT_FOUND"), "Check its spelling"),
        (Fail(code=code_pb2.NOT_FOUND, reason="TEAM_NOT_FOUND"), "`tallywire values team PREFIX`"),
        (Fail(code=code_pb2.NOT_FOUND, reason="CAMPAIGN_NOT_FOUND"), "`tallywire values campaign PREFIX`"),
        (
            Fail(code=code_pb2.INVALID_ARGUMENT, reason="DIMENSION_REQUIRED", metadata={"dimension": "currency"}),
            "Add --by currency to `query`, or --where currency=VALUE",
        ),
        (
            Fail(
                code=code_pb2.FAILED_PRECONDITION,
                reason="RAW_EVENTS_GONE",
                metadata={"kept_from": "2026-01-01T00:00:00Z"},
            ),
            "--from 2026-01-01T00:00:00Z",
        ),
        (Fail(code=code_pb2.INTERNAL, reason="INTERNAL", metadata={"request_id": "r-1"}), "request id r-1"),
        (Fail(code=code_pb2.DEADLINE_EXCEEDED, reason="DEADLINE"), "shorter period"),
        (Fail(code=code_pb2.RESOURCE_EXHAUSTED, retry_after=90), "Try again in 90 s"),
        (Fail(code=code_pb2.INVALID_ARGUMENT, field="time_range.time_zone", message="bad\nzone"), "bad?zone"),
    ],
)
def test_errors_are_one_line_and_code_1(run: Run, script: scripted.Script, step: Fail, said: str) -> None:
    script.play(step)
    result = run("agent", "a1", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_no_server_is_reported(run: Run, nobody: str) -> None:
    for arguments in (["overview"], ["track", "a.b"]):
        result = run(*arguments, "--address", nobody)
        assert result.exit_code == 1
        assert f"no connection to {nobody}. Is the server running" in result.stderr


def test_questions(run: Run, script: scripted.Script) -> None:
    script.answers.update(overview=answers.overview(), agent=answers.agent("bot"), usage=answers.usage())
    dates = ["--from", "2026-01-05", "--to", "2026-01-12", "--zone", "Asia/Kathmandu"]
    for arguments, said in (
        (["overview", "--agent", "a"], "Messages"),
        (["agent", "bot", "--trend-days", "30"], "Agent bot"),
        (["usage", "--granularity", "day", "--metric", "m1", "--metric", "m2"], "Usage by day"),
    ):
        result = run(*arguments, *dates)
        assert result.exit_code == 0, result.stderr
        assert said in result.stdout
        assert "\x1b" not in result.stdout
        document = json.loads(run(*arguments, *dates, "--json").stdout)
        assert document["context"]["time_zone"] == "Asia/Kathmandu"
    assert {request.time_range.start.ToJsonString() for request in script.requests} == {"2026-01-04T18:15:00Z"}
    assert {request.time_range.time_zone for request in script.requests} == {"Asia/Kathmandu"}
    assert script.requests[0].filter.agent_id == "a"
    assert script.requests[2].trend_days == 30
    assert list(script.requests[4].metrics) == ["m1", "m2"]


LINES = [
    '\ufeff{"event_type": "message.sent", "event_id": "e1", "message": {"response_time_ms": 12, "model": "m"}}',
    "",
    '{"event_type": "message.sent", "agent_id": "a", "occurred_at": "2026-01-01T00:00:00Z", "properties": {"a": [1]}}',
    '{"event_type": "storage.changed", "storage": {"bytes_delta": "-5", "kind": "STORAGE_KIND_UPLOAD"}}',
]
BAD = [
    "not json",
    "[]",
    '{"event_type": "a.b", "colour": 1}',
    '{"agent_id": "a"}',
    '{"event_type": "a.b", "message": 4}',
    '{"event_type": "a.b", "occurred_at": "yesterday"}',
]


def test_replay_twice_counts_once(run: Run, script: scripted.Script, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(LINES), encoding="utf-8")
    assert run("replay", str(file)).stdout == "3 accepted, 0 duplicate, 0 rejected\n"
    again = run("replay", str(file), "--json")
    assert again.exit_code == 0
    assert json.loads(again.stdout) == {
        "lines": 3, "accepted": 0, "duplicate": 3, "rejected": 0, "bad_lines": 0, "error": None, "problems": [],
    }  # fmt: skip
    assert script.stored["e1"].message.response_time_ms == 12
    assert sorted(event.storage.bytes_delta for event in script.stored.values()) == [-5, 0, 0]
    assert not script.requests[0].HasField("sent_at")


def test_a_line_of_stdin_that_means_now_is_new_each_time(run: Run, script: scripted.Script) -> None:
    for _ in range(2):
        assert run("replay", "-", input=f"{LINES[2]}\n{LINES[3]}\n").exit_code == 0
    assert [event.event_type for event in script.stored.values()].count("storage.changed") == 2
    assert len(script.stored) == 3


def test_replay_knows_lines_by_what_they_say(run: Run, script: scripted.Script, tmp_path: Path) -> None:
    lines = [
        f'{{"event_type": "message.sent", "agent_id": "a", "occurred_at": "2026-01-01T10:{minute:02d}:00Z"}}\n'
        for minute in range(20)
    ]
    first = tmp_path / "events.jsonl"
    first.write_text("".join(lines))
    assert run("replay", str(first)).stdout == "20 accepted, 0 duplicate, 0 rejected\n"
    (tmp_path / "old").mkdir()
    moved = first.rename(tmp_path / "old" / "events.jsonl.1")
    assert run("replay", str(moved)).stdout == "0 accepted, 20 duplicate, 0 rejected\n"
    # A line put in front, one twice, one in another order and form, and a new one at the end.
    other = json.dumps(dict(reversed(json.loads(lines[5]).items())), indent=None, separators=(" , ", " : ")) + "\r\n"
    grown = [LINES[3] + "\n", *lines[:5], other, *lines[6:], lines[0], LINES[2] + "\n"]
    first.write_text("".join(grown))
    assert run("replay", str(first)).stdout == "3 accepted, 20 duplicate, 0 rejected\n"
    assert run("replay", str(first)).stdout == "0 accepted, 23 duplicate, 0 rejected\n"
    assert run("replay", "-", input="".join(lines)).stdout == "0 accepted, 20 duplicate, 0 rejected\n"
    # The same lines of another machine are other events, if that is said.
    assert run("replay", str(moved), "--source", "host-2").stdout == "20 accepted, 0 duplicate, 0 rejected\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            '{"event_type": "a.b", "occurred_at": "2026-11"}',
            'occurred_at is an instant with its zone, such as 2026-01-31T12:00:00Z, not "2026-11"',
        ),
        (
            '{"event_type": "a.b", "occurredAt": "2026-11-28T10:00:00"}',
            'occurredAt is an instant with its zone, such as 2026-01-31T12:00:00Z, not "2026-11-28T10:00:00"',
        ),
        ('{"event_type": "a.b", "occurred_at": 1764324000}', "not 1764324000"),
        (
            '{"event_type": "a.b", "properties": {"order": [12345678901234567890]}}',
            "properties.order[0] is not a number that JSON keeps exactly: 12345678901234567890; send it as text",
        ),
        ('{"event_type": "a.b", "properties": 4}', "properties is a mapping, not int"),
    ],
)
def test_replay_says_what_is_wrong_with_a_line(run: Run, script: scripted.Script, line: str, said: str) -> None:
    result = run("replay", "-", input=line)
    assert result.exit_code == 1
    assert f"line 1: UNREADABLE: {said}" in result.stderr or said in result.stderr
    assert "strptime" not in result.stderr
    assert "does not match format" not in result.stderr
    assert not script.stored


def test_replay_in_batches(run: Run, script: scripted.Script) -> None:
    script.play(Fail(store=True), Fail(retry_after=0.01))
    result = run("replay", "-", input=(LINES[2] + "\n") * 1_250)
    assert result.exit_code == 0
    assert len(script.stored) == 1_250
    assert {len(request.events) for request in script.requests} == {500, 250}


def test_replay_stops_at_a_bad_line(run: Run, script: scripted.Script) -> None:
    result = run("replay", "-", input="\n".join([LINES[2], *BAD, LINES[2]]))
    assert result.exit_code == 1
    assert result.stdout == "1 accepted, 0 duplicate, 0 rejected, 1 unreadable\n"
    assert "line 2: UNREADABLE:" in result.stderr
    assert "tallywire: stopped at line 2\n" in result.stderr
    assert len(script.stored) == 1


def test_replay_keeps_going(run: Run, script: scripted.Script) -> None:
    script.play(Reject())
    result = run("replay", "-", "--keep-going", "--json", input="\n".join([LINES[2], *BAD, LINES[2]]))
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert {key: document[key] for key in ("lines", "accepted", "rejected", "bad_lines", "error")} == {
        "lines": 8, "accepted": 0, "rejected": 2, "bad_lines": 6, "error": None,
    }  # fmt: skip
    assert [problem["line"] for problem in document["problems"]] == [2, 3, 4, 5, 6, 7, 1, 8]
    assert document["problems"][-1]["reason"] == "VALUE_OUT_OF_RANGE"
    assert "line 1: VALUE_OUT_OF_RANGE: message.prompt_tokens: too much" in result.stderr


def test_replay_tells_how_far_it_came(run: Run, script: scripted.Script) -> None:
    script.play(Slow(seconds=0), Fail(code=code_pb2.UNAUTHENTICATED, reason="CREDENTIALS_INVALID"))
    result = run("replay", "-", "--json", input=(LINES[2] + "\n") * 900)
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert (document["accepted"], "CREDENTIALS_INVALID" in document["error"]) == (500, True)


def test_replay_lists_a_hundred_problems_at_most(run: Run) -> None:
    result = run("replay", "-", "--keep-going", "--json", input="x\n" * 300)
    document = json.loads(result.stdout)
    assert (document["bad_lines"], len(document["problems"])) == (300, 100)


def test_as_a_process(running: scripted.Running, script: scripted.Script) -> None:
    script.answers["overview"] = answers.overview()
    shown = process(running, "overview", "--json")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert json.loads(shown.stdout)["overview"]["events"] == 99_999
    table = process(running, "overview")
    assert max(map(len, table.stdout.splitlines())) <= 80
    assert "\x1b" not in table.stdout
    rejected = process(running, "replay", "-", input="oops\n")
    assert rejected.returncode == 1
    usage = process(running, "overview", "--bogus")
    assert usage.returncode == 2
    version = process(running, "--version")
    assert re.fullmatch(r"tallywire \d+\.\d+\.\d+\n", version.stdout)


def test_a_closed_pipe_is_no_traceback(running: scripted.Running, script: scripted.Script) -> None:
    script.answers["usage"] = answers.usage(points=2_000, metrics=20)
    environment = scripted.environment(TALLYWIRE_API_KEY="k", TALLYWIRE_ADDRESS=running.address)
    for extra in ([], ["--json"], ["--csv"]):
        command = [sys.executable, "-m", "tallywire.cli", "usage", *extra]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            child.stdout.read(10)
            child.stdout.close()
            assert child.stderr.read() == b""
            child.wait(20)


def test_ctrl_c_is_one_line(running: scripted.Running, script: scripted.Script) -> None:
    script.hold.clear()
    environment = scripted.environment(TALLYWIRE_API_KEY="k", TALLYWIRE_ADDRESS=running.address)
    command = [sys.executable, "-m", "tallywire.cli", "overview"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as child:
        assert script.arrived.wait(20)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert (child.returncode, out, err) == (130, b"", b"tallywire: interrupted\n")


def test_without_the_extra_there_is_one_clear_line(running: scripted.Running, tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('No module named typer', name='typer')")
    environment = scripted.environment()
    environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{environment['PYTHONPATH']}"
    command = [sys.executable, "-m", "tallywire.cli", "overview"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "tallywire: the command needs its extra cli: pip install typer rich\n"
