"""Holds the engines as children and stops them in order when its owner stops, dies or asks for it.

Runs as a program of its own (`python keeper.py <owner pid> <lock descriptor> <descriptors for the engines>…`), so
it imports nothing but the standard library. Requests and answers are lines of JSON on standard input, a socket.

Servers and workers have a supervisor of another kind (server.process.children): they end with their parent and are
started again when they die. Engines are programs of others that know no parent: somebody has to outlive the owner,
however it ends, to stop them in order, and to run them as another account where the owner is root.
"""

import collections.abc
import contextlib
import ctypes
import dataclasses
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
from typing import Any

TICK = 0.2  # seconds between two looks at the owner and at the children
PR_SET_PDEATHSIG = 1
LINUX = pathlib.Path("/proc/self/stat").exists()
LIBC = ctypes.CDLL(None) if LINUX else None


def stamp(pid: int) -> str:
    """Answers when a process was started, which with its pid names it for good; empty if it no longer runs."""
    if LINUX:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return ""
        return "" if fields[0] in "ZX" else f"{boot}:{fields[19]}"
    ask = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    answer = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.split(None, 1)
    return "" if len(answer) < 2 or answer[0].startswith("Z") else answer[1].strip()


@dataclasses.dataclass(slots=True, kw_only=True)
class Engine:
    """A running child, with the signals that end it, each with the seconds that it has to work."""

    process: subprocess.Popen[bytes]
    endings: list[tuple[int, float]]
    since: str

    def end(self) -> None:
        """Ends the child, politely first; returns when it is reaped."""
        for number, patience in self.endings:
            if self.process.poll() is not None:
                return
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
                return
        self.process.kill()
        self.process.wait()


class EngineKeeper:
    """The process that starts the engines, answers its owner's requests, and stops them when the owner is gone."""

    def __init__(self, owner: int, lock: int, inherited: list[int]) -> None:
        self.owner = owner
        self.owner_since = stamp(owner)
        self.lock = lock
        self.inherited = inherited
        self.engines: dict[str, Engine] = {}
        self.leaving = False

    def run(self, channel: socket.socket) -> None:
        """Serves requests; every way out of here stops the engines."""
        waiting = b""
        try:
            self._record()
            while not self.leaving and os.getppid() == self.owner:
                self._reap()
                # The owner's end may live on in its forked children, so a look at the parent is needed as well.
                if not select.select([channel], [], [], TICK)[0]:
                    continue
                received = channel.recv(65536)
                if not received:
                    break
                *lines, waiting = (waiting + received).split(b"\n")
                for line in lines:
                    channel.sendall(json.dumps(self._answer(json.loads(line))).encode() + b"\n")
        finally:
            self._stop_all()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request.get("name", "")
        try:
            match request["do"]:
                case "spawn":
                    self._end([name])
                    return {"pid": self._spawn(name, request)}
                case "poll":
                    self._reap()
                    return {"running": name in self.engines}
                case "end":
                    self._end([name])
                    return {}
                case "quit":
                    self.leaving = True
                    return {}
        except OSError as error:
            return {"error": f"{error.filename or name}: {error.strerror or error}"}
        except subprocess.SubprocessError as error:
            return {"error": f"{name}: {error}"}
        return {"error": f"unknown request {request['do']!r}"}

    def _spawn(self, name: str, request: dict[str, Any]) -> int:
        endings = [(int(number), float(patience)) for number, patience in request["endings"]]
        user, group = request["user"] or (None, None)
        log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            process = subprocess.Popen(
                request["argv"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                # Nothing of the user's PG*, TZ or locale variables reaches an engine.
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                # The lock as well: it stays held for as long as any process of an engine lives.
                pass_fds=[self.lock, *self.inherited],
                user=user,
                group=group,
                extra_groups=None if user is None else [],
                preexec_fn=_tie_to(os.getpid(), endings[0][0]),  # noqa: PLW1509 - the keeper has a single thread
            )
        finally:
            os.close(log)
        self.engines[name] = Engine(process=process, endings=endings, since=stamp(process.pid))
        self._record()
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it died already, which the next poll says
                process.stdin.write(request["stdin"].encode())
                process.stdin.close()
        return process.pid

    def _record(self) -> None:
        """Writes into the lock file who holds it: what a later start needs to clean up behind all of us."""
        record = {
            "owner": [self.owner, self.owner_since],
            "keeper": [os.getpid(), stamp(os.getpid())],
            "engines": {name: [engine.process.pid, engine.since] for name, engine in self.engines.items()},
        }
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, json.dumps(record).encode(), 0)

    def _reap(self) -> None:
        for name, engine in list(self.engines.items()):
            if engine.process.poll() is not None:
                del self.engines[name]

    def _end(self, names: list[str]) -> None:
        for engine in [self.engines.pop(name) for name in names if name in self.engines]:
            engine.end()

    def _stop_all(self) -> None:
        for engine in self.engines.values():  # all at once first, then wait for each
            if engine.process.poll() is None:
                engine.process.send_signal(engine.endings[0][0])
        self._end(list(self.engines))


def _tie_to(keeper: int, number: int) -> collections.abc.Callable[[], None]:
    """Makes the kernel send a child its signal for an orderly end when the keeper dies (Linux)."""

    def before_exec() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != keeper:
            os._exit(1)

    return before_exec


def main() -> None:
    """Runs the keeper until its owner is gone, deaf to the terminal: the owner decides when to stop."""
    owner, lock, *inherited = map(int, sys.argv[1:])
    os.umask(0o077)
    keeper = EngineKeeper(owner, lock, inherited)

    def leave(_number: int, _frame: object) -> None:
        keeper.leaving = True

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, leave)
    with contextlib.suppress(ConnectionError), socket.socket(fileno=0) as channel:
        keeper.run(channel)


if __name__ == "__main__":
    main()
