"""The clients that there are: clients/LANGUAGE/conformance.json says how the testee of each is built and run."""

import asyncio
import dataclasses
import fcntl
import json
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.conformance import store
from tests.support.waiting import PATIENCE

CLIENTS = pathlib.Path(__file__).parents[2] / "clients"


class BuildFailed(Exception):
    """A testee could not be built; the text has the command and its output."""


@dataclass(frozen=True, kw_only=True)
class Language:
    """A client and its testee.

    `name` is the client's folder, or folder-variant; `build` are the commands that make the testee, `run` the one that
    starts it, `made` what of it is worth keeping, `toolchain` the programs without which there is no use in trying, all
    as in conformance.json. `optimized` are the commands for measuring, where others are needed than for testing. `host`
    is how the client's example of a server with its middleware is built and run, and the path that it is asked for.
    """

    name: str
    folder: pathlib.Path
    build: tuple[tuple[str, ...], ...]
    run: tuple[str, ...]
    made: tuple[str, ...]
    toolchain: tuple[str, ...]
    optimized: dict[str, Any]
    host: dict[str, Any]

    @property
    def client(self) -> str:
        """Returns the name that the client gives itself in its user agent."""
        return self.folder.name

    def missing(self) -> list[str]:
        """Returns what must be there before the testee can be built: it says so in words."""
        if self.toolchain and not are_all_wanted():
            return [f"{store.VARIABLE} as .ci/run sets it, or TALLYWIRE_ALL_CLIENTS=1"]
        return [program for program in self.toolchain if shutil.which(program) is None]

    @property
    def home(self) -> pathlib.Path:
        """Returns the folder in which the testee runs: the client's, or where what was built of it is kept."""
        return store.kept(self.folder, self.toolchain) or self.folder if self.made else self.folder

    def for_measuring(self) -> "Language":
        """Returns the language with its testee as users build programs."""
        if not self.optimized:
            return self
        build = tuple(map(_command, self.optimized["build"]))
        return dataclasses.replace(self, build=build, run=_command(self.optimized["run"]), made=())

    async def make(self) -> None:
        """Builds the testee; one process at a time, whoever asks. Raises BuildFailed."""
        if not self.build or self.home != self.folder:
            return
        async with self._alone():
            if self.home != self.folder:  # somebody else has built it meanwhile
                return
            for command in self.build:
                await self.run_command(command)
            if self.made:
                store.keep(self.folder, self.toolchain, self.made)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Keeps other processes from building this client for the length of the block, in this folder or another."""
        folder = store.folder() or pathlib.Path(tempfile.gettempdir())
        with (folder / f"tallywire-conformance-{self.client}.lock").open("w") as lock:
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
            yield

    async def run_command(self, command: tuple[str, ...]) -> None:
        """Runs a command that builds something of the client. Raises BuildFailed."""
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            shown = output.decode(errors="replace")[-20_000:]
            raise BuildFailed(f"in {self.folder}: {' '.join(command)}\n{shown}")


def all_of_them() -> list[Language]:
    """Returns the languages by name. A variant is the same testee with further arguments."""
    found = []
    for path in sorted(CLIENTS.glob("*/conformance.json")):
        described: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for variant, arguments in {"": [], **described.get("variants", {})}.items():
            found.append(
                Language(
                    name=f"{path.parent.name}-{variant}" if variant else path.parent.name,
                    folder=path.parent,
                    build=tuple(map(_command, described["build"])),
                    run=_command([*described["run"], *arguments]),
                    made=tuple(described.get("made", ())),
                    toolchain=tuple(described["toolchain"]),
                    optimized=described.get("optimized", {}),
                    host={} if variant else described.get("host", {}),
                )
            )
    return found


def are_all_wanted() -> bool:
    """Returns whether clients are tested that have to be built; then a toolchain that is missing is a failure."""
    return are_quick_starts_wanted() or store.folder() is not None


def are_quick_starts_wanted() -> bool:
    """Returns whether what takes a build of its own is tested, too: quick starts in empty projects, and examples."""
    return bool(os.environ.get("TALLYWIRE_ALL_CLIENTS"))


def _command(words: list[str]) -> tuple[str, ...]:
    """Returns a command in which {python} is the interpreter that runs this."""
    return tuple(sys.executable if word == "{python}" else word for word in words)


class Testee:
    """The running program of one language. Commands run at the same time; `ask` returns the reply of one."""

    __test__ = False

    def __init__(self, language: Language, logs: pathlib.Path) -> None:
        self.language = language
        self._errors = (logs / f"{language.name}.err").open("w+b")
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last = 0
        self.info: dict[str, Any] = {}

    async def __aenter__(self) -> "Testee":
        """Starts the program and asks it who it is."""
        ours = ("TALLYWIRE_", "GRPC_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        # Where nobody listens: in plaintext a client must not go there. With TLS it may, but to localhost.
        environment |= dict.fromkeys(("http_proxy", "https_proxy", "grpc_proxy"), "http://127.0.0.1:9")
        environment |= {"no_proxy": "localhost", "NO_PROXY": "localhost"}
        self._process = await asyncio.create_subprocess_exec(
            *self.language.run,
            cwd=self.language.home,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._errors,
            limit=1 << 28,
        )
        self._reader = asyncio.create_task(self._read())
        reply = await self.ask({"do": "info"})
        self.info = reply.get("ok", {})
        if not self.info:
            raise RuntimeError(f"{self.language.name} says to info: {reply}\n{self.stderr()}")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes its stdin and waits for its end; kills it if it does not end."""
        assert self._process is not None and self._process.stdin is not None and self._reader is not None  # noqa: PT018
        self._process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()
            await self._reader
            self._errors.close()

    @property
    def pid(self) -> int:
        """Returns the id of its process."""
        assert self._process is not None
        return self._process.pid

    def stderr(self) -> str:
        """Returns the end of what it has written to stderr."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-10_000:]

    def new_id(self) -> int:
        """Returns an id for a command."""
        self._last += 1
        return self._last

    async def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """Sends a command, and returns its reply without the id. The command may have an id of new_id()."""
        assert self._process is not None and self._process.stdin is not None  # noqa: PT018 - for the type checker
        number = command.get("id") or self.new_id()
        self._replies[number] = reply = asyncio.get_running_loop().create_future()
        line = json.dumps({**command, "id": number}, ensure_ascii=False)
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()
        return await reply

    async def _read(self) -> None:
        """Hands out replies until the end of stdout; whoever still waits then gets an error."""
        assert self._process is not None and self._process.stdout is not None  # noqa: PT018 - for the type checker
        problem = "the testee has ended"
        async for line in self._process.stdout:
            try:
                reply = json.loads(line)
                waiting = self._replies.pop(reply.pop("id"))
            except (ValueError, KeyError, AttributeError):
                problem = f"the testee wrote to stdout what is no reply to a command: {line[:500]!r}"
                self._process.kill()
                break
            if not waiting.done():
                waiting.set_result(reply)
        for waiting in self._replies.values():
            if not waiting.done():
                waiting.set_exception(RuntimeError(f"{problem}\n{self.stderr()}"))
