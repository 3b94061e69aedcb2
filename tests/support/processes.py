"""Runs `python -m server …` as a user does, with a home folder of its own."""

import concurrent.futures
import functools
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from typer.testing import CliRunner

from server.cli import main
from server.local.embedded import keeper
from tests.support.waiting import PATIENCE

ROOT = pathlib.Path(__file__).parents[2]
SECRET = re.compile(r"(?<!code=)\btw_[a-z2-7]{16}_[A-Za-z0-9_-]{43}\b")  # of keys; codes of links are none


def environment(home: pathlib.Path, **variables: str) -> dict[str, str]:
    """The environment of a user who has set nothing but the variables."""
    ours = ("TALLYWIRE_", "DATABASE_URL", "REDIS_URL", "PYTHONWARNINGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    if binaries := os.environ.get("TALLYWIRE_POSTGRES_BIN"):
        kept["TALLYWIRE_POSTGRES_BIN"] = binaries
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    own = {"HOME": str(home), "PYTHONPATH": path, "COLUMNS": "100", "TALLYWIRE_WEB_LISTEN": "127.0.0.1:0"}
    return {**kept, **own, **variables}


def run(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
    )


def invoke(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself, in this process, which saves it the imports; not for the server and `up`."""
    unset = dict.fromkeys(os.environ.keys() - environment.keys())
    folder = str(pathlib.Path(environment["HOME"]) / ".tallywire")
    variables = {"TALLYWIRE_DATA_DIR": folder, **environment, **unset}
    # In a thread, because the tests' own event loop lives in this one.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        call = functools.partial(CliRunner().invoke, main.app, arguments, env=variables, prog_name="python -m server")
        shown = thread.submit(call).result()
    if shown.exception is not None and not isinstance(shown.exception, SystemExit):
        raise shown.exception
    return subprocess.CompletedProcess(arguments, shown.exit_code, shown.stdout, shown.stderr)


def error(done: subprocess.CompletedProcess[str]) -> str:
    """The single line with which a command must have failed."""
    assert done.returncode == 1, done
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0].removeprefix("error: ")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], patience: float = PATIENCE) -> bool:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Foreground:
    """A command that runs in the foreground, as in a terminal: Ctrl-C reaches its whole process group."""

    def __init__(self, *arguments: str, environment: dict[str, str], logs: pathlib.Path) -> None:
        logs.mkdir(exist_ok=True)
        self.environment = environment
        self._paths = [logs / f"{arguments[0]}-{time.monotonic_ns()}.{name}" for name in ("out", "err")]
        with self._paths[0].open("wb") as out, self._paths[1].open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
            )
        self.family: dict[int, str] = {}

    @property
    def out(self) -> str:
        return self._paths[0].read_text()

    @property
    def err(self) -> str:
        return self._paths[1].read_text()

    def says(self, text: str) -> None:
        """Waits for a text on standard output and then knows who belongs to the command."""
        heard = until(lambda: text in self.out or self.process.poll() is not None)
        assert heard and text in self.out, f"{self.out}\n{self.err}"  # noqa: PT018 - one message for both
        self.look()

    def logs(self, text: str) -> None:
        """Waits for a text on standard error and then knows who belongs to the command."""
        heard = until(lambda: text in self.err or self.process.poll() is not None)
        assert heard and text in self.err, self.err  # noqa: PT018 - one message for both
        self.look()

    def look(self) -> None:
        """Notes all processes below the command, each with the moment of its start."""
        listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        parents = {int(pid): int(parent) for pid, parent in map(str.split, listed.splitlines())}
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        self.family.update({pid: stamp for pid in found if (stamp := keeper.stamp(pid))})

    def child(self, name: str) -> int:
        """The pid of a child, such as "server", "server 2" or "worker"; 0 where there is none."""
        listed = subprocess.run(["ps", "-axwwo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
        for pid, parent, line in (row.split(None, 2) for row in listed.splitlines()):
            if int(parent) == self.process.pid and re.search(rf"server\.process\.child (--relayed )?{name}$", line):
                return int(pid)
        return 0

    def interrupt(self) -> None:
        """Presses Ctrl-C."""
        os.killpg(self.process.pid, signal.SIGINT)

    def is_gone(self, patience: float = PATIENCE) -> bool:
        """Waits until none of its processes is left."""
        return until(lambda: not any(keeper.stamp(pid) == stamp for pid, stamp in self.family.items()), patience)

    def end(self) -> None:
        """Leaves nothing behind, whatever became of the test."""
        if self.process.poll() is None:
            self.look()
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid, stamp in self.family.items():
            if keeper.stamp(pid) == stamp and not self.is_gone(10):
                os.kill(pid, signal.SIGKILL)


Start = Callable[..., Foreground]
