"""Starts the service's processes and tells how they end: a program of its own, in the folder of the code that it runs.

It imports the code once and forks, so that a killed process is back in a fraction of a second; where forking is not
safe it starts interpreters. Requests and answers are lines of JSON on standard input and output; the end of the input
ends all of the processes, and so does the nursery's own death where the system can tie them to it (Linux).
"""

import ctypes
import importlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

_FORKS = sys.platform == "linux"
_PRELOADED = ("server.cli.main", "server.store.diagnosis", "server.app", "workers.process")
_PR_SET_PDEATHSIG = 1
_TICK = 0.02
CLOCK = "FAULTS_CLOCK_SECONDS"  # by how much a process's own clock is ahead; only where it is forked
MISTAKE = "FAULTS_MISTAKE"  # what it does wrong, a name of tests/harness/faults/mutants.py; only where it is forked
_DATED = ("server", "workers", "arq", "redis", "tallywire")  # packages whose clock that is


def main() -> None:
    """Serves requests until there are no more to come."""
    sys.path[0] = str(Path.cwd())
    _tie_to(int(sys.argv[1]))
    if _FORKS:
        for module in _PRELOADED:
            importlib.import_module(module)
    children: set[int] = set()
    waiting = b""
    _say(ready=True)
    try:
        while True:
            _reap(children)
            if not select.select([0], [], [], _TICK)[0]:
                continue
            received = os.read(0, 65536)
            if not received:
                break
            *lines, waiting = (waiting + received).split(b"\n")
            for line in lines:
                _obey(json.loads(line), children)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


def _obey(request: dict[str, Any], children: set[int]) -> None:
    if "signal" in request:
        if request["pid"] in children:  # not reaped, so that the number is still its own
            os.kill(request["pid"], request["signal"])
        return
    child = _fork(request) if _FORKS else _start(request)
    children.add(child)
    _say(name=request["name"], pid=child)


def _reap(children: set[int]) -> None:
    while children:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        children.discard(child)
        _say(pid=child, code=os.waitstatus_to_exitcode(status))


def _fork(request: dict[str, Any]) -> int:
    nursery = os.getpid()
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)  # there however early the fork ends
    child = os.fork()
    if child:
        os.close(log)
        return child
    _tie_to(nursery)
    _become(request, log)


def _become(request: dict[str, Any], log: int) -> NoReturn:
    """Turns a fork into the program `python -m …` with a file for its log, its own clock and its own mistake."""
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(request["environment"])
        if CLOCK in os.environ:
            set_clock(float(os.environ[CLOCK]))
        if MISTAKE in os.environ:
            importlib.import_module("tests.harness.faults.mutants").make_named()
        sys.argv = list(request["arguments"])
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - what an interpreter does with it
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def set_clock(seconds: float) -> None:
    """Makes this process believe that its machine's clock is off, below all of the service's own code.

    gRPC keeps the true clock: it reads the machine's in C, and takes differences between that and Python's. On a
    machine whose clock is off the two agree.
    """

    class Kind(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, datetime)

    class Shifted(datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=seconds)

    wrong = {
        id(time.time): lambda real=time.time: real() + seconds,
        id(time.time_ns): lambda real=time.time_ns: real() + int(seconds * 1e9),
        id(datetime): Shifted,
    }
    dated = [module for name, module in sys.modules.items() if name.partition(".")[0] in _DATED]
    for module in dated:
        for name, value in list(vars(module).items()):
            if id(value) in wrong:
                setattr(module, name, wrong[id(value)])
    true: Any = SimpleNamespace(**vars(time))
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "grpc" and vars(module).get("time") is time:
            vars(module)["time"] = true
    time.time, time.time_ns = wrong[id(time.time)], wrong[id(time.time_ns)]


def _start(request: dict[str, Any]) -> int:
    with Path(request["log"]).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *request["arguments"]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=request["environment"],
        ).pid


def _tie_to(parent: int) -> None:
    """Has the kernel end this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _say(**answer: object) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
