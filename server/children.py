"""Runs the server and the worker as child processes: starts them, brings them back, stops them in order."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from server import child, errors

Report = Callable[[str, str], None]  # called with the name of a child and a line that it, or we, say of it

_FIRST_LIFE = 5.0  # seconds; a child that gives up sooner, the first time, has not been able to start
_STEADY_LIFE = 60.0  # seconds after which a death is not counted as one of a series
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds before a new start, doubled each time
_TAIL = 20  # lines kept for the message of a child that cannot start


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run as a child, in which environment, and the seconds it gets to end by itself."""

    name: str
    grace: float
    environment: Mapping[str, str] = field(repr=False)


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

    async def keep(self) -> None:
        """Runs the process, again and again; SetupError with its own words if it cannot start in the first place."""
        loop = asyncio.get_running_loop()
        pause, first = _PAUSE, True
        while True:
            began = loop.time()
            code = await self._live()
            lived = loop.time() - began
            if first and (not self.was_ready.is_set() or (code > 0 and lived < _FIRST_LIFE)):
                raise errors.SetupError(self._last_words(code))
            first = False
            pause = _PAUSE if lived > _STEADY_LIFE else pause
            self._report(self.program.name, f"{_ended(code)} unexpectedly, starts again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def stop(self, hurried: asyncio.Event) -> None:
        """Asks the process to end, and ends it after its grace, or at once when hurried."""
        process = self._process
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
            await waits[0]
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)
        if self._channel is not None:
            self._channel.close()

    async def _live(self) -> int:
        """Starts the process and returns its exit code at its end."""
        ours, theirs = socket.socketpair()
        with theirs:
            if self._channel is not None:
                self._channel.close()
            self._channel = ours
            ours.setblocking(False)
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                child.__name__,
                self.program.name,
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
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
        """Hands on what the process prints, line by line, whatever the length of the lines."""
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
        """The error that the process reported, or else the last thing that it said."""
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
    """The children, running."""

    def __init__(self, children: list[Child]) -> None:
        self._children = children
        self._keepers = [asyncio.create_task(one.keep()) for one in children]

    async def ready(self, unless: asyncio.Event) -> bool:
        """Waits until every child is ready; False if the event comes first. SetupError if one cannot start."""

        async def all_ready() -> None:
            for one in self._children:
                await one.was_ready.wait()

        return await self.during(asyncio.create_task(all_ready()), unless)

    async def during(self, work: "asyncio.Future[Any]", unless: asyncio.Event) -> bool:
        """Waits for the work to be done; False, with the work cancelled, if the event comes first.

        Raises what the work raises, and SetupError if a child cannot start.
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
        """Stops the children one after the other, in the order in which they were named."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.wait(self._keepers)
        for one in self._children:
            await one.stop(hurried)


@contextlib.asynccontextmanager
async def running(programs: list[Program], report: Report, hurried: asyncio.Event) -> AsyncIterator[Family]:
    """Runs the programs during the block and stops them at its end."""
    family = Family([Child(program, report) for program in programs])
    try:
        yield family
    finally:
        await family.stop(hurried)
