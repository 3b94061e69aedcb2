"""What every command shares: errors as one line, the event loop, the database to work on."""

import asyncio
import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer

from server import errors, settings, telemetry
from server.local import data_folder, embedded
from server.process import port
from server.store import diagnosis

_Result = TypeVar("_Result")
INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The service that a command works on. A value of None was not set and cannot be taken from a running service."""

    database_url: str
    redis_url: str | None
    key_pepper: str | None

    def required_pepper(self) -> str:
        """The pepper; SetupError without one."""
        if self.key_pepper is None:
            raise errors.SetupError(
                "TALLYWIRE_KEY_PEPPER is not set: set it to the servers' (`openssl rand -hex 32` makes a first one)"
            )
        return self.key_pepper


def place(data_dir: Path | None) -> Place:
    """The service of the data folder if one is named, else that of the environment, else that of the default folder.

    SetupError if there is none.
    """
    known = settings.load()
    if data_dir is None and known.database_url is not None:
        return Place(
            database_url=known.required("database_url"),
            redis_url=known.redis_url.get_secret_value() if known.redis_url else None,
            key_pepper=known.key_pepper.get_secret_value() if known.key_pepper else None,
        )
    folder = (data_dir or known.data_dir).expanduser().absolute()
    running = data_folder.running(folder)
    if running is None:
        unset = "DATABASE_URL is not set and " if data_dir is None else ""
        raise errors.SetupError(
            f"{unset}nothing runs in {folder}: start it with `{python('server', 'up')}`, or name its folder with"
            " --data-dir, or set DATABASE_URL"
        )
    return Place(database_url=running.database_url, redis_url=running.redis_url, key_pepper=running.key_pepper)


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Runs a coroutine on the faster event loop, where there is one for the system."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.run(work)
    return uvloop.run(work)


def serve() -> None:
    """Runs the server as the environment says, in one process or in several, until SIGTERM or SIGINT."""
    with reported():
        known = settings.load()
        if known.processes == 1:
            serve_here(known)
        else:
            # Imported here: nothing else needs it.
            from server.process import supervisor

            supervisor.serve(known)


def serve_here(known: settings.Settings, number: int | None = None, ready: Callable[[str], None] | None = None) -> None:
    """Runs the server in this process until SIGTERM or SIGINT; as one of several processes with its number.

    Those share a port that their parent keeps for them. SetupError where it cannot start.
    """
    # Imported here: the other commands need neither gRPC nor the domain.
    from server import app as server
    from server import failpoints

    async def checked() -> None:
        url = known.required("database_url")
        diagnosis.check_redis_url(known.required("redis_url"))
        known.required("key_pepper")
        if known.processes == 1:
            # gRPC would say more lines about it than one.
            port.free_address(known.listen)
        async with diagnosis.database(url):
            pass
        with diagnosis.explained(url):
            await server.serve(known, ready=ready)

    telemetry.configure_logs(known.log_level, known.log_format, process=number)
    failpoints.arm(known.failpoint, allowed=known.allow_failpoints)
    run(checked())


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Ends the process with one line on standard error for whatever the operator can mend."""
    try:
        yield
    except (
        errors.SetupError,
        errors.StorageUnavailable,
        errors.StorageRejected,
        embedded.EnginesError,
    ) as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends the process with one line on standard error."""
    note(f"error: {' '.join(message.split())}")
    raise SystemExit(code)


def note(text: str) -> None:
    """Writes a line on standard error."""
    typer.echo(text, err=True)


def python(module: str, *arguments: str) -> str:
    """The command line, as typed in this folder, that runs a module with this very interpreter."""
    return shlex.join([_typed("python", Path(sys.executable)), "-m", module, *arguments])


def client(*arguments: str) -> str:
    """The command line, as typed in this folder, of the client's command beside this interpreter."""
    installed = Path(sys.executable).with_name("tallywire")
    if installed.exists():
        return shlex.join([_typed("tallywire", installed), *arguments])
    return python("tallywire.cli", *arguments)


def _typed(name: str, program: Path) -> str:
    found = shutil.which(name)
    if found is not None and Path(found) == program:
        return name
    with contextlib.suppress(ValueError):
        return str(program.relative_to(Path.cwd()))
    return str(program)
