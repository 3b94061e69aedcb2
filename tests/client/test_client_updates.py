"""The command updates: every update once, whenever its reader is killed."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
import scripted
import subscription_log
from google.rpc import code_pb2
from scripted import Fail

from tallywire.cli import problems, updates
from tallywire.cli.updates import Output, PositionFile, SavedPosition

KILLS = 6


@pytest.fixture
def live(script: scripted.Script) -> subscription_log.Live:
    """The subscriptions of the server."""
    return script.live


STARTED: "list[subprocess.Popen[str]]" = []


@pytest.fixture(autouse=True)
def _nobody_stays() -> Iterator[None]:
    """Ends the readers that a test has left behind."""
    yield
    while STARTED:
        if (child := STARTED.pop()).poll() is None:
            child.kill()
            child.communicate()


def start(running: scripted.Running, stdout: Any, *arguments: str) -> "subprocess.Popen[str]":
    """Starts a reader."""
    environment = scripted.environment(TALLYWIRE_API_KEY="k", TALLYWIRE_ADDRESS=running.address)
    command = [sys.executable, "-m", "tallywire.cli", "updates", *arguments]
    child = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment)
    STARTED.append(child)
    return child


def end(child: "subprocess.Popen[str]", number: int = signal.SIGTERM) -> tuple[int, str]:
    """Ends a reader; returns its exit code and what it complained about."""
    if child.poll() is None:
        child.send_signal(number)
    _, complaint = child.communicate(timeout=20)
    return child.returncode, complaint


def wait_for(condition: Any, seconds: float = 20) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def revisions(text: str) -> list[int]:
    """Returns the revisions of lines, each of which must be whole."""
    return [json.loads(line)["revision"] for line in text.splitlines() if line]


def kept(path: Path) -> Any:
    """Returns what the file of --resume holds, None while it is not there."""
    return json.loads(path.read_text()) if path.exists() else None


def killed(running: scripted.Running, stdout: IO[str], token: Path, shown: Path) -> Iterator[int]:
    """Kills a reader again and again while it prints; yields the numbers of the kills."""
    dice = random.Random(7)
    for number in range(KILLS):
        before = shown.stat().st_size
        child = start(running, stdout, "--resume", str(token))
        wait_for(lambda size=before: shown.stat().st_size > size)
        time.sleep(dice.random() * 0.1)
        end(child, signal.SIGKILL)
        yield number


def test_in_a_file_every_update_stands_once_whoever_kills_the_reader(
    running: scripted.Running, live: subscription_log.Live, tmp_path: Path
) -> None:
    token, shown = tmp_path / "token", tmp_path / "updates.jsonl"
    updates_begin(token)
    live.commit(1_000_000)
    behind = torn = 0
    with shown.open("a") as stdout:
        for _ in killed(running, stdout, token, shown):
            text = shown.read_text()
            torn += not text.endswith("\n")
            whole = revisions(text[: text.rfind("\n") + 1])
            assert whole == list(range(1, len(whole) + 1))
            behind += whole[-1] > kept(token)["revision"]
            assert whole[-1] <= kept(token)["revision"] + 1
            with shown.open("a") as raw:  # what a kill in the middle of a line leaves
                raw.write(reported_line(whole[-1] + 1)[: random.Random(behind).randrange(100)])
        child = start(running, stdout, "--resume", str(token))
        size = shown.stat().st_size
        wait_for(lambda: shown.stat().st_size > size + 1_000)
        assert end(child) == (143, "")
    seen = revisions(shown.read_text())
    assert seen == list(range(1, len(seen) + 1))
    assert (kept(token)["revision"], kept(token)["ended"]) == (seen[-1], True)


def test_a_line_that_its_position_does_not_know_of(
    running: scripted.Running, live: subscription_log.Live, tmp_path: Path
) -> None:
    token, shown = tmp_path / "token", tmp_path / "updates.jsonl"
    live.commit(3)
    shown.write_text(reported_line(1) + reported_line(2))
    token.write_text(json.dumps({"resume_token": "t1", "revision": 1, "ended": False}))
    with shown.open("a") as stdout:
        child = start(running, stdout, "--resume", str(token))
        wait_for(lambda: kept(token)["revision"] == 3)
        end(child)
    assert revisions(shown.read_text()) == [1, 2, 3]
    # A pipe does not say what came through: the line comes again, after the rest of a line that may have been torn.
    token.write_text(json.dumps({"resume_token": "t1", "revision": 1, "ended": False}))
    child = start(running, subprocess.PIPE, "--resume", str(token))
    assert child.stdout is not None
    assert child.stdout.read(1 + len(reported_line(2)) + len(reported_line(3))) == "\n" + reported_line(
        2
    ) + reported_line(3)
    end(child)


def updates_begin(token: Path) -> None:
    """Makes a file of --resume that begins with the first revision."""
    token.write_text(json.dumps({"resume_token": "t0", "revision": 0, "ended": True}))


def reported_line(revision: int) -> str:
    """Returns the line of an update."""
    return updates.line(subscription_log.update(revision)[0]).decode()


def test_on_a_pipe_at_most_the_last_line_comes_twice(
    running: scripted.Running, live: subscription_log.Live, tmp_path: Path
) -> None:
    token, shown = tmp_path / "token", tmp_path / "read-from-the-pipe"
    updates_begin(token)
    live.commit(1_000_000)
    reading, writing = os.pipe()
    with shown.open("w") as sink, subprocess.Popen(["cat"], stdin=reading, stdout=sink) as reader:
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            for _ in killed(running, pipe, token, shown):
                pass
        reader.wait(20)
    seen = revisions(shown.read_text())
    assert [revision for revision, _ in itertools.groupby(seen)] == list(range(1, seen[-1] + 1))
    assert len(seen) <= seen[-1] + KILLS


def test_lines_say_everything(running: scripted.Running, live: subscription_log.Live, tmp_path: Path) -> None:
    live.parts = 2
    token = tmp_path / "token"
    child = start(running, subprocess.PIPE, "--resume", str(token), "--events", "--agent", "a", "--agent", "b")
    wait_for(token.exists)
    assert kept(token) == {"resume_token": "t0", "revision": 0, "ended": False}
    live.commit()
    assert child.stdout is not None
    document = json.loads(child.stdout.readline())
    assert list(document) == ["revision", "resume_token", "committed_at", "changes", "events"]
    assert (document["revision"], document["resume_token"]) == (1, "t1")
    assert document["changes"][0]["value"] == "agent \n ü"
    assert [event["event_id"] for event in document["events"]] == ["e1-0", "e1-1"]
    wait_for(lambda: kept(token)["revision"] == 1)
    assert end(child, signal.SIGINT) == (130, "")
    assert kept(token) == {"resume_token": "t1", "revision": 1, "ended": True}
    assert list(live.requests[0].filter.agent_ids) == ["a", "b"]
    assert live.requests[0].include_events


def test_a_pipe_whose_reader_has_enough_is_no_traceback(
    running: scripted.Running, live: subscription_log.Live, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    with start(running, subprocess.PIPE, "--resume", str(token)) as child:
        wait_for(token.exists)
        assert child.stdout is not None
        child.stdout.close()
        live.commit()
        assert child.stderr is not None
        assert (child.wait(20), child.stderr.read()) == (1, "")
    assert kept(token) == {"resume_token": "t0", "revision": 0, "ended": False}


@pytest.mark.parametrize(
    ("reason", "code", "said"),
    [
        ("COMPACTED", code_pb2.OUT_OF_RANGE, "remove the file of --resume"),
        ("FUTURE_REVISION", code_pb2.OUT_OF_RANGE, "was set back"),
        ("RESTORED", code_pb2.OUT_OF_RANGE, "Begin anew"),
        ("RESUME_TOKEN_INVALID", code_pb2.INVALID_ARGUMENT, "the options of before"),
    ],
)
def test_tokens_that_are_refused(
    running: scripted.Running, live: subscription_log.Live, tmp_path: Path, reason: str, code: int, said: str
) -> None:
    token = tmp_path / "token"
    updates_begin(token)
    live.steps.append(Fail(code=code, reason=reason))
    child = start(running, subprocess.PIPE, "--resume", str(token))
    exit_code, complaint = end_by_itself(child)
    assert exit_code == 1
    assert said in complaint
    assert complaint.count("\n") == 1
    assert kept(token)["resume_token"] == "t0"


def end_by_itself(child: "subprocess.Popen[str]") -> tuple[int, str]:
    """Waits for the end of a reader."""
    _, complaint = child.communicate(timeout=20)
    return child.returncode, complaint


def test_a_gap_across_readers_is_an_error(
    running: scripted.Running, live: subscription_log.Live, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(json.dumps({"resume_token": "t5", "revision": 4, "ended": True}))
    live.commit(9)
    code, complaint = end_by_itself(start(running, subprocess.PIPE, "--resume", str(token)))
    assert (code, "does not follow" in complaint) == (1, True)
    assert kept(token)["revision"] == 4


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"resume_token": 5, "revision": 1}', "\x00"])
def test_a_file_that_holds_no_position_is_left_alone(tmp_path: Path, text: str) -> None:
    token = tmp_path / "token"
    token.write_text(text)
    with pytest.raises(problems.WrongUsage, match="holds no position"):
        PositionFile(token).load()
    assert token.read_text() == text


def test_positions_replace_one_another_also_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "folder" / "token")
    assert PositionFile(link).load() is None
    for revision in (1, 2):
        PositionFile(link).save(SavedPosition(resume_token=f"t{revision}", revision=revision))
    assert PositionFile(link).load() == SavedPosition(resume_token="t2", revision=2)
    assert link.is_symlink()
    assert [one.name for one in (tmp_path / "folder").iterdir()] == ["token"]


def mended(path: Path, mode: str = "ab") -> SavedPosition | None:
    with path.open(mode) as file:
        found = Output(file.fileno()).mend()
        os.write(file.fileno(), b"+")
        return found


@pytest.mark.parametrize("mode", ["ab", "r+b"])
@pytest.mark.parametrize(
    "torn", ["", "{", '{"revision": ', reported_line(3)[:-1], '{"revision": 3, "x": "' + "y" * 200_000]
)
def test_torn_lines_are_cut_off(tmp_path: Path, torn: str, mode: str) -> None:
    path = tmp_path / "updates.jsonl"
    long = reported_line(2).replace("agent", "agent" * 50_000)
    path.write_text(reported_line(1) + long + torn)
    assert mended(path, mode) == SavedPosition(resume_token="t2", revision=2)
    assert path.read_text() == reported_line(1) + long + "+"
    path.write_text(torn)
    assert mended(path, mode) is None
    assert path.read_text() == "+"


def test_what_others_have_written_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("a line\n")
    assert mended(path) is None
    assert path.read_text() == "a line\n+"
    with pytest.raises(problems.WrongUsage, match="ends in something else"):
        mended(path)
    assert path.read_text() == "a line\n+"
