"""The Tracker and the life of processes: forks, ends with and without atexit, signals. No event is lost untold."""

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import scripted

import tallywire
from tests.support.waiting import PATIENCE

START = "import tallywire, os, signal, sys, threading, time\nADDRESS = sys.argv[1]\n"
Program = Callable[[str], list[str]]
Begun = Callable[[list[str]], subprocess.Popen[str]]


@pytest.fixture
def program(tmp_path: Path, running: scripted.Running) -> Program:
    """Writes a program and returns the command that runs it against the scripted server."""

    def write(body: str) -> list[str]:
        path = tmp_path / "program.py"
        path.write_text(START + textwrap.dedent(body), encoding="utf-8")
        return [sys.executable, str(path), running.address]

    return write


def ran(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end."""
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=scripted.environment())


@pytest.fixture
def begun() -> Iterator[Begun]:
    """Starts programs, each once it says that it is ready, and kills what is left of them after the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(command: list[str]) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=scripted.environment()))
        assert started[-1].stdout is not None
        assert started[-1].stdout.readline() == "ready\n"
        return started[-1]

    yield begin
    for process in started:
        with process:
            process.kill()


AT_EXIT = """
tracker = tallywire.Tracker(ADDRESS, api_key="k", flush_interval=60, shutdown_timeout=120)
for _ in range(100):
    tracker.track("a.b")
"""

FORK = """
tracker = tallywire.Tracker(ADDRESS, api_key="k", flush_interval=60, shutdown_timeout=120)
children = []
for child in range(2):
    pid = os.fork()
    if pid == 0:
        for _ in range(10):
            tracker.track("child.ran")
        os._exit(0 if tracker.close(30) and tracker.stats().sent == 10 else 1)
    children.append(pid)
tracker.track("parent.ran")
assert tracker.close(30) and tracker.stats().sent == 1, tracker.stats()
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children))
"""

# The parent sends without a break, so that a fork almost always meets a call that is on its way.
FORK_WHILE_SENDING = """
tracker = tallywire.Tracker(ADDRESS, api_key="k", flush_interval=0)
tracker.track("parent.ran")
assert tracker.flush(30)
over = threading.Event()
taken = [1]
def work():
    while not over.wait(0.0005):
        taken[0] += tracker.track("parent.ran")
working = threading.Thread(target=work)
working.start()
codes = []
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        ours = tracker.stats().pending == 0 and tracker.stats().sent == 0 and tracker.track("child.ran")
        os._exit(0 if ours and tracker.close(30) and tracker.stats().sent == 1 else 1)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
over.set()
working.join()
assert codes == [0] * 20, codes
assert tracker.close(30), tracker.stats()
counts = tracker.stats()
assert counts.sent + counts.duplicates == taken[0], (counts, taken)
"""

PROCESS = """
import multiprocessing
def work():
    tracker = tallywire.Tracker(ADDRESS, api_key="k", flush_interval=60, shutdown_timeout=120)
    assert tracker.track("child.ran")
if __name__ == "__main__":
    process = multiprocessing.get_context("{method}").Process(target=work)
    process.start()
    process.join()
    sys.exit(process.exitcode)
"""

POOL = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
tracker = tallywire.Tracker(ADDRESS, api_key="k", flush_interval=60, shutdown_timeout=120)
def work(number):
    return tracker.track("child.ran")
context = multiprocessing.get_context("fork")
tracker.track("parent.ran")
tracker.flush(30)
with ProcessPoolExecutor(2, mp_context=context) as executor:
    assert all(executor.map(work, range(10)))
pool = context.Pool(2)
assert all(pool.map(work, range(10)))
pool.close()
pool.join()
"""


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        (AT_EXIT, 100),
        (FORK, 21),
        *((PROCESS.format(method=method), 1) for method in ("fork", "forkserver", "spawn")),
        (POOL, 21),
    ],
)
def test_what_was_taken_is_stored_when_a_process_ends(
    program: Program, script: scripted.Script, body: str, stored: int
) -> None:
    end = ran(program(body))
    assert (end.returncode, end.stderr) == (0, "")
    assert len(script.stored) == stored


def test_a_fork_beside_a_call_spoils_neither_process(program: Program, script: scripted.Script) -> None:
    end = ran(program(FORK_WHILE_SENDING))
    assert end.returncode == 0, end.stderr
    assert sum(event.event_type == "child.ran" for event in script.stored.values()) == 20


def test_a_fork_does_not_wait_for_a_server(
    program: Program, begun: Begun, running: scripted.Running, nobody: str
) -> None:
    body = f"""
    tracker = tallywire.Tracker("{nobody}", api_key="k", flush_interval=0, shutdown_timeout=60)
    tracker.track("parent.ran")
    time.sleep(0.5)
    begin = time.monotonic()
    if os.fork() == 0:
        assert tracker.stats().pending == 0
        os._exit(0)
    print("ready" if time.monotonic() - begin < 60 else "late", flush=True)
    """
    process = begun(program(body))
    later = scripted.start(int(nobody.rpartition(":")[2]))
    try:
        assert process.wait(PATIENCE) == 0
        assert [event.event_type for event in later.script.stored.values()] == ["parent.ran"]
    finally:
        later.server.stop(None)


def test_trackers_are_closed_together(program: Program, nobody: str) -> None:
    body = f"""
    import atexit
    trackers = [tallywire.Tracker("{nobody}", api_key="k", flush_interval=0, shutdown_timeout=4) for _ in range(8)]
    begin = time.monotonic()
    for tracker in trackers:
        tracker.track("a.b")
    """
    # What is registered first runs last, so this one measures what the client needs.
    ending = "import atexit, time\natexit.register(lambda: print(time.monotonic() - begin))\n"
    command = program(body)
    path = Path(command[1])
    path.write_text(ending + path.read_text(encoding="utf-8"), encoding="utf-8")
    end = ran(command)
    assert float(end.stdout) < 32, "eight times four seconds, one after the other"
    assert end.stderr.count("1 event is lost") == 8


WAITING = """
tracker = tallywire.Tracker(ADDRESS, api_key="k", flush_interval=60, shutdown_timeout=120, handle_signals=True)
{before}
tracker.track("a.b")
print("ready", flush=True)
while True:  # a machine may stand still for longer than any one sleep
    time.sleep(60)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_the_process_waits_for_what_was_taken(
    program: Program, begun: Begun, script: scripted.Script, name: str
) -> None:
    process = begun(program(WAITING.format(before="")))
    number = getattr(signal, name)
    process.send_signal(number)
    _, reported = process.communicate(timeout=240)
    assert (process.returncode, reported) == (-number, "")
    assert len(script.stored) == 1


def test_a_signal_tells_what_could_not_be_sent(program: Program, begun: Begun, nobody: str) -> None:
    command = program(WAITING.format(before="").replace("shutdown_timeout=120", "shutdown_timeout=0.5"))
    command[-1] = nobody
    process = begun(command)
    process.terminate()
    _, reported = process.communicate(timeout=240)
    assert process.returncode == -signal.SIGTERM
    assert "1 event is lost" in reported


def test_a_handler_that_stood_there_is_called_after_what_was_taken_is_sent(
    program: Program, begun: Begun, script: scripted.Script
) -> None:
    body = """
    def ours(number, frame):
        print(number, tracker.stats().sent, tracker.track("a.b"), flush=True)
        os._exit(3)
    signal.signal(signal.SIGTERM, ours)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    """
    process = begun(program(textwrap.dedent(body) + WAITING.format(before="os.kill(os.getpid(), signal.SIGHUP)")))
    process.terminate()
    said, _ = process.communicate(timeout=240)
    assert (process.returncode, said) == (3, f"{int(signal.SIGTERM)} 1 True\n")
    assert len(script.stored) == 1


def test_signals_may_come_in_the_middle_of_everything(program: Program, begun: Begun, script: scripted.Script) -> None:
    body = """
    tracker = tallywire.Tracker(ADDRESS, api_key="k", flush_interval=0.001, handle_signals=True)
    taken = 0
    print("ready", flush=True)
    while True:
        taken += tracker.track("a.b")
        if taken % 50 == 0:
            os.write(1, b"%d\\n" % taken)
    """
    process = begun(program(body))
    assert script.arrived.wait(PATIENCE)
    process.terminate()
    process.terminate()
    said, reported = process.communicate(timeout=240)
    assert process.returncode == -signal.SIGTERM
    assert len(script.stored) >= int(said.split()[-1]), reported


def test_a_child_that_a_pool_terminates_sends_what_it_took(program: Program, script: scripted.Script) -> None:
    body = """
    import multiprocessing
    tracker = tallywire.Tracker(ADDRESS, api_key="k", flush_interval=60, handle_signals=True)
    def work(number):
        return tracker.track("child.ran")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert all(pool.map(work, range(10)))
    """
    end = ran(program(body))
    assert (end.returncode, end.stderr) == (0, "")
    assert len(script.stored) == 10


def test_handlers_are_set_in_the_main_thread_only(running: scripted.Running) -> None:
    raised: list[ValueError] = []

    def make() -> None:
        try:
            tallywire.Tracker(running.address, api_key="k", handle_signals=True)
        except ValueError as error:
            raised.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert "main thread" in str(raised[0])


def test_the_first_process_of_a_container_ends_too(program: Program, begun: Begun, script: scripted.Script) -> None:
    # The kernel gives no signal to the first process of a container that would do its default there: as here.
    body = """
    from tallywire import lifecycle
    give, given = lifecycle.raise_signal, []
    lifecycle.raise_signal = lambda number: given or given.append(give(number))
    """
    ending = begun(program(textwrap.dedent(body) + WAITING.format(before="")))
    ending.terminate()
    _, reported = ending.communicate(timeout=240)
    assert (ending.returncode, reported) == (128 + signal.SIGTERM, "")
    assert len(script.stored) == 1
