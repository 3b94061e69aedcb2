"""Servers and workers as child processes: they are started, restarted when they die, and stopped in order."""

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from server import errors
from server.process import child

Report = Callable[[str, str], None]  # called with the name of a child and a line from it or about it

_FIRST_LIFE = 5.0  # seconds; a child that gives up sooner, the first time, has not been able to start
_STEADY_LIFE = 60.0  # seconds after which a death is not counted as one of a series
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds before a new start, doubled each time
_TAIL = 20  # lines kept for the message of a child that cannot start
_DRAIN_MARGIN = 6.0  # seconds more than a server's own patience with its calls


class DoesNotStart(errors.SetupError):
    """The end of a child before it was ever ready. If its exit code is above 0, it printed the error itself, unless
    relayed.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to run as a child: its name, its environment, and the seconds that it gets to end by itself.

    Of several programs with one role the first starts alone: an error that keeps all of them from starting is reported
    once.
    """

    role: str
    number: int | None = None  # where there are several of the role
    grace: float
    relayed: bool = True  # whether its output is reported, line by line; else it goes to our own output
    environment: Mapping[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        """Returns the name that people see."""
        return self.role if self.number is None else f"{self.role} {self.number}"

    @property
    def arguments(self) -> list[str]:
        """Returns the arguments of the child."""
        return [*([child.RELAYED] if self.relayed else []), *self.name.split()]


def servers(
    count: int, environment: Mapping[str, str], *, drain_seconds: float, metrics_port: int, relayed: bool = True
) -> list[Program]:
    """Returns the programs of a server with so many processes.

    If Prometheus is on, each has a port of its own, from metrics_port on.
    """
    return [
        Program(
            role="server",
            number=None if count == 1 else index + 1,
            grace=drain_seconds + _DRAIN_MARGIN,
            relayed=relayed,
            environment={
                **environment,
                "TALLYWIRE_PROCESSES": str(count),
                "TALLYWIRE_METRICS_PORT": str(metrics_port and metrics_port + index),
            },
        )
        for index in range(count)
    ]


class Child:
    """One child process, in a session of its own so that a Ctrl-C in the terminal does not reach it."""

    def __init__(self, program: Program, report: Report) -> None:
        self.program = program
        self.was_ready = asyncio.Event()
        self._report = report
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._tasks: set[asyncio.Task[None]] = set()
        self._process: asyncio.subprocess.Process | None = None
        self._channel: socket.socket | None = None

    async def keep(self, after: asyncio.Event | None) -> None:
        """Runs the process and restarts it whenever it ends, from an event on. Raises DoesNotStart if it cannot start
        at all.
        """
        if after is not None:
            await after.wait()
        loop = asyncio.get_running_loop()
        pause, first = _PAUSE, True
        while True:
            began = loop.time()
            code = await self._live()
            lived = loop.time() - began
            if first and (not self.was_ready.is_set() or (code > 0 and lived < _FIRST_LIFE)):
                raise DoesNotStart(self._last_words(code), code)
            first = False
            pause = _PAUSE if lived > _STEADY_LIFE else pause
            self._report(self.program.name, f"{_ended(code)} unexpectedly, starts again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def stop(self, hurried: asyncio.Event) -> bool:
        """Asks the process to end, and kills it after its grace, or at once when hurried. Returns whether it ended in
        order.
        """
        process, orderly = self._process, True
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            waits = [asyncio.create_task(process.wait()), asyncio.create_task(hurried.wait())]
            await asyncio.wait(waits, timeout=self.program.grace, return_when=asyncio.FIRST_COMPLETED)
            waits[1].cancel()
            if process.returncode is None:
                # Still ours and still the leader of its group.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            # A child that is still starting is ended by the signal, and nothing is lost.
            orderly = await waits[0] in (0, -signal.SIGTERM)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)
        if self._channel is not None:
            self._channel.close()
        return orderly

    async def _live(self) -> int:
        """Starts the process and returns its exit code at its end."""
        ours, theirs = socket.socketpair()
        with theirs:
            if self._channel is not None:
                self._channel.close()
            self._channel = ours
            ours.setblocking(False)
            printed = (asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT) if self.program.relayed else (None, None)
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                child.__name__,
                *self.program.arguments,
                stdin=theirs.fileno(),
                stdout=printed[0],
                stderr=printed[1],
                env=self.program.environment,
                start_new_session=True,
            )
        said = self._watch(self._relay(process))
        ready = self._watch(self._await_ready(ours))
        code = await process.wait()
        await asyncio.wait((said,), timeout=1)
        ready.cancel()
        return code

    def _watch(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _await_ready(self, channel: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if await asyncio.get_running_loop().sock_recv(channel, len(child.READY)):
                self.was_ready.set()

    async def _relay(self, process: asyncio.subprocess.Process) -> None:
        """Reports what the process prints, line by line, whatever the length of the lines."""
        waiting = b""
        while process.stdout is not None and (received := await process.stdout.read(65536)):
            *lines, waiting = (waiting + received).split(b"\n")
            for line in lines:
                self._say(line)
        if waiting:
            self._say(waiting)

    def _say(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if text:
            self._tail.append(text)
            self._report(self.program.name, text)

    def _last_words(self, code: int) -> str:
        """Returns the error that the process reported, or else the last line that it wrote."""
        lines = [line for line in self._tail if line.startswith("error: ")] or list(self._tail)
        said = lines[-1].removeprefix("error: ") if lines else _ended(code)
        return f"the {self.program.name} does not start: {said}"


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    with contextlib.suppress(ValueError):
        return f"ended by {signal.Signals(-code).name}"
    return f"ended by signal {-code}"


class Family:
    """The running children."""

    def __init__(self, children: list[Child]) -> None:
        self._children = children
        self._keepers = []
        self.orderly = True  # false once a child had to be killed, or failed, when it was stopped
        firsts: dict[str, Child] = {}
        for one in children:
            first = firsts.setdefault(one.program.role, one)
            after = None if first is one else first.was_ready
            self._keepers.append(asyncio.create_task(one.keep(after)))

    async def ready(self, unless: asyncio.Event) -> bool:
        """Waits until every child is ready; returns False if the event comes first. Raises DoesNotStart if a child
        cannot.
        """

        async def all_ready() -> None:
            for one in self._children:
                await one.was_ready.wait()

        return await self.during(asyncio.create_task(all_ready()), unless)

    async def during(self, work: "asyncio.Future[Any]", unless: asyncio.Event) -> bool:
        """Waits for the work to be done; returns False, with the work cancelled, if the event comes first.

        Raises what the work raises, and DoesNotStart if a child cannot start.
        """
        interrupted = asyncio.create_task(unless.wait())
        try:
            waits: set[asyncio.Future[Any]] = {work, interrupted, *self._keepers}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for keeper in self._keepers:
                if keeper.done():
                    keeper.result()
            if work.done():
                work.result()
                return True
            return False
        finally:
            interrupted.cancel()
            work.cancel()
            await asyncio.wait({work})

    async def stop(self, hurried: asyncio.Event) -> None:
        """Stops the children role by role, in the order in which the roles were named; those of one role together."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.wait(self._keepers)
        for _, group in itertools.groupby(self._children, lambda one: one.program.role):
            ended = await asyncio.gather(*(one.stop(hurried) for one in group))
            self.orderly = self.orderly and all(ended)


@contextlib.asynccontextmanager
async def running(programs: list[Program], report: Report, hurried: asyncio.Event) -> AsyncIterator[Family]:
    """Runs the programs during the block and stops them at its end."""
    family = Family([Child(program, report) for program in programs])
    try:
        yield family
    finally:
        await family.stop(hurried)
