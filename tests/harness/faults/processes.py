"""The service's processes as a run sees them: each is started again when it ends, and every end is kept."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server import failpoints
from tests.harness.faults.history import now
from tests.harness.faults.nursery import CLOCK

_NURSERY = Path(__file__).with_name("nursery.py")
_ROOT = _NURSERY.parents[3]
_GOODBYE_SECONDS = 20.0
_PAUSE = 0.05  # seconds between an end and the next start
_AT_WORK = re.compile(r"\b(serving|working)\b")  # what a process logs once it has started
_FAILPOINT = re.compile("|".join(failpoints.NAMES))
_GAVE_UP = re.compile(r"orderly\W+false", re.IGNORECASE)


class Nursery:
    """The program that starts processes for us."""

    def __init__(self, requests: asyncio.StreamWriter, answers: asyncio.StreamReader) -> None:
        self._requests = requests
        self._answers = answers
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._started: dict[str, asyncio.Future[tuple[int, asyncio.Future[int]]]] = {}
        self._ended: dict[int, asyncio.Future[int]] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls) -> AsyncIterator["Nursery"]:
        """A nursery. What it has started ends with it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(_NURSERY),
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=_ROOT,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        nursery = cls(process.stdin, process.stdout)
        listener = asyncio.create_task(nursery._listen())
        try:
            await nursery._ready
            yield nursery
        finally:
            process.stdin.close()
            await process.wait()
            await listener

    async def start(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> tuple[int, "asyncio.Future[int]"]:
        """Starts `python -m …`; returns its pid and, in the future, its exit code."""
        started: asyncio.Future[tuple[int, asyncio.Future[int]]] = asyncio.get_running_loop().create_future()
        self._started[name] = started
        self._ask({"name": name, "arguments": list(arguments), "environment": dict(environment), "log": str(log)})
        return await started

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Sends a signal to a process that has not ended."""
        self._ask({"pid": pid, "signal": number})

    def _ask(self, request: Mapping[str, object]) -> None:
        self._requests.write(json.dumps(request).encode() + b"\n")

    async def _listen(self) -> None:
        while line := await self._answers.readline():
            answer = json.loads(line)
            if "ready" in answer:
                self._ready.set_result(None)
            elif "name" in answer:
                ended = self._ended[answer["pid"]] = asyncio.get_running_loop().create_future()
                self._started.pop(answer["name"]).set_result((answer["pid"], ended))
            elif "code" in answer:
                self._ended.pop(answer["pid"]).set_result(answer["code"])
        if not self._ready.done():
            self._ready.set_exception(RuntimeError("the code cannot be imported: the nursery says why"))
        waiting: list[asyncio.Future[Any]] = [*self._started.values(), *self._ended.values()]
        for one in waiting:
            one.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One process from start to end. A code below 0 is the signal that ended it."""

    name: str
    began: float
    ended: float
    code: int
    killed: bool  # by us
    stopped: bool  # by us, in order
    log: Path

    def had_started(self) -> bool:
        """True where it got as far as working."""
        return _AT_WORK.search(self.log.read_text(errors="replace")) is not None

    def gave_up(self) -> bool:
        """True where it says that it could not end in order."""
        return _GAVE_UP.search(self.log.read_text(errors="replace")) is not None

    def failpoint(self) -> str | None:
        """The failpoint at which it ended itself, if it did."""
        if self.code != failpoints.EXIT_CODE:
            return None
        lines = self.log.read_text(errors="replace").splitlines()
        reported = next((line for line in reversed(lines) if "failpoint reached" in line), "")
        found = _FAILPOINT.search(reported)
        return found[0] if found else None

    def last_words(self) -> tuple[str, ...]:
        """The end of its log."""
        return tuple(self.log.read_text(errors="replace").splitlines()[-8:])


class Program:
    """A process that is started again, after a pause, whenever it ends."""

    def __init__(
        self, name: str, arguments: Sequence[str], *, environment: Mapping[str, str], nursery: Nursery, logs: Path
    ) -> None:
        self.name = name
        self.lives: list[Life] = []
        self._arguments = arguments
        self._environment = dict(environment)
        self._nursery = nursery
        self._logs = logs
        self._pid: int | None = None
        self._killed = self._reported = self._stopping = False
        self._ended = asyncio.Event()  # not set while there is a process, or about to be
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the process and whatever comes after it."""
        self._keeper = asyncio.create_task(self._keep())

    @property
    def is_up(self) -> bool:
        """True while a process runs, whether or not it has got to work."""
        return self._pid is not None

    def set_clock(self, seconds: float) -> None:
        """Puts the process's own clock ahead, from the next start on."""
        self._environment[CLOCK] = str(seconds)

    def arm(self, chances: Mapping[str, float]) -> None:
        """Arms failpoints, from the next start on; one that is about to start is ended, and the next has them."""
        if not chances:
            return
        self._environment["FAILPOINT"] = ",".join(f"{name}:{chance}" for name, chance in chances.items())
        self._environment["TALLYWIRE_ALLOW_FAILPOINTS"] = "true"

    async def disarm(self) -> None:
        """Ends the process with SIGKILL if its failpoints are armed; the next one's are not."""
        if self._environment.pop("FAILPOINT", None) is not None:
            self.kill()
            await self.ended()

    def kill(self) -> None:
        """Ends the process with SIGKILL."""
        if self._pid is not None:
            self._killed = True
            self._nursery.signal(self._pid, signal.SIGKILL)

    async def restart(self) -> None:
        """Asks the process to end with SIGTERM and returns when it has; it is started again as ever."""
        self._reported = True
        self._terminate()
        await self.ended()

    async def ended(self) -> None:
        """Returns when there is no process, nor one about to be."""
        await self._ended.wait()

    async def stop(self) -> None:
        """Asks the process to end with SIGTERM and waits; the last of the lives says how that went."""
        self._stopping = True
        self._terminate()
        if self._keeper is not None and not (await asyncio.wait((self._keeper,), timeout=_GOODBYE_SECONDS))[0]:
            self.kill()
            await asyncio.wait((self._keeper,))

    def _terminate(self) -> None:
        if self._pid is not None:
            self._nursery.signal(self._pid, signal.SIGTERM)

    async def _keep(self) -> None:
        while not self._stopping:
            await self._live()
            if not self._stopping:
                await asyncio.sleep(_PAUSE)

    async def _live(self) -> None:
        log = self._logs / f"{self.name}.{len(self.lives)}.log"
        self._killed = self._reported = False
        began = now()
        self._ended.clear()
        armed = self._environment.get("FAILPOINT")
        self._pid, ended = await self._nursery.start(self.name, self._arguments, self._environment, log)
        if self._stopping or self._reported:  # meanwhile
            self._terminate()
        elif armed != self._environment.get("FAILPOINT"):  # armed or disarmed meanwhile
            self.kill()
        code = await ended
        self._pid = None
        self.lives.append(
            Life(
                name=self.name,
                began=began,
                ended=now(),
                code=code,
                killed=self._killed,
                stopped=self._stopping or self._reported,
                log=log,
            )
        )
        self._ended.set()
